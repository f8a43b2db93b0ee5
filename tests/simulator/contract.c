/* contract.c - the table of the score API, row by row. */
#include "tests/simulator/contract.h"

#include <stdio.h>

#include "tests/simulator/form.h"
#include "tests/simulator/nanos.h"

#define JSON "application/json; charset=utf-8"
#define HTML "text/html; charset=utf-8"

static const struct {
    const char *name;
    int status;
    enum verdict_class class;
} verdicts[] = {
#define X(name, text, status, class) [VERDICT_##name] = {text, status, CLASS_##class},
    VERDICTS(X)
#undef X
};

const char *verdict_name(enum verdict verdict)
{
    return verdicts[verdict].name;
}

enum verdict_class verdict_class(enum verdict verdict)
{
    return verdicts[verdict].class;
}

static enum verdict judge_cpf(const struct request *request, struct decision *decision)
{
    struct text rest = request->query;
    enum verdict verdict = VERDICT_NO_CPF;
    struct form_field field;
    unsigned seen = 0;

    while (form_next(&rest, &field)) {
        if (!text_equal(field.name, "cpf"))
            continue;
        if (++seen > 1)
            return VERDICT_DUPLICATE_CPF;
        if (field.value.bytes == 0)
            continue;
        score_mask(field.value, decision->cpf_masked);
        verdict = !field.cut && score_of(field.value, &decision->score) ? VERDICT_OK : VERDICT_BAD_CPF;
    }
    return verdict;
}

void contract_judge(struct windows *windows, const struct request *request, int64_t now_ns,
                    const struct windows_clock *clock, struct decision *decision)
{
    *decision = (struct decision){.ruling = {.gap_ns = -1}};
    decision->reply = judge_cpf(request, decision);
    if (!text_equal(request->path, CONTRACT_PATH) || !(request->head || text_equal(request->method, "GET"))) {
        decision->verdict = decision->reply = VERDICT_NOT_FOUND;
        return;
    }
    if (request->client_id.bytes == 0) {
        decision->verdict = decision->reply = VERDICT_NO_CLIENT_ID;
        return;
    }
    windows_judge(windows, request->client_id, now_ns, clock, &decision->ruling);
    decision->verdict = decision->reply;
    if (decision->ruling.outcome == WINDOWS_EARLY)
        decision->verdict = VERDICT_EARLY;
    else if (decision->ruling.outcome == WINDOWS_BLOCKED)
        decision->verdict = VERDICT_BLOCKED;
    else if (decision->ruling.outcome == WINDOWS_FULL)
        decision->verdict = VERDICT_OVERLOADED;
    if (decision->ruling.delay_ns == 0)
        decision->reply = decision->verdict;
}

/* Rounded up: a client that waits as long as it was told must not be early. */
static int64_t ms_of(int64_t ns)
{
    return (ns + NS_PER_MS - 1) / NS_PER_MS;
}

/* "2" of 2000 ms, "1.486" of 1486: as JavaScript prints a number. */
static void format_seconds(int64_t ms, char *buffer, size_t size)
{
    int bytes = snprintf(buffer, size, "%lld.%03lld", (long long)(ms / 1000), (long long)(ms % 1000));

    if (bytes < 0 || (size_t)bytes >= size)
        return;
    while (buffer[bytes - 1] == '0')
        buffer[--bytes] = '\0';
    if (buffer[bytes - 1] == '.')
        buffer[--bytes] = '\0';
}

static int write_fields(const struct windows *windows, const struct ruling *ruling, int64_t wall_ns,
                        char *buffer, size_t size)
{
    int64_t reset_ms = ms_of(ruling->reset_ns);
    int64_t wall_ms = wall_ns / NS_PER_MS;
    char seconds[32];

    format_seconds(reset_ms, seconds, sizeof(seconds));
    return snprintf(buffer, size,
                    "Retry-After: %s\r\nX-RateLimit-Limit: %u\r\nX-RateLimit-Remaining: %u\r\n"
                    "X-RateLimit-Reset: %lld\r\nX-RateLimit-Reset-In: %lld\r\n",
                    seconds, windows_rules(windows)->burst, ruling->remaining,
                    (long long)((wall_ms + reset_ms + 999) / 1000), (long long)reset_ms);
}

static int write_body(const struct decision *decision, char *buffer, size_t size)
{
    const struct score *score = &decision->score;

    switch (decision->reply) {
    case VERDICT_OK:
        return snprintf(buffer, size, "{\"cpf\":\"%s\",\"score\":%u,\"message\":\"O score de %s é %u\"}",
                        score->cpf, score->value, score->cpf, score->value);
    case VERDICT_NO_CPF:
        return snprintf(buffer, size, "{\"message\":\"CPF é obrigatório\"}");
    case VERDICT_BAD_CPF:
        return snprintf(buffer, size, "{\"message\":\"CPF inválido\"}");
    case VERDICT_EARLY:
    case VERDICT_BLOCKED:
        return snprintf(buffer, size, "{\"error\":\"Aguarde %lldms\"}",
                        (long long)ms_of(decision->ruling.reset_ns));
    case VERDICT_NO_CLIENT_ID:
        return snprintf(buffer, size, "Client ID is required");
    case VERDICT_NOT_FOUND:
        return snprintf(buffer, size, "Not Found");
    case VERDICT_DUPLICATE_CPF:
        return snprintf(buffer, size, "Internal Server Error");
    case VERDICT_OVERLOADED:
    case VERDICT_COUNT:
        break;
    }
    return snprintf(buffer, size, "The simulator remembers no more clients");
}

static bool is_json(enum verdict reply)
{
    return reply == VERDICT_OK || reply == VERDICT_NO_CPF || reply == VERDICT_BAD_CPF ||
           reply == VERDICT_EARLY || reply == VERDICT_BLOCKED;
}

char *contract_answer(const struct windows *windows, const struct decision *decision, bool head, bool close,
                      int64_t wall_ns, size_t *bytes)
{
    bool limited = verdicts[decision->reply].class != CLASS_FREE;
    char fields[256] = "", body[256];
    int field_bytes = limited ? write_fields(windows, &decision->ruling, wall_ns, fields, sizeof(fields)) : 0;
    int body_bytes = write_body(decision, body, sizeof(body));
    struct answer answer = {
        .status = verdicts[decision->reply].status,
        .type = is_json(decision->reply) ? JSON : HTML,
        .fields = {.at = fields, .bytes = (size_t)field_bytes},
        .body = {.at = body, .bytes = (size_t)body_bytes},
        .head = head,
        .close = close,
    };

    return answer_render(&answer, wall_ns / NS_PER_SECOND, bytes);
}
