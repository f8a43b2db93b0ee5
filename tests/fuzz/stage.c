/* stage.c - see stage.h. Here: time, randomness, and what a process has around it. */
#include "tests/fuzz/stage.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/event.h"
#include "common/json_check.h"
#include "common/ledger.h"
#include "common/log.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/stage_inside.h"

#define START_US    (1000 * US_PER_SECOND)
#define WALL_US     (1700000000 * US_PER_SECOND)
#define STEP_US     US_PER_SECOND
#define STEPS       5
#define WAIT_MAX_US (366 * 86400 * US_PER_SECOND)
#define TURNS_MAX   64 /* of the loop without time going by: a process that needs more spins */

struct stage stage;
static uint64_t draw;

struct loop {
    void (*drain)(void *arg);
    void *arg;
};

/* libevent asks for these two; whoever measures how long a target runs asks for others. */
int clock_gettime(clockid_t id, struct timespec *at)
{
    if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
        return (int)syscall(SYS_clock_gettime, id, at);
    *at = (struct timespec){.tv_sec = (time_t)(stage.now_us / US_PER_SECOND),
                            .tv_nsec = (long)(stage.now_us % US_PER_SECOND * 1000)};
    return 0;
}

int64_t clock_now_us(void)
{
    return stage.now_us;
}

int64_t clock_wall_us(void)
{
    return stage.wall_us;
}

int64_t clock_wall_of_us(int64_t at_us)
{
    return stage.wall_us - (stage.now_us - at_us);
}

/* The first numbers drawn are the process's epoch. */
void randombytes_buf(void *const at, const size_t size)
{
    unsigned char *bytes = at;

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(draw >> (i % 8 * 8));
        if (i % 8 == 7 || i + 1 == size)
            draw = draw * UINT64_C(6364136223846793005) + 1442695040888963407;
    }
}

void boot_id(char id[BOOT_ID_BYTES])
{
    snprintf(id, BOOT_ID_BYTES, "%s", "01234567-89ab-cdef-0123-456789abcdef");
}

/* The log: nothing is written, but all is looked at. */

void log_open(const char *process, enum log_level level)
{
    (void)process;
    (void)level;
}

bool log_shows(enum log_level level)
{
    return level >= LOG_INFO;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    (void)level;
    must(event && *event, "a log line has a name");
    if (stage.shows)
        fprintf(stderr, "%9.3f logs %s\n", (double)stage.now_us / US_PER_SECOND, event);
    for (; fields->key; fields++) {
        must(fields->type != LOG_FIELD_TEXT || fields->text.bytes == 0 || fields->text.at, "a log's text");
        must(strcmp(fields->key, "error") != 0 || fields->number != -EMSGSIZE ||
                 strcmp(event, "bad_message") == 0,
             "what is to be sent keeps to the catalogue");
        if (fields->type == LOG_FIELD_TEXT && stage.logged)
            stage.logged(fields->text);
    }
}

/* The loop, without signals and supervisor. */

struct event_base *loop_base(struct loop *loop)
{
    (void)loop;
    return stage.base;
}

int loop_try_arm(struct event *timer, int64_t delay_us)
{
    struct timeval delay = {0};

    if (delay_us > 0)
        delay = (struct timeval){.tv_sec = (time_t)(delay_us / US_PER_SECOND),
                                 .tv_usec = (suseconds_t)(delay_us % US_PER_SECOND)};
    return event_add(timer, &delay);
}

void loop_arm(struct event *timer, int64_t delay_us)
{
    loop_try_arm(timer, delay_us);
}

void loop_on_drain(struct loop *loop, void (*drain)(void *arg), void *arg)
{
    *loop = (struct loop){.drain = drain, .arg = arg};
}

void loop_drained(struct loop *loop)
{
    (void)loop;
    stage.drained = true;
}

void loop_watch(struct loop *loop, bool (*is_well)(void *arg), void *arg)
{
    (void)loop;
    (void)is_well;
    (void)arg;
}

void loop_fail(struct loop *loop)
{
    (void)loop;
    stage.failed = true;
}

void loop_ready(struct loop *loop, const char *details)
{
    (void)loop;
    (void)details;
}

/* What a process tells of itself. metricsd's target has the real one of its own. */

struct event_publisher {
    struct metrics metrics;
};

struct event_publisher *event_publisher_new(struct bus *bus, const struct config *config, const char *process)
{
    (void)bus;
    (void)config;
    (void)process;
    return calloc(1, sizeof(struct event_publisher));
}

void event_publisher_free(struct event_publisher *publisher)
{
    free(publisher);
}

struct metrics *event_metrics(struct event_publisher *publisher)
{
    return &publisher->metrics;
}

int event_degraded(const struct event_publisher *publisher)
{
    (void)publisher;
    return 0;
}

void event_emit(struct event_publisher *publisher, const struct message_event *event)
{
    const struct text texts[] = {event->lane, event->request, event->note};

    (void)publisher;
    must(event->lane.bytes <= MESSAGE_LABEL_BYTES && event->request.bytes <= MESSAGE_ID_BYTES &&
             event->reason.bytes <= MESSAGE_LABEL_BYTES && event->note.bytes <= MESSAGE_NOTE_BYTES &&
             event->value >= -MESSAGE_INT_MAX && event->value <= MESSAGE_INT_MAX,
         "an event can be sent");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && stage.logged; i++)
        stage.logged(texts[i]);
}

void event_totals(struct event_publisher *publisher)
{
    for (int i = 0; i < METRIC_COUNT && stage.now_us % 4 == 0; i++) /* dear */
        must(metric_spec((enum metric)i)->kind != METRIC_KIND_COUNTER || publisher->metrics.values[i] >= 0,
             "a counter counts up");
    if (stage.counted)
        stage.counted(&publisher->metrics);
}

int event_view(struct event_publisher *publisher, const char *name, struct text json)
{
    (void)publisher;
    must(*name && json.bytes <= MESSAGE_VIEW_BYTES, "a view can be sent");
    must(json_check_object(json), "a view is JSON");
    return 0;
}

/* The ledger, in memory alone. */

struct ledger {
    struct ledger_counts counts;
};

struct ledger *ledger_open(const char *runtime_dir, const char *process, uint64_t epoch, int *error)
{
    (void)runtime_dir;
    (void)process;
    (void)epoch;
    *error = 0;
    return calloc(1, sizeof(struct ledger));
}

void ledger_close(struct ledger *ledger)
{
    free(ledger);
}

struct ledger_counts *ledger_counts(struct ledger *ledger)
{
    return &ledger->counts;
}

int ledger_each_past(const char *runtime_dir, void (*take)(void *arg, const struct ledger_past *past),
                     void *arg)
{
    (void)runtime_dir;
    (void)take;
    (void)arg;
    return 0;
}

void ledger_remove(const char *runtime_dir, const char *process, uint64_t epoch)
{
    (void)runtime_dir;
    (void)process;
    (void)epoch;
}

uint64_t ledger_layout(void)
{
    return 1;
}

int ledger_dir(const char *runtime_dir, char *path, size_t size)
{
    return snprintf(path, size, "%s", runtime_dir) < (int)size ? 0 : -1;
}

/* The stage itself. */

/* What tests/fuzz/run counts: an execution of a process is one step of a story. */
static void tell_steps(void)
{
    fprintf(stderr, "stat::number_of_steps: %" PRIu64 "\n", story_steps);
}

static void open_once(void)
{
    static struct loop the_loop;
    struct event_config *config = event_config_new();

    event_config_avoid_method(config, "select");
    stage.base = event_base_new_with_config(config);
    event_config_free(config);
    stage.loop = &the_loop;
    stage.shows = getenv("STAGE_SHOWS") != NULL;
    stage.folder = folder();
    atexit(tell_steps);
    must(stage.base, "a stage");
}

static void set_options(void)
{
    static struct config usual;
    char error[CONFIG_ERROR_BYTES];

    if (!usual.runtime_dir[0]) {
        must(config_defaults(&usual, error) == 0, "defaults");
        snprintf(usual.runtime_dir, sizeof(usual.runtime_dir), "%s", stage.folder);
        snprintf(usual.state_dir, sizeof(usual.state_dir), "%s", stage.folder);
        snprintf(usual.cache_dir, sizeof(usual.cache_dir), "%s", stage.folder);
    }
    stage.config = usual;
}

void stage_begin(const uint8_t *data, size_t size, struct story *story)
{
    stage.now_us = START_US;
    stage.wall_us = WALL_US;
    stage.drained = stage.failed = false;
    if (!stage.base)
        open_once();
    draw = STAGE_EPOCH;
    set_options();
    story_begin(data, size, story);
}

static bool is_place(struct text name)
{
    static const char *const places[] = {"RUNTIME_DIR",     "STATE_DIR",          "CACHE_DIR",
                                         "GATEWAY_BIND",    "METRICSD_BIND",      "FEED_ENDPOINT",
                                         "FEED_CURVE_CERT", "FEED_CURVE_CLIENTS", "UPSTREAM_URL",
                                         "UPSTREAM_PROXY",  "CACHE_MAX_MB",       "UPSTREAM_CA_FILE"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (text_equal(name, places[i]))
            return true;
    }
    return false;
}

void stage_options(struct story *story)
{
    char error[CONFIG_ERROR_BYTES];

    while (story->rest.bytes > 0 && story->rest.at[0] >= 'A' && story->rest.at[0] <= 'Z') {
        struct text value = cut(&story->rest, '\n'), name = cut(&value, '=');

        if (!is_place(name))
            config_set(&stage.config, name, value, error);
    }
}

void stage_turn(void)
{
    int turns = 0;

    /* The cached time is of the turn before. */
    do
        event_base_loop(stage.base, EVLOOP_NONBLOCK);
    while (++turns < TURNS_MAX && stage_zmq_waits());
    must(turns < TURNS_MAX, "the process comes to rest");
    stage_httpd_turn();
}

void stage_wait(int64_t us)
{
    us = us < 0 ? 0 : us;
    us = us < WAIT_MAX_US ? us : WAIT_MAX_US;
    for (int i = 0; us > 0; i++) {
        int64_t step_us = us < STEP_US || i == STEPS ? us : STEP_US;

        stage.now_us += step_us;
        stage.wall_us += step_us;
        us -= step_us;
        stage_zmq_live();
        stage_turn();
    }
}

void stage_drain(void)
{
    if (stage.loop->drain)
        stage.loop->drain(stage.loop->arg);
    stage_turn();
}

bool stage_common(const struct step *step)
{
    int64_t ms = (int64_t)story_number(step->what, "") % (WAIT_MAX_US / US_PER_MS);

    if (text_equal(step->who, "wait"))
        stage_wait(ms * US_PER_MS);
    else if (text_equal(step->who, "wall"))
        stage.wall_us += ms * US_PER_MS;
    else if (text_equal(step->who, "drain"))
        stage_drain();
    else
        return false;
    return true;
}
