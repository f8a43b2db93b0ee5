/* scheduler_fuzz.c - the whole scheduler among hostile peers: what gateways (g1, g2 ...) and fetchers (f1
 * ...) say in a story (story.h), with time going by, restarts and a drain.
 *
 * Whatever they say: a request has at most one end each time that it was submitted, and none that nobody
 * submitted; an attempt is granted once, to the fetcher that is ready, for a time that is not over; no more
 * of them are out than may be; each order has one answer. Steps besides the usual: `restart`, which goes on
 * from what is on the disk. */
#include "scheduler/scheduler.h"

#include <unistd.h>

#include "scheduler/flight.h"
#include "tests/fuzz/stage.h"

#define SEEN_MAX 512

/* How often something was begun, and how often it ended. */
struct seen {
    uint64_t peer, id;
    unsigned begun, ended;
};

static struct {
    struct seen requests[SEEN_MAX], orders[SEEN_MAX], attempts[SEEN_MAX];
    unsigned request_count, order_count, attempt_count;
    bool full; /* more of something than can be followed */
} play;

static struct seen *find(struct seen *all, unsigned *count, uint64_t peer, uint64_t id)
{
    for (unsigned i = *count; i > 0; i--) {
        if (all[i - 1].peer == peer && all[i - 1].id == id)
            return &all[i - 1];
    }
    if (*count == SEEN_MAX) {
        play.full = true;
        return &all[SEEN_MAX - 1];
    }
    all[*count] = (struct seen){.peer = peer, .id = id};
    return &all[(*count)++];
}

static struct seen *request_of(uint64_t peer, uint64_t id)
{
    return find(play.requests, &play.request_count, peer, id);
}

static unsigned attempts_out(void)
{
    unsigned out = 0;

    for (unsigned i = 0; i < play.attempt_count; i++)
        out += play.attempts[i].begun > play.attempts[i].ended;
    return out;
}

static void check_fetch(const struct stage_said *said)
{
    const struct message_fetch *fetch = &said->message->fetch;
    struct seen *attempt = find(play.attempts, &play.attempt_count, 0, fetch->attempt);

    must(fetch->earliest_at_us <= fetch->latest_at_us, "a grant's times");
    must(fetch->latest_at_us >= stage.now_us, "a grant is not over before it is made");
    must(fetch->attempt != 0 && (attempt->begun == 0 || play.full), "an attempt is granted once");
    must(said->body.at, "a grant has a body");
    attempt->begun = 1;
    must(attempts_out() <= FLIGHT_MAX || play.full, "so many attempts at most");
}

static void check_end(const struct stage_said *said, uint64_t id)
{
    struct seen *request = request_of(said->peer, id);

    request->ended++;
    must(request->ended <= request->begun || play.full, "an end for each submit");
}

static void heard(const struct stage_said *said)
{
    const struct message *message = said->message;

    switch (message->type) {
    case MESSAGE_TYPE_fetch:
        check_fetch(said);
        return;
    case MESSAGE_TYPE_abort:
        must(find(play.attempts, &play.attempt_count, 0, message->abort.attempt)->begun || play.full,
             "what is aborted was granted");
        return;
    case MESSAGE_TYPE_accepted:
        must(request_of(said->peer, message->accepted.id)->begun || play.full,
             "what is accepted was asked for");
        must(message->accepted.eta_us >= -1, "an ETA");
        return;
    case MESSAGE_TYPE_result:
        check_end(said, message->result.id);
        must(said->body.bytes > 0, "a result has a body");
        return;
    case MESSAGE_TYPE_rejected:
        check_end(said, message->rejected.id);
        must(message->rejected.retry_after_us >= 0, "a time to come again");
        return;
    case MESSAGE_TYPE_control_result: {
        struct seen *order = find(play.orders, &play.order_count, said->peer, message->control_result.id);

        must(++order->ended <= order->begun || play.full, "one answer for each order");
        return;
    }
    case MESSAGE_TYPE_state:
        must(message->state.queue <= message->state.queue_max + 4096, "a queue");
        must(message->state.next_us >= 0 && message->state.hold_us >= 0 && message->state.stuck_us >= 0,
             "times ahead");
        return;
    default:
        return;
    }
}

static void end_attempts(void)
{
    for (unsigned i = 0; i < play.attempt_count; i++)
        play.attempts[i].ended = 1;
}

/* What peers say is followed before the scheduler hears it. */
static void follow(const struct step *step)
{
    struct message message;
    struct text body;

    if (!story_message(step, &message, &body))
        return;
    if (message.type == MESSAGE_TYPE_submit)
        request_of(step->number, message.submit.id)->begun++;
    else if (message.type == MESSAGE_TYPE_control)
        find(play.orders, &play.order_count, step->number, message.control.id)->begun++;
    else if (message.type == MESSAGE_TYPE_fetched)
        find(play.attempts, &play.attempt_count, 0, message.fetched.attempt)->ended = 1;
    else if (message.type == MESSAGE_TYPE_ready || message.type == MESSAGE_TYPE_goodbye)
        end_attempts(); /* it is another fetcher, perhaps */
}

static struct scheduler *restart(struct scheduler *scheduler)
{
    scheduler_free(scheduler);
    memset(&play, 0, sizeof(play));
    stage.drained = false;
    scheduler = scheduler_new(stage.loop, &stage.config);
    must(scheduler, "the scheduler starts");
    stage_turn();
    return scheduler;
}

static struct scheduler *act(struct scheduler *scheduler, const struct step *step)
{
    char who = step->who.bytes > 0 ? step->who.at[0] : ' ';

    if (text_equal(step->who, "restart"))
        return restart(scheduler);
    if (stage_common(step))
        return scheduler;
    if (who == 'g' || who == 'f') {
        follow(step);
        stage_peer(who == 'g' ? "gateways" : "fetcher", step);
    }
    return scheduler;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scheduler *scheduler;
    struct story story;
    struct step step;
    char path[128];

    stage_begin(data, size, &story);
    stage.heard = heard;
    snprintf(path, sizeof(path), "%s/limiter.state", stage.folder);
    unlink(path);
    stage.config.queue_max_size = 6; /* small, so that stories reach the bounds, and quickly told */
    stage.config.waiters_max = 24;
    stage_options(&story);
    scheduler = restart(NULL);
    while (story_next(&story, &step) && !stage.drained)
        scheduler = act(scheduler, &step);
    if (!stage.drained)
        stage_wait(US_PER_SECOND);
    stage.heard = NULL;
    scheduler_free(scheduler);
    return 0;
}
