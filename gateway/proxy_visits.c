/* proxy_visits.c - see proxy.h. Here: who asks about a job and cannot be answered at once: a client that
 * awaits the job's end, or the scheduler's word of where it stands; and one whose job is another gateway's,
 * which is asked by way of the scheduler and gives the whole answer, as it is for bursts. A visitor of
 * another gateway is like any other. */
#include <utlist.h>

#include "gateway/job_record.h"
#include "gateway/proxy_inside.h"

#define PASSED_US                                                                                            \
    5000000 /* so long another gateway's answer is awaited, beside the wait that it was asked for */
#define SETTLE_US 5000000 /* within which the other gateways have found a new scheduler */

static struct text id_of(const struct visitor *visitor)
{
    return (struct text){.at = visitor->request_id, .bytes = RENDER_ID_BYTES};
}

static struct visit *visit_of(struct pending_request *request)
{
    return (struct visit *)request;
}

void proxy_tell(struct proxy *proxy, const struct visitor *visitor, struct bus_body *record)
{
    struct message message = {.type = MESSAGE_TYPE_answer,
                              .answer = {.id = visitor->query, .gateway = visitor->gateway, .found = 1}};
    struct httpd_reply reply;
    struct job_record read;

    if (!visitor->exchange) {
        if (proxy->peer)
            bus_send(proxy->link, proxy->peer, &message, record); /* else that gateway gives up by itself */
        return;
    }
    if (job_record_read(bus_body_text(record), &read) < 0) {
        proxy_tell_problem(proxy, visitor, problem_of_reason(REASON_INTERNAL), NULL, NULL);
        return;
    }
    reply = (struct httpd_reply){.status = read.status, .fields = read.fields, .body = read.body};
    httpd_reply(visitor->exchange, &reply);
}

void proxy_tell_reply(struct proxy *proxy, const struct visitor *visitor, const struct httpd_reply *reply)
{
    struct bus_body *record;

    if (visitor->exchange) {
        httpd_reply(visitor->exchange, reply);
        return;
    }
    record = reply_record(reply, NULL);
    proxy_tell(proxy, visitor, record);
    bus_body_free(record);
}

void proxy_tell_problem(struct proxy *proxy, const struct visitor *visitor, struct problem problem,
                        const char *field, const char *value)
{
    char fields[RENDER_FIELDS_BYTES], body[RENDER_PROBLEM_BYTES];
    struct httpd_reply reply = {.status = problem.status};

    problem.request_id = id_of(visitor);
    reply.fields = render_own(fields, RENDER_PROBLEM_TYPE, problem.request_id, &problem);
    if (field)
        reply.fields = render_field(fields, reply.fields, field, value);
    reply.body = render_problem(body, sizeof(body), &problem);
    proxy_tell_reply(proxy, visitor, &reply);
}

static void refuse(struct proxy *proxy, const struct visitor *visitor, struct problem problem,
                   const char *detail)
{
    problem.detail = detail;
    proxy_tell_problem(proxy, visitor, problem, NULL, NULL);
}

static void visit_left(struct proxy *proxy, struct guest *guest)
{
    struct visit *visit = (struct visit *)((char *)guest - offsetof(struct visit, guest));
    struct message message = {.type = MESSAGE_TYPE_cancel,
                              .cancel = {.id = visit->pending.id | PROXY_QUERY, .gateway = visit->owner}};

    if (visit->phase == VISIT_PASSED && proxy->peer)
        bus_send(proxy->link, proxy->peer, &message, NULL); /* else its time there ends, too */
    proxy_visit_end(proxy, visit);
}

/* NULL: as many wait as may. The visitor has been told so. */
static struct visit *visit_new(struct proxy *proxy, const struct visitor *visitor, int64_t due_us)
{
    struct visit *visit = calloc(1, sizeof(*visit));

    if (visit) {
        visit->pending.deadline_us = due_us;
        visit->guest.left = visit_left;
        visit->visitor = *visitor;
    }
    if (!visit || pending_add(proxy->visits, &visit->pending) < 0) {
        free(visit);
        refuse(proxy, visitor, problem_of_status(503), "Too many ask about jobs and bursts");
        return NULL;
    }
    if (visitor->exchange)
        httpd_exchange_set(visitor->exchange, &visit->guest);
    return visit;
}

void proxy_visit_end(struct proxy *proxy, struct visit *visit)
{
    pending_remove(proxy->visits, &visit->pending);
    if (visit->waiter)
        DL_DELETE(visit->waiter->visits, visit);
    free(visit);
}

/* place: NULL when the scheduler has not told it. Takes the visit. */
static void show(struct proxy *proxy, struct visit *visit, const struct job_place *place,
                 const struct moment *moment)
{
    proxy_job_show(proxy, &visit->visitor, visit->waiter, place, -1, moment);
    proxy_visit_end(proxy, visit);
}

static void ask(struct proxy *proxy, struct visit *visit, const struct moment *moment)
{
    visit->phase = VISIT_ASKS;
    if (proxy_ask_place(proxy, visit->pending.id, visit->waiter) < 0)
        show(proxy, visit, NULL, moment);
}

void proxy_visit(struct proxy *proxy, const struct visitor *visitor, struct waiter *waiter, int64_t wait_us,
                 const struct moment *moment)
{
    struct visit *visit = visit_new(proxy, visitor, moment->now_us + (wait_us > 0 ? wait_us : PLACE_US));

    if (!visit)
        return;
    visit->waiter = waiter;
    DL_APPEND(waiter->visits, visit);
    if (wait_us == 0)
        ask(proxy, visit, moment);
}

void proxy_pass_on(struct proxy *proxy, const struct visitor *visitor, struct message_query *query,
                   const struct moment *moment)
{
    struct message message = {.type = MESSAGE_TYPE_query};
    struct visit *visit;

    if (!proxy->peer) {
        refuse(proxy, visitor, problem_of_reason(REASON_SCHEDULER_GONE), NULL);
        return;
    }
    visit = visit_new(proxy, visitor, moment->now_us + query->wait_us + PASSED_US);
    if (!visit)
        return;
    visit->phase = VISIT_PASSED;
    visit->owner = query->gateway;
    query->id = visit->pending.id | PROXY_QUERY;
    message.query = *query;
    if (bus_send(proxy->link, proxy->peer, &message, NULL) == 0)
        return;
    refuse(proxy, visitor, problem_of_status(503), "The scheduler takes no messages now");
    proxy_visit_end(proxy, visit);
}

static void pass_on(struct proxy *proxy, const struct visitor *visitor, const struct job_call *call,
                    const struct moment *moment)
{
    struct message_query query = {
        .what = text_of("job"),
        .gateway = call->name.gateway,
        .job = {.at = (const char *)call->name.secret, .bytes = JOBS_SECRET_BYTES},
        .cancels = call->cancels,
        .wait_us = call->wait_us,
    };

    proxy_pass_on(proxy, visitor, &query, moment);
}

void proxy_job_request(struct proxy *proxy, struct httpd_exchange *exchange,
                       const struct http_request *request, const struct moment *moment)
{
    struct visitor visitor = {.exchange = exchange};
    struct job_call call;
    struct problem problem;
    int status = job_call_read(request, &call);

    proxy_draw_id(proxy, visitor.request_id);
    if (status) {
        problem = problem_of_status(status);
        problem.detail = call.detail;
        proxy_tell_problem(proxy, &visitor, problem, status == 405 ? "Allow" : NULL, JOB_ALLOW);
    } else if (call.name.gateway == proxy->config.epoch) {
        proxy_job_serve(proxy, &visitor, &call, moment);
    } else {
        pass_on(proxy, &visitor, &call, moment);
    }
}

/* Another gateway asks. */
static void on_query(struct proxy *proxy, const struct message_query *query, const struct moment *moment)
{
    struct visitor visitor = {.gateway = query->gateway, .query = query->id};
    struct job_call call = {.cancels = query->cancels, .wait_us = query->wait_us};
    bool burst = text_equal(query->what, "burst") && proxy->config.desk.burst_asked;

    if ((!burst && !text_equal(query->what, "job")) || query->job.bytes != JOBS_SECRET_BYTES)
        return;
    proxy_draw_id(proxy, visitor.request_id);
    if (burst) {
        proxy->config.desk.burst_asked(proxy->config.desk.arg, &visitor, query, moment);
        return;
    }
    if (call.wait_us < 0 || call.wait_us > JOB_WAIT_MAX_US)
        call.wait_us = 0;
    memcpy(call.name.secret, query->job.at, JOBS_SECRET_BYTES);
    proxy_job_serve(proxy, &visitor, &call, moment);
}

/* Its client has left. */
static void on_cancel(struct proxy *proxy, const struct message_cancel *cancel)
{
    struct pending_request *request = pending_oldest(proxy->visits);

    while (request &&
           (visit_of(request)->visitor.exchange || visit_of(request)->visitor.gateway != cancel->gateway ||
            visit_of(request)->visitor.query != cancel->id))
        request = request->next;
    if (request)
        proxy_visit_end(proxy, visit_of(request));
}

/* A gateway that the scheduler does not know is gone, unless the scheduler itself is so new that it may not
 * know it yet. */
static void on_passed_back(struct proxy *proxy, struct visit *visit, const struct message_answer *answer,
                           struct bus_body *body, const struct moment *moment)
{
    if (answer->found)
        proxy_tell(proxy, &visit->visitor, body);
    else if (moment->now_us - proxy->up_us < SETTLE_US)
        refuse(proxy, &visit->visitor, problem_of_reason(REASON_SCHEDULER_GONE),
               "The scheduler has come back, and the gateway of this id is still awaited");
    else
        refuse(proxy, &visit->visitor, problem_of_status(410),
               "The gateway of this id is gone, and what it had has gone with it");
    proxy_visit_end(proxy, visit);
}

static void on_answer(struct proxy *proxy, const struct message_answer *answer, struct bus_body *body,
                      const struct moment *moment)
{
    struct job_place place = {.position = answer->position, .eta_us = answer->eta_us};
    const struct job_place *known = answer->found ? &place : NULL;
    uint64_t id = answer->id & ~(PROXY_QUERY | TURN_QUERY);
    struct pending_request *request;

    if (answer->id & TURN_QUERY) {
        proxy_turn_told(proxy, id, known, moment);
        return;
    }
    request = pending_find(proxy->visits, id);
    if (request && visit_of(request)->phase == VISIT_ASKS)
        show(proxy, visit_of(request), known, moment);
    else if (request && visit_of(request)->phase == VISIT_PASSED)
        on_passed_back(proxy, visit_of(request), answer, body, moment);
}

void proxy_visit_message(struct proxy *proxy, const struct message *message, struct bus_body *body,
                         const struct moment *moment)
{
    if (message->type == MESSAGE_TYPE_answer)
        on_answer(proxy, &message->answer, body, moment);
    else if (message->type == MESSAGE_TYPE_query)
        on_query(proxy, &message->query, moment);
    else if (message->type == MESSAGE_TYPE_cancel)
        on_cancel(proxy, &message->cancel);
}

/* Other gateways have told their clients so by themselves. */
void proxy_visit_down(struct proxy *proxy, const struct moment *moment)
{
    struct pending_request *request, *next;

    proxy_visit_refuse(proxy, REASON_SCHEDULER_GONE);
    for (request = pending_oldest(proxy->visits); request; request = next) {
        struct visit *visit = visit_of(request);

        next = request->next;
        if (!visit->visitor.exchange)
            proxy_visit_end(proxy, visit);
        else if (visit->phase == VISIT_ASKS)
            show(proxy, visit, NULL, moment);
    }
}

void proxy_visit_refuse(struct proxy *proxy, enum reason reason)
{
    struct pending_request *request, *next;

    for (request = pending_oldest(proxy->visits); request; request = next) {
        struct visit *visit = visit_of(request);

        next = request->next;
        if (visit->phase != VISIT_PASSED)
            continue;
        refuse(proxy, &visit->visitor, problem_of_reason(reason), NULL);
        proxy_visit_end(proxy, visit);
    }
}

static void expire(struct proxy *proxy, struct visit *visit, const struct moment *moment)
{
    if (visit->phase == VISIT_STAYS) {
        pending_remove(proxy->visits, &visit->pending);
        visit->pending.deadline_us = moment->now_us + PLACE_US;
        pending_add(proxy->visits, &visit->pending); /* to the place that has just become free */
        ask(proxy, visit, moment);
    } else if (visit->phase == VISIT_ASKS) {
        show(proxy, visit, NULL, moment);
    } else {
        refuse(proxy, &visit->visitor, problem_of_reason(REASON_DEADLINE_PASSED),
               "The gateway of this id has said nothing for 5 s");
        proxy_visit_end(proxy, visit);
    }
}

void proxy_visit_expire(struct proxy *proxy, const struct moment *moment)
{
    struct pending_request *next;

    while ((next = pending_next_due(proxy->visits)) != NULL && next->deadline_us <= moment->now_us)
        expire(proxy, visit_of(next), moment);
}
