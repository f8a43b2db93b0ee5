/* past_test.c - metricsd/past.c: each count of a process that is gone is in the sums once, whoever dies when.
 */
#include "metricsd/past.h"

#include "tests/unit/ledger_stage.h"

#define SECOND 1000000LL

static int64_t sum_of(const struct store *store, enum metric metric)
{
    static struct metrics sum;

    store_sum(store, 1000 * SECOND, &sum);
    return sum.values[metric];
}

/* A successor of metricsd goes on where it was, a gateway that died meanwhile included; each is counted once.
 */
static void sums_survive_metricsd(void **state)
{
    struct store *store = store_new(1000 * SECOND), *next = store_new(1000 * SECOND);
    struct past past;
    char path[128];

    (void)state;
    live_and_die("gateway", 1, 10, 7);
    assert_int_equal(past_open(&past, store, dir), -ENOENT);
    assert_int_equal(past_walk(&past, 1000 * SECOND), 0);
    assert_int_equal(past_walk(&past, 1001 * SECOND), 0);
    assert_int_equal(sum_of(store, METRIC_GATEWAY_REQUESTS), 10);
    assert_int_equal(sum_of(store, METRIC_GATEWAY_SUCCESSFUL), 7);
    assert_int_equal(sum_of(store, METRIC_GATEWAY_DROPPED), 3); /* they waited when it died */
    live_and_die("gateway", 2, 100, 100);
    assert_int_equal(past_open(&past, next, dir), 0);
    assert_int_equal(past_walk(&past, 1002 * SECOND), 0);
    assert_int_equal(sum_of(next, METRIC_GATEWAY_REQUESTS), 110);
    assert_int_equal(store_kind_starts(next, STORE_GATEWAY), 2);
    snprintf(path, sizeof(path), "%s/ledgers/gateway-%016x", dir, 2);
    assert_int_equal(access(path, F_OK), -1);
    store_free(store);
    store_free(next);
}

/* metricsd dies after it has kept the sums and before it has removed the ledgers. */
static void a_ledger_is_not_counted_twice(void **state)
{
    struct store *store = store_new(1000 * SECOND), *next = store_new(1000 * SECOND);
    char from[128], to[128];
    struct past past;

    (void)state;
    live_and_die("gateway", 1, 10, 10);
    snprintf(from, sizeof(from), "%s/ledgers/gateway-%016x", dir, 1);
    snprintf(to, sizeof(to), "%s/again", dir);
    assert_int_equal(link(from, to), 0);
    past_open(&past, store, dir);
    assert_int_equal(past_walk(&past, 1000 * SECOND), 0);
    assert_int_equal(link(to, from), 0);
    assert_int_equal(past_open(&past, next, dir), 0);
    assert_int_equal(past_walk(&past, 1000 * SECOND), 0);
    assert_int_equal(sum_of(next, METRIC_GATEWAY_REQUESTS), 10);
    assert_int_equal(access(from, F_OK), -1);
    store_free(store);
    store_free(next);
}

static void damaged_files_are_put_aside(void **state)
{
    struct store *store = store_new(1000 * SECOND);
    struct past past;
    char path[128];
    int fd;

    (void)state;
    live_and_die("gateway", 1, 10, 10);
    snprintf(path, sizeof(path), "%s/ledgers/gateway-%016x", dir, 1);
    assert_int_equal(truncate(path, 100), 0);
    live_and_die("stranger", 2, 10, 10);
    live_and_die("gateway", 3, INT64_MAX, 0);
    snprintf(path, sizeof(path), "%s/ledgers/sums", dir);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "what", 4), 4);
    close(fd);
    assert_int_equal(past_open(&past, store, dir), -EBADMSG);
    assert_int_equal(past_walk(&past, 1000 * SECOND), 0);
    assert_int_equal(past.strange, 3);
    assert_int_equal(sum_of(store, METRIC_GATEWAY_REQUESTS), 0);
    assert_int_equal(past_walk(&past, 1001 * SECOND), 0);
    assert_int_equal(past.strange, 3);
    store_free(store);
}

/* The sums cannot be written: nothing is removed, and it is tried again. */
static void a_full_disk_loses_nothing(void **state)
{
    struct store *store = store_new(1000 * SECOND), *next = store_new(1000 * SECOND);
    struct past past;
    char path[128];

    (void)state;
    live_and_die("gateway", 1, 10, 10);
    past_open(&past, store, dir);
    snprintf(path, sizeof(path), "%s/ledgers/sums.new", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(past_walk(&past, 1000 * SECOND) < 0);
    assert_true(past_walk(&past, 1001 * SECOND) < 0);
    assert_int_equal(sum_of(store, METRIC_GATEWAY_REQUESTS), 10);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(past_walk(&past, 1002 * SECOND), 0);
    assert_int_equal(past_open(&past, next, dir), 0);
    assert_int_equal(sum_of(next, METRIC_GATEWAY_REQUESTS), 10);
    store_free(store);
    store_free(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sums_survive_metricsd, enter, leave),
        cmocka_unit_test_setup_teardown(a_ledger_is_not_counted_twice, enter, leave),
        cmocka_unit_test_setup_teardown(damaged_files_are_put_aside, enter, leave),
        cmocka_unit_test_setup_teardown(a_full_disk_loses_nothing, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
