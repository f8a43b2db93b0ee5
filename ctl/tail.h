/* tail.h - of the events that metricsd keeps, those that have not been shown yet. Pure.
 *
 * Each process numbers its events within its epoch; the last number shown of each epoch is remembered. */
#ifndef SLUICE_CTL_TAIL_H
#define SLUICE_CTL_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAIL_EPOCHS      128 /* beyond them the one that was heard of least lately is forgotten */
#define TAIL_EPOCH_BYTES 17

struct json_object;

struct tail_mark {
    char epoch[TAIL_EPOCH_BYTES];
    int64_t seq;
    uint64_t used; /* 0: free */
};

struct tail {
    struct tail_mark marks[TAIL_EPOCHS];
    uint64_t clock;
};

enum tail_verdict { TAIL_OLD, TAIL_NEW, TAIL_BAD };

/* Takes note of the event. *missed: how many of its epoch came in between and were not shown. */
enum tail_verdict tail_take(struct tail *tail, const struct json_object *event, int64_t *missed);

/* By their times, so that those of several processes read as one story; equal ones stay as they are. */
void tail_sort(const struct json_object **events, size_t count);

#endif
