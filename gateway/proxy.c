/* proxy.c - see proxy.h. A cache hit is the beaten track: one look-up, one reply, nothing allocated. */
#include "gateway/proxy.h"

#include <errno.h>
#include <stdlib.h>

#include "gateway/patience.h"
#include "gateway/proxy_inside.h"

#define METHOD "GET" /* also for HEAD, which differs only in what httpd leaves out */

static void free_result(void *result)
{
    bus_body_free(result);
}

struct proxy *proxy_new(const struct proxy_config *config)
{
    struct jobs_config jobs = {.max = config->jobs_max,
                               .bytes_max = config->jobs_bytes_max,
                               .keep_us = config->jobs_keep_us,
                               .free_result = free_result};
    struct proxy *proxy = calloc(1, sizeof(*proxy));

    if (!proxy)
        return NULL;
    proxy->config = *config;
    proxy->pending = pending_new(config->waiters_max);
    proxy->turns = pending_new(config->waiters_max);
    proxy->visits = pending_new(config->polls_max);
    proxy->jobs = jobs_new(&jobs);
    proxy->codec = message_codec_new();
    proxy->cancels = calloc(config->waiters_max, sizeof(proxy->cancels[0]));
    if (!proxy->pending || !proxy->turns || !proxy->visits || !proxy->jobs || !proxy->codec ||
        !proxy->cancels) {
        proxy_free(proxy);
        return NULL;
    }
    return proxy;
}

static struct waiter *waiter_of(struct pending_request *request)
{
    return (struct waiter *)request;
}

void proxy_waiter_free(struct waiter *waiter)
{
    bus_body_free(waiter->body);
    free(waiter);
}

void proxy_free(struct proxy *proxy)
{
    struct pending_request *oldest;

    if (!proxy)
        return;
    while (proxy->visits && (oldest = pending_oldest(proxy->visits)) != NULL)
        proxy_visit_end(proxy, (struct visit *)oldest);
    while (proxy->pending && (oldest = pending_oldest(proxy->pending)) != NULL) {
        pending_remove(proxy->pending, oldest);
        proxy_waiter_free(waiter_of(oldest));
    }
    pending_free(proxy->pending);
    pending_free(proxy->turns);
    pending_free(proxy->visits);
    jobs_free(proxy->jobs);
    message_codec_free(proxy->codec);
    free(proxy->cancels);
    free(proxy);
}

/* Its answer is out, or in its record. Takes the waiter, which is not in the table any more. */
static void finish(struct proxy *proxy, struct waiter *waiter, const struct moment *moment)
{
    proxy_turn_end(proxy, waiter);
    if (waiter->job)
        proxy_job_decided(proxy, waiter, moment);
    proxy_waiter_free(waiter);
}

/* As finish(). rejected is what the scheduler said, or NULL. */
static void refuse(struct proxy *proxy, struct waiter *waiter, enum reason reason,
                   const struct message_rejected *rejected, const struct moment *moment)
{
    if (waiter->renews) {
        proxy_renewal_end(proxy, waiter);
        return;
    }
    reply_refuse(&proxy->config.desk, &waiter->asked, reason, rejected, moment);
    finish(proxy, waiter, moment);
}

static void serve(struct proxy *proxy, struct waiter *waiter, const struct message_result *result,
                  struct bus_body *body, const struct moment *moment)
{
    if (waiter->renews) {
        proxy_renewal_end(proxy, waiter);
        return;
    }
    reply_result(&proxy->config.desk, &waiter->asked, result, bus_body_text(body), moment);
    finish(proxy, waiter, moment);
}

/* Unique within the epoch (splitmix64 is a bijection), and not to be guessed from another one at a glance. */
struct text proxy_draw_id(struct proxy *proxy, char digits[RENDER_ID_BYTES])
{
    uint64_t number = proxy->config.epoch + ++proxy->drawn * 0x9e3779b97f4a7c15U;

    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9U;
    number = (number ^ number >> 27) * 0x94d049bb133111ebU;
    render_hex(number ^ number >> 31, digits);
    return (struct text){.at = digits, .bytes = RENDER_ID_BYTES};
}

/* What the fetcher is to send. NULL when out of memory. */
static struct bus_body *body_new(struct proxy *proxy, const struct lane_call *call,
                                 const struct caller *caller, const struct terms *terms)
{
    struct message message = {.type = MESSAGE_TYPE_request};
    struct text frame;

    message.request.method = text_of(METHOD);
    message.request.query = (struct text){.at = call->query, .bytes = call->query_bytes};
    message.request.client_id = caller->client_id;
    message.request.traceparent = caller->traceparent.at ? caller->traceparent : text_of("");
    message.request.not_before_us = terms->not_before_us;
    message.request.no_store = terms->no_store;
    if (message_encode(proxy->codec, &message, &frame) < 0)
        return NULL;
    return bus_body_new(frame);
}

/* A name for the client that says nothing about its id, which may be a secret. */
static void hash_client(const struct proxy *proxy, struct text client_id, char client[RENDER_ID_BYTES])
{
    struct cache_key key;
    uint64_t number;

    cache_key_make(proxy->config.secret, "client", text_of(""), text_of(""), client_id, &key);
    memcpy(&number, key.bytes, sizeof(number));
    render_hex(number, client);
}

static int send_cancel(struct proxy *proxy, uint64_t id)
{
    struct message message = {.type = MESSAGE_TYPE_cancel, .cancel = {.id = id}};

    return proxy->peer ? bus_send(proxy->link, proxy->peer, &message, NULL) : -ENOTCONN;
}

/* A cancel that finds no credit goes out when there is some: else a slot would be spent on nobody. */
static void cancel(struct proxy *proxy, const struct waiter *waiter)
{
    if (!waiter->pending.submitted || send_cancel(proxy, waiter->pending.id) != -EAGAIN)
        return;
    if (proxy->cancel_count < proxy->config.waiters_max)
        proxy->cancels[proxy->cancel_count++] = waiter->pending.id;
}

void proxy_withdraw(struct proxy *proxy, struct waiter *waiter)
{
    pending_remove(proxy->pending, &waiter->pending);
    cancel(proxy, waiter);
}

void proxy_drop(struct proxy *proxy, struct waiter *waiter)
{
    struct decision decision = reply_decision(&waiter->asked, DECISION_GATEWAY_GONE, 0);

    proxy_withdraw(proxy, waiter);
    proxy_turn_end(proxy, waiter);
    decision.reason = REASON_CANCELLED;
    proxy->config.desk.decided(proxy->config.desk.arg, &decision);
    proxy_waiter_free(waiter);
}

static void waiter_left(struct proxy *proxy, struct guest *guest)
{
    proxy_drop(proxy, (struct waiter *)((char *)guest - offsetof(struct waiter, guest)));
}

struct waiter *proxy_waiter_new(struct proxy *proxy, const struct asked *asked, const struct lane_call *call,
                                const struct caller *caller, const struct terms *terms)
{
    struct waiter *waiter = malloc(sizeof(*waiter));

    if (!waiter)
        return NULL;
    *waiter = (struct waiter){.guest.left = waiter_left, .asked = *asked, .priority = caller->priority};
    waiter->no_store = terms->no_store;
    waiter->body = body_new(proxy, call, caller, terms);
    if (!waiter->body) {
        free(waiter);
        return NULL;
    }
    waiter->asked.waited = true;
    memcpy(waiter->request_id, asked->request_id.at, asked->request_id.bytes);
    waiter->asked.request_id.at = waiter->request_id;
    waiter->pending.deadline_us = asked->asked_us + asked->patience_us;
    hash_client(proxy, caller->client_id, waiter->client);
    return waiter;
}

static void wait_for_scheduler(struct proxy *proxy, const struct asked *asked, const struct lane_call *call,
                               const struct caller *caller, const struct terms *terms,
                               const struct moment *moment)
{
    struct waiter *waiter = proxy_waiter_new(proxy, asked, call, caller, terms);

    if (!waiter) {
        reply_refuse(&proxy->config.desk, asked, REASON_INTERNAL, NULL, moment);
        return;
    }
    if (pending_add(proxy->pending, &waiter->pending) < 0) {
        proxy_waiter_free(waiter);
        reply_refuse(&proxy->config.desk, asked, REASON_WAITERS_FULL, NULL, moment);
        return;
    }
    metric_add(proxy->config.metrics, METRIC_GATEWAY_MISSES, 1);
    metric_add(proxy->config.metrics, METRIC_GATEWAY_WAITING, 1);
    if (asked->exchange)
        httpd_exchange_set(asked->exchange, &waiter->guest);
    else
        asked->errand->waiter = waiter;
    if (asked->defer_s >= 0)
        proxy_turn_await(proxy, waiter);
    proxy_flush(proxy, moment);
}

/* Reads and checks everything that the client gave. Answers and returns false when that is not good. */
static bool understand(struct proxy *proxy, const struct http_request *request, struct asked *asked,
                       char *room, struct caller *caller, struct lane_call *call)
{
    const char *const *names = asked->lane->params;
    struct param params[CALLER_PARAMS + LANE_PARAMS];
    struct text values[LANE_PARAMS];
    const struct lane_refusal *refusal;
    struct patience patience;
    const char *bad_query = "query", *bad_caller, *bad = NULL;
    unsigned count = 0;
    bool query_good;

    for (; count < CALLER_PARAMS; count++)
        params[count] = (struct param){.name = caller_param_names[count]};
    for (unsigned i = 0; names[i]; i++)
        params[count++] = (struct param){.name = names[i]};
    if (patience_read(request, proxy->config.timeout_us, &patience) < 0)
        bad = PATIENCE_FIELD;
    query_good = request->query.bytes <= PROXY_QUERY_BYTES &&
                 params_read(request->query, params, count, room, &bad_query) == 0;
    if (caller_read(request, params, caller, &bad_caller) < 0)
        bad = bad_caller;
    if (!query_good)
        bad = bad_query;
    if (caller->request_id.at)
        asked->request_id = caller->request_id;
    if (bad) {
        reply_malformed(&proxy->config.desk, asked, bad);
        return false;
    }
    asked->patience_us = patience.wait_us;
    asked->preferred_s = patience.preferred_s;
    asked->defer_s = patience.defer_s;
    for (unsigned i = CALLER_PARAMS; i < count; i++)
        values[i - CALLER_PARAMS] = params[i].value;
    refusal = asked->lane->prepare(values, call);
    if (refusal)
        reply_as_provider(&proxy->config.desk, asked, refusal);
    return !refusal;
}

/* What the cache has, or a refusal where that is all that is wanted; false: the scheduler is to be asked, on
 * those terms. */
static bool answer_from_cache(struct proxy *proxy, struct asked *asked, const struct wish *wish,
                              const struct lane_call *call, const struct caller *caller,
                              const struct moment *moment, struct terms *terms)
{
    const struct reply_desk *desk = &proxy->config.desk;
    const struct wish_rules *rules = &proxy->config.wishes;
    struct answer found;
    struct failure failure = {.reason = REASON_NONE};
    enum wish_verdict verdict;
    bool known = cache_find(desk->cache, &asked->key, &found) == 0;

    verdict = wish_judge(rules, wish, known ? &found : NULL, NULL, moment->wall_us);
    if (verdict >= WISH_ASK && known && cache_find_failure(desk->cache, &asked->key, &failure) == 0)
        verdict = wish_judge(rules, wish, &found, &failure, moment->wall_us);
    /* Our own attempt may take longer than the failure before it is remembered: it waits for a slot, too. */
    if (verdict == WISH_ASK && failure.count > 0 && found.stale_wall_us > moment->wall_us &&
        proxy_renews(proxy, &asked->key))
        verdict = WISH_STALE;
    asked->expired = known && found.fresh_wall_us <= moment->wall_us;
    asked->declined = known && !asked->expired;
    if (verdict == WISH_FRESH) {
        reply_fresh(desk, asked, &found, moment);
        return true;
    }
    if (verdict == WISH_STALE || verdict == WISH_STALE_RENEW) {
        metric_add(proxy->config.metrics, METRIC_GATEWAY_BACKED_OFF, 1);
        if (verdict == WISH_STALE_RENEW) /* first: what the client gave is gone with its answer */
            proxy_renew(proxy, asked, call, caller, moment);
        reply_stale(desk, asked, &found, failure.reason, moment);
        proxy_flush(proxy, moment);
        return true;
    }
    cache_release(desk->cache);
    *terms = (struct terms){.not_before_us = verdict == WISH_ASK_ANEW ? moment->wall_us : 0,
                            .no_store = wish->no_store};
    if (verdict == WISH_REFUSE)
        reply_refuse(desk, asked, REASON_NOT_CACHED, NULL, moment);
    else if (asked->patience_us == 0)
        reply_refuse(desk, asked, REASON_DEADLINE_UNMEETABLE, NULL, moment);
    else
        return false;
    return true;
}

/* Either exchange or errand is NULL. */
static void begin(struct proxy *proxy, struct httpd_exchange *exchange, struct errand *errand,
                  const struct http_request *request, const struct lane *lane, const struct moment *moment)
{
    char drawn[RENDER_ID_BYTES], room[PROXY_QUERY_BYTES];
    struct asked asked;
    struct lane_call call;
    struct caller caller;
    struct wish wish;
    struct terms terms;

    asked.exchange = exchange;
    asked.record = NULL;
    asked.errand = errand;
    asked.lane = lane;
    asked.request_id = proxy_draw_id(proxy, drawn);
    asked.asked_us = moment->now_us;
    asked.waited = false;
    asked.preferred_s = -1;
    asked.defer_s = -1;
    asked.subject[0] = '\0';
    metric_add(proxy->config.metrics, METRIC_GATEWAY_REQUESTS, 1);
    if (!understand(proxy, request, &asked, room, &caller, &call))
        return;
    if (!caller.client_id.at)
        caller.client_id = text_of(proxy->config.client_id);
    memcpy(asked.subject, call.subject, sizeof(asked.subject));
    cache_key_make(proxy->config.secret, lane->name, text_of(METHOD),
                   (struct text){.at = call.query, .bytes = call.query_bytes}, caller.client_id, &asked.key);
    wish_read(request, proxy->config.wishes.policy, &wish);
    if (!answer_from_cache(proxy, &asked, &wish, &call, &caller, moment, &terms))
        wait_for_scheduler(proxy, &asked, &call, &caller, &terms, moment);
}

void proxy_request(struct proxy *proxy, struct httpd_exchange *exchange, const struct http_request *request,
                   const struct lane *lane, const struct moment *moment)
{
    begin(proxy, exchange, NULL, request, lane, moment);
}

void proxy_errand(struct proxy *proxy, struct errand *errand, const struct http_request *request,
                  const struct lane *lane, const struct moment *moment)
{
    errand->waiter = NULL;
    begin(proxy, NULL, errand, request, lane, moment);
}

void proxy_errand_leave(struct proxy *proxy, struct errand *errand)
{
    if (errand->waiter)
        proxy_drop(proxy, errand->waiter);
}

void proxy_gone(struct proxy *proxy, struct httpd_exchange *exchange)
{
    struct guest *guest = httpd_exchange_get(exchange);

    if (guest)
        guest->left(proxy, guest);
}

static int submit(struct proxy *proxy, const struct waiter *waiter, int64_t now_us)
{
    const struct asked *asked = &waiter->asked;
    struct cache_key key = asked->key;
    int64_t remain_us = waiter->pending.deadline_us - now_us;
    struct message message = {.type = MESSAGE_TYPE_submit};
    struct message_submit *body = &message.submit;

    if (waiter->no_store)
        key.bytes[0] ^= 0x80; /* a call of its own kind: not shared with those whose answer is kept */
    body->id = waiter->pending.id;
    body->request = asked->request_id;
    body->lane = text_of(asked->lane->name);
    body->key = (struct text){.at = (const char *)key.bytes, .bytes = sizeof(key.bytes)};
    body->client = (struct text){.at = waiter->client, .bytes = sizeof(waiter->client)};
    body->priority = waiter->priority;
    body->remain_us = remain_us > 0 ? remain_us : 0;
    body->age_us = now_us - asked->asked_us;
    body->again = waiter->pending.again ? 1 : 0;
    return bus_send(proxy->link, proxy->peer, &message, waiter->body);
}

void proxy_flush(struct proxy *proxy, const struct moment *moment)
{
    struct pending_request *next;
    int rc = 0;

    while (proxy->cancel_count > 0 && rc == 0) {
        rc = send_cancel(proxy, proxy->cancels[proxy->cancel_count - 1]);
        if (rc == 0)
            proxy->cancel_count--;
    }
    while (rc == 0 && proxy->peer && (next = pending_unsubmitted(proxy->pending)) != NULL) {
        rc = submit(proxy, waiter_of(next), moment->now_us);
        if (rc == 0) {
            pending_submit(proxy->pending);
        } else if (rc != -EAGAIN && rc != -ENOTCONN) {
            pending_remove(proxy->pending, next);
            refuse(proxy, waiter_of(next), REASON_INTERNAL, NULL, moment);
            rc = 0;
        }
    }
}

void proxy_up(struct proxy *proxy, struct bus_socket *link, uint64_t peer, const struct moment *moment)
{
    proxy->link = link;
    proxy->peer = peer;
    proxy->up_us = moment->now_us;
    proxy_flush(proxy, moment);
}

void proxy_down(struct proxy *proxy, const struct moment *moment)
{
    proxy->peer = 0;
    proxy->cancel_count = 0; /* who has forgotten us has forgotten them */
    pending_unsubmit_all(proxy->pending);
    proxy_visit_down(proxy, moment);
}

/* Takes the waiter of that id out of the table; NULL when it is not there (any more): its client has left, or
 * its deadline has passed, while the scheduler's word was on its way. */
static struct waiter *take(struct proxy *proxy, uint64_t id)
{
    struct pending_request *request = pending_find(proxy->pending, id);

    if (request)
        pending_remove(proxy->pending, request);
    return request ? waiter_of(request) : NULL;
}

void proxy_message(struct proxy *proxy, const struct message *message, struct bus_body *body,
                   const struct moment *moment)
{
    struct waiter *waiter;

    if (message->type == MESSAGE_TYPE_result) {
        waiter = take(proxy, message->result.id);
        if (waiter)
            serve(proxy, waiter, &message->result, body, moment);
    } else if (message->type == MESSAGE_TYPE_rejected) {
        waiter = take(proxy, message->rejected.id);
        if (waiter)
            refuse(proxy, waiter, reason_find(message->rejected.reason), &message->rejected, moment);
    } else if (message->type == MESSAGE_TYPE_accepted) {
        proxy_turn_accepted(proxy, &message->accepted, moment);
    } else {
        proxy_visit_message(proxy, message, body, moment);
    }
}

/* The scheduler's own word at the deadline is awaited a little longer: it knows the reason better. */
static int64_t due_us(const struct pending_request *request)
{
    return request->deadline_us + (request->submitted ? PROXY_OVERDUE_US : 0);
}

static int64_t earlier(int64_t due, const struct pending_request *next)
{
    return next && next->deadline_us < due ? next->deadline_us : due;
}

int64_t proxy_due_us(const struct proxy *proxy)
{
    const struct pending_request *next = pending_next_due(proxy->pending);
    int64_t due = jobs_due_us(proxy->jobs);

    if (next && due_us(next) < due)
        due = due_us(next);
    return earlier(earlier(due, pending_next_due(proxy->turns)), pending_next_due(proxy->visits));
}

void proxy_expire(struct proxy *proxy, const struct moment *moment)
{
    struct pending_request *next;

    while ((next = pending_next_due(proxy->pending)) != NULL && due_us(next) <= moment->now_us) {
        struct waiter *waiter = waiter_of(next);
        enum reason reason = proxy->peer ? REASON_DEADLINE_PASSED : REASON_SCHEDULER_GONE;

        proxy_withdraw(proxy, waiter);
        refuse(proxy, waiter, reason, NULL, moment);
    }
    proxy_turn_expire(proxy, moment);
    proxy_visit_expire(proxy, moment);
    jobs_expire(proxy->jobs, moment->now_us);
}

void proxy_refuse_all(struct proxy *proxy, enum reason reason, const struct moment *moment)
{
    struct pending_request *oldest;

    while ((oldest = pending_oldest(proxy->pending)) != NULL) {
        proxy_withdraw(proxy, waiter_of(oldest));
        refuse(proxy, waiter_of(oldest), reason, NULL, moment);
    }
    proxy_visit_refuse(proxy, reason);
}

void proxy_drain(struct proxy *proxy)
{
    proxy->draining = true;
    proxy_renewals_withdraw(proxy);
}

bool proxy_busy(const struct proxy *proxy)
{
    return pending_count(proxy->pending) > 0;
}

void proxy_gauge(const struct proxy *proxy)
{
    const struct jobs_counts *counts = jobs_counts(proxy->jobs);
    struct metrics *metrics = proxy->config.metrics;

    metric_set(metrics, METRIC_GATEWAY_JOBS_PENDING, counts->pending);
    metric_set(metrics, METRIC_GATEWAY_JOBS_KEPT, counts->kept);
    metric_set(metrics, METRIC_GATEWAY_JOBS_BYTES, (int64_t)counts->bytes);
    metric_set(metrics, METRIC_GATEWAY_JOBS_EVICTED, (int64_t)counts->evicted_total);
    metric_set(metrics, METRIC_GATEWAY_JOBS_POLLS, pending_count(proxy->visits));
}
