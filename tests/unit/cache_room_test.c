/* cache_room_test.c - entries of the cache one by one: failures that are remembered beside an answer, and
 * leave with it; and one answer that is removed. */
#include "tests/unit/cache_stage.h"

static const struct failure_policy pauses = {.first_us = 5 * S, .most_us = 60 * S};

static int note_failure(struct cache_writer *writer, unsigned number, int64_t now_s)
{
    struct cache_key key = key_of(number);

    return cache_writer_fail(writer, &key, &pauses, REASON_UPSTREAM_ERROR, NOW + now_s * S);
}

/* How many failures are remembered. */
static unsigned failures(struct cache_writer *writer, unsigned number)
{
    struct cache_key key = key_of(number);
    struct answer answer;
    struct failure failure = {.count = 0};

    if (cache_writer_find(writer, &key, &answer) == 0)
        cache_writer_find_failure(writer, &key, &failure);
    cache_writer_release(writer);
    return failure.count;
}

static void a_failure_is_remembered_beside_its_answer(void **state)
{
    struct cache_writer *writer = open_writer(MIB);
    struct cache_key key = key_of(1);
    struct failure failure;
    uint64_t removed;

    (void)state;
    assert_int_equal(note_failure(writer, 1, 0), -ENOENT); /* nothing could be served meanwhile */
    assert_int_equal(store(writer, 1, 100, 60, 0), 0);
    assert_int_equal(note_failure(writer, 1, 60), -ENOENT); /* nor by then */
    assert_int_equal(failures(writer, 1), 0);
    assert_int_equal(note_failure(writer, 1, 1), 0);
    assert_int_equal(note_failure(writer, 1, 9), 0);
    assert_int_equal(failures(writer, 1), 2);
    cache_writer_close(writer);
    writer = open_writer(MIB); /* the next epoch knows it, too */
    assert_int_equal(failures(writer, 1), 2);
    assert_true(has(writer, 1, 100));
    assert_int_equal(cache_writer_find_failure(writer, &key, &failure), -ENOENT); /* not within a read */
    assert_int_equal(store(writer, 1, 100, 60, 0), 0);                            /* an answer ends it */
    assert_int_equal(failures(writer, 1), 0);
    assert_int_equal(note_failure(writer, 1, 1), 0);
    assert_int_equal(cache_writer_purge(writer, &removed), 0);
    assert_int_equal(store(writer, 1, 100, 60, 0), 0);
    assert_int_equal(failures(writer, 1), 0);
    assert_int_equal(note_failure(writer, 1, 1), 0);
    cache_writer_tick(writer, NOW + 61 * S); /* it leaves with its answer */
    assert_int_equal(store(writer, 1, 100, 600, 61), 0);
    assert_int_equal(failures(writer, 1), 0);
    cache_writer_close(writer);
}

static void one_answer_is_removed(void **state)
{
    struct cache_writer *writer = open_writer(MIB);
    struct cache_key key = key_of(2);

    (void)state;
    for (unsigned i = 1; i <= 3; i++)
        assert_int_equal(store(writer, i, 100, 60, 0), 0);
    assert_int_equal(note_failure(writer, 2, 1), 0);
    assert_int_equal(cache_writer_remove(writer, &key), 0);
    assert_int_equal(cache_writer_remove(writer, &key), -ENOENT);
    assert_true(has(writer, 1, 100) && !has(writer, 2, 100) && has(writer, 3, 100));
    assert_int_equal(store(writer, 2, 100, 60, 0), 0);
    assert_int_equal(failures(writer, 2), 0);
    cache_writer_tick(writer, NOW + 61 * S);
    assert_int_equal(cache_writer_stats(writer)->entries, 0);
    assert_int_equal(cache_writer_stats(writer)->evicted_total, 3);
    cache_writer_close(writer);
}

/* In a cache that is full all the time: failures and removals find room, too. */
static void failures_in_a_full_cache(void **state)
{
    struct cache_writer *writer = open_writer(MIB);

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        assert_int_equal(store(writer, i, 4000, 1000 + i, 0), 0);
        assert_int_equal(note_failure(writer, i, 1), 0);
        assert_int_equal(failures(writer, i), 1);
    }
    assert_int_equal(cache_writer_stats(writer)->errors_total, 0);
    cache_writer_close(writer);
    writer = open_writer(MIB); /* and what is opened is sound */
    expect_note(writer, "cache_opened", "kept");
    cache_writer_close(writer);
}

static void without_a_file_nothing_is_remembered(void **state)
{
    struct cache_writer *writer;
    struct cache_key key = key_of(1);

    (void)state;
    assert_int_equal(rmdir(dir), 0);
    writer = open_writer(MIB);
    assert_int_equal(note_failure(writer, 1, 0), -ENODEV);
    assert_int_equal(cache_writer_remove(writer, &key), -ENODEV);
    cache_writer_close(writer);
    assert_int_equal(mkdir(dir, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failure_is_remembered_beside_its_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_answer_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_in_a_full_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_file_nothing_is_remembered, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
