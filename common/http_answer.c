/* http_answer.c - see http_answer.h. Written by hand rather than with printf: it runs for every answer, and
 * printf takes longer than the whole parser. */
#include "common/http_answer.h"

#include <time.h>

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

bool http_status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static char *put(char *at, const char *string)
{
    size_t bytes = strlen(string);

    memcpy(at, string, bytes);
    return at + bytes;
}

/* At least `width` digits. */
static char *put_number(char *at, uint64_t number, unsigned width)
{
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number || count < width);
    while (count)
        *at++ = digits[--count];
    return at;
}

/* Not strftime(): its names are those of the locale. */
void http_date(int64_t seconds, char date[HTTP_DATE_BYTES])
{
    static const char days[] = "Sun, Mon, Tue, Wed, Thu, Fri, Sat, ";
    static const char months[] = " Jan  Feb  Mar  Apr  May  Jun  Jul  Aug  Sep  Oct  Nov  Dec ";
    const time_t when = (time_t)seconds;
    struct tm tm = {0};
    char *at = date;

    gmtime_r(&when, &tm);
    memcpy(at, days + 5 * tm.tm_wday, 5);
    at = put_number(at + 5, (uint64_t)tm.tm_mday, 2);
    memcpy(at, months + 5 * tm.tm_mon, 5);
    at = put_number(at + 5, (uint64_t)tm.tm_year + 1900, 4);
    *at++ = ' ';
    at = put_number(at, (uint64_t)tm.tm_hour, 2);
    *at++ = ':';
    at = put_number(at, (uint64_t)tm.tm_min, 2);
    *at++ = ':';
    at = put_number(at, (uint64_t)tm.tm_sec, 2);
    memcpy(at, " GMT", 5);
}

size_t http_answer_head(char head[HTTP_ANSWER_HEAD_BYTES], int status, const char *date, size_t body_bytes,
                        enum http_connection connection)
{
    char *at = put(head, "HTTP/1.1 ");

    at = put_number(at, (uint64_t)status, 3);
    *at++ = ' ';
    at = put(at, http_reason(status));
    at = put(at, "\r\nDate: ");
    at = put(at, date);
    if (http_status_has_body(status) && body_bytes != HTTP_LENGTH_UNKNOWN) {
        at = put(at, "\r\nContent-Length: ");
        at = put_number(at, body_bytes, 1);
    }
    if (connection == HTTP_CLOSE)
        at = put(at, "\r\nConnection: close");
    else if (connection == HTTP_KEEP_SAID)
        at = put(at, "\r\nConnection: keep-alive");
    at = put(at, "\r\n");
    return (size_t)(at - head);
}
