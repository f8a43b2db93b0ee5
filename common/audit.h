/* audit.h - how a process tells what it has decided: each row of decisions.def is one event and one line in
 * the log, with the same facts. Of what can come in any number, only so much is told in a second (all of it
 * with LOG_LEVEL=debug), and the rest as one `left_out` of each kind. */
#ifndef SLUICE_AUDIT_H
#define SLUICE_AUDIT_H

#include "common/decisions.h"
#include "common/event.h"
#include "common/reason.h"

struct audit {
    struct event_publisher *events; /* borrowed */
    enum decision_id left_out;      /* the process's own row of that name */
    struct decision_budget budget;
};

/* What there is to say. Empty members are left out of line and event, but for the line's reason and value. */
struct audit_facts {
    struct text lane, request, note;
    uint64_t attempt;
    enum reason reason;
    int64_t value;
    int64_t at_us; /* wall clock: when it was; 0: now */
};

/* What of it the row declares is told. `more` are fields for the line alone, ended by one without a key; may
 * be NULL. Borrows all. */
void audit_tell(struct audit *audit, enum decision_id decision, const struct audit_facts *facts,
                const struct log_field *more);

/* So many of that kind are only known by their number. */
void audit_miss(struct audit *audit, enum decision_id decision, uint64_t count);

/* To be called once a second. */
void audit_tick(struct audit *audit);

#endif
