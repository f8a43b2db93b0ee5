/* config.h - the configuration of all processes, from one table (options.def).
 *
 * A value comes from the environment, else from .env, else from the table. An unknown name in .env or a bad
 * value anywhere stops the start with a message that names the option. */
#ifndef SLUICE_CONFIG_H
#define SLUICE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/log.h"
#include "common/text.h"

#define FOR_GATEWAY   1U
#define FOR_SCHEDULER 2U
#define FOR_FETCHER   4U
#define FOR_METRICSD  8U
#define FOR_DEPLOY    16U
#define FOR_ALL       31U /* the processes */
#define FOR_CTL       32U /* sluicectl, which talks to them */

#define CONFIG_TEXT_BYTES  1024
#define CONFIG_ERROR_BYTES 512
/* Enough for config_json() of one process, every byte of every text escaped. */
#define CONFIG_JSON_BYTES 24576
#define CONFIG_UNIT_URL   "URL" /* the unit of options that are one */

enum option_type { OPTION_TEXT, OPTION_SECRET, OPTION_INT, OPTION_SECONDS, OPTION_BOOL, OPTION_CHOICE };

#define CONFIG_MEMBER_TEXT(name)    char name[CONFIG_TEXT_BYTES];
#define CONFIG_MEMBER_SECRET(name)  char name[CONFIG_TEXT_BYTES];
#define CONFIG_MEMBER_CHOICE(name)  char name[32];
#define CONFIG_MEMBER_INT(name)     int64_t name;
#define CONFIG_MEMBER_SECONDS(name) int64_t name;
#define CONFIG_MEMBER_BOOL(name)    bool name;

struct json;

struct config {
#define OPTION(type, member, name, fallback, min, max, unit, processes, help) CONFIG_MEMBER_##type(member)
#include "common/options.def"
#undef OPTION
};

/* The pure part. All return 0 or -EINVAL with a sentence in error, which names the option or the line. */
int config_defaults(struct config *config, char error[CONFIG_ERROR_BYTES]);
int config_set(struct config *config, struct text name, struct text value, char error[CONFIG_ERROR_BYTES]);
/* Lines NAME=value, '#' comments, values optionally in single or double quotes. */
int config_read(struct config *config, struct text file, char error[CONFIG_ERROR_BYTES]);
void config_help(const char *program, unsigned process, FILE *out);
void config_help_options(unsigned process, FILE *out);                       /* the second part of it */
void config_print(const struct config *config, unsigned process, FILE *out); /* secrets masked */
/* The same for everybody to see, as an object: a secret is "set" or "", a URL has neither user nor query. */
void config_json(const struct config *config, unsigned process, struct json *json);
void config_example(FILE *out); /* .env.example */

/* What the table cannot say: a process's own look at the whole. 0, or -EINVAL with a sentence in error. */
typedef int config_judge(const struct config *config, char error[CONFIG_ERROR_BYTES]);

/* Loads .env and the environment, and obeys --help, --version, --check, --print-config and --env-example.
 * judge may be NULL; it is asked at a start and at --check.
 * Returns 0 to go on, 1 when that was all, -EINVAL when standard error has been told what is wrong. */
int config_load(const char *program, unsigned process, config_judge *judge, struct config *config, int argc,
                char **argv);

enum log_level config_log_level(const struct config *config);

/* "ipc://RUNTIME_DIR/name.ipc". The endpoints of a stack: "gateways" and "fetcher" (served by the scheduler),
 * "events" (bound by metricsd), "feed" (bound by metricsd). */
#define CONFIG_ENDPOINT_BYTES 128
void config_endpoint(const struct config *config, const char *name, char endpoint[CONFIG_ENDPOINT_BYTES]);

/* Makes the directory (and its parents) with mode 0700 unless it is there. 0 or -errno. */
int config_make_dir(const char *path);

#endif
