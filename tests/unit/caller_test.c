/* caller_test.c - who asks, how urgently, and under which names to trace it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "gateway/caller.h"

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* Fields are written "Name: value|Name: value". */
static int read_caller(const char *fields, const char *query, struct caller *caller, const char **bad)
{
    static char room[512], bytes[1024];
    struct http_request request = {.method = HTTP_GET};
    struct param params[CALLER_PARAMS];
    char *rest;

    snprintf(bytes, sizeof(bytes), "%s", fields);
    for (char *line = strtok_r(bytes, "|", &rest); line; line = strtok_r(NULL, "|", &rest)) {
        struct http_field *field = &request.fields[request.field_count++];
        char *colon = strchr(line, ':');

        field->name = (struct text){.at = line, .bytes = (size_t)(colon - line)};
        field->value = text_of(colon + 1 + strspn(colon + 1, " "));
    }
    for (unsigned i = 0; i < CALLER_PARAMS; i++)
        params[i].name = caller_param_names[i];
    assert_int_equal(params_read(text_of(query), params, CALLER_PARAMS, room, bad), 0);
    return caller_read(&request, params, caller, bad);
}

static const struct {
    const char *fields, *query;
    unsigned priority;
    const char *bad; /* NULL: it is good */
} urgencies[] = {
    {"", "", 10, NULL},
    {"", "priority=0", 0, NULL},
    {"", "priority=99", 99, NULL},
    {"X-Priority: 7", "", 7, NULL},
    {"x-priority: 7", "priority=7", 7, NULL},
    {"X-Priority: 7", "priority=8", 0, "priority"},
    {"", "priority=100", 0, "priority"},
    {"", "priority=-1", 0, "priority"},
    {"", "priority=abc", 0, "priority"},
    {"", "priority=", 0, "priority"},
    {"", "priority=1.5", 0, "priority"},
    {"", "priority=99999999999999999999", 0, "priority"},
    {"X-Priority: high", "", 0, "priority"},
    {"X-Priority:", "", 0, "priority"},
    {"X-Priority: 1|X-Priority: 1", "", 0, "priority"},
    {"Priority: u=0", "", 0, NULL},
    {"Priority: u=1", "", 3, NULL},
    {"Priority: u=2, i", "", 7, NULL},
    {"Priority: i, u=3", "", 10, NULL},
    {"Priority: u=4;x", "", 13, NULL},
    {"Priority: u=5", "", 17, NULL},
    {"Priority: u=7", "", 23, NULL},
    {"Priority: u=7, u=1", "", 3, NULL},
    {"Priority: u=8", "", 10, NULL},
    {"Priority: u=10", "", 10, NULL},
    {"Priority: u", "", 10, NULL},
    {"Priority: \x80\xff=,,;", "", 10, NULL},
    {"Priority: u=0|X-Priority: 42", "", 42, NULL},
};

static void test_priority(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(urgencies) / sizeof(urgencies[0]); i++) {
        struct caller caller;
        const char *bad = NULL;
        int rc = read_caller(urgencies[i].fields, urgencies[i].query, &caller, &bad);

        if (rc != (urgencies[i].bad ? -EINVAL : 0) || (rc == 0 && caller.priority != urgencies[i].priority))
            fail_msg("\"%s\" ?%s: %d, priority %u", urgencies[i].fields, urgencies[i].query, rc,
                     caller.priority);
        if (urgencies[i].bad)
            assert_string_equal(bad, urgencies[i].bad);
    }
}

static const struct {
    const char *fields, *query;
    const char *client; /* NULL: not given */
    int rc;
} clients[] = {
    {"", "", NULL, 0},
    {"client-id: alice", "", "alice", 0},
    {"Client-ID: alice", "", "alice", 0},
    {"", "client-id=alice", "alice", 0},
    {"", "client_id=alice", "alice", 0},
    {"client-id: alice", "client-id=alice&client_id=alice", "alice", 0},
    {"client-id: alice", "client-id=bob", NULL, -EINVAL},
    {"", "client-id=alice&client_id=bob", NULL, -EINVAL},
    {"client-id: alice|client-id: alice", "", NULL, -EINVAL},
    {"client-id:", "", NULL, 0},
    {"client-id:", "client-id=", NULL, 0},
    {"client-id: a b", "", NULL, -EINVAL},
    {"", "client-id=%00", NULL, -EINVAL},
    {"", "client-id=a%0d%0aX:1", NULL, -EINVAL},
    {"client-id: caf\xc3\xa9", "", NULL, -EINVAL},
};

static void test_client_id(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        struct caller caller;
        const char *bad = NULL;
        int rc = read_caller(clients[i].fields, clients[i].query, &caller, &bad);

        if (rc != clients[i].rc)
            fail_msg("\"%s\" ?%s: %d", clients[i].fields, clients[i].query, rc);
        if (rc < 0)
            assert_string_equal(bad, "client-id");
        else if (clients[i].client)
            assert_true(text_equal(caller.client_id, clients[i].client));
        else
            assert_null(caller.client_id.at);
    }
}

static void test_client_id_length(void **state)
{
    char field[160] = "client-id: ";
    struct caller caller;
    const char *bad;

    (void)state;
    memset(field + 11, 'x', CALLER_CLIENT_BYTES);
    assert_int_equal(read_caller(field, "", &caller, &bad), 0);
    field[11 + CALLER_CLIENT_BYTES] = 'x';
    assert_int_equal(read_caller(field, "", &caller, &bad), -EINVAL);
}

static const struct {
    const char *fields;
    bool id, trace; /* taken over */
} traces[] = {
    {"", false, false},
    {"X-Request-Id: 6f1c-A_b.c~1:2/3=@+", true, false},
    {"X-Request-Id: with space", false, false},
    {"X-Request-Id: quo\"te", false, false},
    {"X-Request-Id: order-52998224725", false, false}, /* a CPF */
    {"X-Request-Id: one|X-Request-Id: two", false, false},
    {"X-Request-Id: 0123456789012345678901234567890123456789012345678901234567890123", true, false},
    {"X-Request-Id: 01234567890123456789012345678901234567890123456789012345678901234", false, false},
    {"traceparent: " TRACE, false, true},
    {"traceparent: " TRACE "|traceparent: " TRACE, false, false},
    {"traceparent: " TRACE "-more", false, false}, /* not in version 00 */
    {"traceparent: 01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false, true},
    {"traceparent: ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false, false},
    {"traceparent: 00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01", false, false},
    {"traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01", false, false},
    {"traceparent: 00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false, false},
    {"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false, false},
};

static void test_names_to_trace_by(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
        struct caller caller;
        const char *bad;

        assert_int_equal(read_caller(traces[i].fields, "", &caller, &bad), 0);
        if ((caller.request_id.at != NULL) != traces[i].id ||
            (caller.traceparent.at != NULL) != traces[i].trace)
            fail_msg("\"%s\"", traces[i].fields);
    }
}

static void test_a_refused_request_keeps_its_id(void **state)
{
    struct caller caller;
    const char *bad;

    (void)state;
    assert_int_equal(read_caller("X-Request-Id: abc", "priority=x", &caller, &bad), -EINVAL);
    assert_true(text_equal(caller.request_id, "abc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_priority),
        cmocka_unit_test(test_client_id),
        cmocka_unit_test(test_client_id_length),
        cmocka_unit_test(test_names_to_trace_by),
        cmocka_unit_test(test_a_refused_request_keeps_its_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
