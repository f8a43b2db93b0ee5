/* breaker_state.c - see breaker_state.h. */
#include "fetcher/breaker_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/http_syntax.h"

#define LINE_BYTES 256
#define PATH_BYTES 1152
/* What the line says in this order, up to its end. */
#define LINE_WORDS                                                                                           \
    "sluice-breaker 1 open=%23s failures=%23s left_us=%23s span_us=%23s now_us=%23s wall_us=%23s"            \
    " boot=%39s reason=%31s%c"

enum number { OPEN, FAILURES, LEFT_US, SPAN_US, NOW_US, WALL_US, NUMBERS };

static int path_of(const char *state_dir, const char *lane, const char *ending, char path[PATH_BYTES])
{
    int bytes = snprintf(path, PATH_BYTES, "%s/breaker.%s%s", state_dir, lane, ending);

    return bytes < PATH_BYTES ? 0 : -ENAMETOOLONG;
}

static int write_line(const char *path, const char *line, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    ssize_t written;
    int rc = 0;

    if (fd < 0)
        return -errno;
    written = write(fd, line, bytes);
    if (written < 0)
        rc = -errno;
    else if ((size_t)written < bytes)
        rc = -ENOSPC;
    close(fd);
    return rc;
}

int breaker_state_write(const char *state_dir, const char *lane, const struct breaker_memory *memory,
                        const struct breaker_moment *moment)
{
    char path[PATH_BYTES], fresh[PATH_BYTES], line[LINE_BYTES];
    int64_t left_us = memory->retry_at_us - moment->now_us;
    int rc = path_of(state_dir, lane, "", path), bytes;

    if (rc == 0)
        rc = path_of(state_dir, lane, ".new", fresh);
    if (rc < 0)
        return rc;
    bytes = snprintf(line, sizeof(line),
                     "sluice-breaker 1 open=%d failures=%u left_us=%" PRId64 " span_us=%" PRId64
                     " now_us=%" PRId64 " wall_us=%" PRId64 " boot=%s reason=%s\n",
                     memory->open, memory->failures, left_us > 0 ? left_us : 0, memory->open_us,
                     moment->now_us, moment->wall_us, moment->boot, reason_name(memory->last_reason));
    rc = write_line(fresh, line, (size_t)bytes);
    if (rc == 0 && rename(fresh, path) < 0)
        rc = -errno;
    return rc;
}

static int read_line(const char *path, char line[LINE_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t bytes;
    int rc;

    if (fd < 0)
        return -errno;
    bytes = read(fd, line, LINE_BYTES - 1);
    rc = bytes < 0 ? -errno : 0;
    close(fd);
    line[bytes > 0 ? bytes : 0] = '\0';
    return rc;
}

static bool read_numbers(char words[NUMBERS][24], int64_t numbers[NUMBERS])
{
    static const int64_t most[NUMBERS] = {[OPEN] = 1,
                                          [FAILURES] = INT32_MAX,
                                          [LEFT_US] = BREAKER_SPAN_MAX_US,
                                          [SPAN_US] = BREAKER_SPAN_MAX_US,
                                          [NOW_US] = INT64_MAX,
                                          [WALL_US] = INT64_MAX};

    for (int i = 0; i < NUMBERS; i++) {
        uint64_t number;

        if (http_decimal(text_of(words[i]), &number) < 0 || number > (uint64_t)most[i])
            return false;
        numbers[i] = (int64_t)number;
    }
    return true;
}

int breaker_state_read(const char *state_dir, const char *lane, const struct breaker_moment *moment,
                       struct breaker_memory *memory)
{
    char path[PATH_BYTES], line[LINE_BYTES], words[NUMBERS][24], boot[BOOT_ID_BYTES], reason[32], end = '\0';
    int64_t numbers[NUMBERS], gone_us;
    int rc = path_of(state_dir, lane, "", path), found;

    if (rc == 0)
        rc = read_line(path, line);
    if (rc < 0)
        return rc;
    found = sscanf(line, LINE_WORDS, words[OPEN], words[FAILURES], words[LEFT_US], words[SPAN_US],
                   words[NOW_US], words[WALL_US], boot, reason, &end);
    if (found != NUMBERS + 3 || end != '\n' || !read_numbers(words, numbers))
        return -EBADMSG;
    gone_us = strcmp(boot, moment->boot) == 0 ? moment->now_us - numbers[NOW_US]
                                              : moment->wall_us - numbers[WALL_US];
    *memory = (struct breaker_memory){.open = numbers[OPEN] == 1,
                                      .failures = (unsigned)numbers[FAILURES],
                                      .retry_at_us =
                                          moment->now_us + numbers[LEFT_US] - (gone_us > 0 ? gone_us : 0),
                                      .open_us = numbers[SPAN_US],
                                      .last_reason = reason_find(text_of(reason))};
    return 0;
}
