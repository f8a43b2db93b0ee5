/* cache_bench.c - what a look-up in the cache costs its reader, while a writer adds 1000 answers a second.
 *
 * At 10 000 and 100 000 answers (or those named): a look-up as the gateway makes it for each hit (renewing
 * the read transaction, finding, reading the record's head, and letting go), in microseconds, as the median
 * and the 99th percentile of random keys; and as a multiple of the same by plain LMDB, which reads no head
 * and watches no file. Reader and peer are processes of their own, as LMDB demands, and take turns; the
 * median of the rounds counts. Making the key (a keyed hash of the request) is shown beside it. Ends with 1
 * when the look-up takes 2 microseconds or more at 100 000 answers.
 *
 *   cache_bench [ANSWERS...] */
#include <errno.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fetcher/cache_writer.h"
#include "tests/bench/bench.h"

#define LOOK_UPS      20000
#define ROUNDS        7
#define BODY_BYTES    120 /* as the score API's */
#define ADDED_EACH_NS 1000000
#define MAX_BYTES     (INT64_C(256) << 20)
#define LIMITED       100000
#define LIMIT_US      2.0

struct figures {
    double median_us, late_us; /* late: the 99th percentile */
};

/* One who looks up, in a process of its own. It is asked by a byte, and answers with figures. */
struct reader {
    pid_t pid;
    int ask, answer;
};

static char dir[] = "/tmp/sluice-cache-bench-XXXXXX";
static unsigned char secret[CACHE_SECRET_BYTES] = {7};

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "cache_bench: %s failed\n", what);
    exit(EXIT_FAILURE);
}

static void make_key(unsigned number, struct cache_key *key)
{
    char query[32];
    int bytes = snprintf(query, sizeof(query), "cpf=%011u", number);

    cache_key_make(secret, "score", text_of("GET"), (struct text){query, (size_t)bytes}, text_of("sluice"),
                   key);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double middle(double *values, unsigned count)
{
    qsort(values, count, sizeof(values[0]), by_size);
    return values[count / 2];
}

/* The writer */

static void add(struct cache_writer *writer, unsigned number)
{
    static const char body[BODY_BYTES];
    struct answer answer = {.status = 200,
                            .fields = text_of("Content-Type: application/json\r\n"),
                            .body = {body, sizeof(body)},
                            .fresh_wall_us = INT64_MAX / 4 + number,
                            .stale_wall_us = INT64_MAX / 2 + number};
    struct cache_key key;

    make_key(number, &key);
    must(cache_writer_store(writer, &key, &answer, 0) == 0, "storing");
}

/* Fills the cache, says so, and goes on with 1000 a second until it is ended: new ones and replaced ones. */
static void write_on(unsigned answers, int told)
{
    struct cache_writer *writer;
    uint64_t due_ns, chance = 1;

    must(cache_writer_open(dir, MAX_BYTES, &writer) == 0, "opening the cache");
    for (unsigned i = 0; i < answers; i++)
        add(writer, i);
    must(write(told, "", 1) == 1, "telling");
    due_ns = now_ns();
    for (;;) {
        struct timespec pause = {.tv_nsec = ADDED_EACH_NS / 4};

        while (now_ns() >= due_ns) {
            add(writer, pick(&chance, answers + answers / 100));
            due_ns += ADDED_EACH_NS;
        }
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
}

/* Those who look up */

static void look_up(struct cache *cache, const struct cache_key *key)
{
    struct answer answer;

    must(cache_find(cache, key, &answer) == 0 && answer.body.bytes == BODY_BYTES, "looking up");
    cache_release(cache);
}

/* LMDB alone, in the same way: one transaction that is renewed and reset. */
struct plain {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi answers;
};

static void plain_open(struct plain *plain)
{
    char path[128];
    MDB_txn *txn;

    snprintf(path, sizeof(path), "%s/%s", dir, CACHE_FILE);
    must(mdb_env_create(&plain->env) == 0 && mdb_env_set_maxdbs(plain->env, CACHE_DATABASES_MAX) == 0 &&
             mdb_env_open(plain->env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD, 0600) ==
                 0 &&
             mdb_txn_begin(plain->env, NULL, MDB_RDONLY, &txn) == 0 &&
             mdb_dbi_open(txn, CACHE_DATABASE, 0, &plain->answers) == 0 && mdb_txn_commit(txn) == 0 &&
             mdb_txn_begin(plain->env, NULL, MDB_RDONLY, &plain->txn) == 0,
         "opening LMDB");
    mdb_txn_reset(plain->txn);
}

static void plain_look_up(struct plain *plain, const struct cache_key *key)
{
    MDB_val name = {.mv_size = sizeof(key->bytes), .mv_data = (void *)key->bytes}, value;

    must(mdb_txn_renew(plain->txn) == 0 && mdb_get(plain->txn, plain->answers, &name, &value) == 0,
         "looking up by LMDB");
    mdb_txn_reset(plain->txn);
}

static void read_on(unsigned answers, bool is_plain, int asked, int answer)
{
    static double took_us[LOOK_UPS];
    struct cache *cache = is_plain ? NULL : cache_open(dir);
    uint64_t chance = is_plain ? 2 : 3;
    struct plain plain;
    char byte;

    if (is_plain)
        plain_open(&plain);
    while (read(asked, &byte, 1) == 1) {
        struct figures figures;

        for (unsigned i = 0; i < LOOK_UPS; i++) {
            struct cache_key key;
            uint64_t started_ns;

            make_key(pick(&chance, answers), &key);
            started_ns = now_ns();
            if (is_plain)
                plain_look_up(&plain, &key);
            else
                look_up(cache, &key);
            took_us[i] = (double)(now_ns() - started_ns) / 1000;
        }
        figures.median_us = middle(took_us, LOOK_UPS);
        figures.late_us = took_us[LOOK_UPS / 100 * 99];
        must(write(answer, &figures, sizeof(figures)) == sizeof(figures), "answering");
    }
    _exit(EXIT_SUCCESS);
}

static struct reader reader_start(unsigned answers, bool is_plain)
{
    int ask[2], answer[2];
    struct reader reader;

    must(pipe(ask) == 0 && pipe(answer) == 0, "a pipe");
    reader = (struct reader){.pid = fork(), .ask = ask[1], .answer = answer[0]};
    if (reader.pid == 0) {
        close(ask[1]);
        read_on(answers, is_plain, ask[0], answer[1]);
    }
    must(reader.pid > 0, "a process");
    close(ask[0]);
    close(answer[1]);
    return reader;
}

static struct figures reader_ask(const struct reader *reader)
{
    struct figures figures;

    must(write(reader->ask, "", 1) == 1 && read(reader->answer, &figures, sizeof(figures)) == sizeof(figures),
         "a reader");
    return figures;
}

static void reader_end(const struct reader *reader)
{
    kill(reader->pid, SIGTERM); /* its end of the pipe is also open in those that were started later */
    waitpid(reader->pid, NULL, 0);
    close(reader->ask);
    close(reader->answer);
}

static pid_t writer_start(unsigned answers)
{
    int told[2];
    char byte;
    pid_t writer;

    must(pipe(told) == 0, "a pipe");
    writer = fork();
    if (writer == 0)
        write_on(answers, told[1]);
    must(writer > 0, "a process");
    close(told[1]);
    must(read(told[0], &byte, 1) == 1, "the writer");
    close(told[0]);
    return writer;
}

static double key_us(void)
{
    double took_us[ROUNDS];
    struct cache_key key;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t started_ns = now_ns();

        for (unsigned i = 0; i < LOOK_UPS; i++)
            make_key(i, &key);
        took_us[round] = (double)(now_ns() - started_ns) / 1000 / LOOK_UPS;
    }
    return middle(took_us, ROUNDS);
}

static void clear(void)
{
    static const char *const names[] = {CACHE_FILE, CACHE_FILE "-lock", "answers.stamp", "writer.lock"};
    char path[128];

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
}

/* The median look-up. */
static double run(unsigned answers)
{
    double ours_us[ROUNDS], late_us[ROUNDS], plain_us[ROUNDS];
    pid_t writer = writer_start(answers);
    struct reader ours = reader_start(answers, false), plain = reader_start(answers, true);
    double us;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct figures figures = reader_ask(&ours);

        ours_us[round] = figures.median_us;
        late_us[round] = figures.late_us;
        plain_us[round] = reader_ask(&plain).median_us;
    }
    reader_end(&ours);
    reader_end(&plain);
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    clear();
    us = middle(ours_us, ROUNDS);
    printf("%8u  %10.2f  %8.2f  %10.2f  %6.2f  %8.2f\n", answers, us, middle(late_us, ROUNDS),
           middle(plain_us, ROUNDS), us / middle(plain_us, ROUNDS), key_us());
    fflush(stdout);
    return us;
}

int main(int argc, char **argv)
{
    static const unsigned usual[] = {10000, LIMITED};
    int count = argc > 1 ? argc - 1 : 2, status = EXIT_SUCCESS;

    signal(SIGPIPE, SIG_IGN);
    must(mkdtemp(dir) != NULL, "a folder");
    puts(" answers  look-up us  99 % us  LMDB's us   times    key us");
    fflush(stdout);
    for (int i = 0; i < count; i++) {
        unsigned answers = argc > 1 ? (unsigned)strtoul(argv[i + 1], NULL, 10) : usual[i];

        must(answers > 0, "reading the number of answers");
        if (run(answers) >= LIMIT_US && answers == LIMITED) {
            printf("over the limit of %.1f us\n", LIMIT_US);
            status = EXIT_FAILURE;
        }
    }
    rmdir(dir);
    return status;
}
