/* admin.c - see admin.h. */
#include "gateway/admin.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/loop.h"
#include "gateway/admin_call.h"
#include "gateway/admin_rules.h"
#include "gateway/burst_call.h"
#include "gateway/bursts.h"
#include "gateway/render.h"

#define REPLY_BYTES 256

/* A call that awaits the scheduler's word. */
struct call {
    struct httpd_exchange *exchange;
    uint64_t id;
    int64_t due_us;
    struct message_control control; /* what was ordered; its texts are not for use, but the name: */
    char name[MESSAGE_LABEL_BYTES + 1];
    char request_id[RENDER_ID_BYTES];
};

struct admin {
    struct admin_config config;
    struct admin_rules rules;
    struct bursts *bursts;
    struct event *timer;
    struct bus_socket *link;
    uint64_t peer; /* 0 while the scheduler is away */
    uint64_t last_id;
    unsigned count;
    struct call calls[ADMIN_CALLS_MAX]; /* in the order of coming, and so of being due */
};

static void on_timer(evutil_socket_t fd, short what, void *arg);

struct admin *admin_new(struct event_base *base, const struct admin_config *config)
{
    struct admin *admin = calloc(1, sizeof(*admin));

    if (!admin)
        return NULL;
    admin->config = *config;
    admin_rules_init(&admin->rules, config->token, config->cors);
    admin->timer = evtimer_new(base, on_timer, admin);
    if (!admin->timer) {
        free(admin);
        return NULL;
    }
    return admin;
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    event_free(admin->timer);
    free(admin);
}

/* Ends the exchange. field: name of one more field with its value, or NULL. */
static int refuse(struct httpd_exchange *exchange, struct text request_id, struct problem problem,
                  const char *field, const char *value)
{
    char fields[RENDER_FIELDS_BYTES], body[RENDER_PROBLEM_BYTES];
    struct httpd_reply reply = {.status = problem.status};

    problem.request_id = request_id;
    reply.fields = render_own(fields, RENDER_PROBLEM_TYPE, request_id, &problem);
    if (field)
        reply.fields = render_field(fields, reply.fields, field, value);
    reply.body = render_problem(body, sizeof(body), &problem);
    httpd_reply(exchange, &reply);
    return problem.status;
}

static struct problem of_status(int status, const char *detail)
{
    struct problem problem = problem_of_status(status);

    problem.detail = detail;
    return problem;
}

static struct problem of_reason(enum reason reason, const char *detail)
{
    struct problem problem = problem_of_reason(reason);

    problem.detail = detail;
    return problem;
}

static void show(struct httpd_exchange *exchange, struct text request_id, struct text body)
{
    char fields[RENDER_FIELDS_BYTES];
    struct httpd_reply reply = {.status = 200, .body = body};

    reply.fields = render_own(fields, RENDER_JSON_TYPE, request_id, NULL);
    httpd_reply(exchange, &reply);
}

static struct text id_of(const struct call *call)
{
    return (struct text){.at = call->request_id, .bytes = RENDER_ID_BYTES};
}

/* Takes the call out of the table; the others keep their order. */
static struct call take(struct admin *admin, unsigned place)
{
    struct call call = admin->calls[place];

    admin->count--;
    memmove(&admin->calls[place], &admin->calls[place + 1], (admin->count - place) * sizeof(admin->calls[0]));
    return call;
}

static void arm(struct admin *admin, int64_t now_us)
{
    if (admin->count > 0)
        loop_arm(admin->timer, admin->calls[0].due_us - now_us);
    else
        event_del(admin->timer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct admin *admin = arg;
    int64_t now_us = clock_now_us();

    (void)fd;
    (void)what;
    while (admin->count > 0 && admin->calls[0].due_us <= now_us) {
        struct call call = take(admin, 0);

        refuse(call.exchange, id_of(&call),
               of_reason(REASON_DEADLINE_PASSED, "The scheduler has said nothing for 5 s; it may still obey"),
               NULL, NULL);
    }
    arm(admin, now_us);
}

/* Keeps the call; the message has its id then. */
static struct call *keep(struct admin *admin, struct httpd_exchange *exchange, const struct admin_call *read,
                         struct text request_id)
{
    struct call *call = &admin->calls[admin->count++];

    *call = (struct call){
        .exchange = exchange, .id = ++admin->last_id, .due_us = clock_now_us() + ADMIN_PATIENCE_US};
    if (read->message.type == MESSAGE_TYPE_control)
        call->control = read->message.control;
    memcpy(call->name, read->name, sizeof(call->name));
    memcpy(call->request_id, request_id.at, RENDER_ID_BYTES);
    return call;
}

/* 0 or -errno as bus_send(). */
static int ask(struct admin *admin, struct message *message, uint64_t id, const char *who,
               struct text request_id)
{
    if (message->type == MESSAGE_TYPE_control) {
        message->control.id = id;
        message->control.who = text_of(who);
        message->control.request = request_id;
    } else {
        message->query.id = id;
    }
    return bus_send(admin->link, admin->peer, message, NULL);
}

void admin_serve_bursts(struct admin *admin, struct bursts *bursts)
{
    admin->bursts = bursts;
}

/* The key under which the cache has the answer that is to be purged. */
static void aim(const struct admin *admin, struct admin_call *read, struct cache_key *key)
{
    const struct admin_target *target = &read->target;
    const char *client_id = target->client_id[0] ? target->client_id : admin->config.client_id;

    if (!target->lane)
        return;
    cache_key_make(admin->config.secret, target->lane->name, text_of("GET"),
                   (struct text){.at = target->call.query, .bytes = target->call.query_bytes},
                   text_of(client_id), key);
    read->message.control.key = (struct text){.at = (const char *)key->bytes, .bytes = sizeof(key->bytes)};
}

int admin_request(struct admin *admin, struct httpd_exchange *exchange, const struct http_request *request,
                  struct text request_id)
{
    struct admin_verdict verdict = admin_judge(&admin->rules, request, httpd_exchange_local(exchange));
    struct admin_call read;
    struct cache_key key;
    struct call *call;
    int status;

    if (!verdict.who)
        return refuse(exchange, request_id, of_status(verdict.status, verdict.detail),
                      verdict.authenticate ? "WWW-Authenticate" : NULL, verdict.authenticate);
    if (burst_call_is(request->path)) {
        bursts_request(admin->bursts, exchange, request, request_id, verdict.who,
                       &(struct moment){.now_us = clock_now_us(), .wall_us = clock_wall_us()});
        return 0;
    }
    status = admin_call_read(request, &read);
    if (status)
        return refuse(exchange, request_id, of_status(status, read.detail), status == 405 ? "Allow" : NULL,
                      read.allow);
    if (!admin->peer)
        return refuse(exchange, request_id, problem_of_reason(REASON_SCHEDULER_GONE), NULL, NULL);
    if (admin->count == ADMIN_CALLS_MAX)
        return refuse(exchange, request_id, of_status(503, "Too many calls of /admin wait"), NULL, NULL);
    aim(admin, &read, &key);
    call = keep(admin, exchange, &read, request_id);
    if (ask(admin, &read.message, call->id, verdict.who, request_id) == 0) {
        arm(admin, clock_now_us());
        return 0;
    }
    admin->count--;
    return refuse(exchange, request_id, of_status(503, "The scheduler takes no messages now"), NULL, NULL);
}

void admin_gone(struct admin *admin, const struct httpd_exchange *exchange)
{
    for (unsigned i = 0; i < admin->count; i++) {
        if (admin->calls[i].exchange != exchange)
            continue;
        take(admin, i);
        return;
    }
}

void admin_up(struct admin *admin, struct bus_socket *link, uint64_t peer)
{
    admin->link = link;
    admin->peer = peer;
}

void admin_down(struct admin *admin)
{
    admin->peer = 0;
    while (admin->count > 0) {
        struct call call = take(admin, 0);

        refuse(call.exchange, id_of(&call),
               of_reason(REASON_SCHEDULER_GONE, "The scheduler has gone; it may have obeyed before"), NULL,
               NULL);
    }
}

static void put_seconds(struct json *json, int64_t span_us)
{
    json_key(json, "seconds");
    json_double(json, (double)span_us / US_PER_SECOND);
}

/* What is so now. */
static void put_done(struct json *json, const struct call *call, int64_t count)
{
    const struct message_control *control = &call->control;
    char id[ADMIN_ID_BYTES + 1];

    switch ((enum control_order)control->order) {
    case CONTROL_POLICY:
        json_key(json, "policy");
        json_string(json, call->name);
        return;
    case CONTROL_PAUSE:
    case CONTROL_RESUME:
        json_key(json, "paused");
        json_bool(json, control->order == CONTROL_PAUSE);
        return;
    case CONTROL_RATE:
        put_seconds(json, control->span_us);
        return;
    case CONTROL_REMOVE:
        snprintf(id, sizeof(id), "%016" PRIx64 "-%016" PRIx64, control->gateway, control->submitted);
        json_key(json, "removed");
        json_string(json, id);
        return;
    case CONTROL_TRIP:
    case CONTROL_RESET:
        json_key(json, "action");
        json_string(json, control_order_name(control->order));
        if (control->order == CONTROL_TRIP)
            put_seconds(json, control->span_us);
        return;
    case CONTROL_PURGE:
        json_key(json, "removed");
        json_int(json, count);
        return;
    }
}

static struct problem of_outcome(const struct call *call, struct text outcome)
{
    bool unknown = text_equal(outcome, "unknown");

    if (unknown && call->control.order == CONTROL_POLICY)
        return of_status(400, "policy: no such policy; GET /admin/policy lists them");
    if (unknown && call->control.order == CONTROL_REMOVE)
        return of_status(404, "No request of that id waits");
    if (text_equal(outcome, "fetcher_gone"))
        return of_status(503, "The fetcher is away");
    if (text_equal(outcome, "busy"))
        return of_status(503, "Too many orders wait for the fetcher");
    return of_status(500, "The order could not be obeyed; the log of the fetcher says why");
}

static void on_result(const struct call *call, const struct message_control_result *result)
{
    char room[REPLY_BYTES];
    struct json json;
    struct text body;

    if (!text_equal(result->outcome, "done")) {
        refuse(call->exchange, id_of(call), of_outcome(call, result->outcome), NULL, NULL);
        return;
    }
    json_init(&json, room, sizeof(room));
    json_begin_object(&json);
    put_done(&json, call, result->count);
    json_end_object(&json);
    if (json_finish(&json, &body) == 0)
        show(call->exchange, id_of(call), body);
    else
        refuse(call->exchange, id_of(call), problem_of_reason(REASON_INTERNAL), NULL, NULL);
}

static void on_answer(const struct call *call, const struct message_answer *answer, struct bus_body *body)
{
    if (answer->found)
        show(call->exchange, id_of(call), bus_body_text(body));
    else
        refuse(call->exchange, id_of(call), of_status(404, "after: that request does not wait (any more)"),
               NULL, NULL);
}

void admin_message(struct admin *admin, const struct message *message, struct bus_body *body)
{
    bool is_result = message->type == MESSAGE_TYPE_control_result;
    uint64_t id = is_result ? message->control_result.id : message->answer.id;
    struct call call;
    unsigned place = 0;

    while (place < admin->count && admin->calls[place].id != id)
        place++;
    if (place == admin->count)
        return; /* its client has left, or its time is over */
    call = take(admin, place);
    arm(admin, clock_now_us());
    if (is_result)
        on_result(&call, &message->control_result);
    else
        on_answer(&call, &message->answer, body);
}
