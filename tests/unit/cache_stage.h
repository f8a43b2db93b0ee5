/* cache_stage.h - a folder with a cache file for the tests of its writer, and its doings in one line each. */
#ifndef TESTS_CACHE_STAGE_H
#define TESTS_CACHE_STAGE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fetcher/cache_writer.h"

#define MIB (1LL << 20)
#define S   1000000LL
#define NOW 1700000000000000LL

static char dir[] = "/tmp/sluice-writer-test-XXXXXX";
static char body[200000];

static inline struct cache_key key_of(unsigned number)
{
    struct cache_key key = {0};

    memcpy(key.bytes, &number, sizeof(number));
    return key;
}

static inline void in_dir(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", dir, name);
}

static inline int set_up(void **state)
{
    (void)state;
    memset(body, 'x', sizeof(body));
    memcpy(dir, "/tmp/sluice-writer-test-XXXXXX", sizeof(dir));
    return mkdtemp(dir) ? 0 : -1;
}

static inline int tear_down(void **state)
{
    static const char *const names[] = {"answers.mdb", "answers.mdb-lock", "answers.mdb.bad", "answers.stamp",
                                        "writer.lock"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        in_dir(names[i], path);
        unlink(path);
    }
    return rmdir(dir); /* fails when something else has been left behind */
}

static inline struct cache_writer *open_writer(int64_t max_bytes)
{
    struct cache_writer *writer = NULL;

    assert_int_equal(cache_writer_open(dir, max_bytes, &writer), 0);
    assert_non_null(writer);
    return writer;
}

/* Stale, and so useful, until that second after NOW. */
static inline int store(struct cache_writer *writer, unsigned number, size_t bytes, int64_t until_s,
                        int64_t now_s)
{
    struct answer answer = {.status = 200,
                            .body = {.at = body, .bytes = bytes},
                            .stored_wall_us = NOW + now_s * S,
                            .fresh_wall_us = NOW + until_s * S,
                            .stale_wall_us = NOW + until_s * S};
    struct cache_key key = key_of(number);

    return cache_writer_store(writer, &key, &answer, NOW + now_s * S);
}

static inline bool has(struct cache_writer *writer, unsigned number, size_t bytes)
{
    struct cache_key key = key_of(number);
    struct answer answer;
    bool found = cache_writer_find(writer, &key, &answer) == 0;

    if (found) {
        assert_int_equal(answer.body.bytes, bytes);
        assert_memory_equal(answer.body.at, body, bytes);
    }
    cache_writer_release(writer);
    return found;
}

/* The next note is this event, with a reason that holds these words. */
static inline void expect_note(struct cache_writer *writer, const char *event, const char *why)
{
    struct cache_note note = {.event = "nothing", .why = ""};

    cache_writer_note(writer, &note);
    assert_string_equal(note.event, event);
    print_message("  %s: %s\n", event, note.why ? note.why : "");
    assert_non_null(note.why ? strstr(note.why, why) : NULL);
}

static inline void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    in_dir(name, path);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline bool exists(const char *name)
{
    char path[128];

    in_dir(name, path);
    return access(path, F_OK) == 0;
}

#endif
