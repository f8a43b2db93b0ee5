/* answer.c - status line, fields, body. */
#include "tests/simulator/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HEAD_ROOM 512 /* status line, Date, type, length and Connection */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

char *answer_render(const struct answer *answer, int64_t wall_s, size_t *bytes)
{
    size_t body = answer->head ? 0 : answer->body.bytes;
    size_t room = HEAD_ROOM + answer->fields.bytes + body;
    char *out = malloc(room);
    time_t now = (time_t)wall_s;
    struct tm utc;
    char date[40];
    int head;

    if (!out)
        return NULL;
    gmtime_r(&now, &utc);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    head = snprintf(out, room,
                    "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s%s%.*sContent-Length: %zu\r\nConnection: %s\r\n\r\n",
                    answer->status, reason_of(answer->status), date, answer->type ? "Content-Type: " : "",
                    answer->type ? answer->type : "", answer->type ? "\r\n" : "", TEXT_ARGS(answer->fields),
                    answer->body.bytes, answer->close ? "close" : "keep-alive");
    if (head < 0 || (size_t)head + body > room) {
        free(out);
        return NULL;
    }
    if (body > 0)
        memcpy(out + head, answer->body.at, body);
    *bytes = (size_t)head + body;
    return out;
}
