/* log.c - see log.h. The process's name and level are the only globals of Sluice: a log that had to be handed
 * around would be in every signature. Who does not read the log must not stop the work: a line for which
 * there is no room is lost, and the next one tells how many were. */
#include "common/log.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

static const char *log_process = "sluice";
static enum log_level log_least = LOG_INFO;
static int64_t log_lost;

struct line {
    char bytes[LOG_LINE_BYTES];
    size_t used;
};

void log_open(const char *process, enum log_level level)
{
    log_process = process;
    log_least = level;
}

bool log_shows(enum log_level level)
{
    return level >= log_least;
}

/* One byte always stays free for the newline. */
static void put(struct line *line, char byte)
{
    if (line->used < sizeof(line->bytes) - 1)
        line->bytes[line->used++] = byte;
}

static void put_string(struct line *line, const char *string)
{
    while (*string)
        put(line, *string++);
}

static bool plain(struct text value)
{
    for (size_t i = 0; i < value.bytes; i++) {
        unsigned char byte = (unsigned char)value.at[i];

        if (byte <= ' ' || byte == '"' || byte == '=' || byte == '\\' || byte == 0x7f)
            return false;
    }
    return value.bytes > 0;
}

static void put_quoted(struct line *line, struct text value)
{
    static const char digits[] = "0123456789abcdef";

    put(line, '"');
    for (size_t i = 0; i < value.bytes; i++) {
        unsigned char byte = (unsigned char)value.at[i];

        if (byte < ' ' || byte == 0x7f) {
            put_string(line, "\\x");
            put(line, digits[byte >> 4]);
            put(line, digits[byte & 15]);
            continue;
        }
        if (byte == '"' || byte == '\\')
            put(line, '\\');
        put(line, (char)byte);
    }
    put(line, '"');
}

static void put_field(struct line *line, const struct log_field *field)
{
    char number[32];

    put(line, ' ');
    put_string(line, field->key);
    put(line, '=');
    if (field->type == LOG_FIELD_TEXT) {
        if (!plain(field->text)) {
            put_quoted(line, field->text);
            return;
        }
        for (size_t i = 0; i < field->text.bytes; i++)
            put(line, field->text.at[i]);
        return;
    }
    snprintf(number, sizeof(number), field->type == LOG_FIELD_HEX ? "%016llx" : "%lld",
             (long long)field->number);
    put_string(line, number);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    int64_t now_us = clock_wall_us();
    time_t seconds = (time_t)(now_us / US_PER_SECOND);
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    struct line line = {.used = 0};
    struct tm utc;
    char stamp[40];
    size_t used;

    if (!log_shows(level))
        return;
    gmtime_r(&seconds, &utc);
    used = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + used, sizeof(stamp) - used, ".%06dZ ", (int)(now_us % US_PER_SECOND));
    put_string(&line, stamp);
    put_string(&line, levels[level]);
    put(&line, ' ');
    put_string(&line, log_process);
    put(&line, ' ');
    put_string(&line, event);
    for (; fields->key; fields++)
        put_field(&line, fields);
    if (log_lost > 0)
        put_field(&line, &(struct log_field){.key = "lost_lines", .type = LOG_FIELD_INT, .number = log_lost});
    line.bytes[line.used++] = '\n';
    if (poll(&room, 1, 0) == 1 && write(STDERR_FILENO, line.bytes, line.used) > 0)
        log_lost = 0;
    else
        log_lost++;
}
