/* view.h - what the processes say in JSON, as text for people: aligned lines and tables.
 *
 * A member that is missing or of another type shows as "-", so that a newer or older gateway is no error.
 * Bytes that a terminal might take for orders show as '?'. Pure. */
#ifndef SLUICE_CTL_VIEW_H
#define SLUICE_CTL_VIEW_H

#include <stdio.h>

struct json_object;

/* {"health": of /health, "breaker": of /circuit-breaker-status, "state": of /api/state}; each may be null. */
void view_status(const struct json_object *status, FILE *out);

/* {"requests": [...], "next": ...}, the first `most` of them. */
void view_queue(const struct json_object *queue, size_t most, FILE *out);
void view_policy(const struct json_object *policy, FILE *out);
void view_breaker(const struct json_object *breaker, FILE *out);
void view_event(const struct json_object *event, FILE *out);

/* A burst in one line, and at its end in some more. */
void view_burst_progress(const struct json_object *burst, FILE *out);
void view_burst_end(const struct json_object *burst, FILE *out);

/* What an order has brought: "policy fifo, seconds 0.5" of {"policy":"fifo","seconds":0.5}. */
void view_done(const struct json_object *answer, FILE *out);

/* Why something was refused, by its problem document, or by the checks of a health page. */
void view_refusal(const struct json_object *answer, int status, FILE *out);

#endif
