/* ledger.h - what a process counts, kept where kill -9 does not reach it.
 *
 * The counters lie in a file of their own, RUNTIME_DIR/ledgers/PROCESS-EPOCH, mapped into memory: counting
 * costs nothing more, and what was counted last is there when the process is not. The file is locked for as
 * long as its process lives; metricsd reads those that are not locked any more, adds them to its sums, and
 * removes them. What was written under another layout (another version of common/metrics.def) is not taken
 * over. */
#ifndef SLUICE_LEDGER_H
#define SLUICE_LEDGER_H

#include "common/metric.h"

#define LEDGERS_MAX          256 /* files; who finds so many keeps its counters in memory alone */
#define LEDGER_PROCESS_BYTES 16

struct ledger_counts {
    uint64_t events; /* told so far (common/event.h) */
    struct metrics metrics;
};

struct ledger;

/* All counts are 0. Where no file can be had they lie in memory alone, and *error says why (-errno, else 0).
 * NULL: out of memory. */
struct ledger *ledger_open(const char *runtime_dir, const char *process, uint64_t epoch, int *error);
/* Takes NULL. The file stays for metricsd. */
void ledger_close(struct ledger *ledger);
/* Borrowed until ledger_close(). */
struct ledger_counts *ledger_counts(struct ledger *ledger);

/* The ledger of a process that is gone. */
struct ledger_past {
    char process[LEDGER_PROCESS_BYTES + 1];
    uint64_t epoch;
    bool good; /* false: not of our layout, or torn: nothing in counts is to be believed */
    struct ledger_counts counts;
};

/* Calls take for each of them, in no order; take may call ledger_remove(). 0 or -errno. */
int ledger_each_past(const char *runtime_dir, void (*take)(void *arg, const struct ledger_past *past),
                     void *arg);
void ledger_remove(const char *runtime_dir, const char *process, uint64_t epoch);

/* Tells one layout of the counts from another. */
uint64_t ledger_layout(void);
/* RUNTIME_DIR/ledgers, made if need be; 0 or -errno. */
int ledger_dir(const char *runtime_dir, char *path, size_t size);

#endif
