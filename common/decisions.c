/* decisions.c - see decisions.h. */
#include "common/decisions.h"

#include <string.h>

static const struct decision_spec specs[DECISION_COUNT] = {
#define DECISION(id, process_, name_, level_, told_, facts_, measure_, meaning_, when_)                      \
    [DECISION_##id] = {.process = process_,                                                                  \
                       .name = name_,                                                                        \
                       .level = LOG_##level_,                                                                \
                       .told = DECISION_##told_,                                                             \
                       .facts = facts_,                                                                      \
                       .measure = measure_,                                                                  \
                       .meaning = meaning_,                                                                  \
                       .when = when_},
#include "common/decisions.def"
#undef DECISION
};

const struct decision_spec *decision_spec(enum decision_id decision)
{
    return &specs[decision];
}

bool decision_budget_take(struct decision_budget *budget, enum decision_id decision)
{
    if (budget->told[decision] == DECISIONS_A_SECOND) {
        budget->left_out[decision]++;
        return false;
    }
    budget->told[decision]++;
    return true;
}

void decision_budget_miss(struct decision_budget *budget, enum decision_id decision, uint64_t count)
{
    budget->left_out[decision] += count;
}

enum decision_id decision_budget_renew(struct decision_budget *budget, uint64_t *left_out)
{
    for (int i = 0; i < DECISION_COUNT; i++) {
        if (budget->left_out[i] == 0)
            continue;
        *left_out = budget->left_out[i];
        budget->left_out[i] = 0;
        return (enum decision_id)i;
    }
    memset(budget->told, 0, sizeof(budget->told));
    return DECISION_COUNT;
}
