/* decisions.h - everything that a process decides and tells, declared in one table (decisions.def); and how
 * much of what can come in any number is told. Pure. */
#ifndef SLUICE_DECISIONS_H
#define SLUICE_DECISIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/log.h"

#define DECISIONS_A_SECOND                                                                                   \
    100 /* of one kind; a flood of refusals must not become one of lines and events                          \
         */

enum decision_id {
#define DECISION(id, process, name, level, told, facts, measure, meaning, when) DECISION_##id,
#include "common/decisions.def"
#undef DECISION
    DECISION_COUNT
};

enum decision_told { DECISION_EACH, DECISION_SOME, DECISION_COUNTED };

/* The fields of an event (message.h) that are more than its value. */
enum decision_fact {
    FACT_LANE = 1,
    FACT_REQUEST = 2,
    FACT_ATTEMPT = 4,
    FACT_WHY = 8, /* a reason of reason.h; none is one, too */
    FACT_NOTE = 16,
    FACT_OF_LANE = FACT_LANE,
    FACT_OF_REQUEST = FACT_LANE | FACT_REQUEST,
    FACT_OF_ATTEMPT = FACT_LANE | FACT_ATTEMPT,
    FACT_OF_GRANT = FACT_LANE | FACT_REQUEST | FACT_ATTEMPT,
};

struct decision_spec {
    const char *process, *name;
    enum log_level level;
    enum decision_told told;
    unsigned facts;
    const char *measure, *meaning, *when;
};

const struct decision_spec *decision_spec(enum decision_id decision);

/* What has been told in this second, and what has not. All zero at first. */
struct decision_budget {
    uint32_t told[DECISION_COUNT];
    uint64_t left_out[DECISION_COUNT];
};

/* Whether one more of that kind may be told. What may not is counted. */
bool decision_budget_take(struct decision_budget *budget, enum decision_id decision);

/* So many have not been told for another reason. */
void decision_budget_miss(struct decision_budget *budget, enum decision_id decision, uint64_t count);

/* Gives a kind of which some were left out, and how many, and forgets it; DECISION_COUNT when there is none
 * (left). Once it says so, a new second has begun. */
enum decision_id decision_budget_renew(struct decision_budget *budget, uint64_t *left_out);

#endif
