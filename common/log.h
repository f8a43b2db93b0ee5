/* log.h - one structured line per event on standard error:
 *
 *   2026-01-31T12:00:00.123456Z info scheduler granted request=6f1c attempt=7 wait_ms=1012
 *
 * logfmt: a value with a space, a quote, '=' or a control character is quoted and escaped, so that
 * nothing a client sends can forge a line. Never log a whole CPF or a secret. A line is at most
 * LOG_LINE_BYTES long (longer ones are cut) and is written with one write(2). */
#ifndef SLUICE_LOG_H
#define SLUICE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"

#define LOG_LINE_BYTES 2048

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key; /* NULL ends a list */
    enum { LOG_FIELD_INT, LOG_FIELD_TEXT, LOG_FIELD_HEX } type;
    int64_t number;
    struct text text;
};

/* Names the process (borrowed for ever) and drops what is below the level. */
void log_open(const char *process, enum log_level level);
/* Whether lines of that level are written. */
bool log_shows(enum log_level level);

void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* log_info("granted", log_int("attempt", 7), log_str("reason", "retry")); */
#define log_line(level, event, ...)                                                                          \
    log_write(level, event, (const struct log_field[]){__VA_ARGS__, {.key = NULL}})
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

static inline struct log_field log_int(const char *key, int64_t number)
{
    return (struct log_field){.key = key, .type = LOG_FIELD_INT, .number = number};
}

/* For epochs and hashes: 16 hexadecimal digits. */
static inline struct log_field log_hex(const char *key, uint64_t number)
{
    return (struct log_field){.key = key, .type = LOG_FIELD_HEX, .number = (int64_t)number};
}

static inline struct log_field log_text(const char *key, struct text text)
{
    return (struct log_field){.key = key, .type = LOG_FIELD_TEXT, .text = text};
}

static inline struct log_field log_str(const char *key, const char *string)
{
    return log_text(key, text_of(string));
}

#endif
