/* async.h - what gateways ask for the sake of their asynchronous jobs: where a request of theirs stands,
 * which is answered here; and what one asks another about a job, which is passed on and back unread. Nothing
 * is kept here: who asks gives up by itself. */
#ifndef SLUICE_SCHEDULER_ASYNC_H
#define SLUICE_SCHEDULER_ASYNC_H

#include "common/bus.h"

struct scheduler;

/* False: the `query` is none of these. */
bool async_ask(struct scheduler *scheduler, uint64_t gateway, const struct message_query *query,
               int64_t now_us);
/* What a gateway answers to another one, and that the other one does not want to know any more. */
void async_answer(struct scheduler *scheduler, const struct message_answer *answer, struct bus_body *body);
void async_cancel(struct scheduler *scheduler, uint64_t gateway, const struct message_cancel *cancel);

#endif
