/* admin_fuzz.c - orders of operators and questions about jobs, as they come over HTTP: path, method, query
 * and body (gateway/admin_call.c, admin_body.c, burst_call.c, burst_order.c, job_call.c). The input is a
 * request (asked.h).
 *
 * What is taken lies in its documented range and can be sent to the scheduler; what is refused has one of the
 * documented statuses and a reason that may stand in JSON and in a log: it never repeats a CPF. */
#include "common/json.h"
#include "gateway/admin_call.h"
#include "gateway/burst_call.h"
#include "gateway/burst_order.h"
#include "gateway/cpf.h"
#include "gateway/job_call.h"
#include "tests/fuzz/asked.h"

#define REQUESTS_MAX    50
#define CONCURRENCY_MAX 8

static void check_detail(const char *detail, int status)
{
    static const int statuses[] = {400, 404, 405, 413};
    bool known = false;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        known = known || status == statuses[i];
    must(known, "a documented status");
    must(detail && detail[0], "a refusal says why");
    check_utf8(text_of(detail));
    must(!cpf_stands_in(text_of(detail)), "a refusal repeats no CPF");
}

static void check_call(const struct http_request *request)
{
    static struct message_codec *codec;
    struct admin_call call;
    struct text frame;
    int status = admin_call_read(request, &call);

    if (!codec)
        codec = message_codec_new();
    if (status != 0) {
        check_detail(call.detail, status);
        must(status != 405 || call.allow[0], "405 says what is allowed");
        return;
    }
    must(call.message.type == MESSAGE_TYPE_control || call.message.type == MESSAGE_TYPE_query, "an order");
    if (call.message.type == MESSAGE_TYPE_control) {
        const struct message_control *control = &call.message.control;

        call.message.control.request = text_of("r");
        call.message.control.who = text_of("token");
        must(control->order != CONTROL_RATE || (control->span_us >= 1000 && control->span_us <= 86400000000),
             "a rate");
        must(control->order != CONTROL_TRIP || (control->span_us >= 0 && control->span_us <= 86400000000),
             "a trip");
        must(!call.target.lane || cpf_stands_in(text_of(call.target.call.query)), "one answer is named");
    }
    must(message_encode(codec, &call.message, &frame) == 0, "it can be sent");
}

static void check_burst_order(struct text body)
{
    struct burst_limits limits = {.requests_max = REQUESTS_MAX, .concurrency_max = CONCURRENCY_MAX};
    char detail[ADMIN_DETAIL_BYTES] = "";
    struct burst_order order;
    int rc = burst_order_read(body, &limits, &order, detail);

    if (rc < 0) {
        check_detail(detail, 400);
    } else {
        must(order.lane && order.count >= 1 && order.count <= REQUESTS_MAX, "so many requests");
        must(order.subject_count == 1 || order.subject_count == order.count,
             "one thing each, or one for all");
        must(order.concurrency >= 1 && order.concurrency <= CONCURRENCY_MAX, "so many at a time");
        must(order.rate == 0 || (order.rate >= 0.001 && order.rate <= BURST_RATE_MAX), "so many a second");
        must(order.priority_count <= BURST_PRIORITIES_MAX, "so many priorities");
        for (unsigned i = 0; i < order.priority_count; i++)
            must(order.priorities[i] <= 99, "a priority");
        for (unsigned i = 0; i < order.subject_count; i++)
            must(strlen(order.subjects[i]) >= 1 && strlen(order.subjects[i]) <= BURST_SUBJECT_BYTES,
                 "a subject");
    }
    burst_order_done(&order);
}

static void check_burst_call(const struct http_request *request)
{
    struct burst_call call;
    int status = burst_call_read(request, &call);

    if (status != 0) {
        check_detail(call.detail, status);
        return;
    }
    must(call.limit <= BURST_LIMIT_MAX, "so many results");
    if (call.wish == BURST_BEGIN)
        check_burst_order(request->body);
}

static void check_job_call(const struct http_request *request)
{
    char id[JOB_ID_BYTES];
    struct job_call call;
    struct job_name again;
    int status = job_call_read(request, &call);

    if (status != 0) {
        check_detail(call.detail, status);
        return;
    }
    must(call.wait_us >= 0 && call.wait_us <= JOB_WAIT_MAX_US, "a wait");
    must(job_name_read(job_name_write(&call.name, id), &again) &&
             memcmp(&again.secret, &call.name.secret, sizeof(again.secret)) == 0 &&
             again.gateway == call.name.gateway,
         "a name is read as it is written");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct asked asked;

    if (asked_read(data, size, &asked)) {
        if (burst_call_is(asked.request.path))
            check_burst_call(&asked.request);
        else if (admin_call_is(asked.request.path))
            check_call(&asked.request);
        if (job_call_is(asked.request.path))
            check_job_call(&asked.request);
        check_burst_order(asked.request.body);
    }
    free(asked.bytes);
    return 0;
}
