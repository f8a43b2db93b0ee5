/* control.c - a table of routes: state, log, faults, reset. */
#include "tests/simulator/control.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/simulator/form.h"
#include "tests/simulator/nanos.h"
#include "tests/simulator/page.h"

#define LOG_LIMIT 10000 /* arrivals per answer: about 3 MB */

bool control_wants(const struct request *request)
{
    size_t bytes = sizeof(CONTROL_PREFIX) - 1;

    return request->path.bytes >= bytes && memcmp(request->path.at, CONTROL_PREFIX, bytes) == 0;
}

/* The number in the query, or fallback; false when it is none. */
static bool query_number(struct text query, const char *name, uint64_t fallback, uint64_t *number)
{
    struct form_field field;

    *number = fallback;
    while (form_next(&query, &field)) {
        char room[24] = "";
        char *end;

        if (!text_equal(field.name, name))
            continue;
        if (field.value.bytes == 0 || field.value.bytes > 19)
            return false;
        memcpy(room, field.value.at, field.value.bytes);
        if (strspn(room, "0123456789") != field.value.bytes)
            return false;
        *number = strtoull(room, &end, 10);
    }
    return true;
}

static int answer_state(struct simulator *simulator, const struct request *request, FILE *out)
{
    const struct windows_config *rules = windows_rules(simulator->windows);
    const struct server_stats *stats = server_stats(simulator->server);
    const struct fault_plan *plan = &simulator->plan;

    (void)request;
    fputc('{', out);
    journal_write_counters(simulator->journal, out);
    fprintf(out, ",\"window_ms\":%.10g,\"burst\":%u,\"penalty_ms\":%.10g,\"penalty\":\"%s\"",
            (double)rules->window_ns / (double)NS_PER_MS, rules->burst,
            (double)rules->penalty_ns / (double)NS_PER_MS, rules->delay ? "delay" : "reject");
    fprintf(out, ",\"now_ns\":%lld,\"in_progress\":%u,\"overflowed\":%llu,\"log_failures\":%llu",
            (long long)nanos_now(), simulator->passages, (unsigned long long)simulator->passages_refused,
            (unsigned long long)simulator->log_failures);
    fprintf(out, ",\"connections\":{\"open\":%u,\"total\":%llu,\"refused\":%llu},\"malformed\":%llu",
            stats->connections, (unsigned long long)stats->connections_total,
            (unsigned long long)stats->refused_total, (unsigned long long)stats->malformed_total);
    fputs(",\"faults\":", out);
    faults_write_json(&plan->standing, out);
    fprintf(out, ",\"passing_left\":%lld,\"passing_faults\":", (long long)plan->passing_left);
    if (plan->passing_left > 0)
        faults_write_json(&plan->passing, out);
    else
        fputs("null", out);
    fputc('}', out);
    return 200;
}

static int answer_log(struct simulator *simulator, const struct request *request, FILE *out)
{
    uint64_t since, limit;

    if (!query_number(request->query, "since", 0, &since) ||
        !query_number(request->query, "limit", LOG_LIMIT, &limit)) {
        fputs("{\"error\":\"since and limit are numbers\"}", out);
        return 400;
    }
    journal_write_json(simulator->journal, since, limit < LOG_LIMIT ? limit : LOG_LIMIT, out);
    return 200;
}

/* The form is the query and the body: the query is enough for a test, the body is what curl -d sends. */
static int answer_faults(struct simulator *simulator, const struct request *request, FILE *out)
{
    struct fault_plan before = simulator->plan;
    char bad[48] = "";
    int rc = 0;

    if (request->query.bytes > 0 || request->body.bytes == 0)
        rc = fault_plan_set(&simulator->plan, request->query, bad, sizeof(bad));
    if (rc == 0 && request->body.bytes > 0)
        rc = fault_plan_set(&simulator->plan, request->body, bad, sizeof(bad));
    if (rc < 0) {
        simulator->plan = before;
        fprintf(out, "{\"error\":\"bad fault\",\"name\":\"%s\"}", bad);
        return 400;
    }
    if (simulator->plan.deaf_ns > 0)
        server_deafen(simulator->server, simulator->plan.deaf_ns / NS_PER_US);
    simulator->plan.deaf_ns = 0;
    return answer_state(simulator, request, out);
}

static int answer_reset(struct simulator *simulator, const struct request *request, FILE *out)
{
    journal_clear(simulator->journal);
    windows_clear(simulator->windows);
    if (simulator->log)
        fprintf(simulator->log, "{\"reset\":true,\"ns\":%lld}\n", (long long)nanos_now());
    return answer_state(simulator, request, out);
}

static const struct {
    const char *path;
    bool changes; /* POST or PUT; else GET or HEAD */
    int (*answer)(struct simulator *simulator, const struct request *request, FILE *out);
} routes[] = {
    {"/control/state", false, answer_state},
    {"/control/log", false, answer_log},
    {"/control/faults", true, answer_faults},
    {"/control/reset", true, answer_reset},
};

/* What a browser asks before it lets a page of this host send more than a plain form. */
static bool is_preflight(const struct request *request)
{
    return request->origin.bytes > 0 && text_equal(request->method, "OPTIONS");
}

static int route(struct simulator *simulator, const struct request *request, FILE *out)
{
    bool changes = text_equal(request->method, "POST") || text_equal(request->method, "PUT");
    bool reads = request->head || text_equal(request->method, "GET");

    if (request->origin.bytes > 0 && !page_is_local(request->origin)) {
        fputs("{\"error\":\"for pages of this host alone\"}", out);
        return 403;
    }
    if (is_preflight(request))
        return 200;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!text_equal(request->path, routes[i].path))
            continue;
        if (routes[i].changes ? changes : reads)
            return routes[i].answer(simulator, request, out);
        fputs("{\"error\":\"wrong method\"}", out);
        return 405;
    }
    fputs("{\"error\":\"no such control\"}", out);
    return 404;
}

void control_answer(struct simulator *simulator, struct exchange *exchange, const struct request *request)
{
    struct reply reply = {.end = request->keep_alive ? REPLY_KEEP : REPLY_FIN};
    struct answer answer = {.type = "application/json", .head = request->head, .close = !request->keep_alive};
    char *body = NULL, fields[PAGE_FIELDS_BYTES];
    size_t bytes = 0;
    FILE *out = open_memstream(&body, &bytes);

    page_fields(request->origin, is_preflight(request), fields);
    answer.fields = text_of(fields);
    if (out) {
        answer.status = route(simulator, request, out);
        fputc('\n', out);
        if (fclose(out) != 0)
            bytes = 0;
        answer.body = (struct text){.at = body, .bytes = bytes};
        reply.bytes = answer_render(&answer, nanos_wall() / NS_PER_SECOND, &reply.size);
    }
    if (!reply.bytes)
        reply = (struct reply){.end = REPLY_FIN};
    free(body);
    exchange_reply(exchange, &reply);
}
