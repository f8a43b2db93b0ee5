/* bursts.c - see bursts.h. */
#include "gateway/bursts.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "gateway/burst_view.h"
#include "gateway/jobs.h"
#include "gateway/visitor.h"

#define BEGUN_MAX 64 /* of one burst in a turn of the loop, so that others get theirs */

struct run {
    struct burst *burst;
    struct job *job;
    struct run *prev, *next; /* utlist, in the order of coming */
    char request_id[RENDER_ID_BYTES];
};

struct bursts {
    struct bursts_config config;
    struct jobs *table;
    struct run *running, *over;
    unsigned running_count;
    uint64_t total, requests_total;
    bool draining;
};

static void run_free(struct run *run)
{
    burst_free(run->burst);
    free(run);
}

/* The table forgets one that is over. */
static void forget(void *result)
{
    struct run *run = result;
    struct bursts *bursts;

    if (!run)
        return;
    bursts = run->burst->mine;
    DL_DELETE(bursts->over, run);
    run_free(run);
}

struct bursts *bursts_new(const struct bursts_config *config)
{
    struct jobs_config table = {.max = config->max,
                                .bytes_max = config->bytes_max,
                                .keep_us = config->keep_us,
                                .free_result = forget};
    struct bursts *bursts = calloc(1, sizeof(*bursts));

    if (!bursts)
        return NULL;
    bursts->config = *config;
    bursts->table = jobs_new(&table);
    if (!bursts->table) {
        free(bursts);
        return NULL;
    }
    return bursts;
}

void bursts_free(struct bursts *bursts)
{
    struct run *run, *next;

    if (!bursts)
        return;
    DL_FOREACH_SAFE(bursts->running, run, next)
    {
        run_free(run);
    }
    jobs_free(bursts->table);
    free(bursts);
}

/* What is told: by answers */

static void refuse(struct bursts *bursts, const struct visitor *visitor, struct problem problem,
                   const char *detail)
{
    problem.detail = detail;
    proxy_tell_problem(bursts->config.proxy, visitor, problem, NULL, NULL);
}

static struct burst_view view_of(const struct bursts *bursts, const struct run *run, char id[BURST_ID_BYTES],
                                 int64_t now_us)
{
    struct job_name name = {.gateway = bursts->config.epoch};

    memcpy(name.secret, run->job->secret, sizeof(name.secret));
    return (struct burst_view){.burst = run->burst,
                               .id = job_name_write(&name, id),
                               .request_id = {.at = run->request_id, .bytes = RENDER_ID_BYTES},
                               .now_us = now_us};
}

static void tell_json(struct bursts *bursts, const struct visitor *visitor, int status, struct text body,
                      const char *location)
{
    struct text request_id = {.at = visitor->request_id, .bytes = RENDER_ID_BYTES};
    char fields[RENDER_FIELDS_BYTES];
    struct httpd_reply reply = {.status = status, .body = body};

    reply.fields = render_own(fields, RENDER_JSON_TYPE, request_id, NULL);
    if (location)
        reply.fields = render_field(fields, reply.fields, "Location", location);
    proxy_tell_reply(bursts->config.proxy, visitor, &reply);
}

static void show(struct bursts *bursts, const struct visitor *visitor, const struct run *run, unsigned limit,
                 unsigned from, int64_t now_us)
{
    char id[BURST_ID_BYTES], *room = malloc(BURST_VIEW_BYTES);
    struct burst_view view = view_of(bursts, run, id, now_us);
    struct text body = {.at = NULL, .bytes = 0};
    struct burst_summary summary;

    view.summary = &summary;
    view.limit = limit;
    view.from = from;
    if (room && burst_sum_up(run->burst, &summary))
        body = burst_view_whole(room, BURST_VIEW_BYTES, &view);
    if (body.bytes > 0)
        tell_json(bursts, visitor, 200, body, NULL);
    else
        refuse(bursts, visitor, problem_of_reason(REASON_INTERNAL), NULL);
    free(room);
}

static void put_list(struct json *json, const struct bursts *bursts, const struct run *list, int64_t now_us)
{
    const struct run *run;
    char id[BURST_ID_BYTES];

    DL_FOREACH(list, run)
    {
        struct burst_view view = view_of(bursts, run, id, now_us);

        burst_view_head(json, &view);
    }
}

/* Those that run first. */
static void list(struct bursts *bursts, const struct visitor *visitor, int64_t now_us)
{
    size_t bytes = ((size_t)bursts->config.max + 1) * BURST_HEAD_BYTES;
    char *room = malloc(bytes);
    struct text body;
    struct json json;

    json_init(&json, room, room ? bytes : 0);
    json_begin_object(&json);
    json_key(&json, "gateway");
    json_hex(&json, bursts->config.epoch);
    json_key(&json, "bursts");
    json_begin_array(&json);
    put_list(&json, bursts, bursts->running, now_us);
    put_list(&json, bursts, bursts->over, now_us);
    json_end_array(&json);
    json_end_object(&json);
    if (json_finish(&json, &body) == 0)
        tell_json(bursts, visitor, 200, body, NULL);
    else
        refuse(bursts, visitor, problem_of_reason(REASON_INTERNAL), NULL);
    free(room);
}

/* What is told: by log and event */

static void audit(struct bursts *bursts, const struct run *run, enum decision_id decision, int64_t value,
                  const char *note)
{
    struct audit_facts facts = {
        .request = {.at = run->request_id, .bytes = RENDER_ID_BYTES}, .note = text_of(note), .value = value};

    audit_tell(bursts->config.audit, decision, &facts, NULL);
}

static void audit_begun(struct bursts *bursts, const struct run *run, const char *who)
{
    const struct burst_order *order = &run->burst->order;
    char note[MESSAGE_NOTE_BYTES + 1], rate[32] = "";

    if (order->rate > 0)
        snprintf(rate, sizeof(rate), ", %.3f/s", order->rate);
    snprintf(note, sizeof(note), "%u at once%s by %s", order->concurrency, rate, who);
    audit(bursts, run, DECISION_GATEWAY_BURST_STARTED, order->count, note);
}

static void audit_over(struct bursts *bursts, const struct run *run)
{
    const struct burst *burst = run->burst;
    char note[MESSAGE_NOTE_BYTES + 1];

    snprintf(note, sizeof(note), "%u successful, %u failed, %u dropped, %u not made", burst->successful,
             burst->failed, burst->dropped, burst->order.count - burst->begun);
    audit(bursts, run, DECISION_GATEWAY_BURST_ENDED, burst->over_us - burst->began_us, note);
}

/* Running */

static void on_ended(struct errand *errand, const struct decision *decision, int64_t took_us)
{
    burst_end((struct burst_request *)errand, decision, took_us);
}

static void begin(struct bursts *bursts, struct burst *burst, const struct moment *moment)
{
    char query[BURST_QUERY_BYTES];
    struct http_request request = {.method = HTTP_GET};
    struct burst_request *next = burst_begin(burst, moment->now_us, query, &request.query);

    request.path = text_of(burst->order.lane->path);
    next->errand.ended = on_ended;
    bursts->requests_total++;
    proxy_errand(bursts->config.proxy, &next->errand, &request, burst->order.lane, moment);
}

/* It can be read from now on for a while, and others may have to go for that. */
static void keep(struct bursts *bursts, struct run *run, int64_t now_us)
{
    audit_over(bursts, run);
    DL_DELETE(bursts->running, run);
    bursts->running_count--;
    DL_APPEND(bursts->over, run);
    jobs_keep(bursts->table, run->job, run, burst_bytes(run->burst) + sizeof(*run), now_us);
}

void bursts_run(struct bursts *bursts, const struct moment *moment)
{
    struct run *run, *next;

    DL_FOREACH_SAFE(bursts->running, run, next)
    {
        for (unsigned i = 0; i < BEGUN_MAX && burst_due_us(run->burst) <= moment->now_us; i++)
            begin(bursts, run->burst, moment);
        if (burst_finish(run->burst, moment->now_us))
            keep(bursts, run, moment->now_us);
    }
    jobs_expire(bursts->table, moment->now_us);
}

int64_t bursts_due_us(const struct bursts *bursts)
{
    int64_t due_us = jobs_due_us(bursts->table);
    const struct run *run;

    DL_FOREACH(bursts->running, run)
    {
        int64_t next_us = burst_due_us(run->burst);

        due_us = next_us < due_us ? next_us : due_us;
    }
    return due_us;
}

void bursts_drain(struct bursts *bursts)
{
    struct run *run;

    bursts->draining = true;
    DL_FOREACH(bursts->running, run)
    {
        if (run->burst->begun == run->burst->order.count)
            continue;
        audit(bursts, run, DECISION_GATEWAY_BURST_CANCELLED, run->burst->order.count - run->burst->ended,
              "the gateway ends");
        burst_stop(run->burst);
    }
}

/* Those on their way leave, as clients that hang up. */
static void cancel(struct bursts *bursts, struct run *run, const char *who, int64_t now_us)
{
    struct burst *burst = run->burst;
    char note[MESSAGE_NOTE_BYTES + 1];

    if (burst->over_us)
        return;
    snprintf(note, sizeof(note), "by %s", who);
    audit(bursts, run, DECISION_GATEWAY_BURST_CANCELLED, burst->order.count - burst->ended, note);
    burst_stop(burst);
    for (unsigned i = 0; i < burst->begun; i++) {
        if (burst->requests[i].phase == BURST_IN_FLIGHT)
            proxy_errand_leave(bursts->config.proxy, &burst->requests[i].errand);
    }
    if (burst_finish(burst, now_us))
        keep(bursts, run, now_us);
}

/* Orders */

static struct run *run_new(struct bursts *bursts, struct burst_order *order, struct text request_id,
                           int64_t now_us)
{
    unsigned char secret[JOBS_SECRET_BYTES];
    struct run *run = calloc(1, sizeof(*run));

    if (!run)
        return NULL;
    run->burst = burst_new(order, now_us);
    if (!run->burst) {
        free(run);
        return NULL;
    }
    run->burst->mine = bursts;
    memcpy(run->request_id, request_id.at, RENDER_ID_BYTES);
    randombytes_buf(secret, sizeof(secret));
    run->job = jobs_add(bursts->table, secret, run);
    if (!run->job) {
        run_free(run);
        return NULL;
    }
    DL_APPEND(bursts->running, run);
    bursts->running_count++;
    bursts->total++;
    return run;
}

static void order(struct bursts *bursts, const struct visitor *visitor, struct text body, const char *who,
                  const struct moment *moment)
{
    struct text request_id = {.at = visitor->request_id, .bytes = RENDER_ID_BYTES};
    char detail[ADMIN_DETAIL_BYTES], id[BURST_ID_BYTES], room[BURST_HEAD_BYTES], href[128];
    struct burst_order read;
    struct burst_view view;
    struct run *run;
    struct json json;
    int rc;

    if (bursts->draining) {
        refuse(bursts, visitor, problem_of_reason(REASON_DRAINING), NULL);
        return;
    }
    rc = burst_order_read(body, &bursts->config.limits, &read, detail);
    if (rc < 0) {
        refuse(bursts, visitor, rc == -EINVAL ? problem_of_status(400) : problem_of_reason(REASON_INTERNAL),
               rc == -EINVAL ? detail : NULL);
        return;
    }
    run = run_new(bursts, &read, request_id, moment->now_us);
    if (!run) {
        burst_order_done(&read);
        refuse(bursts, visitor, problem_of_status(503), "As many bursts run as may");
        return;
    }
    audit_begun(bursts, run, who);
    view = view_of(bursts, run, id, moment->now_us);
    snprintf(href, sizeof(href), BURST_PATH "/%.*s", TEXT_ARGS(view.id));
    json_init(&json, room, sizeof(room));
    burst_view_head(&json, &view);
    json_finish(&json, &body);
    tell_json(bursts, visitor, 201, body, href);
}

/* Whoever asks, and however. */
static void serve(struct bursts *bursts, const struct visitor *visitor, const struct burst_call *call,
                  const char *who, const struct moment *moment)
{
    struct job *job;
    struct run *run;

    jobs_expire(bursts->table, moment->now_us);
    job = jobs_find(bursts->table, call->name.secret);
    if (!job) {
        refuse(bursts, visitor, problem_of_status(404), "There is no such burst (any more)");
        return;
    }
    run = job->pending ? job->pending : job->result;
    if (call->wish == BURST_CANCEL)
        cancel(bursts, run, who, moment->now_us);
    show(bursts, visitor, run, call->limit, call->from, moment->now_us);
}

static void pass_on(struct bursts *bursts, const struct visitor *visitor, const struct burst_call *call,
                    const struct moment *moment)
{
    struct message_query query = {
        .what = text_of("burst"),
        .gateway = call->name.gateway,
        .job = {.at = (const char *)call->name.secret, .bytes = JOBS_SECRET_BYTES},
        .cancels = call->wish == BURST_CANCEL,
        .limit = call->limit,
        .submitted = call->from,
    };

    proxy_pass_on(bursts->config.proxy, visitor, &query, moment);
}

void bursts_request(struct bursts *bursts, struct httpd_exchange *exchange,
                    const struct http_request *request, struct text request_id, const char *who,
                    const struct moment *moment)
{
    struct visitor visitor = {.exchange = exchange};
    struct burst_call call;
    struct problem problem;
    int status = burst_call_read(request, &call);

    memcpy(visitor.request_id, request_id.at, RENDER_ID_BYTES);
    if (status) {
        problem = problem_of_status(status);
        problem.detail = call.detail;
        proxy_tell_problem(bursts->config.proxy, &visitor, problem, status == 405 ? "Allow" : NULL,
                           call.allow);
    } else if (call.wish == BURST_BEGIN) {
        order(bursts, &visitor, request->body, who, moment);
    } else if (call.wish == BURST_LIST) {
        list(bursts, &visitor, moment->now_us);
    } else if (call.name.gateway == bursts->config.epoch) {
        serve(bursts, &visitor, &call, who, moment);
    } else {
        pass_on(bursts, &visitor, &call, moment);
    }
}

void bursts_asked(struct bursts *bursts, const struct visitor *visitor, const struct message_query *query,
                  const struct moment *moment)
{
    struct burst_call call = {.wish = query->cancels ? BURST_CANCEL : BURST_SHOW,
                              .limit = (unsigned)query->limit,
                              .from = query->submitted < INT32_MAX ? (unsigned)query->submitted : INT32_MAX};

    memcpy(call.name.secret, query->job.at, JOBS_SECRET_BYTES);
    serve(bursts, visitor, &call, "another gateway", moment);
}

void bursts_gauge(const struct bursts *bursts)
{
    const struct jobs_counts *counts = jobs_counts(bursts->table);
    struct metrics *metrics = bursts->config.metrics;

    metric_set(metrics, METRIC_GATEWAY_BURSTS, (int64_t)bursts->total);
    metric_set(metrics, METRIC_GATEWAY_BURST_REQUESTS, (int64_t)bursts->requests_total);
    metric_set(metrics, METRIC_GATEWAY_BURSTS_RUNNING, bursts->running_count);
    metric_set(metrics, METRIC_GATEWAY_BURSTS_KEPT, counts->kept);
    metric_set(metrics, METRIC_GATEWAY_BURSTS_BYTES, (int64_t)counts->bytes);
    metric_set(metrics, METRIC_GATEWAY_BURSTS_EVICTED, (int64_t)counts->evicted_total);
}
