/* config_load.c - the configuration as a process finds it: .env, the environment, the command line. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"

#define ENV_FILE       ".env"
#define ENV_FILE_BYTES 65536

static const char *const names[] = {
#define OPTION(type, member, name, fallback, min, max, unit, processes, help) name,
#include "common/options.def"
#undef OPTION
};

/* -ENOENT when there is none. */
static int load_file(struct config *config, char error[CONFIG_ERROR_BYTES])
{
    static char content[ENV_FILE_BYTES];
    int fd = open(ENV_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t bytes;

    if (fd < 0)
        return -errno;
    bytes = read(fd, content, sizeof(content));
    close(fd);
    if (bytes < 0 || bytes == sizeof(content)) {
        snprintf(error, CONFIG_ERROR_BYTES, "cannot be read, or is longer than %d bytes", ENV_FILE_BYTES - 1);
        return -EINVAL;
    }
    return config_read(config, (struct text){content, (size_t)bytes}, error);
}

static int load_environment(struct config *config, char error[CONFIG_ERROR_BYTES])
{
    int rc = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == 0; i++) {
        const char *value = getenv(names[i]);

        if (value)
            rc = config_set(config, text_of(names[i]), text_of(value), error);
    }
    return rc;
}

/* The token may stand in a file of its own, with a newline behind it or without. */
static int load_token(struct config *config, char error[CONFIG_ERROR_BYTES])
{
    char content[CONFIG_TEXT_BYTES], why[CONFIG_ERROR_BYTES / 2];
    struct text token = {.at = content};
    int fd;
    ssize_t bytes;

    if (config->admin_token[0]) {
        snprintf(error, CONFIG_ERROR_BYTES, "ADMIN_TOKEN_FILE: not beside ADMIN_TOKEN");
        return -EINVAL;
    }
    fd = open(config->admin_token_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bytes = fd < 0 ? -1 : read(fd, content, sizeof(content));
    snprintf(why, sizeof(why), "%s", bytes < 0 ? strerror(errno) : "it is empty");
    if (fd >= 0)
        close(fd);
    token.bytes = bytes < 0 ? 0 : (size_t)bytes;
    if (token.bytes > 0 && content[token.bytes - 1] == '\n')
        token.bytes--;
    if (token.bytes == 0) {
        snprintf(error, CONFIG_ERROR_BYTES, "ADMIN_TOKEN_FILE: %.200s: %s", config->admin_token_file, why);
        return -EINVAL;
    }
    return config_set(config, text_of("ADMIN_TOKEN"), token, error);
}

static int load(const char *program, unsigned process, struct config *config)
{
    char error[CONFIG_ERROR_BYTES] = "";
    int rc = config_defaults(config, error);

    if (rc == 0) {
        rc = load_file(config, error);
        if (rc < 0 && rc != -ENOENT) {
            fprintf(stderr, "%s: %s: %s\n", program, ENV_FILE, error[0] ? error : strerror(-rc));
            return rc;
        }
        rc = load_environment(config, error);
    }
    if (rc == 0 && config->admin_token_file[0] && (process & (FOR_GATEWAY | FOR_CTL)))
        rc = load_token(config, error);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", program, error);
    return rc;
}

static int ask(const char *program, config_judge *judge, const struct config *config)
{
    char error[CONFIG_ERROR_BYTES] = "";
    int rc = judge ? judge(config, error) : 0;

    if (rc < 0)
        fprintf(stderr, "%s: %s\n", program, error);
    return rc;
}

int config_load(const char *program, unsigned process, config_judge *judge, struct config *config, int argc,
                char **argv)
{
    const char *flag = argc > 1 ? argv[1] : "";

    if (argc > 2 || (argc == 2 && strcmp(flag, "--help") != 0 && strcmp(flag, "--version") != 0 &&
                     strcmp(flag, "--check") != 0 && strcmp(flag, "--print-config") != 0 &&
                     strcmp(flag, "--env-example") != 0)) {
        fprintf(stderr, "%s: %s: no such argument; see --help\n", program, argc > 2 ? argv[2] : flag);
        return -EINVAL;
    }
    if (strcmp(flag, "--help") == 0)
        config_help(program, process, stdout);
    else if (strcmp(flag, "--version") == 0)
        printf("%s %s\n", program, SLUICE_VERSION);
    else if (strcmp(flag, "--env-example") == 0)
        config_example(stdout);
    else if (load(program, process, config) < 0)
        return -EINVAL;
    else if (strcmp(flag, "--print-config") == 0)
        config_print(config, process, stdout);
    else if (ask(program, judge, config) < 0)
        return -EINVAL;
    return argc == 2 ? 1 : 0;
}

int config_make_dir(const char *path)
{
    char partial[CONFIG_TEXT_BYTES];
    size_t bytes = strlen(path);

    if (bytes == 0 || bytes >= sizeof(partial))
        return -ENAMETOOLONG;
    memcpy(partial, path, bytes + 1);
    for (size_t i = 1; i <= bytes; i++) {
        if (partial[i] != '/' && partial[i] != '\0')
            continue;
        partial[i] = '\0';
        if (mkdir(partial, 0700) < 0 && errno != EEXIST)
            return -errno;
        partial[i] = path[i];
    }
    return 0;
}
