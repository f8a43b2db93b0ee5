/* reply.c - see reply.h. */
#include "gateway/reply.h"

#include "gateway/job_view.h"
#include "gateway/render.h"

#define ERROR_STATUS 500

struct bus_body *reply_record(const struct httpd_reply *reply, const char *state)
{
    struct job_record record = {
        .status = reply->status, .state = state, .fields = reply->fields, .body = reply->body};
    char *at;
    struct bus_body *body = bus_body_room(job_record_bytes(&record), &at);

    if (body)
        job_record_write(&record, at);
    return body;
}

struct decision reply_decision(const struct asked *asked, enum decision_id outcome, int status)
{
    return (struct decision){.outcome = outcome,
                             .reason = REASON_NONE,
                             .status = status,
                             .waited = asked->waited,
                             .lane = asked->lane,
                             .request_id = asked->request_id,
                             .subject = asked->subject,
                             .asked_us = asked->asked_us,
                             .errand = asked->errand};
}

static void give(const struct reply_desk *desk, const struct asked *asked, const struct httpd_reply *reply,
                 const struct decision *decision)
{
    if (asked->exchange)
        httpd_reply(asked->exchange, reply);
    else if (asked->record)
        *asked->record = reply_record(reply, JOB_DONE);
    desk->decided(desk->arg, decision);
}

/* `fields` holds what `rendered` says. */
static void send_answer(const struct reply_desk *desk, const struct asked *asked, const struct answer *found,
                        char *fields, struct text rendered, const struct decision *decision)
{
    struct httpd_reply reply = {.status = (int)found->status, .body = found->body};

    reply.fields = render_preference(fields, rendered, asked->preferred_s);
    give(desk, asked, &reply, decision);
}

static void send_problem(const struct reply_desk *desk, const struct asked *asked, struct problem *problem,
                         const struct decision *decision)
{
    char fields[RENDER_FIELDS_BYTES], body[RENDER_PROBLEM_BYTES];
    struct httpd_reply reply = {.status = problem->status};

    problem->request_id = asked->request_id;
    reply.fields = render_own(fields, RENDER_PROBLEM_TYPE, asked->request_id, problem);
    reply.fields = render_preference(fields, reply.fields, asked->preferred_s);
    reply.body = render_problem(body, sizeof(body), problem);
    give(desk, asked, &reply, decision);
}

void reply_fresh(const struct reply_desk *desk, const struct asked *asked, const struct answer *found,
                 const struct moment *moment)
{
    struct decision decision = reply_decision(asked, DECISION_GATEWAY_HIT, (int)found->status);
    char fields[RENDER_FIELDS_BYTES];

    send_answer(desk, asked, found, fields, render_hit(fields, found, moment->wall_us, asked->request_id),
                &decision);
    cache_release(desk->cache);
}

void reply_stale(const struct reply_desk *desk, const struct asked *asked, const struct answer *found,
                 enum reason reason, const struct moment *moment)
{
    struct decision decision = reply_decision(asked, DECISION_GATEWAY_STALE, (int)found->status);
    char fields[RENDER_FIELDS_BYTES];

    decision.reason = reason;
    send_answer(desk, asked, found, fields,
                render_stale(fields, found, moment->wall_us, reason, asked->request_id), &decision);
    cache_release(desk->cache);
}

/* From the cache, stale or meanwhile fresh; false when it has nothing that may be served. */
static bool fall_back(const struct reply_desk *desk, const struct asked *asked, enum reason reason,
                      const struct moment *moment)
{
    struct answer found;
    bool served = true;

    if (!reason_allows_stale(reason) || cache_find(desk->cache, &asked->key, &found) < 0)
        return false;
    if (found.fresh_wall_us > moment->wall_us)
        reply_fresh(desk, asked, &found, moment);
    else if (found.stale_wall_us > moment->wall_us)
        reply_stale(desk, asked, &found, reason, moment);
    else
        served = false;
    cache_release(desk->cache);
    return served;
}

static void send_result(const struct reply_desk *desk, const struct asked *asked, const struct answer *found,
                        const struct message_result *result, const struct moment *moment)
{
    bool failed = found->status >= ERROR_STATUS;
    struct decision decision = reply_decision(
        asked, failed ? DECISION_GATEWAY_FAILED : DECISION_GATEWAY_ANSWERED, (int)found->status);
    char fields[RENDER_FIELDS_BYTES];
    struct passage passage = {.request_id = asked->request_id,
                              .wait_us = result->wait_us,
                              .upstream_us = result->upstream_us,
                              .expired = asked->expired,
                              .declined = asked->declined,
                              .joined = result->joined == 1,
                              .stored = found->fresh_wall_us > 0};

    decision.reason = failed ? reason_find(result->reason) : REASON_NONE;
    decision.wait_us = result->wait_us;
    decision.upstream_us = result->upstream_us;
    decision.attempt = result->attempt;
    decision.cached = text_equal(result->source, "cache");
    if (decision.cached)
        send_answer(desk, asked, found, fields, render_hit(fields, found, moment->wall_us, asked->request_id),
                    &decision);
    else
        send_answer(desk, asked, found, fields, render_forwarded(fields, found, &passage), &decision);
}

void reply_result(const struct reply_desk *desk, const struct asked *asked,
                  const struct message_result *result, struct text record, const struct moment *moment)
{
    enum reason reason = reason_find(result->reason);
    struct answer found;

    if (answer_read(record, &found) < 0) {
        reply_refuse(desk, asked, REASON_INTERNAL, NULL, moment);
        return;
    }
    if (reason != REASON_NONE && fall_back(desk, asked, reason, moment))
        return;
    send_result(desk, asked, &found, result, moment);
}

void reply_refuse(const struct reply_desk *desk, const struct asked *asked, enum reason reason,
                  const struct message_rejected *rejected, const struct moment *moment)
{
    struct problem problem = problem_of_reason(reason == REASON_NONE ? REASON_INTERNAL : reason);
    struct decision decision = reply_decision(asked, DECISION_GATEWAY_REFUSED, problem.status);

    if (fall_back(desk, asked, reason, moment))
        return;
    decision.reason = reason == REASON_NONE ? REASON_INTERNAL : reason;
    if (rejected) {
        problem.position = rejected->position;
        problem.eta_us = rejected->eta_us;
        problem.retry_after_us = rejected->retry_after_us;
        decision.wait_us = rejected->wait_us;
    }
    send_problem(desk, asked, &problem, &decision);
}

void reply_malformed(const struct reply_desk *desk, const struct asked *asked, const char *name)
{
    struct problem problem = problem_of_status(400);
    struct decision decision = reply_decision(asked, DECISION_GATEWAY_MALFORMED, problem.status);

    problem.reason = "bad_parameter";
    problem.title = "A parameter is malformed, or given twice";
    problem.name = name;
    send_problem(desk, asked, &problem, &decision);
}

void reply_as_provider(const struct reply_desk *desk, const struct asked *asked,
                       const struct lane_refusal *refusal)
{
    struct decision decision = reply_decision(asked, DECISION_GATEWAY_MALFORMED, refusal->status);
    char fields[RENDER_FIELDS_BYTES];
    struct httpd_reply reply = {.status = refusal->status, .body = text_of(refusal->body)};

    reply.fields = render_own(fields, refusal->type, asked->request_id, NULL);
    give(desk, asked, &reply, &decision);
}
