/* controls.c - see controls.h. */
#include "scheduler/controls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "scheduler/queue_view.h"
#include "scheduler/scheduler_inside.h"

#define PATIENCE_US   (5 * US_PER_SECOND)     /* the gateway waits no longer */
#define WINDOW_MAX_US (86400 * US_PER_SECOND) /* as RATE_LIMIT_SECONDS has it */

_Static_assert(DECISION_SCHEDULER_CONTROL_PURGE - DECISION_SCHEDULER_CONTROL_POLICY == CONTROL_ORDER_MAX,
               "one decision for each order");

/* What was ordered, and what came of it, for people: "policy priority by loopback", "trip 600 s by token:
 * busy".
 */
static void write_note(const struct message_control *control, const char *outcome,
                       char note[MESSAGE_NOTE_BYTES + 1])
{
    const char *order = control_order_name(control->order);
    double seconds = (double)control->span_us / US_PER_SECOND;
    char what[MESSAGE_LABEL_BYTES + 3] = "";

    if (control->order == CONTROL_POLICY)
        snprintf(what, sizeof(what), " %.*s", TEXT_ARGS(control->name));
    else if (control->order == CONTROL_RATE || control->order == CONTROL_TRIP)
        snprintf(what, sizeof(what), " %.6g s", seconds);
    else if (control->order == CONTROL_REMOVE)
        snprintf(what, sizeof(what), " %016" PRIx64 "-%016" PRIx64, control->gateway, control->submitted);
    else if (control->order == CONTROL_PURGE && control->key.bytes > 0) /* which one is nobody's business */
        snprintf(what, sizeof(what), " one");
    snprintf(note, MESSAGE_NOTE_BYTES + 1, "%s%s by %.*s%s%s", order, what, TEXT_ARGS(control->who),
             outcome ? ": " : "", outcome ? outcome : "");
}

/* The audit, and the answer. */
static void conclude(struct scheduler *scheduler, uint64_t gateway, const struct message_control *control,
                     const char *outcome, int64_t count)
{
    bool done = strcmp(outcome, "done") == 0;
    struct message message = {
        .type = MESSAGE_TYPE_control_result,
        .control_result = {.id = control->id, .outcome = text_of(outcome), .count = count}};
    enum decision_id decision = DECISION_SCHEDULER_CONTROL_FAILED;
    char note[MESSAGE_NOTE_BYTES + 1];

    if (done) {
        scheduler_count(scheduler, METRIC_SCHEDULER_CONTROLS);
        decision = (enum decision_id)(DECISION_SCHEDULER_CONTROL_POLICY + (int)control->order);
    }
    write_note(control, done ? NULL : outcome, note);
    scheduler_tell(scheduler, NULL, decision,
                   &(struct audit_facts){.request = control->request,
                                         .value = control->order == CONTROL_PURGE ? count : control->span_us,
                                         .note = text_of(note)});
    gateways_send(scheduler, gateway, &message, NULL);
}

static const char *obey_policy(struct scheduler *scheduler, struct text name)
{
    const struct queue_policy *policy = queue_policy_find(name);

    for (size_t i = 0; policy && i < LANES; i++) {
        if (core_policy(scheduler->lanes[i].core, policy) < 0)
            return "failed";
        scheduler->lanes[i].policy = policy;
    }
    return policy ? "done" : "unknown";
}

static const char *obey_pause(struct scheduler *scheduler, bool paused, int64_t now_us)
{
    for (size_t i = 0; i < LANES; i++)
        core_pause(scheduler->lanes[i].core, paused, now_us);
    return "done";
}

static const char *obey_rate(struct scheduler *scheduler, int64_t window_us, int64_t now_us)
{
    if (window_us <= 0 || window_us > WINDOW_MAX_US)
        return "unknown";
    for (size_t i = 0; i < LANES; i++)
        core_rate(scheduler->lanes[i].core, window_us, now_us);
    return "done";
}

static const char *obey_remove(struct scheduler *scheduler, const struct message_control *control)
{
    struct waiter_id id = {.gateway = control->gateway, .request = control->submitted};

    for (size_t i = 0; i < LANES; i++) {
        if (core_remove(scheduler->lanes[i].core, id))
            return "done"; /* the next pump tells its gateway */
    }
    return "unknown";
}

/* Breaker and cache are the fetcher's. NULL: its answer is awaited. */
static const char *pass_on(struct scheduler *scheduler, uint64_t gateway,
                           const struct message_control *control, int64_t now_us)
{
    struct controls *controls = &scheduler->controls;
    struct control_passed *passed = &controls->passed[controls->count];
    struct message message = {.type = MESSAGE_TYPE_control, .control = *control};

    if (!scheduler->fetcher)
        return "fetcher_gone";
    if (controls->count == CONTROLS_PASSED_MAX)
        return "busy";
    *passed = (struct control_passed){.id = ++controls->last_id,
                                      .gateway = gateway,
                                      .replied = control->id,
                                      .at_us = now_us,
                                      .control = *control};
    memcpy(passed->who, control->who.at, control->who.bytes);
    memcpy(passed->request, control->request.at, control->request.bytes);
    passed->control.name = text_of("");
    passed->control.key.at = NULL; /* whether there was one is all that is remembered */
    message.control.id = passed->id;
    controls->count++;
    fetchers_send(scheduler, &message,
                  NULL); /* where that fails, the fetcher is lost, and the order with it */
    return NULL;
}

void controls_order(struct scheduler *scheduler, uint64_t gateway, const struct message_control *control,
                    int64_t now_us)
{
    const char *outcome = "unknown";

    switch ((enum control_order)control->order) {
    case CONTROL_POLICY:
        outcome = obey_policy(scheduler, control->name);
        break;
    case CONTROL_PAUSE:
    case CONTROL_RESUME:
        outcome = obey_pause(scheduler, control->order == CONTROL_PAUSE, now_us);
        break;
    case CONTROL_RATE:
        outcome = obey_rate(scheduler, control->span_us, now_us);
        break;
    case CONTROL_REMOVE:
        outcome = obey_remove(scheduler, control);
        break;
    case CONTROL_TRIP:
    case CONTROL_RESET:
    case CONTROL_PURGE:
        outcome = pass_on(scheduler, gateway, control, now_us);
        break;
    }
    for (size_t i = 0; i < LANES; i++)
        scheduler_save(scheduler, &scheduler->lanes[i], false, now_us);
    if (!outcome)
        return;
    scheduler_pump_soon(scheduler);
    view_pace_change(&scheduler->pace);
    gateways_tell(scheduler); /* before the answer: who reads it finds /readyz told */
    conclude(scheduler, gateway, control, outcome, 0);
}

/* An order that was passed on ends. */
static void end(struct scheduler *scheduler, unsigned place, const char *outcome, int64_t count)
{
    struct controls *controls = &scheduler->controls;
    struct control_passed passed = controls->passed[place];

    controls->passed[place] = controls->passed[--controls->count];
    passed.control.id = passed.replied;
    passed.control.who.at = passed.who;
    passed.control.request.at = passed.request;
    conclude(scheduler, passed.gateway, &passed.control, outcome, count);
}

void controls_result(struct scheduler *scheduler, const struct message_control_result *result)
{
    char outcome[MESSAGE_LABEL_BYTES + 1];

    snprintf(outcome, sizeof(outcome), "%.*s", TEXT_ARGS(result->outcome));
    for (unsigned i = 0; i < scheduler->controls.count; i++) {
        if (scheduler->controls.passed[i].id != result->id)
            continue;
        end(scheduler, i, outcome, result->count);
        return;
    }
}

void controls_fetcher_lost(struct scheduler *scheduler)
{
    while (scheduler->controls.count > 0)
        end(scheduler, scheduler->controls.count - 1, "fetcher_gone", 0);
}

void controls_tick(struct scheduler *scheduler, int64_t now_us)
{
    for (unsigned i = scheduler->controls.count; i > 0; i--) {
        if (now_us - scheduler->controls.passed[i - 1].at_us > PATIENCE_US)
            end(scheduler, i - 1, "fetcher_gone", 0);
    }
}

static bool put_queue(struct scheduler *scheduler, struct json *json, const struct message_query *query,
                      struct core_entry *entries, int64_t now_us)
{
    struct waiter_id id = {.gateway = query->gateway, .request = query->submitted};
    struct queue_page page = {.lanes = scheduler->lanes,
                              .lane_count = LANES,
                              .after = id.gateway || id.request ? &id : NULL,
                              .entries = entries,
                              .limit = (unsigned)query->limit,
                              .now_us = now_us};

    return queue_page_put(&page, json);
}

static void put_controls(struct scheduler *scheduler, struct json *json, int64_t now_us)
{
    const struct lane *lane = &scheduler->lanes[0];
    struct core_view view;

    core_look(lane->core, now_us, &view);
    queue_controls_put(lane, &view, json);
    json_key(json, "seconds");
    json_double(json, (double)view.window_us / US_PER_SECOND);
}

void controls_ask(struct scheduler *scheduler, uint64_t gateway, const struct message_query *query,
                  int64_t now_us)
{
    size_t room = QUEUE_VIEW_FRAME_BYTES + query->limit * QUEUE_VIEW_ROW_BYTES;
    struct core_entry *entries = calloc(query->limit + 1, sizeof(*entries));
    struct message message = {.type = MESSAGE_TYPE_answer, .answer = {.id = query->id, .found = 1}};
    struct bus_body *body = NULL;
    char *page = malloc(room);
    struct json json;
    struct text text;

    if (page && entries) {
        json_init(&json, page, room);
        json_begin_object(&json);
        if (text_equal(query->what, "queue"))
            message.answer.found = put_queue(scheduler, &json, query, entries, now_us);
        else
            put_controls(scheduler, &json, now_us);
        json_end_object(&json);
        body = json_finish(&json, &text) == 0 ? bus_body_new(text) : NULL;
    }
    if (body)
        gateways_send(scheduler, gateway, &message, body);
    else
        log_error("no_answer", log_text("what", query->what), log_hex("gateway", gateway));
    bus_body_free(body);
    free(entries);
    free(page);
}
