/* job_record_test.c - an answer about a job as bytes, and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "gateway/job_record.h"

static void test_what_is_written_is_read(void **state)
{
    static const struct {
        const char *state, *fields, *body, *want;
    } cases[] = {
        {"done", "A: b\r\nC: d\r\n", "{\"x\":1}", "Sluice-Job: done\r\nA: b\r\nC: d\r\n"},
        {NULL, "A: b\r\n", "", "A: b\r\n"},
        {NULL, "", "", ""},
        {"cancelled", "", "gone", "Sluice-Job: cancelled\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct job_record record = {.status = 503,
                                    .state = cases[i].state,
                                    .fields = text_of(cases[i].fields),
                                    .body = text_of(cases[i].body)};
        struct job_record read;
        char bytes[128];
        size_t size = job_record_bytes(&record);

        job_record_write(&record, bytes);
        assert_int_equal(job_record_read((struct text){bytes, size}, &read), 0);
        assert_int_equal(read.status, 503);
        assert_true(text_equal(read.fields, cases[i].want));
        assert_true(text_equal(read.body, cases[i].body));
        for (size_t less = 0; less < size; less++)
            assert_int_equal(job_record_read((struct text){bytes, less}, &read), -EBADMSG);
        assert_int_equal(job_record_read((struct text){bytes, size + 1}, &read), -EBADMSG);
    }
}

/* Whatever one byte of the head becomes, nothing beyond the bytes is read. */
static void test_rubbish_is_none(void **state)
{
    struct job_record record = {.status = 200, .fields = text_of("A: b\r\n"), .body = text_of("body")}, read;
    size_t size = job_record_bytes(&record), head = size - record.fields.bytes - record.body.bytes;
    char bytes[128];

    (void)state;
    job_record_write(&record, bytes);
    for (size_t at = 0; at < head; at++) {
        char was = bytes[at];

        for (int value = 0; value < 256; value++) {
            bytes[at] = (char)value;
            if (job_record_read((struct text){bytes, size}, &read) == 0) {
                assert_ptr_equal(read.fields.at, bytes + head);
                assert_ptr_equal(read.body.at + read.body.bytes, bytes + size);
            }
        }
        bytes[at] = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_rubbish_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
