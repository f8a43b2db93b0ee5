/* job_call_test.c - what is asked of a job, and how a request that is not quite right is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "gateway/job_call.h"

#define EPOCH  "00000000000000ab"
#define SECRET "00112233445566778899aabbccddeeff"
#define ID     EPOCH "-" SECRET

static struct job_call call;

static int read_call(enum http_method method, const char *path, const char *query)
{
    struct http_request request = {.method = method, .path = text_of(path)};

    if (query)
        request.query = text_of(query);
    return job_call_read(&request, &call);
}

static const struct {
    enum http_method method;
    const char *path, *query;
    int status;
    const char *says;
} refusals[] = {
    {HTTP_GET, "/jobs", NULL, 404, "not listed"},
    {HTTP_GET, "/jobs/", NULL, 404, "not listed"},
    {HTTP_GET, "/jobs/x", NULL, 404, "no such job"},
    {HTTP_GET, "/jobs/" ID "0", NULL, 404, "no such job"},
    {HTTP_GET, "/jobs/" ID "/", NULL, 404, "no such job"},
    {HTTP_GET, "/jobs/" EPOCH "+" SECRET, NULL, 404, "no such job"},
    {HTTP_GET, "/jobs/00000000000000AB-" SECRET, NULL, 404, "no such job"},
    {HTTP_GET, "/jobs/" EPOCH "-00112233445566778899AABBCCDDEEFF", NULL, 404, "no such job"},
    {HTTP_GET, "/jobs/" EPOCH "-00112233445566778899aabbccddeefg", NULL, 404, "no such job"},
    {HTTP_GET, "/jobs/" EPOCH, NULL, 404, "no such job"},
    {HTTP_POST, "/jobs/" ID, NULL, 405, JOB_ALLOW},
    {HTTP_PUT, "/jobs/" ID, NULL, 405, JOB_ALLOW},
    {HTTP_OPTIONS, "/jobs/" ID, NULL, 405, JOB_ALLOW},
    {HTTP_OTHER, "/jobs/" ID, NULL, 405, JOB_ALLOW},
    {HTTP_GET, "/jobs/" ID, "wait=", 400, "wait"},
    {HTTP_GET, "/jobs/" ID, "wait=soon", 400, "wait"},
    {HTTP_GET, "/jobs/" ID, "wait=-1", 400, "wait"},
    {HTTP_GET, "/jobs/" ID, "wait=+1", 400, "wait"},
    {HTTP_GET, "/jobs/" ID, "wait=1e3", 400, "wait"},
    {HTTP_GET, "/jobs/" ID, "wait=1s", 400, "wait"},
    {HTTP_GET, "/jobs/" ID, "wait=.5", 400, "wait"},
    {HTTP_GET, "/jobs/" ID, "wait=nan", 400, "wait"},
    {HTTP_GET, "/jobs/" ID, "wait=1&wait=1", 400, "wait"},
    {HTTP_GET, "/jobs/" ID, "wait=%3", 400, "query"},
    {HTTP_DELETE, "/jobs/" ID, "wait=1", 400, "wait"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        int status = read_call(refusals[i].method, refusals[i].path, refusals[i].query);

        if (status != refusals[i].status || !call.detail || !strstr(call.detail, refusals[i].says))
            fail_msg("%zu, %s?%s: %d, %s", i, refusals[i].path, refusals[i].query ? refusals[i].query : "",
                     status, call.detail ? call.detail : "");
    }
}

static const struct {
    enum http_method method;
    const char *query;
    bool cancels;
    int64_t wait_us;
} calls[] = {
    {HTTP_GET, NULL, false, 0},
    {HTTP_HEAD, NULL, false, 0},
    {HTTP_DELETE, NULL, true, 0},
    {HTTP_GET, "wait=0", false, 0},
    {HTTP_GET, "wait=20", false, 20000000},
    {HTTP_HEAD, "wait=0.25", false, 250000},
    {HTTP_GET, "wait=60", false, JOB_WAIT_MAX_US},
    {HTTP_GET, "wait=61", false, JOB_WAIT_MAX_US},
    {HTTP_GET, "wait=99999999999999999999999", false, JOB_WAIT_MAX_US},
    {HTTP_GET, "other=1&wait=2&x", false, 2000000}, /* as everywhere: what is unknown is passed over */
    {HTTP_GET, "WAIT=2", false, 0},
};

static void test_calls(void **state)
{
    static const unsigned char secret[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                           0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        assert_int_equal(read_call(calls[i].method, "/jobs/" ID, calls[i].query), 0);
        assert_int_equal(call.name.gateway, 0xab);
        assert_memory_equal(call.name.secret, secret, sizeof(secret));
        if (call.cancels != calls[i].cancels || call.wait_us != calls[i].wait_us)
            fail_msg("%zu: cancels %d, %lld us", i, call.cancels, (long long)call.wait_us);
    }
}

static void test_paths(void **state)
{
    (void)state;
    assert_true(job_call_is(text_of("/jobs")));
    assert_true(job_call_is(text_of("/jobs/")));
    assert_true(job_call_is(text_of("/jobs/" ID)));
    assert_false(job_call_is(text_of("/job")));
    assert_false(job_call_is(text_of("/jobsx")));
    assert_false(job_call_is(text_of("/")));
}

static void test_names_are_read_as_written(void **state)
{
    struct job_name name = {.gateway = 0xfedcba9876543210};
    char id[JOB_ID_BYTES], path[sizeof(JOB_PATH) + JOB_ID_BYTES];

    (void)state;
    for (unsigned i = 0; i < JOBS_SECRET_BYTES; i++)
        name.secret[i] = (unsigned char)(37 * i + 11);
    assert_int_equal(job_name_write(&name, id).bytes, JOB_ID_BYTES);
    snprintf(path, sizeof(path), JOB_PATH "%.*s", JOB_ID_BYTES, id);
    assert_int_equal(read_call(HTTP_GET, path, NULL), 0);
    assert_memory_equal(&call.name, &name, sizeof(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_names_are_read_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
