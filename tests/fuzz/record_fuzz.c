/* record_fuzz.c - what is read back from the disk, whoever has written it: the limiter's record, the
 * breaker's line, an answer and a failure in the cache, a job's record, the counts of a dead process (its
 * ledger) and the sums of all of them. The first word says which, the rest is its bytes, or numbers in its
 * order
 * ("PLACE:NUMBER" for counts).
 *
 * What is not ours is refused, and what is taken is worth something: it is written as it was read, lies
 * within its limits, and whoever goes on from it does not break. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/answer.h"
#include "common/failure.h"
#include "fetcher/breaker_state.h"
#include "gateway/job_record.h"
#include "gateway/render.h"
#include "gateway/wish.h"
#include "metricsd/prometheus.h"
#include "metricsd/snapshot.h"
#include "metricsd/windows.h"
#include "scheduler/limiter_record.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/folder.h"

#define US      INT64_C(1000000)
#define NOW_US  (1000 * US)
#define WALL_US (1700000000 * US)
#define BOOT    7
#define HOLD_US (300 * US)

static int64_t number(struct text *rest)
{
    struct text word = cut(rest, ' ');
    bool negative = word.bytes > 0 && word.at[0] == '-';
    uint64_t value = 0;

    for (size_t i = negative; i < word.bytes && word.at[i] >= '0' && word.at[i] <= '9'; i++)
        value = 10 * value + (uint64_t)(word.at[i] - '0');
    return (int64_t)(negative ? 0 - value : value);
}

/* The scheduler */

static struct core_config core_config(const struct limiter_record *record)
{
    return (struct core_config){
        .limiter = {.mode = LIMITER_ADAPTIVE,
                    .window_us = record->core.window_us,
                    .burst = 1,
                    .clock_step_us = 1000,
                    .hold_max_us = HOLD_US},
        .retries = {.tries_max = 2, .budget_percent = 20, .base_us = 1000, .cap_us = 10000},
        .policy = record->core.policy,
        .queue_max = 4,
        .waiters_max = 4,
        .flight_max = 4,
        .lead_us = 3000,
        .lease_us = 50000,
        .give_up_us = 10 * US,
        .attempt_base = 1000};
}

/* A core that goes on from it sends within the longest of what may hold it back. */
static void go_on(const struct limiter_record *record)
{
    struct core_config config = core_config(record);
    struct core *core = core_new(&config, NOW_US);
    struct core_request request = {
        .id = {1, 1}, .arrival_us = NOW_US, .deadline_us = CORE_NEVER, .mine = text_of("x")};
    struct core_verdict verdict;
    struct core_view view;

    must(core, "memory");
    core_restore(core, &record->core, record->now_us);
    core_fetcher_past(core, 0, 0, NOW_US);
    core_fetcher_ready(core, 4, 0, 0, NOW_US);
    core_look(core, NOW_US, &view);
    must(view.next_us >= 0 && view.hold_us >= 0, "times ahead");
    must(view.hold_us <= HOLD_US + HOLD_US / 50, "no hold is longer than its cap");
    core_submit(core, &request, NOW_US, &verdict);
    must(verdict.answer == CORE_QUEUED, "a first request is taken");
    must(core_next_wakeup(core, NOW_US) >= NOW_US, "a time to wake up");
    core_look(core, NOW_US, &view);
    core_free(core);
}

static void judge_limiter(struct limiter_record *record)
{
    struct limiter_present present = {.boot = BOOT,
                                      .settings = 3,
                                      .now_us = NOW_US,
                                      .wall_us = WALL_US,
                                      .burst = 1,
                                      .ahead_us = US,
                                      .hold_max_us = HOLD_US};
    enum limiter_past past = limiter_record_judge(record, &present);

    must(limiter_past_name(past)[0] != '\0', "a past has a name");
    if (past < LIMITER_PAST_IMPLAUSIBLE && record->core.window_us <= 86400 * US)
        go_on(record);
}

static void check_limiter(struct text rest)
{
    struct limiter_record record = {.sequence = (uint64_t)number(&rest) & 0xffffffffff,
                                    .boot = (uint32_t)number(&rest),
                                    .settings = (uint16_t)number(&rest),
                                    .now_us = number(&rest) & 0xffffffffffffff,
                                    .wall_us = number(&rest) & 0xffffffffffff};
    struct limiter_memory *limiter = &record.core.limiter;
    uint8_t bytes[LIMITER_RECORD_BYTES], again[LIMITER_RECORD_BYTES];
    struct limiter_record read, once_more;

    record.core.window_us = number(&rest) & 0x7fffffffff;
    record.core.policy = queue_policy_at((unsigned)number(&rest) % 3);
    record.core.paused = number(&rest) & 1;
    limiter->held = (unsigned)number(&rest) & 0xff;
    limiter->unanswered = (unsigned)number(&rest) & 0xff;
    limiter->bound_us = number(&rest) >> 8;
    limiter->hold_us = number(&rest) >> 8;
    limiter->extra_us = number(&rest) & 0xffffffff;
    limiter->doubt_ppm = number(&rest) & 0xfffff;
    limiter->digest.count = (uint32_t)number(&rest) & 0xffff;
    limiter->digest.least_us = number(&rest) & 0xffffff;
    limiter->digest.tenth_least_us = number(&rest) & 0xffffff;
    limiter->digest.tenth_most_us = number(&rest) & 0xffffff;
    limiter->digest.most_us = number(&rest) & 0xffffff;
    limiter_record_encode(&record, "score", bytes);
    if (limiter_record_decode(bytes, "score", &read) < 0)
        return;
    must(limiter_record_decode(bytes, "other", &read) < 0, "no lane takes another's");
    must(limiter_record_decode(bytes, "score", &read) == 0, "it is read twice");
    limiter_record_encode(&read, "score", again);
    must(limiter_record_decode(again, "score", &once_more) == 0 && once_more.now_us == read.now_us &&
             (once_more.core.limiter.held == 0 || core_memory_equal(&once_more.core, &read.core)),
         "it is read as it was written");
    must(read.sequence == record.sequence && read.core.window_us == record.core.window_us &&
             read.core.paused == record.core.paused && read.core.policy == record.core.policy,
         "it is read as it was meant");
    bytes[(size_t)record.boot % sizeof(bytes)] ^= 1;
    must(limiter_record_decode(bytes, "score", &read) < 0, "a changed bit is seen");
    limiter_record_decode(again, "score", &read);
    judge_limiter(&read);
}

static void check_limiter_bytes(struct text rest)
{
    uint8_t bytes[LIMITER_PAIR_BYTES] = {0};
    struct limiter_record record;
    unsigned newer;

    memcpy(bytes, rest.at, rest.bytes < sizeof(bytes) ? rest.bytes : sizeof(bytes));
    if (limiter_record_choose(bytes, "score", &record, &newer) == 0)
        judge_limiter(&record);
}

/* The fetcher */

static void check_breaker(struct text rest)
{
    struct breaker_moment moment = {.boot = "boot", .now_us = NOW_US, .wall_us = WALL_US};
    struct breaker_config config = {
        .fail_max = 3, .reset_us = 30 * US, .reset_factor = 2, .reset_max_us = 60 * US, .lease_us = 11 * US};
    struct breaker_memory memory, again;
    static struct breaker breaker;
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "%s/breaker.score", folder());
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && write(fd, rest.at, rest.bytes) == (ssize_t)rest.bytes, "a file");
    close(fd);
    if (breaker_state_read(folder(), "score", &moment, &memory) < 0)
        return;
    must(memory.open_us >= 0 && memory.open_us <= BREAKER_SPAN_MAX_US, "a span");
    must(memory.retry_at_us <= NOW_US + BREAKER_SPAN_MAX_US, "no pause is longer than the longest");
    breaker_init(&breaker, &config);
    breaker_restore(&breaker, &memory, NOW_US);
    must(breaker.retry_at_us <= NOW_US + BREAKER_SPAN_MAX_US, "no breaker stays open for longer");
    must(breaker_admit(&breaker, 1, NOW_US + BREAKER_SPAN_MAX_US + US), "and then lets a probe pass");
    breaker_remember(&breaker, &memory);
    must(breaker_state_write(folder(), "score", &memory, &moment) == 0 &&
             breaker_state_read(folder(), "score", &moment, &again) == 0 && again.open == memory.open &&
             again.failures == memory.failures && again.open_us == memory.open_us,
         "it is read as it was written");
}

/* The cache */

static void check_answer(struct text rest)
{
    static char fields[RENDER_FIELDS_BYTES];
    struct wish_rules rules = {.policy = WISH_CAP, .min_age_us = 5 * US};
    struct wish wish = {.max_age_us = 60 * US, .min_fresh_us = 1};
    struct answer answer;
    char *again;

    if (answer_read(rest, &answer) < 0)
        return;
    must(answer.status >= 200 && answer.status <= 599 && answer.fields.bytes <= ANSWER_FIELDS_BYTES,
         "an answer");
    must(answer_bytes(&answer) == rest.bytes, "an answer's bytes");
    again = copy_of("", rest.bytes);
    answer_write(&answer, again);
    must(memcmp(again, rest.at, rest.bytes) == 0, "it is written as it was read");
    free(again);
    wish_judge(&rules, &wish, &answer, NULL, WALL_US);
    must(render_hit(fields, &answer, WALL_US, text_of("r")).bytes <= sizeof(fields), "its fields fit");
    must(render_stale(fields, &answer, WALL_US, REASON_HOLD, text_of("r")).bytes <= sizeof(fields),
         "so do these");
}

/* With a right head: numbers, then the rest as fields and body. */
static void check_answer_of(struct text rest)
{
    struct answer answer = {.status = (unsigned)number(&rest), .made_wall_us = number(&rest)};
    char *record;

    answer.stored_wall_us = number(&rest);
    answer.fresh_wall_us = number(&rest);
    answer.stale_wall_us = number(&rest);
    answer.fields = cut(&rest, '|');
    answer.body = rest;
    record = copy_of("", answer_bytes(&answer));
    answer_write(&answer, record);
    check_answer((struct text){record, answer_bytes(&answer)});
    free(record);
}

static void check_failure(struct text rest)
{
    struct failure_policy policy = {.first_us = 5 * US, .most_us = 60 * US, .attempt_us = 10 * US};
    struct failure failure = {.failed_wall_us = number(&rest), .until_wall_us = number(&rest)};
    char record[FAILURE_BYTES], again[FAILURE_BYTES];
    struct failure after;

    failure.past_wall_us = number(&rest);
    failure.count = (uint32_t)number(&rest);
    failure.reason = (enum reason)((uint64_t)number(&rest) % (REASON_COUNT + 2));
    failure_write(&failure, record);
    if (failure_read((struct text){record, sizeof(record)}, &failure) < 0)
        return;
    failure_write(&failure, again);
    must(memcmp(record, again, sizeof(record)) == 0, "it is written as it was read");
    failure_phase(&failure, WALL_US);
    after = failure_after(&failure, &policy, REASON_HOLD, WALL_US);
    must(after.until_wall_us > WALL_US && after.until_wall_us <= WALL_US + policy.most_us, "a pause");
    must(failure_phase(&after, WALL_US) == FAILURE_PAUSES, "it pauses");
}

static void check_job(struct text rest)
{
    struct job_record record, again;
    char *written;

    if (job_record_read(rest, &record) < 0) /* then as what it would say */
        record = (struct job_record){.status = 200 + (int)(rest.bytes % 400), .body = rest};
    written = copy_of("", job_record_bytes(&record));
    job_record_write(&record, written);
    must(job_record_read((struct text){written, job_record_bytes(&record)}, &again) == 0 &&
             again.status == record.status && again.body.bytes == record.body.bytes &&
             again.fields.bytes == record.fields.bytes,
         "it is read as it was written");
    free(written);
}

/* metricsd */

static void read_counts(struct text *rest, struct metrics *metrics)
{
    while (rest->bytes > 0) {
        struct text value = cut(rest, ' '), place = cut(&value, ':');
        uint64_t at = (uint64_t)number(&place), amount = (uint64_t)number(&value);

        if (at < METRIC_COUNT) {
            metrics->values[at] = (int64_t)amount;
        } else {
            struct histogram *histogram = &metrics->histograms[at % HISTOGRAM_COUNT];

            histogram->buckets[at / HISTOGRAM_COUNT % HISTOGRAM_BUCKETS] = amount;
            histogram->sum_us = amount;
        }
    }
}

static void check_store(const struct store *store, bool shown)
{
    static char room[PROMETHEUS_BYTES];
    static struct metrics sum, seen;
    struct snapshot snapshot;
    struct text text;

    store_sum(store, NOW_US, &sum);
    store_seen(store, &sum, &seen);
    for (int i = 0; i < METRIC_COUNT; i++) {
        bool counts = metric_spec((enum metric)i)->kind == METRIC_KIND_COUNTER;

        must(!counts || (sum.values[i] >= 0 && seen.values[i] >= 0), "a count is not below 0");
    }
    snapshot_init(&snapshot);
    snapshot_fill(&snapshot, store, &sum, NOW_US);
    if (shown) /* which takes longer than all the rest */
        must(prometheus_render(store, &sum, NOW_US, WALL_US, room, sizeof(room), &text) == 0, "it fits");
}

static void check_ledger(struct text rest)
{
    static struct ledger_counts counts;
    struct store *store = store_new(NOW_US);
    struct text process = cut(&rest, ' ');

    must(store, "memory");
    memset(&counts, 0, sizeof(counts));
    counts.events = (uint64_t)number(&rest);
    read_counts(&rest, &counts.metrics);
    if (store_bury(store, process, 5, &counts) == 0)
        must(store_bury(store, process, 5, &counts) == -ESTALE, "nothing is counted twice");
    store_bury(store, process, 6, &counts);
    check_store(store, counts.events % 16 == 0);
    store_free(store);
}

static void check_sums(struct text rest)
{
    static struct store_past past, again;
    static struct ledger_counts counts;
    struct store *store = store_new(NOW_US);

    must(store, "memory");
    memset(&past, 0, sizeof(past));
    past.starts[0] = (uint64_t)number(&rest);
    past.grave_count = (uint32_t)number(&rest) % (STORE_GRAVES + 1);
    past.graves_seen = (uint32_t)number(&rest);
    past.graves[0] = (struct store_grave){.kind = (uint32_t)number(&rest), .epoch = (uint64_t)number(&rest)};
    read_counts(&rest, &past.base);
    if (store_take_past(store, &past) == 0) {
        store_give_past(store, &again);
        must(memcmp(&past, &again, sizeof(past)) == 0, "they are given as they were taken");
    }
    store_bury(store, text_of("gateway"), 6, &counts);
    check_store(store, past.graves_seen % 16 == 0);
    store_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const char *name;
        void (*check)(struct text rest);
    } kinds[] = {
        {"limiter", check_limiter},
        {"limiter_bytes", check_limiter_bytes},
        {"breaker", check_breaker},
        {"answer", check_answer_of},
        {"answer_bytes", check_answer},
        {"failure", check_failure},
        {"job", check_job},
        {"ledger", check_ledger},
        {"sums", check_sums},
    };
    char *copy = copy_of(data, size);
    struct text rest = {copy, size}, word = cut(&rest, ' ');

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char *own = text_equal(word, kinds[i].name) ? copy_of(rest.at, rest.bytes) : NULL;

        if (own)
            kinds[i].check((struct text){own, rest.bytes});
        free(own);
    }
    free(copy);
    return 0;
}
