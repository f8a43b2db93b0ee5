/* cache_writer_test.c - what is stored is found until it expires or must make room; files that cannot be
 * trusted are not, and a disk that refuses costs the cache and nothing else. */
#include "tests/unit/cache_stage.h"

static void what_is_stored_is_found(void **state)
{
    struct cache_writer *writer = open_writer(MIB);

    (void)state;
    expect_note(writer, "cache_opened", "new");
    assert_false(has(writer, 1, 0));
    assert_int_equal(store(writer, 1, 100, 60, 0), 0);
    assert_int_equal(store(writer, 2, 0, 60, 0), 0);
    assert_int_equal(store(writer, 3, 100000, 60, 0), 0);
    assert_true(has(writer, 1, 100));
    assert_true(has(writer, 2, 0));
    assert_true(has(writer, 3, 100000));
    assert_int_equal(store(writer, 1, 7, 90, 1), 0);
    assert_true(has(writer, 1, 7));
    cache_writer_tick(writer, NOW);
    assert_int_equal(cache_writer_stats(writer)->entries, 3);
    assert_int_equal(cache_writer_stats(writer)->stores_total, 4);
    assert_int_equal(cache_writer_stats(writer)->evicted_total, 0);
    cache_writer_close(writer);
}

static void a_purge_leaves_nothing(void **state)
{
    struct cache_writer *writer = open_writer(MIB);
    uint64_t removed = 99;

    (void)state;
    assert_int_equal(cache_writer_purge(writer, &removed), 0);
    assert_int_equal(removed, 0);
    for (unsigned i = 1; i <= 5; i++)
        assert_int_equal(store(writer, i, 100, 60, 0), 0);
    assert_int_equal(cache_writer_purge(writer, &removed), 0);
    assert_int_equal(removed, 5);
    assert_int_equal(cache_writer_stats(writer)->entries, 0);
    for (unsigned i = 1; i <= 5; i++)
        assert_false(has(writer, i, 100));
    assert_int_equal(store(writer, 1, 10, 60, 0), 0);
    assert_true(has(writer, 1, 10));
    cache_writer_close(writer);
}

static void files_are_private(void **state)
{
    static const char *const names[] = {"answers.mdb", "answers.mdb-lock", "answers.stamp", "writer.lock"};
    struct cache_writer *writer = open_writer(MIB);

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct stat file;
        char path[128];

        in_dir(names[i], path);
        assert_int_equal(stat(path, &file), 0);
        assert_int_equal(file.st_mode & 0777, 0600);
    }
    cache_writer_close(writer);
}

static void the_expired_leave(void **state)
{
    struct cache_writer *writer = open_writer(4 * MIB);

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(store(writer, i, 10, 10 + i, 0), 0);
    assert_int_equal(store(writer, 5, 10, 5000, 0), 0); /* anew: its old time counts no more */
    cache_writer_tick(writer, NOW + 10 * S);            /* to the very moment: over */
    assert_int_equal(cache_writer_stats(writer)->entries, 999);
    assert_false(has(writer, 0, 10));
    assert_true(has(writer, 1, 10));
    for (unsigned i = 0; i < 8; i++)
        cache_writer_tick(writer, NOW + 2000 * S);
    assert_int_equal(cache_writer_stats(writer)->entries, 1);
    assert_true(has(writer, 5, 10));
    assert_int_equal(cache_writer_stats(writer)->evicted_total, 999);
    cache_writer_close(writer);
}

static void stores_sweep_too(void **state)
{
    struct cache_writer *writer = open_writer(MIB);

    (void)state;
    assert_int_equal(store(writer, 1, 10, 10, 0), 0);
    assert_int_equal(store(writer, 2, 10, 100, 50), 0);
    assert_false(has(writer, 1, 10));
    assert_true(has(writer, 2, 10));
    cache_writer_close(writer);
}

/* Sixty times what fits: no store fails, and those that leave are those that would expire soonest. */
static void a_full_cache_makes_room(void **state)
{
    struct cache_writer *writer = open_writer(MIB);
    unsigned kept = 0;

    (void)state;
    for (unsigned i = 0; i < 15000; i++) {
        assert_int_equal(store(writer, i, 4000, 100 + i, 0), 0);
        assert_true(has(writer, i, 4000));
    }
    assert_false(has(writer, 0, 4000));
    assert_false(has(writer, 14000, 4000));
    for (unsigned i = 14900; i < 15000; i++)
        kept += has(writer, i, 4000);
    assert_in_range(kept, 80, 100);
    assert_int_equal(cache_writer_stats(writer)->errors_total, 0);
    cache_writer_close(writer);
}

static void sizes_may_mix(void **state)
{
    struct cache_writer *writer = open_writer(MIB);
    unsigned dice = 1;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        size_t bytes;

        dice = dice * 1103515245 + 12345;
        bytes = (dice >> 16) % 100 < 90 ? (dice >> 8) % 500 : (dice >> 8) % 120000;
        assert_int_equal(store(writer, i % 700, bytes, 100 + (dice >> 20) % 1000, 0), 0);
        assert_true(has(writer, i % 700, bytes));
    }
    cache_writer_close(writer);
}

static void what_is_too_large_is_not_stored(void **state)
{
    struct cache_writer *writer = open_writer(MIB);

    (void)state;
    assert_int_equal(store(writer, 1, 10, 100, 0), 0);
    assert_int_equal(store(writer, 2, MIB / 8, 100, 0), -EFBIG);
    assert_true(has(writer, 1, 10)); /* nobody had to leave for it */
    assert_false(has(writer, 2, 0));
    assert_int_equal(cache_writer_stats(writer)->errors_total, 1);
    cache_writer_close(writer);
}

static void there_is_one_writer(void **state)
{
    struct cache_writer *writer = open_writer(MIB), *second = NULL;

    (void)state;
    assert_int_equal(cache_writer_open(dir, MIB, &second), -EBUSY);
    assert_null(second);
    assert_int_equal(store(writer, 1, 10, 100, 0), 0);
    cache_writer_close(writer);
    writer = open_writer(MIB);
    assert_true(has(writer, 1, 10));
    cache_writer_close(writer);
}

static void a_killed_writer_leaves_it_warm(void **state)
{
    struct cache_writer *writer;
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0) {
        writer = open_writer(MIB);
        for (unsigned i = 0; i < 100; i++)
            store(writer, i, 1000, 100, 0);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    writer = open_writer(MIB);
    expect_note(writer, "cache_opened", "kept");
    assert_int_equal(cache_writer_stats(writer)->entries, 100);
    assert_true(has(writer, 99, 1000));
    assert_int_equal(store(writer, 100, 1000, 100, 0), 0);
    cache_writer_close(writer);
}

/* What the stamp says, and what becomes of the file. */
static void the_stamp_decides(void **state)
{
    static const struct {
        const char *stamp, *note, *why;
        bool aside;
    } rows[] = {
        {"another-boot closed 1048576\n", "cache_opened", "kept", false},
        {"another-boot open 1048576\n", "cache_discarded", "rebooted", false},
        {"another-boot opening 1048576\n", "cache_set_aside", "opening died", true},
        {"another-boot condemned 1048576\n", "cache_set_aside", "broke", true},
        {"another-boot closed 1048577\n", "cache_set_aside", "cut", true},
        {"another-boot sleeping 1048576\n", "cache_set_aside", "no stamp", true},
        {"", "cache_set_aside", "no stamp", true},
        {NULL, "cache_set_aside", "no stamp", true},
    };
    struct cache_writer *writer;
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool kept = strcmp(rows[i].why, "kept") == 0;

        print_message("  %s", rows[i].stamp ? rows[i].stamp : "none\n");
        writer = open_writer(MIB);
        assert_int_equal(store(writer, 1, 10, 100, 0), 0);
        cache_writer_close(writer);
        in_dir("answers.stamp", path);
        if (rows[i].stamp)
            write_file("answers.stamp", rows[i].stamp);
        else
            unlink(path);
        in_dir("answers.mdb.bad", path);
        unlink(path);
        writer = open_writer(MIB);
        expect_note(writer, rows[i].note, rows[i].why);
        if (!kept)
            expect_note(writer, "cache_opened", "new");
        assert_int_equal(has(writer, 1, 10), kept);
        assert_int_equal(exists("answers.mdb.bad"), rows[i].aside);
        assert_int_equal(store(writer, 2, 10, 100, 0), 0);
        cache_writer_close(writer);
    }
}

/* Bytes written over a file that was closed in order. */
static void ruined_files_are_set_aside(void **state)
{
    static const struct {
        const char *name;
        off_t from, bytes;
    } rows[] = {{"everything", 0, MIB},
                {"both metas' marks", 16, 4096},
                {"the records", 8192, 200000},
                {"one page", 12288, 4096}};
    static char garbage[1 << 20];
    struct cache_writer *writer;
    char path[128];

    (void)state;
    memset(garbage, 0xa5, sizeof(garbage));
    in_dir("answers.mdb", path);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pid_t child;
        int fd, status;

        print_message("  %s\n", rows[i].name);
        writer = open_writer(MIB);
        for (unsigned j = 0; j < 100; j++)
            assert_int_equal(store(writer, j, 300, 100, 0), 0);
        cache_writer_close(writer);
        fd = open(path, O_WRONLY);
        assert_int_equal(pwrite(fd, garbage, (size_t)rows[i].bytes, rows[i].from), rows[i].bytes);
        close(fd);
        /* LMDB may end the process over it; the next one is told by the stamp. */
        child = fork();
        if (child == 0) {
            fclose(stderr);
            cache_writer_open(dir, MIB, &writer);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        writer = open_writer(MIB);
        assert_int_equal(store(writer, 1, 10, 100, 0), 0);
        assert_true(has(writer, 1, 10));
        assert_true(exists("answers.mdb.bad"));
        cache_writer_close(writer);
    }
}

static void other_sizes(void **state)
{
    struct cache_writer *writer = open_writer(MIB);
    struct stat file;
    char path[128];

    (void)state;
    in_dir("answers.mdb", path);
    assert_int_equal(store(writer, 1, 10, 100, 0), 0);
    cache_writer_close(writer);
    writer = open_writer(2 * MIB); /* a larger one keeps what there is */
    assert_true(has(writer, 1, 10));
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_size, 2 * MIB);
    cache_writer_close(writer);
    writer = open_writer(MIB); /* a smaller one starts anew */
    expect_note(writer, "cache_discarded", "CACHE_MAX_MB");
    assert_false(has(writer, 1, 10));
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_size, MIB);
    cache_writer_close(writer);
}

static void a_missing_folder_means_no_cache_until_it_is_there(void **state)
{
    struct cache_writer *writer;

    (void)state;
    assert_int_equal(rmdir(dir), 0);
    writer = open_writer(MIB);
    expect_note(writer, "cache_lost", "No such file");
    assert_int_equal(store(writer, 1, 10, 100, 0), -ENODEV);
    assert_false(has(writer, 1, 10));
    cache_writer_tick(writer, NOW);
    cache_writer_tick(writer, NOW);
    expect_note(writer, "nothing", ""); /* it is said once */
    assert_int_equal(cache_writer_stats(writer)->errors_total, 1);
    assert_int_equal(mkdir(dir, 0700), 0);
    cache_writer_tick(writer, NOW);
    expect_note(writer, "cache_opened", "new");
    assert_int_equal(store(writer, 1, 10, 100, 0), 0);
    assert_true(has(writer, 1, 10));
    cache_writer_close(writer);
}

static void a_file_removed_under_us_is_made_anew(void **state)
{
    struct cache_writer *writer = open_writer(MIB);
    char path[128];

    (void)state;
    expect_note(writer, "cache_opened", "new");
    in_dir("answers.mdb", path);
    unlink(path);
    cache_writer_tick(writer, NOW);
    expect_note(writer, "cache_lost", "");
    expect_note(writer, "cache_opened", "new");
    assert_int_equal(store(writer, 1, 10, 100, 0), 0);
    assert_true(exists("answers.mdb"));
    cache_writer_close(writer);
}

/* A limit on the file's length stands for a disk that is full. */
static void a_full_disk_costs_the_store_only(void **state)
{
    struct cache_writer *writer = open_writer(MIB);
    struct rlimit usual, tight;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(store(writer, 1, 10, 100, 0), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    tight = usual;
    tight.rlim_cur = 16384;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(store(writer, 2, 50000, 100, 0), -EFBIG);
    assert_true(has(writer, 1, 10));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    assert_int_equal(store(writer, 2, 50000, 100, 0), 0);
    assert_true(has(writer, 2, 50000));
    assert_int_equal(cache_writer_stats(writer)->errors_total, 5);
    cache_writer_close(writer);
}

/* A reader in a process of its own that holds an answer, until it is told to let go or killed. */
static pid_t start_reader(int *tell)
{
    int ready[2], go[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    child = fork();
    if (child == 0) {
        struct cache *cache = cache_open(dir);
        struct cache_key key = key_of(0);
        struct answer answer;

        close(go[1]);
        if (cache_find(cache, &key, &answer) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        if (read(go[0], &byte, 1) != 0)
            _exit(2);
        cache_release(cache);
        if (write(ready[1], "", 1) != 1)
            _exit(3);
        pause();
    }
    close(ready[1]);
    close(go[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    *tell = go[1];
    close(ready[0]);
    return child;
}

static void a_reader_killed_within_a_read_pins_nothing_for_long(void **state)
{
    struct cache_writer *writer = open_writer(MIB);
    pid_t reader;
    int tell;

    (void)state;
    assert_int_equal(store(writer, 0, 1000, 100, 0), 0);
    reader = start_reader(&tell);
    kill(reader, SIGKILL);
    assert_int_equal(waitpid(reader, NULL, 0), reader);
    close(tell);
    for (unsigned i = 1; i < 2000; i++)
        assert_int_equal(store(writer, i, 4000, 100 + i, 0), 0);
    assert_int_equal(cache_writer_stats(writer)->errors_total, 0);
    cache_writer_close(writer);
}

/* One that lives but sleeps within a read pins every page freed since: the map fills, answers stay unstored,
 * and that is all. Later all is well again. */
static void a_reader_that_sleeps_within_a_read_costs_stores_only(void **state)
{
    struct cache_writer *writer = open_writer(MIB);
    unsigned failed = 0;
    pid_t reader;
    int tell;

    (void)state;
    assert_int_equal(store(writer, 0, 1000, 100, 0), 0);
    reader = start_reader(&tell);
    for (unsigned i = 1; i < 2000; i++) {
        int rc = store(writer, i, 4000, 100 + i, 0);

        assert_true(rc == 0 || rc == -ENOSPC);
        failed += rc != 0;
    }
    assert_in_range(failed, 1, 1999);
    kill(reader, SIGKILL);
    assert_int_equal(waitpid(reader, NULL, 0), reader);
    close(tell);
    assert_int_equal(store(writer, 1, 4000, 5000, 0), 0);
    assert_true(has(writer, 1, 4000));
    for (unsigned i = 1; i < 2000; i++)
        assert_int_equal(store(writer, i, 4000, 5000 + i, 0), 0);
    assert_int_equal(cache_writer_stats(writer)->errors_total, failed);
    cache_writer_close(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_stored_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_purge_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_private, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_expired_leave, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stores_sweep_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_cache_makes_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_may_mix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_not_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_is_one_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_writer_leaves_it_warm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_stamp_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ruined_files_are_set_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_folder_means_no_cache_until_it_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_removed_under_us_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_costs_the_store_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_killed_within_a_read_pins_nothing_for_long, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_sleeps_within_a_read_costs_stores_only, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
