/* cache_test.c - the readers' side: the secret and the keys, and look-ups while another process writes,
 * rebuilds or ruins the file. The writer runs in a process of its own, as LMDB demands. */
#include "common/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fetcher/cache_writer.h"

#define NOW 1700000000000000LL

static char dir[] = "/tmp/sluice-cache-test-XXXXXX";

static struct cache_key key_of(unsigned number)
{
    struct cache_key key = {0};

    memcpy(key.bytes, &number, sizeof(number));
    return key;
}

static void in_dir(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", dir, name);
}

static int set_up(void **state)
{
    (void)state;
    memcpy(dir, "/tmp/sluice-cache-test-XXXXXX", sizeof(dir));
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"cache.key",     "answers.mdb", "answers.mdb-lock", "answers.mdb.bad",
                                        "answers.stamp", "writer.lock", "answers.stamp.new"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        in_dir(names[i], path);
        unlink(path);
    }
    return rmdir(dir);
}

/* Runs it in a process of its own, which must end well. */
static void elsewhere(void (*work)(const char *body), const char *body)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        work(body);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void store(const char *body)
{
    struct answer answer = {.status = 200, .body = text_of(body), .fresh_wall_us = NOW, .stale_wall_us = NOW};
    struct cache_key key = key_of(1);
    struct cache_writer *writer;

    if (cache_writer_open(dir, 1 << 20, &writer) < 0 || cache_writer_store(writer, &key, &answer, 0) < 0)
        _exit(1);
    cache_writer_close(writer);
}

static void rebuild(const char *body)
{
    char path[128];

    in_dir("answers.stamp", path);
    unlink(path); /* without it the file is set aside */
    store(body);
}

static bool finds(struct cache *cache, const char *body)
{
    struct cache_key key = key_of(1);
    struct answer answer;
    bool found = cache_find(cache, &key, &answer) == 0 && text_equal(answer.body, body);

    cache_release(cache);
    return found;
}

static void the_secret_is_made_once(void **state)
{
    unsigned char first[CACHE_SECRET_BYTES], second[CACHE_SECRET_BYTES], zero[CACHE_SECRET_BYTES] = {0};
    struct stat file;
    char path[128];

    (void)state;
    assert_int_equal(cache_secret_load(dir, first), 0);
    assert_int_equal(cache_secret_load(dir, second), 0);
    assert_memory_equal(first, second, sizeof(first));
    assert_memory_not_equal(first, zero, sizeof(first));
    in_dir("cache.key", path);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_equal(file.st_size, CACHE_SECRET_BYTES);
}

static void all_who_come_at_once_get_the_same(void **state)
{
    unsigned char secrets[8][CACHE_SECRET_BYTES];
    int pipes[2], go[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(pipe(go), 0);
    for (unsigned i = 0; i < 8; i++) {
        unsigned char secret[CACHE_SECRET_BYTES];

        if (fork() != 0)
            continue;
        close(go[1]);
        while (read(go[0], &byte, 1) > 0) /* until all are there */
            ;
        _exit(cache_secret_load(dir, secret) < 0 || write(pipes[1], secret, sizeof(secret)) < 0);
    }
    close(go[1]);
    for (unsigned i = 0; i < 8; i++) {
        int status;

        assert_int_equal(read(pipes[0], secrets[i], CACHE_SECRET_BYTES), CACHE_SECRET_BYTES);
        assert_memory_equal(secrets[i], secrets[0], CACHE_SECRET_BYTES);
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    close(go[0]);
    close(pipes[0]);
    close(pipes[1]);
}

static void a_bad_secret_is_refused(void **state)
{
    unsigned char secret[CACHE_SECRET_BYTES];
    char path[128];

    (void)state;
    in_dir("cache.key", path);
    for (size_t bytes = 0; bytes <= 40; bytes += 8) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
        close(fd);
        assert_int_equal(cache_secret_load(dir, secret), bytes == CACHE_SECRET_BYTES ? 0 : -EBADMSG);
    }
    assert_int_equal(cache_secret_load("/nonexistent", secret), -ENOENT);
}

/* Each row is another request, so all keys differ. */
static void keys_tell_requests_apart(void **state)
{
    static const struct {
        const char *lane, *method, *query, *credential;
    } requests[] = {
        {"score", "GET", "cpf=52998224725", "one"}, {"score", "GET", "cpf=52998224725", "two"},
        {"score", "GET", "cpf=11144477735", "one"}, {"score", "HEAD", "cpf=52998224725", "one"},
        {"other", "GET", "cpf=52998224725", "one"}, {"score", "GET", "cpf=52998224725o", "ne"},
        {"score", "GETc", "pf=52998224725", "one"}, {"scoreG", "ET", "cpf=52998224725", "one"},
        {"score", "GET", "", "cpf=52998224725one"}, {"score", "GET", "cpf=52998224725one", ""},
    };
    enum { REQUESTS = sizeof(requests) / sizeof(requests[0]) };
    unsigned char secret[CACHE_SECRET_BYTES] = {1}, other[CACHE_SECRET_BYTES] = {2};
    struct cache_key keys[REQUESTS + 1], again;

    (void)state;
    for (unsigned i = 0; i <= REQUESTS; i++) {
        unsigned row = i % REQUESTS; /* the last one: the first request, with another secret */

        cache_key_make(i < REQUESTS ? secret : other, requests[row].lane, text_of(requests[row].method),
                       text_of(requests[row].query), text_of(requests[row].credential), &keys[i]);
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(keys[i].bytes, keys[j].bytes, sizeof(keys[i].bytes));
    }
    cache_key_make(secret, "score", text_of("GET"), text_of("cpf=52998224725"), text_of("one"), &again);
    assert_memory_equal(again.bytes, keys[0].bytes, sizeof(again.bytes));
}

static void store_and_fail(const char *body)
{
    struct failure_policy policy = {.first_us = 5, .most_us = 5};
    struct cache_key key = key_of(1);
    struct cache_writer *writer;

    store(body);
    if (cache_writer_open(dir, 1 << 20, &writer) < 0 ||
        cache_writer_fail(writer, &key, &policy, REASON_UPSTREAM_ERROR, NOW - 1) < 0)
        _exit(1);
    cache_writer_close(writer);
}

static void readers_see_failures(void **state)
{
    struct cache *cache = cache_open(dir);
    struct cache_key key = key_of(1), other = key_of(2);
    struct failure failure;
    struct answer answer;

    (void)state;
    assert_int_equal(cache_find_failure(cache, &key, &failure), -ENOENT); /* nothing is being read */
    elsewhere(store_and_fail, "first");
    assert_int_equal(cache_find(cache, &key, &answer), 0);
    assert_int_equal(cache_find_failure(cache, &other, &failure), -ENOENT);
    assert_int_equal(cache_find_failure(cache, &key, &failure), 0);
    assert_int_equal(failure.count, 1);
    assert_int_equal(failure.reason, REASON_UPSTREAM_ERROR);
    assert_int_equal(failure.until_wall_us, NOW + 4);
    cache_release(cache);
    elsewhere(store, "second");
    assert_int_equal(cache_find(cache, &key, &answer), 0);
    assert_int_equal(cache_find_failure(cache, &key, &failure), -ENOENT);
    cache_close(cache);
}

static void a_file_that_appears_is_found_at_once(void **state)
{
    struct cache *cache = cache_open(dir);

    (void)state;
    assert_non_null(cache);
    assert_false(finds(cache, "first"));
    cache_tick(cache);
    assert_false(finds(cache, "first"));
    elsewhere(store, "first");
    assert_true(finds(cache, "first"));
    cache_close(cache);
}

static void each_commit_shows_at_once(void **state)
{
    struct cache *cache;

    (void)state;
    elsewhere(store, "first");
    cache = cache_open(dir);
    assert_true(finds(cache, "first"));
    elsewhere(store, "second");
    assert_true(finds(cache, "second"));
    cache_close(cache);
}

static void a_borrowed_answer_stays_as_it_is(void **state)
{
    struct cache_key key = key_of(1), absent = key_of(2);
    struct answer answer, other;
    struct cache *cache;

    (void)state;
    elsewhere(store, "first");
    cache = cache_open(dir);
    assert_int_equal(cache_find(cache, &key, &answer), 0);
    for (unsigned i = 0; i < 20; i++)
        elsewhere(store, "later");
    assert_true(text_equal(answer.body, "first"));
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.stale_wall_us, NOW);
    assert_int_equal(cache_find(cache, &absent, &other), -ENOENT);
    cache_release(cache);
    cache_release(cache); /* harmless */
    assert_true(finds(cache, "later"));
    cache_close(cache);
}

static void a_rebuilt_file_is_found_at_the_next_tick(void **state)
{
    struct cache *cache;

    (void)state;
    elsewhere(store, "first");
    cache = cache_open(dir);
    elsewhere(rebuild, "second");
    assert_true(finds(cache, "first"));
    cache_tick(cache);
    assert_true(finds(cache, "second"));
    cache_close(cache);
}

static void a_removed_file_is_let_go(void **state)
{
    struct cache *cache;
    char path[128];

    (void)state;
    elsewhere(store, "first");
    cache = cache_open(dir);
    in_dir("answers.mdb", path);
    unlink(path);
    cache_tick(cache);
    assert_false(finds(cache, "first"));
    cache_close(cache);
}

static void ruined_files_are_no_files(void **state)
{
    static const off_t lengths[] = {0, 1, 4096, 8192, 40000};
    struct cache *cache = cache_open(dir);
    char path[128];

    (void)state;
    assert_null(cache_trouble(cache)); /* there is none yet */
    in_dir("answers.mdb", path);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        elsewhere(rebuild, "first");
        assert_int_equal(truncate(path, lengths[i]), 0);
        cache_tick(cache);
        assert_false(finds(cache, "first"));
        assert_non_null(cache_trouble(cache));
    }
    for (int letter = 0; letter < 256; letter += 85) {
        FILE *file = fopen(path, "w");

        for (unsigned i = 0; i < 100000; i++)
            fputc(letter, file);
        fclose(file);
        cache_tick(cache);
        assert_false(finds(cache, "first"));
    }
    elsewhere(rebuild, "whole");
    cache_tick(cache);
    assert_true(finds(cache, "whole"));
    assert_null(cache_trouble(cache));
    cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_secret_is_made_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_who_come_at_once_get_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_secret_is_refused, set_up, tear_down),
        cmocka_unit_test(keys_tell_requests_apart),
        cmocka_unit_test_setup_teardown(readers_see_failures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_appears_is_found_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_commit_shows_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_borrowed_answer_stays_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rebuilt_file_is_found_at_the_next_tick, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_file_is_let_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ruined_files_are_no_files, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
