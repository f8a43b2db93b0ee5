/* delta.h - what has changed in the state since the previous tick, rendered once for all who listen. Pure.
 *
 * A delta is a state with less in it: seq and at_us always; of values, quantiles, windows and views what has
 * changed, key by key (a view that is gone is null); other parts whole, where they have changed; and the
 * newest second of the history as `point`. Who takes over what is there has the state. */
#ifndef SLUICE_METRICSD_DELTA_H
#define SLUICE_METRICSD_DELTA_H

#include "metricsd/state_json.h"

/* What has been told. All zero: nothing has, so everything will be. */
struct delta {
    bool is_known; /* whether the numbers are those of the previous tick */
    int64_t values[SNAPSHOT_VALUES], quantiles[SNAPSHOT_QUANTILES];
    int64_t windows[WINDOW_COUNT][WINDOWS_PAIRS];
    uint64_t processes, slots, links; /* of parts that are told as a whole, a hash of the text */
    uint64_t view_changes;            /* told up to this one of views.h */
    unsigned view_count;
    char views[VIEWS_MAX][VIEWS_KEY_BYTES]; /* the keys that have been told */
};

/* Writes the delta of a tick as an object, and remembers what it has told. */
void delta_put(struct delta *delta, struct json *json, const struct state_parts *parts, int64_t now_us);

/* The same between two ticks: slots and views alone. False when neither has changed, and nothing is written.
 */
bool delta_put_between(struct delta *delta, struct json *json, const struct state_parts *parts,
                       int64_t now_us);

/* A whole state has been told to somebody, besides. */
void delta_add_state(struct delta *delta, const struct state_parts *parts);

/* Nobody listens: what comes next is told to those who have a state of their own. */
void delta_forget(struct delta *delta);

#endif
