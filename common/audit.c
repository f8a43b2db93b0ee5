/* audit.c - see audit.h. */
#include "common/audit.h"

#define FIELDS_MAX 16 /* in a line */

/* Gives what of it the row declares. */
static struct audit_facts declared(const struct decision_spec *spec, const struct audit_facts *facts)
{
    static const struct text empty = {.at = "", .bytes = 0};
    struct audit_facts told = *facts;

    told.lane = spec->facts & FACT_LANE ? facts->lane : empty;
    told.request = spec->facts & FACT_REQUEST ? facts->request : empty;
    told.note = spec->facts & FACT_NOTE ? facts->note : empty;
    told.attempt = spec->facts & FACT_ATTEMPT ? facts->attempt : 0;
    told.value = spec->measure[0] ? facts->value : 0;
    return told;
}

/* Fills in those of the row; gives their number. */
static unsigned put_facts(const struct decision_spec *spec, const struct audit_facts *facts,
                          struct log_field *fields)
{
    unsigned count = 0;

    if (facts->lane.bytes > 0)
        fields[count++] = log_text("lane", facts->lane);
    if (facts->request.bytes > 0)
        fields[count++] = log_text("request", facts->request);
    if (facts->attempt)
        fields[count++] = log_int("attempt", (int64_t)facts->attempt);
    if (spec->facts & FACT_WHY)
        fields[count++] = log_str("reason", reason_name(facts->reason));
    if (spec->measure[0])
        fields[count++] = log_int(spec->measure, facts->value);
    if (facts->note.bytes > 0)
        fields[count++] = log_text("note", facts->note);
    return count;
}

static void write_line(const struct decision_spec *spec, const struct audit_facts *facts,
                       const struct log_field *more)
{
    struct log_field fields[FIELDS_MAX];
    unsigned count = put_facts(spec, facts, fields);

    for (; more && more->key && count < FIELDS_MAX - 1; more++)
        fields[count++] = *more;
    fields[count] = (struct log_field){.key = NULL};
    log_write(spec->level, spec->name, fields);
}

static void emit(struct audit *audit, const struct decision_spec *spec, const struct audit_facts *facts)
{
    struct message_event event = {.at_us = facts->at_us,
                                  .name = text_of(spec->name),
                                  .lane = facts->lane,
                                  .request = facts->request,
                                  .attempt = facts->attempt,
                                  .value = facts->value,
                                  .note = facts->note};

    if (spec->facts & FACT_WHY)
        event.reason = text_of(reason_name(facts->reason));
    event_emit(audit->events, &event);
}

void audit_tell(struct audit *audit, enum decision_id decision, const struct audit_facts *facts,
                const struct log_field *more)
{
    const struct decision_spec *spec = decision_spec(decision);
    struct audit_facts told;

    if (spec->told == DECISION_COUNTED && !log_shows(spec->level))
        return;
    if (spec->told != DECISION_EACH && !log_shows(LOG_DEBUG) &&
        !decision_budget_take(&audit->budget, decision))
        return;
    told = declared(spec, facts);
    write_line(spec, &told, more);
    if (spec->told != DECISION_COUNTED)
        emit(audit, spec, &told);
}

void audit_miss(struct audit *audit, enum decision_id decision, uint64_t count)
{
    decision_budget_miss(&audit->budget, decision, count);
}

void audit_tick(struct audit *audit)
{
    enum decision_id decision;
    uint64_t count;

    while ((decision = decision_budget_renew(&audit->budget, &count)) != DECISION_COUNT)
        audit_tell(
            audit, audit->left_out,
            &(struct audit_facts){.note = text_of(decision_spec(decision)->name), .value = (int64_t)count},
            NULL);
}
