/* store.h - what metricsd knows of the stack: the values of every process, added up, and the last events.
 *
 * Processes are told apart by kind and *epoch* (a number drawn at each start). What a process sends once a
 * second are absolute values of its epoch, so a lost message loses nothing. Counters and histograms are
 * summed over all epochs ever heard of, dead ones included, and so never go back; gauges over those that are
 * up. What a process has counted since its last message comes from its ledger (common/ledger.h) once it is
 * gone. A process is up when it was heard of within STORE_UP_US; of a kind of which a stack has only one,
 * only the newest epoch is up. Everything is bounded, whoever sends: when the table of epochs is full, the
 * one that has been silent for longest is folded into a base and, so that nothing is ever counted twice,
 * refused should it speak again. Pure.
 *
 * Events are numbered within an epoch. What is missing in between is lost, and so is what an epoch that began
 * under the store's eyes had sent before it was first heard of; what older ones had sent until then is not.
 */
#ifndef SLUICE_METRICSD_STORE_H
#define SLUICE_METRICSD_STORE_H

#include <stdint.h>

#include "common/ledger.h"
#include "common/message.h"

#define STORE_EPOCHS   64
#define STORE_EVENTS   200
#define STORE_UP_US    3000000
#define STORE_GRAVES   256
#define STORE_GRAVE_US 300000

enum store_kind { STORE_GATEWAY, STORE_SCHEDULER, STORE_FETCHER, STORE_METRICSD, STORE_KINDS };

/* One epoch of one process. */
struct store_process {
    enum store_kind kind;
    uint64_t epoch, pid;   /* pid 0: not told yet */
    unsigned instance;     /* the smallest number that no other running one of its kind has */
    uint64_t order;        /* of first being heard of */
    int64_t started_at_us; /* monotonic */
    int64_t heard_at_us;   /* the last sign of life */
    uint64_t events, lost; /* events that came, and that were missing in between */
    uint64_t last_seq;
    bool buried; /* gone for good: its ledger has been read */
};

struct store_event {
    enum store_kind kind;
    uint64_t id;                  /* on the feed */
    uint64_t epoch, seq, attempt; /* attempt 0: none */
    int64_t at_us, value;
    char name[MESSAGE_LABEL_BYTES + 1];
    struct text lane, request, reason, note; /* empty: none; they borrow from the store */
    char texts[2 * MESSAGE_LABEL_BYTES + MESSAGE_ID_BYTES + MESSAGE_NOTE_BYTES];
};

struct store_counts {
    uint64_t events;  /* taken */
    uint64_t lost;    /* missing in their sequence */
    uint64_t bad;     /* messages and values that break the rules */
    uint64_t unknown; /* values that the table of metrics does not know */
    uint64_t refused; /* messages of epochs that found no room, or that were forgotten */
};

struct store;

struct store *store_new(int64_t now_us); /* from now on it is told everything. NULL: out of memory */
void store_free(struct store *store);    /* takes NULL */

/* Take in what a process of that epoch says; all borrow. 0; -EINVAL: bad, -ENOSPC: too many processes are
 * running, -ESTALE: an epoch that was folded away; then nothing is kept but the count. -EAGAIN: a
 * distribution of a process that has not told its totals yet; it will come again after them. id: the event's
 * number on the feed. */
int store_add_event(struct store *store, int64_t now_us, uint64_t epoch, const struct message_event *event,
                    uint64_t id);
int store_add_totals(struct store *store, int64_t now_us, uint64_t epoch,
                     const struct message_totals *totals);
int store_add_distribution(struct store *store, int64_t now_us, uint64_t epoch,
                           const struct message_distribution *distribution);

/* Whether the last values of a process that is gone may be taken: it has been silent for STORE_GRAVE_US, so
 * nothing of it is on its way any more. */
bool store_may_bury(const struct store *store, int64_t now_us, struct text process, uint64_t epoch);
/* Takes them, as they stand in its ledger, in place of all that it told. Requests that still waited in a
 * gateway have lost their answer with it: they count as dropped. Borrows. 0; -EINVAL: not of a process of
 * ours, or absurd; -ESTALE: they have been taken before. */
int store_bury(struct store *store, struct text process, uint64_t epoch, const struct ledger_counts *counts);

/* What a store knows of processes that are gone: the sums of their values, so that it can go on after a
 * restart of metricsd, and who they were, so that none is counted twice. */
struct store_grave {
    uint32_t kind;
    uint64_t epoch;
};
struct store_past {
    struct metrics base;
    uint64_t starts[STORE_KINDS];
    uint32_t grave_count, graves_seen;
    struct store_grave graves[STORE_GRAVES];
};
void store_give_past(const struct store *store, struct store_past *past);
/* Into an empty store. 0, or -EBADMSG: it cannot be. */
int store_take_past(struct store *store, const struct store_past *past);

/* The whole stack's values. */
void store_sum(const struct store *store, int64_t now_us, struct metrics *sum);
/* The same without what processes had counted (but for a few seconds) before the store was there: what these
 * counters and histograms grow by has happened meanwhile. Gauges are as in the sum. */
void store_seen(const struct store *store, const struct metrics *sum, struct metrics *seen);
struct store_counts store_counts(const struct store *store);

/* The processes, in no order; NULL past the last. */
const struct store_process *store_process_at(const struct store *store, unsigned place);
bool store_process_is_up(const struct store *store, const struct store_process *process, int64_t now_us);
/* How many of that kind are up, and how many were ever heard of. */
unsigned store_kind_up(const struct store *store, enum store_kind kind, int64_t now_us);
uint64_t store_kind_starts(const struct store *store, enum store_kind kind);
const char *store_kind_name(enum store_kind kind);
bool store_kind_find(struct text name, enum store_kind *kind);
/* Whether it is of a-z, 0-9 and '_': names become topics and keys. */
bool store_is_word(struct text text);
/* When that epoch was first heard of, among its kind; UINT64_MAX: not yet, so it is newer than all that were;
 * 0: it was forgotten. */
uint64_t store_order(const struct store *store, enum store_kind kind, uint64_t epoch);
/* The newest epoch of that kind that is up; 0: none is. */
uint64_t store_newest_up(const struct store *store, enum store_kind kind, int64_t now_us);
bool store_epoch_is_up(const struct store *store, enum store_kind kind, uint64_t epoch, int64_t now_us);

/* The last events, 0 is the newest; NULL past the oldest that is kept. */
const struct store_event *store_event_at(const struct store *store, unsigned place);

#endif
