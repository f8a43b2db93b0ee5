/* answer_test.c - what is written is read back, from any address; nothing torn or foreign is taken. */
#include "common/answer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct answer full = {.status = 200,
                                   .fields = {.at = "Content-Type: application/json\r\n", .bytes = 32},
                                   .body = {.at = "{\"score\":308}", .bytes = 13},
                                   .made_wall_us = 1690000000000001,
                                   .stored_wall_us = 1700000000000001,
                                   .fresh_wall_us = 1700000060000002,
                                   .stale_wall_us = 1700003660000003};

static void reads_back_from_any_address(void **state)
{
    size_t bytes = answer_bytes(&full);
    char *room = malloc(bytes + 8);

    (void)state;
    assert_non_null(room);
    for (size_t shift = 0; shift < 8; shift++) {
        struct answer got;

        answer_write(&full, room + shift);
        assert_int_equal(answer_read((struct text){room + shift, bytes}, &got), 0);
        assert_int_equal(got.status, 200);
        assert_true(text_equal(got.fields, "Content-Type: application/json\r\n"));
        assert_true(text_equal(got.body, "{\"score\":308}"));
        assert_int_equal(got.made_wall_us, full.made_wall_us);
        assert_int_equal(got.stored_wall_us, full.stored_wall_us);
        assert_int_equal(got.fresh_wall_us, full.fresh_wall_us);
        assert_int_equal(got.stale_wall_us, full.stale_wall_us);
    }
    free(room);
}

static void empty_parts_are_fine(void **state)
{
    struct answer empty = {.status = 204}, got;
    char record[64];

    (void)state;
    assert_true(answer_bytes(&empty) <= sizeof(record));
    answer_write(&empty, record);
    assert_int_equal(answer_read((struct text){record, answer_bytes(&empty)}, &got), 0);
    assert_int_equal(got.status, 204);
    assert_int_equal(got.fields.bytes, 0);
    assert_int_equal(got.body.bytes, 0);
    assert_int_equal(got.fresh_wall_us, 0);
}

/* Each length but the right one, and each byte of the head changed where that must show. */
static void torn_and_foreign_records_are_refused(void **state)
{
    size_t bytes = answer_bytes(&full);
    char *record = malloc(bytes + 1);
    struct answer got;

    (void)state;
    assert_non_null(record);
    answer_write(&full, record);
    record[bytes] = 'x';
    for (size_t cut = 0; cut <= bytes + 1; cut++)
        assert_int_equal(answer_read((struct text){record, cut}, &got), cut == bytes ? 0 : -EBADMSG);
    for (size_t at = 0; at < 16; at++) { /* mark, status, both lengths */
        char before = record[at];

        record[at] = (char)(before ^ 0x80);
        assert_int_equal(answer_read((struct text){record, bytes}, &got), -EBADMSG);
        record[at] = before;
    }
    free(record);
}

/* An interim status is no answer, and with the times others calculate. */
static void what_can_be_no_answer_is_refused(void **state)
{
    static const struct answer none[] = {{.status = 0},
                                         {.status = 199},
                                         {.status = 600},
                                         {.status = 200, .made_wall_us = INT64_MIN},
                                         {.status = 200, .stored_wall_us = INT64_MAX},
                                         {.status = 200, .fresh_wall_us = INT64_MAX},
                                         {.status = 200, .stale_wall_us = INT64_MAX}};
    struct answer got;
    char record[64];

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        answer_write(&none[i], record);
        assert_int_equal(answer_read((struct text){record, answer_bytes(&none[i])}, &got), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_from_any_address),
        cmocka_unit_test(empty_parts_are_fine),
        cmocka_unit_test(torn_and_foreign_records_are_refused),
        cmocka_unit_test(what_can_be_no_answer_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
