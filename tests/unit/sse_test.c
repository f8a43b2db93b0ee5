/* sse_test.c - metricsd/sse.c: frames of messages, and what a client says it has seen. */
#include "metricsd/sse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_a_message(void **state)
{
    static const char want[] = "event: delta\nid: 00000000000000ff-17\ndata: {\"seq\":17}\n\n";
    char room[SSE_FRAME_BYTES + 10];
    struct text text;
    struct sse sse;

    (void)state;
    sse_begin(&sse, room, sizeof(room), "delta", 255, 17);
    json_begin_object(&sse.json);
    json_key(&sse.json, "seq");
    json_int(&sse.json, 17);
    json_end_object(&sse.json);
    assert_int_equal(sse_end(&sse, &text), 0);
    assert_true(text_equal(text, want));
}

/* The frame never takes room from the data beyond what is promised, nor writes behind the buffer. */
static void test_what_fits(void **state)
{
    static const char data[] = "01234567890123456789";
    char room[SSE_FRAME_BYTES + sizeof(data) + 1];
    struct text text;
    struct sse sse;

    (void)state;
    for (size_t size = SSE_FRAME_BYTES; size < sizeof(room); size++) {
        room[size] = '!';
        sse_begin(&sse, room, size, "delta", UINT64_MAX, UINT64_MAX);
        json_string(&sse.json, data);
        if (sse_end(&sse, &text) == 0)
            assert_memory_equal(text.at + text.bytes - 3, "\"\n\n", 3);
        else
            assert_in_range(size, 0, SSE_FRAME_BYTES + sizeof(data));
        assert_int_equal(room[size], '!');
    }
    sse_begin(&sse, room, SSE_FRAME_BYTES, "delta", 1, 1);
    for (unsigned i = 0; i < 6; i++)
        json_string(&sse.json, data);
    assert_int_equal(sse_end(&sse, &text), -ENOBUFS);
}

static void test_ids(void **state)
{
    static const struct {
        const char *id;
        bool good;
        uint64_t number;
    } table[] = {
        {"00000000000abcde-0", true, 0},
        {"00000000000abcde-812", true, 812},
        {"00000000000abcde-18446744073709551615", true, UINT64_MAX},
        {"00000000000abcde-18446744073709551616", false, 0},
        {"00000000000abcde-99999999999999999999999", false, 0},
        {"00000000000abcdf-812", false, 0}, /* another epoch */
        {"00000000000ABCDE-812", false, 0},
        {"00000000000abcde-", false, 0},
        {"00000000000abcde", false, 0},
        {"00000000000abcde-8x", false, 0},
        {"00000000000abcde--8", false, 0},
        {"00000000000abcde-+8", false, 0},
        {"00000000000abcde- 8", false, 0},
        {"abcde-8", false, 0},
        {"", false, 0},
        {"\xff\xff", false, 0},
    };
    uint64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        number = 0;
        assert_int_equal(sse_id_read(text_of(table[i].id), 0xabcde, &number), table[i].good);
        assert_int_equal(number, table[i].number);
    }
    assert_false(sse_id_read((struct text){.at = NULL, .bytes = 0}, 0xabcde, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message),
        cmocka_unit_test(test_what_fits),
        cmocka_unit_test(test_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
