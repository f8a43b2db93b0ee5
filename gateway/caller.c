/* caller.c - see caller.h. */
#include "gateway/caller.h"

#include <errno.h>

#include "common/http_syntax.h"
#include "gateway/cpf.h"

#define PRIORITY_LEAST 99
#define URGENCY_LEAST  7

const char *const caller_param_names[CALLER_PARAMS] = {"priority", "client-id", "client_id"};

/* The fields that matter here, picked up in one walk over all. */
enum wanted { CLIENT_ID, X_PRIORITY, PRIORITY, REQUEST_ID, TRACEPARENT, WANTED };
static const struct text wanted_names[WANTED] = {
    [CLIENT_ID] = {"client-id", 9},      [X_PRIORITY] = {"x-priority", 10},   [PRIORITY] = {"priority", 8},
    [REQUEST_ID] = {"x-request-id", 12}, [TRACEPARENT] = {"traceparent", 11},
};

struct found {
    struct text value;
    unsigned count;
};

static void find_fields(const struct http_request *request, struct found found[WANTED])
{
    memset(found, 0, WANTED * sizeof(found[0]));
    for (unsigned i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];

        for (unsigned j = 0; j < WANTED; j++) {
            if (field->name.bytes != wanted_names[j].bytes ||
                strncasecmp(field->name.at, wanted_names[j].at, field->name.bytes) != 0)
                continue;
            found[j].value = field->value;
            found[j].count++;
            break;
        }
    }
}

static bool same(struct text a, struct text b)
{
    return a.bytes == b.bytes && memcmp(a.at, b.at, a.bytes) == 0;
}

/* Takes a value that may come in several places; two different ones are refused. */
static bool take(struct text value, struct text *taken)
{
    if (!value.at || value.bytes == 0)
        return true;
    if (taken->at && !same(*taken, value))
        return false;
    *taken = value;
    return true;
}

static bool visible(struct text text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
    }
    return true;
}

static bool read_client_id(const struct found *field, const struct param *params, struct text *client_id)
{
    *client_id = (struct text){.at = NULL, .bytes = 0};
    return field->count <= 1 && take(field->value, client_id) &&
           take(params[CALLER_PARAM_CLIENT_ID].value, client_id) &&
           take(params[CALLER_PARAM_CLIENT_ID_2].value, client_id) &&
           client_id->bytes <= CALLER_CLIENT_BYTES && visible(*client_id);
}

/* `Priority` is a dictionary of RFC 8941: u=0 .. u=7, the last one counts. */
static unsigned read_urgency(struct text list)
{
    unsigned priority = CALLER_PRIORITY;
    struct text member;

    while (http_list_next(&list, &member)) {
        unsigned urgency;

        if (member.bytes < 3 || memcmp(member.at, "u=", 2) != 0)
            continue;
        urgency = (unsigned char)member.at[2] - (unsigned)'0';
        if (urgency > URGENCY_LEAST || (member.bytes > 3 && member.at[3] != ';'))
            continue;
        priority = (10 * urgency + 1) / 3;
    }
    return priority;
}

static bool read_priority(const struct found found[WANTED], struct text given, unsigned *priority)
{
    struct text taken = {.at = NULL, .bytes = 0};
    uint64_t number;

    if (given.at && given.bytes == 0)
        return false;
    if (found[X_PRIORITY].count > 1 || (found[X_PRIORITY].count == 1 && found[X_PRIORITY].value.bytes == 0))
        return false;
    if (!take(given, &taken) || !take(found[X_PRIORITY].value, &taken))
        return false;
    if (!taken.at) {
        *priority = found[PRIORITY].count == 1 ? read_urgency(found[PRIORITY].value) : CALLER_PRIORITY;
        return true;
    }
    if (http_decimal(taken, &number) < 0 || number > PRIORITY_LEAST)
        return false;
    *priority = (unsigned)number;
    return true;
}

/* The id gets into logs and events. */
static bool request_id_ok(struct text id)
{
    if (id.bytes == 0 || id.bytes > CALLER_REQUEST_ID_BYTES)
        return false;
    for (size_t i = 0; i < id.bytes; i++) {
        if (!http_is(id.at[i], HTTP_IN_TOKEN) && (id.at[i] == '\0' || !strchr(":/=@", id.at[i])))
            return false;
    }
    return !cpf_stands_in(id);
}

/* So many lower-case hexadecimal digits, not all zero where that has a meaning of its own. */
static bool hex_run(const char *at, unsigned count, bool zero_ok)
{
    bool zero = true;

    for (unsigned i = 0; i < count; i++) {
        if (!((at[i] >= '0' && at[i] <= '9') || (at[i] >= 'a' && at[i] <= 'f')))
            return false;
        zero = zero && at[i] == '0';
    }
    return zero_ok || !zero;
}

/* version "-" trace-id "-" parent-id "-" flags; a later version may go on after another "-". */
static bool traceparent_ok(struct text value)
{
    const char *at = value.at;

    if (value.bytes < 55 || value.bytes > CALLER_CLIENT_BYTES || !visible(value))
        return false;
    if (at[2] != '-' || at[35] != '-' || at[52] != '-')
        return false;
    if (!hex_run(at, 2, true) || memcmp(at, "ff", 2) == 0 || !hex_run(at + 3, 32, false) ||
        !hex_run(at + 36, 16, false) || !hex_run(at + 53, 2, true))
        return false;
    if (value.bytes > 55)
        return memcmp(at, "00", 2) != 0 && at[55] == '-';
    return true;
}

int caller_read(const struct http_request *request, const struct param params[CALLER_PARAMS],
                struct caller *caller, const char **bad)
{
    struct found found[WANTED];

    find_fields(request, found);
    caller->request_id = (struct text){.at = NULL, .bytes = 0};
    if (found[REQUEST_ID].count == 1 && request_id_ok(found[REQUEST_ID].value))
        caller->request_id = found[REQUEST_ID].value;
    caller->traceparent = (struct text){.at = NULL, .bytes = 0};
    if (found[TRACEPARENT].count == 1 && traceparent_ok(found[TRACEPARENT].value))
        caller->traceparent = found[TRACEPARENT].value;
    *bad = "client-id";
    if (!read_client_id(&found[CLIENT_ID], params, &caller->client_id))
        return -EINVAL;
    *bad = "priority";
    return read_priority(found, params[CALLER_PARAM_PRIORITY].value, &caller->priority) ? 0 : -EINVAL;
}
