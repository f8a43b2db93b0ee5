/* proxy_jobs.c - see proxy.h. Here: requests whose clients do not wait for the answer. Such a one is
 * submitted and waits as any other, until its turn: then its client gets a 202, and its answer is kept for
 * who asks. */
#include <sodium.h>
#include <utlist.h>

#include "gateway/job_record.h"
#include "gateway/proxy_inside.h"

#define US_IN_SECOND  1000000
#define FIRST_WORD_US PLACE_US /* without it a 202 can tell neither position nor time */

static struct waiter *waiter_of_turn(struct pending_request *turn)
{
    return (struct waiter *)((char *)turn - offsetof(struct waiter, turn));
}

void proxy_turn_await(struct proxy *proxy, struct waiter *waiter)
{
    int64_t defer_us = waiter->asked.defer_s * US_IN_SECOND;

    waiter->turn.deadline_us = waiter->asked.asked_us + (defer_us > 0 ? defer_us : FIRST_WORD_US);
    if (defer_us > 0 && waiter->turn.deadline_us >= waiter->pending.deadline_us)
        return; /* the answer, whatever it is, comes before */
    waiter->turns = pending_add(proxy->turns, &waiter->turn) == 0;
}

void proxy_turn_end(struct proxy *proxy, struct waiter *waiter)
{
    if (waiter->turns)
        pending_remove(proxy->turns, &waiter->turn);
    waiter->turns = false;
}

static struct job *open_job(struct proxy *proxy, struct waiter *waiter)
{
    unsigned char secret[JOBS_SECRET_BYTES];

    if (proxy->draining)
        return NULL;
    randombytes_buf(secret, sizeof(secret));
    return jobs_add(proxy->jobs, secret, waiter);
}

/* Where there is no room for a job the client waits on: it gets its answer, and a preference binds nobody. */
static void take_turn(struct proxy *proxy, struct waiter *waiter, const struct job_place *place,
                      const struct moment *moment)
{
    struct visitor visitor = {.exchange = waiter->asked.exchange};

    proxy_turn_end(proxy, waiter);
    waiter->job = open_job(proxy, waiter);
    metric_add(proxy->config.metrics, waiter->job ? METRIC_GATEWAY_JOBS : METRIC_GATEWAY_JOBS_DECLINED, 1);
    if (!waiter->job)
        return;
    httpd_exchange_set(visitor.exchange, NULL);
    waiter->asked.exchange = NULL;
    waiter->asked.record = &waiter->record;
    proxy_job_show(proxy, &visitor, waiter, place, waiter->asked.defer_s, moment);
    proxy->config.desk.deferred(proxy->config.desk.arg, &waiter->asked, place ? place->eta_us : -1);
}

void proxy_turn_accepted(struct proxy *proxy, const struct message_accepted *accepted,
                         const struct moment *moment)
{
    struct job_place place = {.position = accepted->position, .eta_us = accepted->eta_us};
    struct waiter *waiter = (struct waiter *)pending_find(proxy->pending, accepted->id);

    if (waiter && waiter->turns && waiter->asked.defer_s == 0)
        take_turn(proxy, waiter, &place, moment);
}

void proxy_turn_told(struct proxy *proxy, uint64_t turn_id, const struct job_place *place,
                     const struct moment *moment)
{
    struct pending_request *turn = pending_find(proxy->turns, turn_id);

    if (turn)
        take_turn(proxy, waiter_of_turn(turn), place, moment);
}

/* Who has waited for some time shall not be told what was so before that. */
static bool ask_first(struct proxy *proxy, struct waiter *waiter, int64_t now_us)
{
    if (waiter->asked.defer_s == 0 || waiter->place_asked)
        return false;
    pending_remove(proxy->turns, &waiter->turn);
    waiter->turn.deadline_us = now_us + PLACE_US;
    pending_add(proxy->turns, &waiter->turn);
    waiter->place_asked = true;
    return proxy_ask_place(proxy, waiter->turn.id | TURN_QUERY, waiter) == 0;
}

void proxy_turn_expire(struct proxy *proxy, const struct moment *moment)
{
    struct pending_request *turn;

    while ((turn = pending_next_due(proxy->turns)) != NULL && turn->deadline_us <= moment->now_us) {
        struct waiter *waiter = waiter_of_turn(turn);

        if (!ask_first(proxy, waiter, moment->now_us))
            take_turn(proxy, waiter, NULL, moment);
    }
}

int proxy_ask_place(struct proxy *proxy, uint64_t query_id, const struct waiter *waiter)
{
    struct message message = {
        .type = MESSAGE_TYPE_query,
        .query = {.id = query_id | PROXY_QUERY, .what = text_of("place"), .submitted = waiter->pending.id}};

    if (!proxy->peer || !waiter->pending.submitted)
        return -ENOTCONN;
    return bus_send(proxy->link, proxy->peer, &message, NULL);
}

void proxy_job_decided(struct proxy *proxy, struct waiter *waiter, const struct moment *moment)
{
    struct bus_body *record = waiter->record;
    struct visit *visit;

    while ((visit = waiter->visits) != NULL) {
        proxy_tell(proxy, &visit->visitor, record);
        proxy_visit_end(proxy, visit);
    }
    jobs_keep(proxy->jobs, waiter->job, record, bus_body_text(record).bytes, moment->now_us);
}

static void cancel(struct proxy *proxy, struct job *job)
{
    struct waiter *waiter = job->pending;
    struct problem problem = problem_of_status(410);
    struct visit *visit;

    problem.reason = reason_name(REASON_CANCELLED);
    problem.title = "The job has been cancelled";
    while (waiter && (visit = waiter->visits) != NULL) {
        proxy_tell_problem(proxy, &visit->visitor, problem, JOB_FIELD, JOB_CANCELLED);
        proxy_visit_end(proxy, visit);
    }
    if (waiter)
        proxy_drop(proxy, waiter);
    jobs_remove(proxy->jobs, job);
}

void proxy_job_serve(struct proxy *proxy, const struct visitor *visitor, const struct job_call *call,
                     const struct moment *moment)
{
    struct problem none = problem_of_status(404);
    char fields[RENDER_FIELDS_BYTES];
    struct httpd_reply done = {.status = 204};
    struct job *job;

    jobs_expire(proxy->jobs, moment->now_us);
    job = jobs_find(proxy->jobs, call->name.secret);
    if (!job) {
        none.detail = "There is no such job (any more)";
        proxy_tell_problem(proxy, visitor, none, NULL, NULL);
    } else if (call->cancels) {
        cancel(proxy, job);
        done.fields = render_empty(fields, (struct text){visitor->request_id, RENDER_ID_BYTES});
        proxy_tell_reply(proxy, visitor, &done);
    } else if (job->pending) {
        proxy_visit(proxy, visitor, job->pending, call->wait_us, moment);
    } else {
        proxy_tell(proxy, visitor, job->result);
    }
}

void proxy_job_show(struct proxy *proxy, const struct visitor *visitor, const struct waiter *waiter,
                    const struct job_place *place, int64_t defer_s, const struct moment *moment)
{
    struct job_name name = {.gateway = proxy->config.epoch};
    char id[JOB_ID_BYTES], fields[RENDER_FIELDS_BYTES], body[JOB_VIEW_BYTES];
    struct httpd_reply reply = {.status = 202};
    struct job_view view = {.request_id = waiter->asked.request_id,
                            .place = place,
                            .remain_us = waiter->pending.deadline_us - moment->now_us,
                            .defer_s = defer_s};

    memcpy(name.secret, waiter->job->secret, sizeof(name.secret));
    view.id = job_name_write(&name, id);
    reply.fields = job_view_fields(fields, &view);
    reply.body = job_view_body(body, &view);
    proxy_tell_reply(proxy, visitor, &reply);
}
