/* journal.h - the record of arrivals that judges Sluice: a bounded ring, counters, JSON. Pure: it is given
 * its times, and writes to a stream that it is given.
 *
 * An arrival is recorded when it is judged and before any fault acts on it. No whole CPF and no long
 * client-id is kept. */
#ifndef SIMULATOR_JOURNAL_H
#define SIMULATOR_JOURNAL_H

#include <stdint.h>
#include <stdio.h>

#include "tests/simulator/contract.h"
#include "tests/simulator/faults.h"

struct arrival {
    uint64_t sequence; /* from 1 */
    int64_t at_ns;     /* CLOCK_MONOTONIC */
    int64_t gap_ns;    /* since the same client-id's previous arrival at the limiter; -1: none */
    int64_t rest_ns;   /* early and blocked: how much too early */
    int64_t forward_ns,
        backward_ns; /* the simulated ways; backward includes the service time and the penalty */
    enum verdict verdict;
    char attempt[72]; /* X-Request-Id */
    char client[24];
    char cpf[SCORE_CPF_BYTES];
    char method[8];
    char fault[48];
};

struct journal;

/* Keeps the last `entries` arrivals. NULL when out of memory. */
struct journal *journal_new(unsigned entries);
void journal_free(struct journal *journal); /* takes NULL */
void journal_clear(struct journal *journal);

/* Counts and keeps it. The result is borrowed until the next call. */
const struct arrival *journal_add(struct journal *journal, const struct request *request,
                                  const struct decision *decision, const struct faults *faults, int64_t at_ns,
                                  int64_t forward_ns, int64_t backward_ns);

/* One object, without the end of the line. */
void arrival_write_json(const struct arrival *arrival, FILE *out);

/* {"entries":[…],"last":N,"lost":N}: at most `limit` arrivals behind the sequence number `since`. last is
 * where to go on; lost counts those that had already left the ring. */
void journal_write_json(const struct journal *journal, uint64_t since, uint64_t limit, FILE *out);

/* "arrivals":N,…,"verdicts":{…}: the members of an object, without its braces. */
void journal_write_counters(const struct journal *journal, FILE *out);

#endif
