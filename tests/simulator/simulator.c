/* simulator.c - a request's passage: forward path, arrival, service, backward path, answer.
 *
 * A passage outlives its connection until it has arrived: a provider reads what was sent to it even when the
 * sender has closed since, and that arrival costs its slot. */
#include "tests/simulator/simulator.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/simulator/contract.h"
#include "tests/simulator/control.h"
#include "tests/simulator/hostile.h"
#include "tests/simulator/nanos.h"

#define MAX_PASSAGES  20000
#define GARBAGE_BYTES 64

struct passage {
    struct agenda_entry entry;    /* first: the agenda gives it back */
    struct passage *next, **link; /* the simulator's list */
    struct simulator *simulator;
    struct exchange *exchange; /* NULL: nobody waits for the answer */
    struct faults faults;
    struct decision decision;
    int64_t read_ns, wall_ns; /* wall_ns: of the arrival */
    bool arrived, head, close;
    struct request request; /* its texts lie in bytes; of no use after the arrival */
    char bytes[];
};

static void passage_free(struct passage *passage)
{
    *passage->link = passage->next;
    if (passage->next)
        passage->next->link = passage->link;
    passage->simulator->passages--;
    if (passage->exchange)
        exchange_set(passage->exchange, NULL);
    agenda_remove(&passage->simulator->agenda, &passage->entry);
    free(passage);
}

static void keep_text(struct text *text, char **room)
{
    if (text->bytes > 0)
        memcpy(*room, text->at, text->bytes);
    text->at = *room;
    *room += text->bytes;
}

static struct passage *passage_new(struct simulator *simulator, struct exchange *exchange,
                                   const struct request *request, int64_t read_ns)
{
    size_t bytes = request->method.bytes + request->path.bytes + request->query.bytes +
                   request->client_id.bytes + request->attempt.bytes;
    struct passage *passage = simulator->passages < MAX_PASSAGES ? calloc(1, sizeof(*passage) + bytes) : NULL;
    char *room;

    if (!passage)
        return NULL;
    passage->simulator = simulator;
    passage->exchange = exchange;
    passage->read_ns = read_ns;
    passage->head = request->head;
    passage->request = *request;
    passage->request.body = (struct text){.at = "", .bytes = 0};
    room = passage->bytes;
    keep_text(&passage->request.method, &room);
    keep_text(&passage->request.path, &room);
    keep_text(&passage->request.query, &room);
    keep_text(&passage->request.client_id, &room);
    keep_text(&passage->request.attempt, &room);
    passage->next = simulator->open;
    passage->link = &simulator->open;
    if (passage->next)
        passage->next->link = &passage->next;
    simulator->open = passage;
    simulator->passages++;
    exchange_set(exchange, passage);
    return passage;
}

/* Arms the timer for what is due first; rounded up: a way is never shorter than it was drawn. */
static void arm(struct simulator *simulator)
{
    const struct agenda_entry *first = agenda_first(&simulator->agenda);
    struct timeval wait = {0};
    int64_t wait_us;

    if (!first || simulator->running || (simulator->armed_ns && simulator->armed_ns <= first->due_ns))
        return;
    wait_us = (first->due_ns - nanos_now() + NS_PER_US - 1) / NS_PER_US;
    if (wait_us > 0)
        wait = (struct timeval){.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000};
    event_add(simulator->timer, &wait);
    simulator->armed_ns = first->due_ns;
}

static int passage_wait(struct passage *passage, int64_t due_ns)
{
    int rc = agenda_add(&passage->simulator->agenda, &passage->entry, due_ns);

    if (rc == 0)
        arm(passage->simulator);
    return rc;
}

static void log_arrival(struct simulator *simulator, const struct arrival *arrival)
{
    if (!simulator->log)
        return;
    arrival_write_json(arrival, simulator->log);
    fputc('\n', simulator->log);
    if (fflush(simulator->log) == 0)
        return;
    if (simulator->log_failures++ == 0)
        perror("sluice-simulator: SIMULATOR_LOG");
    clearerr(simulator->log);
}

/* What a fault puts in the place of the contract's answer. */
static char *render_fault(struct passage *passage, size_t *bytes)
{
    const struct faults *faults = &passage->faults;
    char fields[256];
    int used = snprintf(fields, sizeof(fields), "%s%s%s%s%s%s", faults->retry_after[0] ? "Retry-After: " : "",
                        faults->retry_after, faults->retry_after[0] ? "\r\n" : "",
                        faults->reset_in[0] ? "X-RateLimit-Reset-In: " : "", faults->reset_in,
                        faults->reset_in[0] ? "\r\n" : "");
    struct answer answer = {
        .status = (int)faults->status,
        .type = "application/json; charset=utf-8",
        .fields = {.at = fields, .bytes = (size_t)used},
        .body = text_of("{\"message\":\"simulated fault\"}"),
        .head = passage->head,
        .close = passage->close,
    };

    return answer_render(&answer, nanos_wall() / NS_PER_SECOND, bytes);
}

static char *render_garbage(struct passage *passage, size_t *bytes)
{
    char *noise = malloc(GARBAGE_BYTES);

    if (noise)
        fault_plan_noise(&passage->simulator->plan, noise, GARBAGE_BYTES);
    *bytes = noise ? GARBAGE_BYTES : 0;
    return noise;
}

/* The contract's answer, with these bytes behind it. */
static char *render_contract(struct passage *passage, struct text behind, size_t *bytes)
{
    char *answer = contract_answer(passage->simulator->windows, &passage->decision, passage->head,
                                   passage->close, nanos_wall(), bytes);
    char *longer = answer && behind.bytes > 0 ? realloc(answer, *bytes + behind.bytes) : answer;

    if (!longer) {
        free(answer);
        return NULL;
    }
    if (behind.bytes > 0)
        memcpy(longer + *bytes, behind.at, behind.bytes);
    *bytes += behind.bytes;
    return longer;
}

static void render_hostile(struct passage *passage, const struct hostile *hostile, struct reply *reply)
{
    struct text none = {.at = "", .bytes = 0};

    if (hostile->behind) {
        reply->bytes = render_contract(passage, hostile->late ? none : hostile->text, &reply->size);
        reply->again = hostile->text;
        reply->again_bytes = hostile->late ? hostile->text.bytes : 0;
        reply->again_after_us = HOSTILE_LATE_US;
        return;
    }
    reply->bytes = malloc(hostile->text.bytes + 1);
    if (reply->bytes)
        memcpy(reply->bytes, hostile->text.at, hostile->text.bytes);
    reply->size = hostile->text.bytes;
    reply->again = hostile->again;
    reply->again_bytes = hostile->again_bytes;
    if (hostile->end != REPLY_KEEP)
        reply->end = hostile->end;
}

static void passage_answer(struct passage *passage)
{
    const struct faults *faults = &passage->faults;
    struct exchange *exchange = passage->exchange;
    struct reply reply = {.end = passage->close ? REPLY_FIN : REPLY_KEEP,
                          .drip_bytes = faults->drip_ns > 0 ? (size_t)faults->drip_bytes : 0,
                          .drip_us = faults->drip_ns / NS_PER_US,
                          .idle_us = fault_plan_close(&passage->simulator->plan, faults) / NS_PER_US};
    const struct hostile *hostile = hostile_at(faults->hostile);

    if (hostile) {
        render_hostile(passage, hostile, &reply);
    } else if (faults->garbage) {
        reply.bytes = render_garbage(passage, &reply.size);
        reply.end = REPLY_FIN;
    } else if (faults->status) {
        reply.bytes = render_fault(passage, &reply.size);
    } else {
        reply.bytes = render_contract(passage, (struct text){.at = "", .bytes = 0}, &reply.size);
    }
    if (!reply.bytes)
        reply.end = REPLY_RST;
    if (faults->cut_bytes >= 0) {
        reply.size = reply.size < (size_t)faults->cut_bytes ? reply.size : (size_t)faults->cut_bytes;
        reply.again_bytes = 0;
        reply.end = faults->cut_with == CUT_RST ? REPLY_RST : REPLY_FIN;
    }
    passage_free(passage);
    exchange_reply(exchange, &reply);
}

/* The request is at the provider, now. Records before any fault acts. */
static void passage_arrive(struct passage *passage, int64_t now_ns)
{
    struct simulator *simulator = passage->simulator;
    const struct faults *faults = &passage->faults;
    const struct windows_clock clock = {.offset_ns = faults->clock_offset_ns,
                                        .step_ns = faults->clock_step_ns};
    int64_t back_ns = faults->service_ns + fault_plan_draw(&simulator->plan, &faults->backward);

    if (now_ns < simulator->last_ns)
        now_ns = simulator->last_ns; /* it was read while an earlier one was being judged */
    simulator->last_ns = now_ns;
    passage->arrived = true;
    passage->wall_ns = nanos_wall();
    contract_judge(simulator->windows, &passage->request, now_ns, &clock, &passage->decision);
    back_ns += passage->decision.ruling.delay_ns;
    log_arrival(simulator, journal_add(simulator->journal, &passage->request, &passage->decision, faults,
                                       now_ns, now_ns - passage->read_ns, back_ns));
    if (!passage->exchange) {
        passage_free(passage);
    } else if (faults->stall) {
        struct exchange *exchange = passage->exchange;

        passage_free(passage);
        exchange_stall(exchange);
    } else if (back_ns == 0 || passage_wait(passage, now_ns + back_ns) < 0) {
        passage_answer(passage);
    }
}

/* Does all that is due. Not nested: an answer may bring in the next request of its connection. */
static void run_agenda(struct simulator *simulator)
{
    struct agenda_entry *first;

    if (simulator->running)
        return;
    simulator->running = true;
    while ((first = agenda_first(&simulator->agenda)) && first->due_ns <= nanos_now()) {
        struct passage *passage = (struct passage *)first;

        agenda_remove(&simulator->agenda, first);
        if (passage->arrived)
            passage_answer(passage);
        else
            passage_arrive(passage, nanos_now());
    }
    simulator->running = false;
    arm(simulator);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct simulator *simulator = arg;

    (void)fd;
    (void)what;
    simulator->armed_ns = 0;
    run_agenda(simulator);
}

static void on_request(void *arg, struct exchange *exchange, const struct request *request, int64_t read_ns)
{
    struct simulator *simulator = arg;
    struct passage *passage;
    int64_t due_ns;

    if (control_wants(request)) {
        control_answer(simulator, exchange, request);
        return;
    }
    run_agenda(simulator); /* what should have arrived before this one */
    passage = passage_new(simulator, exchange, request, read_ns);
    if (!passage) {
        simulator->passages_refused++;
        exchange_reply(exchange, &(struct reply){.end = REPLY_RST});
        return;
    }
    fault_plan_take(&simulator->plan, &passage->faults);
    passage->close = !request->keep_alive || passage->faults.connection_close;
    due_ns = exchange_due_ns(exchange, read_ns, fault_plan_draw(&simulator->plan, &passage->faults.forward));
    if (due_ns <= read_ns || passage_wait(passage, due_ns) < 0)
        passage_arrive(passage, read_ns);
}

static enum faults_accept on_accept(void *arg)
{
    struct simulator *simulator = arg;

    return fault_plan_accept(&simulator->plan);
}

static void on_gone(void *arg, struct exchange *exchange)
{
    struct passage *passage = exchange_get(exchange);

    (void)arg;
    if (!passage)
        return;
    passage->exchange = NULL;
    if (passage->arrived)
        passage_free(passage);
}

static int complain(const char *option, const char *value)
{
    fprintf(stderr, "sluice-simulator: bad value for SIMULATOR_%s: \"%s\"", option, value);
    if (errno)
        fprintf(stderr, ": %s", strerror(errno));
    fputc('\n', stderr);
    return -EINVAL;
}

static int listen_as_told(struct simulator *simulator, const struct simulator_config *config)
{
    static const struct server_handlers handlers = {
        .accept = on_accept, .request = on_request, .gone = on_gone};
    char where[160];
    int fd = server_listen(config->bind, (unsigned)config->port);

    if (fd < 0) {
        errno = -fd;
        snprintf(where, sizeof(where), "%s port %u", config->bind, (unsigned)config->port);
        return complain("BIND or SIMULATOR_PORT", where);
    }
    simulator->port = server_port(fd);
    simulator->server =
        server_new(simulator->base, fd, (unsigned)config->max_connections, &handlers, simulator);
    return simulator->server ? 0 : -ENOMEM;
}

int simulator_init(struct simulator *simulator, struct event_base *base,
                   const struct simulator_config *config)
{
    const struct windows_config rules = {
        .window_ns = config->window_ns,
        .penalty_ns = config->penalty_ns,
        .burst = (unsigned)config->burst,
        .delay = config->delay != 0,
        .max_clients = (unsigned)config->max_clients,
    };
    char bad[48];

    *simulator = (struct simulator){.base = base};
    fault_plan_init(&simulator->plan, (uint64_t)config->seed);
    errno = 0;
    if (fault_plan_set(&simulator->plan, text_of(config->faults), bad, sizeof(bad)) < 0)
        return complain("FAULTS", bad);
    if (config->log_path[0] != '\0') {
        simulator->log = fopen(config->log_path, "ae");
        if (!simulator->log)
            return complain("LOG", config->log_path);
    }
    simulator->windows = windows_new(&rules);
    simulator->journal = journal_new((unsigned)config->log_entries);
    simulator->timer = evtimer_new(base, on_timer, simulator);
    if (!simulator->windows || !simulator->journal || !simulator->timer ||
        agenda_init(&simulator->agenda, MAX_PASSAGES) < 0) {
        fprintf(stderr, "sluice-simulator: out of memory (SIMULATOR_LOG_ENTRIES, SIMULATOR_MAX_CLIENTS)\n");
        return -ENOMEM;
    }
    return listen_as_told(simulator, config);
}

void simulator_done(struct simulator *simulator)
{
    struct passage *passage, *next;

    server_free(simulator->server);
    for (passage = simulator->open; passage; passage = next) {
        next = passage->next;
        passage_free(passage);
    }
    agenda_done(&simulator->agenda);
    if (simulator->timer)
        event_free(simulator->timer);
    windows_free(simulator->windows);
    journal_free(simulator->journal);
    if (simulator->log)
        fclose(simulator->log);
}
