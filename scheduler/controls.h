/* controls.h - what operators order and ask, by way of a gateway: obeyed here, or passed on to the fetcher,
 * answered, and audited with one log line and one event each. An order is for every lane, and lasts until the
 * process that obeys it ends. */
#ifndef SLUICE_SCHEDULER_CONTROLS_H
#define SLUICE_SCHEDULER_CONTROLS_H

#include "common/bus.h"

#define CONTROLS_PASSED_MAX 16

struct scheduler;

/* An order that the fetcher has not answered yet. */
struct control_passed {
    uint64_t id;               /* ours */
    uint64_t gateway, replied; /* whose it is, and its id there */
    int64_t at_us;
    struct message_control control; /* its texts lie here: */
    char who[MESSAGE_LABEL_BYTES], request[MESSAGE_ID_BYTES];
};

/* All zero at first. */
struct controls {
    uint64_t last_id;
    unsigned count;
    struct control_passed passed[CONTROLS_PASSED_MAX];
};

/* What gateways send. Each is answered once: at once, or when the fetcher has answered or is gone. */
void controls_order(struct scheduler *scheduler, uint64_t gateway, const struct message_control *control,
                    int64_t now_us);
void controls_ask(struct scheduler *scheduler, uint64_t gateway, const struct message_query *query,
                  int64_t now_us);

/* What becomes of an order that was passed on. */
void controls_result(struct scheduler *scheduler, const struct message_control_result *result);
void controls_fetcher_lost(struct scheduler *scheduler);
void controls_tick(struct scheduler *scheduler, int64_t now_us);

#endif
