/* claims.c - see claims.h. */
#include "scheduler/claims.h"

static int64_t within(int64_t value, int64_t least, int64_t most)
{
    if (value < least)
        return least;
    return value > most ? most : value;
}

int64_t claims_past(int64_t at_us, int64_t now_us)
{
    return within(at_us, 0, now_us);
}

int64_t claims_span(int64_t span_us)
{
    return within(span_us, 0, CLAIMS_SPAN_MAX_US);
}

int64_t claims_ahead(int64_t at_us, int64_t now_us)
{
    return within(at_us, 0, now_us + CLAIMS_SPAN_MAX_US);
}

static void cut_fetched(struct message_fetched *fetched, int64_t now_us)
{
    fetched->sent_at_us = claims_past(fetched->sent_at_us, now_us);
    fetched->first_at_us = claims_past(fetched->first_at_us, now_us);
    fetched->ended_at_us = claims_past(fetched->ended_at_us, now_us);
    fetched->hold_us = claims_span(fetched->hold_us);
}

void claims_of_fetcher(struct message *message, int64_t now_us)
{
    if (message->type == MESSAGE_TYPE_ready) {
        message->ready.last_sent_at_us = claims_past(message->ready.last_sent_at_us, now_us);
        message->ready.last_ended_at_us = claims_past(message->ready.last_ended_at_us, now_us);
        message->ready.hold_at_us = claims_ahead(message->ready.hold_at_us, now_us);
    } else if (message->type == MESSAGE_TYPE_sent) {
        message->sent.sent_at_us = claims_past(message->sent.sent_at_us, now_us);
    } else if (message->type == MESSAGE_TYPE_fetched) {
        cut_fetched(&message->fetched, now_us);
    } else if (message->type == MESSAGE_TYPE_breaker) {
        message->breaker.retry_at_us = claims_ahead(message->breaker.retry_at_us, now_us);
    }
}
