/* journal.c - the ring and its JSON. Everything that came from a client is made harmless when it is kept, so
 * that nothing needs escaping when it is written. */
#include "tests/simulator/journal.h"

#include <stdlib.h>

#define CLIENT_PLAIN_BYTES 16 /* a longer client-id may be a secret, and is hashed */

struct journal {
    unsigned entries;
    uint64_t count; /* arrivals; the ring holds the last `entries` of them */
    uint64_t by_verdict[VERDICT_COUNT];
    uint64_t by_class[3];
    int64_t min_gap_ns;        /* -1: none yet */
    int64_t first_ns, last_ns; /* accepted arrivals; -1: none yet */
    struct arrival ring[];
};

struct journal *journal_new(unsigned entries)
{
    struct journal *journal = calloc(1, sizeof(*journal) + entries * sizeof(struct arrival));

    if (!journal)
        return NULL;
    journal->entries = entries;
    journal_clear(journal);
    return journal;
}

void journal_free(struct journal *journal)
{
    free(journal);
}

void journal_clear(struct journal *journal)
{
    unsigned entries = journal->entries;

    *journal = (struct journal){.entries = entries, .min_gap_ns = -1, .first_ns = -1, .last_ns = -1};
}

/* Keeps visible ASCII that JSON needs not escape; the rest becomes '?'. */
static void keep_plain(struct text text, char *out, size_t room)
{
    size_t bytes = text.bytes < room ? text.bytes : room - 1;

    for (size_t i = 0; i < bytes; i++) {
        char c = text.at[i];

        out[i] = (c > ' ' && c <= '~' && c != '"' && c != '\\') ? c : '?';
    }
    out[bytes] = '\0';
}

static void keep_client(struct text client, char *out, size_t room)
{
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a */

    if (client.bytes <= CLIENT_PLAIN_BYTES) {
        keep_plain(client, out, room);
        return;
    }
    for (size_t i = 0; i < client.bytes; i++)
        hash = (hash ^ (unsigned char)client.at[i]) * 1099511628211ULL;
    snprintf(out, room, "#%016llx", (unsigned long long)hash);
}

static void count(struct journal *journal, const struct arrival *arrival)
{
    enum verdict_class class = verdict_class(arrival->verdict);

    journal->by_verdict[arrival->verdict]++;
    journal->by_class[class]++;
    if (arrival->gap_ns >= 0 && (journal->min_gap_ns < 0 || arrival->gap_ns < journal->min_gap_ns))
        journal->min_gap_ns = arrival->gap_ns;
    if (class != CLASS_ACCEPTED)
        return;
    if (journal->first_ns < 0)
        journal->first_ns = arrival->at_ns;
    journal->last_ns = arrival->at_ns;
}

const struct arrival *journal_add(struct journal *journal, const struct request *request,
                                  const struct decision *decision, const struct faults *faults, int64_t at_ns,
                                  int64_t forward_ns, int64_t backward_ns)
{
    struct arrival *arrival = &journal->ring[journal->count % journal->entries];

    *arrival = (struct arrival){
        .sequence = ++journal->count,
        .at_ns = at_ns,
        .gap_ns = decision->ruling.gap_ns,
        .rest_ns = decision->ruling.rest_ns,
        .forward_ns = forward_ns,
        .backward_ns = backward_ns,
        .verdict = decision->verdict,
    };
    keep_plain(request->attempt, arrival->attempt, sizeof(arrival->attempt));
    keep_plain(request->method, arrival->method, sizeof(arrival->method));
    keep_client(request->client_id, arrival->client, sizeof(arrival->client));
    memcpy(arrival->cpf, decision->cpf_masked, sizeof(arrival->cpf));
    faults_describe(faults, arrival->fault, sizeof(arrival->fault));
    count(journal, arrival);
    return arrival;
}

/* "name":123, or null for what is below 0 */
static void write_number(const char *name, int64_t number, FILE *out)
{
    if (number < 0)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%lld", name, (long long)number);
}

static void write_text(const char *name, const char *text, FILE *out)
{
    if (text[0] == '\0')
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":\"%s\"", name, text);
}

void arrival_write_json(const struct arrival *arrival, FILE *out)
{
    fprintf(out, "{\"seq\":%llu", (unsigned long long)arrival->sequence);
    write_number("ns", arrival->at_ns, out);
    write_number("gap_ns", arrival->gap_ns, out);
    write_text("verdict", verdict_name(arrival->verdict), out);
    write_number("rest_ns", arrival->rest_ns, out);
    write_text("attempt", arrival->attempt, out);
    write_text("client", arrival->client, out);
    write_text("method", arrival->method, out);
    write_text("cpf", arrival->cpf, out);
    write_number("forward_ns", arrival->forward_ns, out);
    write_number("backward_ns", arrival->backward_ns, out);
    write_text("fault", arrival->fault, out);
    fputc('}', out);
}

void journal_write_json(const struct journal *journal, uint64_t since, uint64_t limit, FILE *out)
{
    uint64_t oldest = journal->count > journal->entries ? journal->count - journal->entries : 0;
    uint64_t at = since > oldest ? since : oldest;
    uint64_t lost = oldest > since ? oldest - since : 0;

    if (at > journal->count)
        at = journal->count;
    fprintf(out, "{\"lost\":%llu,\"entries\":[", (unsigned long long)lost);
    for (uint64_t n = 0; n < limit && at < journal->count; n++, at++) {
        if (n > 0)
            fputs(",\n", out);
        arrival_write_json(&journal->ring[at % journal->entries], out);
    }
    fprintf(out, "],\"last\":%llu}", (unsigned long long)at);
}

void journal_write_counters(const struct journal *journal, FILE *out)
{
    fprintf(out, "\"arrivals\":%llu,\"accepted\":%llu,\"rejected\":%llu,\"verdicts\":{",
            (unsigned long long)journal->count, (unsigned long long)journal->by_class[CLASS_ACCEPTED],
            (unsigned long long)journal->by_class[CLASS_REJECTED]);
    for (unsigned i = 0; i < VERDICT_COUNT; i++)
        fprintf(out, "%s\"%s\":%llu", i == 0 ? "" : ",", verdict_name((enum verdict)i),
                (unsigned long long)journal->by_verdict[i]);
    fputc('}', out);
    write_number("min_gap_ns", journal->min_gap_ns, out);
    write_number("first_accepted_ns", journal->first_ns, out);
    write_number("last_accepted_ns", journal->last_ns, out);
}
