/* burst_order.c - see burst_order.h. */
#include "gateway/burst_order.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#define PRIORITY_LEAST 99
#define RATE_MIN       0.001
#define WHY_BYTES      96

enum wanted { LANE, CPFS, CPF, REPEAT, CLIENT_ID, PRIORITY, CONCURRENCY, RATE, WANTED };

/* "cpfs[3]: why" */
static int refuse_item(char *detail, const char *name, size_t place, const char *why)
{
    char what[48];

    snprintf(what, sizeof(what), "%s[%zu]", name, place);
    return admin_refuse(detail, what, why);
}

static int refuse_beyond(char *detail, const char *what, unsigned max)
{
    char why[WHY_BYTES];

    snprintf(why, sizeof(why), "must be a list of 1 to %u", max);
    return admin_refuse(detail, what, why);
}

static bool make_room(struct burst_order *order, unsigned count)
{
    order->subjects = calloc(count, sizeof(order->subjects[0]));
    order->subject_count = order->subjects ? count : 0;
    order->count = count;
    return order->subjects;
}

static int read_list(json_object *list, const struct burst_limits *limits, struct burst_order *order,
                     char *detail)
{
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    if (count == 0 || count > limits->requests_max)
        return refuse_beyond(detail, "cpfs", limits->requests_max);
    if (!make_room(order, (unsigned)count))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        json_object *item = json_object_array_get_idx(list, i);
        size_t bytes = (size_t)json_object_get_string_len(item);

        if (!json_object_is_type(item, json_type_string))
            return refuse_item(detail, "cpfs", i, "must be a string");
        if (bytes < 1 || bytes > BURST_SUBJECT_BYTES || strlen(json_object_get_string(item)) != bytes)
            return refuse_item(detail, "cpfs", i, "must have 1 to 32 characters");
        memcpy(order->subjects[i], json_object_get_string(item), bytes);
    }
    return 0;
}

static int read_repeated(const struct member *members, struct burst_order *order)
{
    if (!make_room(order, 1))
        return -ENOMEM;
    memcpy(order->subjects[0], members[CPF].text, BURST_SUBJECT_BYTES);
    if (members[REPEAT].given)
        order->count = (unsigned)members[REPEAT].number;
    return 0;
}

static int read_subjects(const struct member *members, const struct burst_limits *limits,
                         struct burst_order *order, char *detail)
{
    if (members[CPFS].given && members[CPF].given)
        return admin_refuse(detail, "cpf", "cannot stand beside cpfs");
    if (members[CPFS].given && members[REPEAT].given)
        return admin_refuse(detail, "repeat", "is only for cpf");
    if (members[CPFS].given)
        return read_list(members[CPFS].value, limits, order, detail);
    if (members[CPF].given)
        return read_repeated(members, order);
    return admin_refuse(detail, "cpfs", "is missing, and so is cpf");
}

static bool read_priority(json_object *value, unsigned char *priority)
{
    int64_t number = json_object_get_int64(value);

    *priority = (unsigned char)number;
    return json_object_is_type(value, json_type_int) && number >= 0 && number <= PRIORITY_LEAST;
}

static int read_priorities(json_object *value, struct burst_order *order, char *detail)
{
    static const char why[] = "must be a whole number from 0 to 99";
    size_t count;

    order->priority_count = 1;
    if (!json_object_is_type(value, json_type_array))
        return read_priority(value, &order->priorities[0]) ? 0 : admin_refuse(detail, "priority", why);
    count = json_object_array_length(value);
    if (count == 0 || count > BURST_PRIORITIES_MAX)
        return refuse_beyond(detail, "priority", BURST_PRIORITIES_MAX);
    order->priority_count = (unsigned)count;
    for (size_t i = 0; i < count; i++) {
        if (!read_priority(json_object_array_get_idx(value, i), &order->priorities[i]))
            return refuse_item(detail, "priority", i, why);
    }
    return 0;
}

static int read_client(const struct member *member, struct burst_order *order, char *detail)
{
    for (size_t i = 0; member->text[i]; i++) {
        if (member->text[i] <= ' ' || member->text[i] > '~')
            return admin_refuse(detail, "client_id", "must be visible ASCII");
    }
    memcpy(order->client_id, member->text, sizeof(order->client_id));
    return 0;
}

static int read_order(struct member *members, const struct burst_limits *limits, struct burst_order *order,
                      char *detail)
{
    int rc;

    order->lane = members[LANE].given ? lane_named(text_of(members[LANE].text)) : &lanes[0];
    if (!order->lane)
        return admin_refuse(detail, "lane", "no such lane");
    rc = read_subjects(members, limits, order, detail);
    if (rc == 0)
        rc = read_client(&members[CLIENT_ID], order, detail);
    if (rc == 0 && members[PRIORITY].given)
        rc = read_priorities(members[PRIORITY].value, order, detail);
    order->concurrency = limits->concurrency_max;
    if (members[CONCURRENCY].given)
        order->concurrency = (unsigned)members[CONCURRENCY].number;
    order->rate = members[RATE].number;
    return rc;
}

int burst_order_read(struct text body, const struct burst_limits *limits, struct burst_order *order,
                     char detail[ADMIN_DETAIL_BYTES])
{
    struct member members[WANTED] = {
        [LANE] = {.name = "lane", .type = MEMBER_TEXT},
        [CPFS] = {.name = "cpfs", .type = MEMBER_VALUE},
        [CPF] = {.name = "cpf", .type = MEMBER_TEXT, .most = BURST_SUBJECT_BYTES},
        [REPEAT] = {.name = "repeat", .type = MEMBER_WHOLE, .min = 1, .max = limits->requests_max},
        [CLIENT_ID] = {.name = "client_id", .type = MEMBER_TEXT, .most = CALLER_CLIENT_BYTES},
        [PRIORITY] = {.name = "priority", .type = MEMBER_VALUE},
        [CONCURRENCY] = {.name = "concurrency",
                         .type = MEMBER_WHOLE,
                         .min = 1,
                         .max = limits->concurrency_max},
        [RATE] = {.name = "rate", .type = MEMBER_NUMBER, .min = RATE_MIN, .max = BURST_RATE_MAX},
    };
    json_object *object;
    int rc;

    memset(order, 0, sizeof(*order));
    rc = admin_body_read(body, members, WANTED, &object, detail);
    if (rc == 0)
        rc = read_order(members, limits, order, detail);
    json_object_put(object);
    if (rc < 0)
        burst_order_done(order);
    return rc;
}

void burst_order_done(struct burst_order *order)
{
    free(order->subjects);
    order->subjects = NULL;
    order->subject_count = 0;
}
