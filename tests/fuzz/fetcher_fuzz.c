/* fetcher_fuzz.c - the whole fetcher between a scheduler (s1; another number is another epoch) and a provider
 * whose connections are played here, as a story tells (story.h). libcurl is left out: x1, x2 ... are the
 * transfers in the order of their start.
 *
 *     x1 sent                      the connection is there, and the request is written if it still may be
 *     x1 end 0 HTTP/1.1 200 OK|Content-Type: application/json||{"score":1}
 *                                  it ends: a number of enum upstream_end, head, body
 *
 * Whatever they say: a transfer starts within the times of its grant, and only for a link that is up; each
 * `fetch` has exactly one `fetched` on its link, and a `sent` only before it; each order has one answer. */
#include "fetcher/fetcher.h"

#include <unistd.h>

#include "common/answer.h"
#include "common/cache.h"
#include "fetcher/transfer.h"
#include "tests/fuzz/stage.h"

#define TRANSFERS 32
#define SEEN_MAX  256

struct transfers {
    int none;
};

struct transfer {
    const struct transfer_handlers *handlers;
    void *arg;
    unsigned place; /* in started; TRANSFERS: it has not started */
    bool sent, ended;
    int64_t sent_at_us;
};

struct granted {
    uint64_t attempt;
    unsigned begun, sent, ended; /* `fetch`, `sent`, `fetched` */
};

static struct {
    struct transfer *started[TRANSFERS];
    unsigned start_count;
    bool in_start;
    struct granted grants[SEEN_MAX];
    unsigned grant_count;
    unsigned orders, order_results;
    bool full; /* more than can be followed, or a link that was lost, and with it the count */
    bool up;
} play;

/* libcurl's part */

struct transfers *transfers_new(struct event_base *base, const struct transfers_config *config)
{
    (void)base;
    (void)config;
    return calloc(1, sizeof(struct transfers));
}

void transfers_free(struct transfers *transfers)
{
    free(transfers);
}

struct transfer *transfer_new(struct transfers *transfers, const struct transfer_request *request,
                              const struct transfer_handlers *handlers, void *arg)
{
    struct transfer *transfer;

    must(transfers && strncmp(request->url, "http://", 7) == 0, "a request has a URL");
    if (!upstream_value_ok(request->client_id) || !upstream_value_ok(request->request_id))
        return NULL; /* as the real one does */
    must(request->traceparent.bytes == 0 || upstream_value_ok(request->traceparent), "a field can be sent");
    transfer = calloc(1, sizeof(*transfer));
    must(transfer, "memory");
    *transfer = (struct transfer){.handlers = handlers, .arg = arg, .place = TRANSFERS};
    return transfer;
}

void transfer_limit(struct transfer *transfer, int64_t total_us)
{
    must(transfer->place == TRANSFERS && total_us > 0, "a limit is set before the start");
}

int transfer_start(struct transfer *transfer)
{
    must(transfer->place == TRANSFERS, "a transfer starts once");
    must(play.up, "nothing is sent without a link");
    if (play.start_count == TRANSFERS)
        return -1;
    transfer->place = play.start_count++;
    play.started[transfer->place] = transfer;
    return 0;
}

bool transfer_is_sent(const struct transfer *transfer)
{
    return transfer->sent;
}

void transfer_free(struct transfer *transfer)
{
    if (transfer && transfer->place < TRANSFERS)
        play.started[transfer->place] = NULL;
    free(transfer);
}

static void send_it(struct transfer *transfer)
{
    if (transfer->sent || !transfer->handlers->may_send(transfer->arg, stage.now_us))
        return;
    must(play.up, "nothing is sent without a link");
    transfer->sent = true;
    transfer->sent_at_us = stage.now_us;
    transfer->handlers->sent(transfer->arg, stage.now_us);
}

/* What can be, of a transfer that has, or has not, been written. */
static enum upstream_end end_of(const struct transfer *transfer, uint64_t number)
{
    enum upstream_end end = (enum upstream_end)(number % UPSTREAM_END_COUNT);

    if (transfer->sent)
        return end >= UPSTREAM_NOT_SENT && end < UPSTREAM_SILENT ? UPSTREAM_CUT : end;
    return end < UPSTREAM_NOT_SENT || end >= UPSTREAM_SILENT ? UPSTREAM_NOT_SENT : end;
}

static void end_it(struct transfer *transfer, struct text rest)
{
    static struct upstream_head head;
    struct text number = cut(&rest, ' ');
    struct transfer_result result = {.head = &head, .detail = "", .connects = 1};

    upstream_head_init(&head);
    while (rest.bytes > 0 && !head.complete) {
        struct text line = story_bytes(cut(&rest, '|'));

        upstream_head_line(&head, line.bytes > 0 ? line : text_of("\r\n"));
    }
    result.end = end_of(transfer, story_number(number, ""));
    if (result.end == UPSTREAM_WHOLE && (!head.complete || head.wrong))
        result.end = UPSTREAM_MALFORMED;
    result.body = story_bytes(rest);
    result.sent_at_us = transfer->sent ? transfer->sent_at_us : 0;
    result.first_at_us = transfer->sent && head.status ? transfer->sent_at_us : 0;
    result.ended_at_us = stage.now_us;
    transfer->ended = true;
    play.started[transfer->place] = NULL;
    transfer->place = TRANSFERS;
    transfer->handlers->ended(transfer->arg, &result);
}

static void provide(const struct step *step)
{
    struct transfer *transfer =
        step->number > 0 && step->number <= TRANSFERS ? play.started[step->number - 1] : NULL;

    if (!transfer)
        return;
    if (text_equal(step->what, "sent"))
        send_it(transfer);
    else if (text_equal(step->what, "end"))
        end_it(transfer, step->rest);
    stage_turn();
}

/* The scheduler's part */

static struct granted *granted_of(uint64_t attempt)
{
    for (unsigned i = play.grant_count; i > 0; i--) {
        if (play.grants[i - 1].attempt == attempt)
            return &play.grants[i - 1];
    }
    if (play.grant_count == SEEN_MAX) {
        play.full = true;
        return &play.grants[SEEN_MAX - 1];
    }
    play.grants[play.grant_count] = (struct granted){.attempt = attempt};
    return &play.grants[play.grant_count++];
}

static void heard(const struct stage_said *said)
{
    const struct message *message = said->message;
    struct granted *granted;
    struct answer answer;

    if (message->type == MESSAGE_TYPE_sent) {
        granted = granted_of(message->sent.attempt);
        must(++granted->sent + granted->ended <= granted->begun || play.full, "`sent` comes between");
        must(message->sent.sent_at_us <= stage.now_us, "it has been sent");
    } else if (message->type == MESSAGE_TYPE_fetched) {
        granted = granted_of(message->fetched.attempt);
        must(++granted->ended <= granted->begun || play.full, "one end for each grant");
        granted->sent = granted->sent > 0 ? granted->sent - 1 : 0;
        must(message->fetched.hold_us >= 0, "a time to wait");
        must(!said->body.at || answer_read(said->body, &answer) == 0, "an answer can be read");
        must(message->fetched.outcome != FETCH_ANSWERED || said->body.at, "an answer is there");
    } else if (message->type == MESSAGE_TYPE_control_result) {
        must(++play.order_results <= play.orders || play.full, "one answer for each order");
    } else if (message->type == MESSAGE_TYPE_breaker) {
        must(message->breaker.retry_at_us >= 0, "a breaker's time");
    }
}

static void follow(const struct step *step)
{
    struct message message;
    struct text body;

    if (!story_message(step, &message, &body))
        return;
    if (message.type == MESSAGE_TYPE_fetch)
        granted_of(message.fetch.attempt)->begun++;
    else if (message.type == MESSAGE_TYPE_control)
        play.orders++;
    else if (message.type == MESSAGE_TYPE_welcome || message.type == MESSAGE_TYPE_goodbye)
        play.full = play.full || play.grant_count > 0;
    if (message.type == MESSAGE_TYPE_welcome)
        play.up = true;
}

static void act(const struct step *step)
{
    char who = step->who.bytes > 0 ? step->who.at[0] : ' ';

    if (stage_common(step))
        return;
    if (who == 's') {
        follow(step);
        stage_peer("fetcher", step);
    } else if (who == 'x') {
        provide(step);
    }
}

static void remove_files(void)
{
    static const char *const names[] = {CACHE_FILE, CACHE_FILE "-lock", "breaker.score"};
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", stage.folder, names[i]);
        unlink(path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fetcher *fetcher;
    struct story story;
    struct step step;

    stage_begin(data, size, &story);
    memset(&play, 0, sizeof(play));
    remove_files();
    stage.heard = heard;
    stage.config.cache_max_mb = 1;
    snprintf(stage.config.upstream_url, sizeof(stage.config.upstream_url), "http://127.0.0.1:1/score");
    stage_options(&story);
    fetcher = fetcher_new(stage.loop, &stage.config);
    must(fetcher, "the fetcher starts");
    stage_turn();
    while (story_next(&story, &step) && !stage.drained)
        act(&step);
    if (!stage.drained)
        stage_wait(US_PER_SECOND);
    stage.heard = NULL;
    fetcher_free(fetcher);
    return 0;
}
