/* async.c - see async.h. */
#include "scheduler/async.h"

#include "scheduler/scheduler_inside.h"

static void place(struct scheduler *scheduler, uint64_t gateway, const struct message_query *query,
                  int64_t now_us)
{
    struct waiter_id id = {.gateway = gateway, .request = query->submitted};
    struct message message = {.type = MESSAGE_TYPE_answer, .answer = {.id = query->id}};
    struct core_entry entry;

    for (size_t i = 0; i < LANES && !message.answer.found; i++) {
        if (!core_place(scheduler->lanes[i].core, id, now_us, &entry))
            continue;
        message.answer.found = 1;
        message.answer.position = entry.position;
        message.answer.eta_us = entry.eta_us;
    }
    gateways_send(scheduler, gateway, &message, NULL);
}

/* The other gateway is told who asks, and says so in its answer. */
static void pass_on(struct scheduler *scheduler, uint64_t gateway, const struct message_query *query)
{
    struct message question = {.type = MESSAGE_TYPE_query, .query = *query};
    struct message refusal = {.type = MESSAGE_TYPE_answer, .answer = {.id = query->id}};

    question.query.gateway = gateway;
    if (!gateways_pass(scheduler, query->gateway, &question, NULL))
        gateways_send(scheduler, gateway, &refusal, NULL);
}

bool async_ask(struct scheduler *scheduler, uint64_t gateway, const struct message_query *query,
               int64_t now_us)
{
    if (text_equal(query->what, "place"))
        place(scheduler, gateway, query, now_us);
    else if (text_equal(query->what, "job") || text_equal(query->what, "burst"))
        pass_on(scheduler, gateway, query);
    else
        return false;
    return true;
}

void async_answer(struct scheduler *scheduler, const struct message_answer *answer, struct bus_body *body)
{
    struct message message = {.type = MESSAGE_TYPE_answer, .answer = *answer};

    gateways_pass(scheduler, answer->gateway, &message, body);
}

void async_cancel(struct scheduler *scheduler, uint64_t gateway, const struct message_cancel *cancel)
{
    struct message message = {.type = MESSAGE_TYPE_cancel, .cancel = {.id = cancel->id, .gateway = gateway}};

    gateways_pass(scheduler, cancel->gateway, &message, NULL);
}
