/* burst.c - see burst.h. */
#include "gateway/burst.h"

#include <stdio.h>
#include <stdlib.h>

#define US          1e6
#define MADE_UP_US  100000
#define STATUSES    (sizeof(((struct burst_summary *)NULL)->statuses) / sizeof(struct burst_status))
#define TEXT_PLENTY (3 * BURST_SUBJECT_BYTES + 3 * CALLER_CLIENT_BYTES)

_Static_assert(BURST_QUERY_BYTES > TEXT_PLENTY + 100, "room for the longest query, all of it encoded");

/* What is asked for, masked; empty when the lane would not ask for it. */
static void mask(const struct burst *burst, unsigned index, char subject[LANE_SUBJECT_BYTES])
{
    struct text values[LANE_PARAMS] = {{.at = NULL}};
    struct lane_call call = {.subject = ""};

    values[0] = text_of(burst->order.subjects[index % burst->order.subject_count]);
    if (!burst->order.lane->prepare(values, &call))
        memcpy(subject, call.subject, LANE_SUBJECT_BYTES);
}

struct burst *burst_new(struct burst_order *order, int64_t now_us)
{
    struct burst *burst = calloc(1, sizeof(*burst));

    if (!burst)
        return NULL;
    burst->requests = calloc(order->count, sizeof(burst->requests[0]));
    if (!burst->requests) {
        free(burst);
        return NULL;
    }
    burst->order = *order;
    order->subjects = NULL;
    order->subject_count = 0;
    order = &burst->order;
    burst->began_us = now_us;
    burst->next_us = now_us;
    for (unsigned i = 0; i < order->count; i++) {
        burst->requests[i].burst = burst;
        mask(burst, i, burst->requests[i].subject);
    }
    return burst;
}

void burst_free(struct burst *burst)
{
    if (!burst)
        return;
    burst_order_done(&burst->order);
    free(burst->requests);
    free(burst);
}

size_t burst_bytes(const struct burst *burst)
{
    return sizeof(*burst) + burst->order.count * sizeof(burst->requests[0]) +
           burst->order.subject_count * sizeof(burst->order.subjects[0]);
}

int64_t burst_due_us(const struct burst *burst)
{
    if (burst->stopped || burst->begun == burst->order.count || burst->in_flight >= burst->order.concurrency)
        return INT64_MAX;
    return burst->next_us;
}

unsigned burst_priority(const struct burst *burst, unsigned index)
{
    const struct burst_order *order = &burst->order;

    return order->priority_count > 0 ? order->priorities[index % order->priority_count] : CALLER_PRIORITY;
}

static char *put_encoded(char *at, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;

        *at++ = '%';
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    return at;
}

static struct text write_query(const struct burst *burst, unsigned index, char query[BURST_QUERY_BYTES])
{
    const struct burst_order *order = &burst->order;
    char *at = query;

    at += snprintf(at, BURST_QUERY_BYTES, "priority=%u&%s=", burst_priority(burst, index),
                   order->lane->params[0]);
    at = put_encoded(at, order->subjects[index % order->subject_count]);
    if (order->client_id[0])
        at = put_encoded(at + snprintf(at, sizeof("&client_id="), "&client_id="), order->client_id);
    return (struct text){.at = query, .bytes = (size_t)(at - query)};
}

struct burst_request *burst_begin(struct burst *burst, int64_t now_us, char query[BURST_QUERY_BYTES],
                                  struct text *written)
{
    unsigned index = burst->begun++;
    int64_t gap_us = burst->order.rate > 0 ? (int64_t)(US / burst->order.rate) : 0;

    *written = write_query(burst, index, query);
    burst->next_us += gap_us;
    if (burst->next_us < now_us + gap_us - MADE_UP_US)
        burst->next_us = now_us + gap_us;
    burst->requests[index].phase = BURST_IN_FLIGHT;
    burst->in_flight++;
    return &burst->requests[index];
}

static enum burst_source source_of(const struct decision *decision)
{
    switch (decision->outcome) {
    case DECISION_GATEWAY_HIT:
        return BURST_FROM_CACHE;
    case DECISION_GATEWAY_STALE:
        return BURST_FROM_STALE;
    case DECISION_GATEWAY_ANSWERED:
    case DECISION_GATEWAY_FAILED:
        return decision->cached ? BURST_FROM_CACHE : BURST_FROM_UPSTREAM;
    default:
        return BURST_FROM_NOBODY;
    }
}

static void count(struct burst *burst, const struct decision *decision)
{
    enum metric total = decision_total(decision);

    burst->in_flight--;
    burst->ended++;
    burst->successful += total == METRIC_GATEWAY_SUCCESSFUL;
    burst->failed += total == METRIC_GATEWAY_FAILED;
    burst->dropped += total == METRIC_GATEWAY_DROPPED;
}

void burst_end(struct burst_request *request, const struct decision *decision, int64_t took_us)
{
    request->phase = BURST_ENDED;
    request->source = (uint8_t)source_of(decision);
    request->reason = (uint8_t)decision->reason;
    request->status = (uint16_t)decision->status;
    request->wait_us = decision->wait_us;
    request->total_us = took_us;
    request->attempt = decision->attempt;
    if (decision->request_id.bytes == RENDER_ID_BYTES)
        memcpy(request->request_id, decision->request_id.at, RENDER_ID_BYTES);
    count(request->burst, decision);
}

void burst_stop(struct burst *burst)
{
    burst->stopped = true;
}

bool burst_finish(struct burst *burst, int64_t now_us)
{
    bool over = burst->in_flight == 0 && (burst->stopped || burst->begun == burst->order.count);

    if (!over || burst->over_us)
        return false;
    burst->over_us = now_us;
    burst_order_done(&burst->order);
    return true;
}

enum burst_state burst_state(const struct burst *burst)
{
    if (!burst->over_us)
        return burst->stopped ? BURST_STOPPING : BURST_RUNNING;
    return burst->stopped ? BURST_CANCELLED : BURST_DONE;
}

const char *burst_state_name(enum burst_state state)
{
    static const char *const names[] = {[BURST_RUNNING] = "running",
                                        [BURST_STOPPING] = "stopping",
                                        [BURST_DONE] = "done",
                                        [BURST_CANCELLED] = "cancelled"};

    return names[state];
}

static void count_status(struct burst_summary *summary, unsigned status)
{
    unsigned i = 0;

    while (i < summary->status_count && summary->statuses[i].status != status)
        i++;
    if (i == STATUSES)
        return;
    if (i == summary->status_count)
        summary->statuses[summary->status_count++] = (struct burst_status){.status = status};
    summary->statuses[i].count++;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* The smallest of them that so many percent do not exceed. */
static int64_t percentile(const int64_t *sorted, unsigned total, unsigned percent)
{
    return sorted[((uint64_t)total * percent + 99) / 100 - 1];
}

static void sum_times(struct burst_summary *summary, int64_t *times, unsigned total, int64_t sum_us)
{
    qsort(times, total, sizeof(times[0]), compare);
    summary->min_us = times[0];
    summary->mean_us = sum_us / total;
    summary->p50_us = percentile(times, total, 50);
    summary->p95_us = percentile(times, total, 95);
    summary->p99_us = percentile(times, total, 99);
    summary->max_us = times[total - 1];
}

/* Who was left has no time of its own. */
bool burst_sum_up(const struct burst *burst, struct burst_summary *summary)
{
    int64_t *times = calloc(burst->order.count, sizeof(times[0])), sum_us = 0;
    bool summed = times != NULL;
    unsigned total = 0;

    memset(summary, 0, sizeof(*summary));
    for (unsigned i = 0; summed && i < burst->begun; i++) {
        const struct burst_request *request = &burst->requests[i];

        if (request->phase != BURST_ENDED)
            continue;
        summary->sources[request->source]++;
        summary->reasons[request->reason]++;
        if (request->status == 0)
            continue;
        count_status(summary, request->status);
        times[total++] = request->total_us;
        sum_us += request->total_us;
    }
    if (total > 0)
        sum_times(summary, times, total, sum_us);
    free(times);
    return summed;
}
