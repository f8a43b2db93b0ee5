/* request.c - see request.h. */
#include "ctl/request.h"

#include <errno.h>
#include <json-c/json.h>

#define BETWEEN " \t\r\n,;"

/* Out of memory anywhere leaves *broken true. */
static void put(struct json_object *object, const char *key, struct json_object *value, bool *broken)
{
    if (value && json_object_object_add(object, key, value) == 0)
        return;
    json_object_put(value);
    *broken = true;
}

static struct json_object *number(double value)
{
    char digits[32];

    snprintf(digits, sizeof(digits), "%.10g", value);
    return json_object_new_double_s(value, digits);
}

static void append(struct json_object *list, const char *at, size_t bytes, bool *broken)
{
    struct json_object *value = json_object_new_string_len(at, (int)bytes);

    if (value && json_object_array_add(list, value) == 0)
        return;
    json_object_put(value);
    *broken = true;
}

static void append_listed(struct json_object *list, struct text listed, bool *broken)
{
    const char *at = listed.at, *end = listed.at + listed.bytes;

    while (at < end) {
        const char *from = at;

        while (at < end && !memchr(BETWEEN, *at, sizeof(BETWEEN) - 1))
            at++;
        if (at > from)
            append(list, from, (size_t)(at - from), broken);
        else
            at++;
    }
}

static int put_burst(struct json_object *body, const struct arguments *arguments, struct text listed,
                     bool *broken)
{
    struct json_object *list = NULL;

    if (arguments->repeat > 0) {
        put(body, "cpf", json_object_new_string(arguments->words[0]), broken);
        put(body, "repeat", json_object_new_int64(arguments->repeat), broken);
    } else {
        list = json_object_new_array();
        put(body, "cpfs", list, broken);
        if (*broken)
            return 0;
        for (unsigned i = 0; i < arguments->word_count; i++) {
            if (strcmp(arguments->words[i], "-") == 0)
                append_listed(list, listed, broken);
            else
                append(list, arguments->words[i], strlen(arguments->words[i]), broken);
        }
        if (json_object_array_length(list) == 0)
            return -EINVAL;
    }
    if (arguments->priority >= 0)
        put(body, "priority", json_object_new_int64(arguments->priority), broken);
    if (arguments->concurrency > 0)
        put(body, "concurrency", json_object_new_int64(arguments->concurrency), broken);
    if (arguments->rate > 0)
        put(body, "rate", number(arguments->rate), broken);
    return 0;
}

static void put_whose(struct json_object *body, const struct arguments *arguments, bool *broken)
{
    if (arguments->client_id)
        put(body, "client_id", json_object_new_string(arguments->client_id), broken);
    if (arguments->lane)
        put(body, "lane", json_object_new_string(arguments->lane), broken);
}

static int put_members(struct json_object *body, const struct arguments *arguments, struct text listed,
                       bool *broken)
{
    bool trip = arguments->breaker == BREAKER_TRIP;

    put_whose(body, arguments, broken);
    if (arguments->command == COMMAND_BURST)
        return put_burst(body, arguments, listed, broken);
    if (arguments->command == COMMAND_POLICY && arguments->word_count > 0)
        put(body, "policy", json_object_new_string(arguments->words[0]), broken);
    if (arguments->command == COMMAND_PURGE && arguments->word_count > 0)
        put(body, "key", json_object_new_string(arguments->words[0]), broken);
    if (arguments->command == COMMAND_BREAKER && arguments->breaker != BREAKER_SHOW)
        put(body, "action", json_object_new_string(trip ? "trip" : "reset"), broken);
    if (arguments->seconds > 0)
        put(body, "seconds", number(arguments->seconds), broken);
    return 0;
}

static void put_line(const struct arguments *arguments, struct request *request)
{
    static const struct {
        const char *method, *path;
    } lines[COMMAND_COUNT] = {
        [COMMAND_POLICY] = {"GET", "/admin/policy"},
        [COMMAND_PAUSE] = {"POST", "/admin/pause"},
        [COMMAND_RESUME] = {"POST", "/admin/resume"},
        [COMMAND_RATE] = {"PUT", "/admin/rate"},
        [COMMAND_BREAKER] = {"GET", "/circuit-breaker-status"},
        [COMMAND_PURGE] = {"DELETE", "/admin/cache"},
        [COMMAND_REMOVE] = {"DELETE", "/admin/queue/"},
        [COMMAND_BURST] = {"POST", "/admin/bursts"},
    };
    const char *path = lines[arguments->command].path;

    request->method = lines[arguments->command].method;
    if (arguments->command == COMMAND_POLICY && arguments->word_count > 0)
        request->method = "PUT";
    if (arguments->command == COMMAND_BREAKER && arguments->breaker != BREAKER_SHOW) {
        request->method = "POST";
        path = "/admin/breaker";
    }
    snprintf(request->path, sizeof(request->path), "%s%s", path,
             arguments->command == COMMAND_REMOVE ? arguments->words[0] : "");
}

int request_make(const struct arguments *arguments, struct text listed, struct request *request)
{
    struct json_object *body = json_object_new_object();
    const char *text = NULL;
    bool broken = !body;
    int rc = broken ? -ENOMEM : put_members(body, arguments, listed, &broken);

    put_line(arguments, request);
    request->body[0] = '\0';
    if (rc == 0 && !broken && json_object_object_length(body) > 0) {
        text = json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        broken = !text;
        if (text && strlen(text) >= sizeof(request->body))
            rc = -E2BIG;
        else if (text)
            memcpy(request->body, text, strlen(text) + 1);
    }
    json_object_put(body);
    return rc == 0 && broken ? -ENOMEM : rc;
}

int request_base(const char *address, int64_t port, char url[REQUEST_URL_BYTES])
{
    bool colons = strchr(address, ':') != NULL;

    if (port == 0)
        return -EINVAL;
    if (strcmp(address, "0.0.0.0") == 0)
        address = "127.0.0.1";
    else if (strcmp(address, "::") == 0)
        address = "::1";
    snprintf(url, REQUEST_URL_BYTES, "http://%s%.1000s%s:%lld", colons ? "[" : "", address, colons ? "]" : "",
             (long long)port);
    return 0;
}
