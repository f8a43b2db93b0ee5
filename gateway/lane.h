/* lane.h - the providers that this proxy stands in front of, one row each: where their lane is found, which
 * parameters it takes, and how a request is checked before anything is spent on it. Pure. */
#ifndef SLUICE_LANE_H
#define SLUICE_LANE_H

#include <stdint.h>

#include "common/text.h"

#define LANE_COUNT         1
#define LANE_PARAMS        4 /* of one lane at most */
#define LANE_QUERY_BYTES   64
#define LANE_SUBJECT_BYTES 24

/* A request as the provider is to get it. */
struct lane_call {
    char query[LANE_QUERY_BYTES]; /* canonical: equal requests have equal ones; ended by NUL */
    size_t query_bytes;
    char subject[LANE_SUBJECT_BYTES]; /* what it is about, masked: for logs */
};

/* The provider's own words for a request that it would refuse. */
struct lane_refusal {
    int status;
    const char *type; /* media type */
    const char *body;
};

struct lane {
    const char *name, *path;
    const char *const *params; /* their names, ended by NULL */
    /* Fills in the call and returns NULL, or returns what the provider would answer. values are in the order
     * of params; at == NULL: not given. */
    const struct lane_refusal *(*prepare)(const struct text *values, struct lane_call *call);
};

extern const struct lane lanes[LANE_COUNT];

/* The lane of that path or name; NULL when there is none. */
const struct lane *lane_at_path(struct text path);
const struct lane *lane_named(struct text name);
static inline unsigned lane_place(const struct lane *lane)
{
    return (unsigned)(lane - lanes);
}

#endif
