/* gateways.c - the links to the gateways: requests come in, answers and refusals go out. */
#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/link.h"
#include "scheduler/claims.h"
#include "scheduler/scheduler_inside.h"

#define PASSED_MAX 1024 /* messages that wait for a gateway, beyond which others have to be patient */

static struct outbox *outbox_find(struct scheduler *scheduler, uint64_t gateway)
{
    for (unsigned g = 0; g < scheduler->gateway_count; g++) {
        if (scheduler->gateway_outboxes[g].peer == gateway)
            return &scheduler->gateway_outboxes[g];
    }
    return NULL;
}

/* More than can be owed to a gateway that takes what it is sent: `accepted` and an end for each who waits,
 * and the answers to what it may have sent unhandled. */
static unsigned owed_max(const struct config *config)
{
    return 2 * (unsigned)config->waiters_max + LINK_CREDITS;
}

/* All that wait for one call are told in one turn, and may be more than a link has credits: the rest waits. A
 * gateway that takes nothing any more is dead: its requests go with it. */
void gateways_send(struct scheduler *scheduler, uint64_t gateway, struct message *message,
                   struct bus_body *body)
{
    struct outbox *outbox = outbox_find(scheduler, gateway);
    int rc = outbox ? outbox_send(outbox, message, body) : -ENOTCONN;

    if (rc == 0 || rc == -ENOTCONN)
        return;
    log_warn("gateway_unreachable", log_hex("epoch", gateway), log_int("error", rc));
    bus_dismiss(scheduler->gateways, gateway);
}

/* No gateway fills another one's outbox, and so no gateway is taken for dead for what others ask it. */
bool gateways_pass(struct scheduler *scheduler, uint64_t gateway, struct message *message,
                   struct bus_body *body)
{
    struct outbox *outbox = outbox_find(scheduler, gateway);

    if (outbox && outbox->count < PASSED_MAX)
        outbox_send(outbox, message, body);
    return outbox != NULL;
}

bool gateways_told(const struct scheduler *scheduler)
{
    for (unsigned g = 0; g < scheduler->gateway_count; g++) {
        if (scheduler->gateway_outboxes[g].count > 0)
            return false;
    }
    return true;
}

void gateways_forget(struct scheduler *scheduler)
{
    while (scheduler->gateway_count > 0)
        outbox_link(&scheduler->gateway_outboxes[--scheduler->gateway_count], 0);
}

/* A gateway that has to wait for its answers does without: it would be old when its turn came, and the next
 * comes within a second. */
static void tell_state(const struct outbox *outbox, const struct lane *lane)
{
    struct message message;

    if (outbox->count > 0)
        return;
    lane_state(lane, clock_now_us(), &message);
    bus_send(outbox->socket, outbox->peer, &message, NULL);
}

void gateways_tell(struct scheduler *scheduler)
{
    for (unsigned g = 0; g < scheduler->gateway_count; g++) {
        for (size_t i = 0; i < LANES; i++)
            tell_state(&scheduler->gateway_outboxes[g], &scheduler->lanes[i]);
    }
}

/* The lane is NULL where it is unknown. */
static void count_refused(struct scheduler *scheduler, const struct lane *lane, enum reason reason)
{
    scheduler_count(scheduler, METRIC_SCHEDULER_REJECTED);
    scheduler_count(scheduler, metric_scheduler_refused(reason));
    if (lane)
        scheduler_count(scheduler, lane_refused_metric(lane));
}

void gateways_reject(struct scheduler *scheduler, const struct lane *lane, const struct waiter *waiter,
                     const struct rejection *rejection, int64_t now_us)
{
    int64_t wait_us = now_us - waiter->arrival_us;
    struct message message = {.type = MESSAGE_TYPE_rejected,
                              .rejected = {.id = waiter->id.request,
                                           .reason = text_of(reason_name(rejection->reason)),
                                           .retry_after_us = rejection->retry_after_us,
                                           .wait_us = wait_us > 0 ? wait_us : 0}};

    count_refused(scheduler, lane, rejection->reason);
    top_clients_ended(&scheduler->top, ticket_mark(waiter->mine), TOP_REFUSED);
    scheduler_tell(scheduler, lane, rejection->decision,
                   &(struct audit_facts){.request = ticket_text(waiter->mine),
                                         .attempt = rejection->attempt,
                                         .reason = rejection->reason,
                                         .value = message.rejected.wait_us});
    gateways_send(scheduler, waiter->id.gateway, &message, NULL);
}

/* Who is dismissed at dispatch leaves before its deadline: the slot would come after it. */
static enum decision_id dismissal(const struct waiter *waiter, int64_t now_us)
{
    switch ((enum reason)waiter->reason) {
    case REASON_DISPLACED:
        return DECISION_SCHEDULER_DISPLACED;
    case REASON_REMOVED:
        return DECISION_SCHEDULER_REMOVED;
    case REASON_CANCELLED:
        return DECISION_SCHEDULER_CANCELLED;
    case REASON_DEADLINE_PASSED:
        return waiter->deadline_us > now_us ? DECISION_SCHEDULER_PASSED_OVER : DECISION_SCHEDULER_EXPIRED;
    default:
        return DECISION_SCHEDULER_DISMISSED;
    }
}

void gateways_dismiss(struct scheduler *scheduler, const struct lane *lane, struct waiter *waiter,
                      int64_t now_us)
{
    struct rejection rejection = {.decision = dismissal(waiter, now_us),
                                  .reason = (enum reason)waiter->reason,
                                  .retry_after_us = waiter->retry_after_us};

    if (rejection.reason == REASON_CANCELLED) {
        scheduler_count(scheduler, METRIC_SCHEDULER_CANCELLED);
        top_clients_ended(&scheduler->top, ticket_mark(waiter->mine), TOP_LEFT);
        scheduler_tell(scheduler, lane, rejection.decision,
                       &(struct audit_facts){.request = ticket_text(waiter->mine),
                                             .reason = rejection.reason,
                                             .value = now_us - waiter->arrival_us});
    } else {
        gateways_reject(scheduler, lane, waiter, &rejection, now_us);
    }
    waiter_free(waiter);
}

static void refuse_submit(struct scheduler *scheduler, const struct lane *lane, uint64_t gateway,
                          const struct message_submit *submit, const struct core_verdict *verdict)
{
    struct message message = {.type = MESSAGE_TYPE_rejected,
                              .rejected = {.id = submit->id,
                                           .reason = text_of(reason_name(verdict->reason)),
                                           .retry_after_us = verdict->retry_after_us,
                                           .position = verdict->position,
                                           .eta_us = verdict->eta_us}};

    count_refused(scheduler, lane, verdict->reason);
    scheduler_tell(scheduler, lane, DECISION_SCHEDULER_REFUSED,
                   &(struct audit_facts){.request = submit->request,
                                         .reason = verdict->reason,
                                         .value = verdict->retry_after_us});
    gateways_send(scheduler, gateway, &message, NULL);
}

static void accept_submit(struct scheduler *scheduler, const struct lane *lane, uint64_t gateway,
                          const struct message_submit *submit, const struct core_verdict *verdict)
{
    static const enum decision_id decisions[] = {[CORE_QUEUED] = DECISION_SCHEDULER_ADMITTED,
                                                 [CORE_JOINED] = DECISION_SCHEDULER_JOINED,
                                                 [CORE_KNOWN] = DECISION_SCHEDULER_KNOWN};
    struct message message = {.type = MESSAGE_TYPE_accepted,
                              .accepted = {.id = submit->id,
                                           .position = verdict->position,
                                           .eta_us = verdict->eta_us,
                                           .joined = verdict->answer == CORE_JOINED}};

    if (verdict->answer == CORE_QUEUED)
        scheduler_count(scheduler, METRIC_SCHEDULER_ADMITTED);
    else if (verdict->answer == CORE_JOINED)
        scheduler_count(scheduler, METRIC_SCHEDULER_COALESCED);
    scheduler_tell(scheduler, lane, decisions[verdict->answer],
                   &(struct audit_facts){.request = submit->request, .value = verdict->eta_us});
    gateways_send(scheduler, gateway, &message, NULL);
}

/* FNV-1a. The label is a keyed hash already, so nobody can choose what it collides with. */
static uint64_t hash_label(struct text label)
{
    uint64_t hash = 0xcbf29ce484222325U;

    for (size_t i = 0; i < label.bytes; i++)
        hash = (hash ^ (uint8_t)label.at[i]) * 0x100000001b3U;
    return hash;
}

/* It is told to the fetcher, so it keeps to the catalogue's limit. */
static int64_t deadline_of(const struct message_submit *submit, int64_t now_us)
{
    return submit->remain_us < MESSAGE_INT_MAX - now_us ? now_us + submit->remain_us : MESSAGE_INT_MAX;
}

static void on_submit(struct scheduler *scheduler, uint64_t gateway, const struct message_submit *submit,
                      struct bus_body *body, int64_t now_us)
{
    struct lane *lane = scheduler_lane(scheduler, submit->lane);
    struct core_request request = {.id = {.gateway = gateway, .request = submit->id},
                                   .client = hash_label(submit->client),
                                   .priority = (uint8_t)submit->priority,
                                   .again = submit->again,
                                   .arrival_us = claims_past(now_us - claims_span(submit->age_us), now_us),
                                   .deadline_us = deadline_of(submit, now_us)};
    struct core_verdict verdict = {.answer = CORE_REFUSED, .reason = REASON_INTERNAL};
    uint32_t mark = top_clients_submitted(&scheduler->top, request.client, submit->client);
    struct ticket ticket;

    scheduler_count(scheduler, METRIC_SCHEDULER_SUBMITTED);
    request.mine = ticket_write(&ticket, submit->request, submit->client, mark);
    request.payload = bus_body_keep(body);
    /* What is submitted again has been counted by the scheduler before this one. */
    if (lane && !submit->again && shadow_arrive(&lane->shadow, submit->client, request.arrival_us))
        scheduler_count(scheduler, METRIC_SCHEDULER_PENALTIES_AVOIDED);
    if (lane && body && submit->key.bytes == JOB_KEY_BYTES) {
        memcpy(request.key, submit->key.at, JOB_KEY_BYTES);
        core_submit(lane->core, &request, now_us, &verdict);
    }
    if (verdict.answer != CORE_QUEUED)
        bus_body_free(body);
    if (verdict.answer == CORE_KNOWN || verdict.answer == CORE_REFUSED)
        top_clients_ended(&scheduler->top, mark, verdict.answer == CORE_KNOWN ? TOP_KNOWN : TOP_REFUSED);
    if (lane)
        scheduler_tell_notes(scheduler, lane);
    if (verdict.answer == CORE_REFUSED)
        refuse_submit(scheduler, lane, gateway, submit, &verdict);
    else
        accept_submit(scheduler, lane, gateway, submit, &verdict);
    scheduler_pump_soon(scheduler);
}

static void on_cancel(struct scheduler *scheduler, uint64_t gateway, uint64_t id, int64_t now_us)
{
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &scheduler->lanes[i];
        struct waiter *waiter =
            core_cancel(lane->core, (struct waiter_id){.gateway = gateway, .request = id});

        if (!waiter)
            continue;
        waiter->reason = REASON_CANCELLED;
        gateways_dismiss(scheduler, lane, waiter, now_us);
        scheduler_pump_soon(scheduler);
    }
}

static void on_query(struct scheduler *scheduler, uint64_t gateway, const struct message_query *query,
                     int64_t now_us)
{
    if (!async_ask(scheduler, gateway, query, now_us))
        controls_ask(scheduler, gateway, query, now_us);
}

static void tell_gateway(struct scheduler *scheduler, enum decision_id decision, uint64_t peer,
                         const char *why)
{
    char note[MESSAGE_NOTE_BYTES + 1];

    snprintf(note, sizeof(note), "%016" PRIx64 "%s%s", peer, why[0] ? ": " : "", why);
    scheduler_tell(scheduler, NULL, decision, &(struct audit_facts){.note = text_of(note)});
}

static void gateway_up(void *arg, uint64_t peer, struct text role)
{
    struct scheduler *scheduler = arg;
    struct outbox *outbox;

    (void)role;
    tell_gateway(scheduler, DECISION_SCHEDULER_GATEWAY_UP, peer, "");
    if (scheduler->gateway_count == GATEWAYS_MAX) {
        log_warn("too_many_gateways", log_hex("epoch", peer));
        bus_dismiss(scheduler->gateways, peer);
        return;
    }
    outbox = &scheduler->gateway_outboxes[scheduler->gateway_count++];
    *outbox = (struct outbox){.socket = scheduler->gateways, .max = owed_max(scheduler->config)};
    outbox_link(outbox, peer);
    for (size_t i = 0; i < LANES; i++)
        tell_state(outbox, &scheduler->lanes[i]);
}

static void gateway_down(void *arg, uint64_t peer, const char *why)
{
    struct scheduler *scheduler = arg;
    struct outbox *outbox = outbox_find(scheduler, peer);

    tell_gateway(scheduler, DECISION_SCHEDULER_GATEWAY_DOWN, peer, why);
    if (outbox) {
        outbox_link(outbox, 0);
        *outbox = scheduler->gateway_outboxes[--scheduler->gateway_count];
    }
    for (size_t i = 0; i < LANES; i++)
        core_gateway_lost(scheduler->lanes[i].core, peer);
    scheduler_pump_soon(scheduler);
}

static void gateway_writable(void *arg, uint64_t peer)
{
    struct scheduler *scheduler = arg;
    struct outbox *outbox = outbox_find(scheduler, peer);

    if (outbox)
        outbox_flush(outbox);
    if (scheduler->draining)
        scheduler_pump_soon(scheduler);
}

static void gateway_message(void *arg, uint64_t peer, const struct message *message, struct bus_body *body)
{
    struct scheduler *scheduler = arg;
    int64_t now_us = clock_now_us();

    if (scheduler->draining)
        return; /* unanswered on purpose: it is submitted again to the next epoch */
    if (message->type == MESSAGE_TYPE_submit)
        on_submit(scheduler, peer, &message->submit, body, now_us);
    else if (message->type == MESSAGE_TYPE_cancel && message->cancel.gateway)
        async_cancel(scheduler, peer, &message->cancel);
    else if (message->type == MESSAGE_TYPE_cancel)
        on_cancel(scheduler, peer, message->cancel.id, now_us);
    else if (message->type == MESSAGE_TYPE_control)
        controls_order(scheduler, peer, &message->control, now_us);
    else if (message->type == MESSAGE_TYPE_answer)
        async_answer(scheduler, &message->answer, body);
    else if (message->type == MESSAGE_TYPE_query)
        on_query(scheduler, peer, &message->query, now_us);
    else
        log_warn("unexpected_message", log_hex("gateway", peer), log_int("type", (int64_t)message->type));
}

const struct bus_link_handlers gateways_handlers = {.up = gateway_up,
                                                    .down = gateway_down,
                                                    .message = gateway_message,
                                                    .writable = gateway_writable,
                                                    .bad = scheduler_bad};
