/* past.h - the sums of processes that are gone, metricsd itself included, so that no kill -9 takes anything
 * from them. Last values come from their ledgers (common/ledger.h) into the store; the store's sums of the
 * past are kept in RUNTIME_DIR/ledgers/sums, for the next metricsd. */
#ifndef SLUICE_METRICSD_PAST_H
#define SLUICE_METRICSD_PAST_H

#include "metricsd/store.h"

struct past {
    struct store *store;     /* borrowed */
    const char *runtime_dir; /* borrowed */
    int64_t now_us;          /* of the walk that is being made */
    unsigned strange;        /* ledgers that could not be believed */
    struct {
        char process[LEDGER_PROCESS_BYTES + 1];
        uint64_t epoch;
    } done[LEDGERS_MAX]; /* can be removed once the sums are kept */
    unsigned done_count;
};

/* Into an empty store. 0; -ENOENT: there is no past; else -errno: there is one that cannot be read or
 * believed
 * (-EBADMSG), and it is left behind. */
int past_open(struct past *past, struct store *store, const char *runtime_dir);

/* Takes in those that have gone since. 0 or -errno: the ledgers or the sums cannot be read or written; they
 * are tried again with the next call. */
int past_walk(struct past *past, int64_t now_us);

#endif
