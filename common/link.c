/* link.c - see link.h. */
#include "common/link.h"

#define CREDIT_BATCH (LINK_CREDITS / 4) /* few messages, and yet in time before the peer starves */

void link_open(struct link *link, uint64_t peer, uint64_t credits, int64_t now_us)
{
    *link = (struct link){.up = true,
                          .peer = peer,
                          .heard_us = now_us,
                          .ping_us = now_us,
                          .hello_us = link->hello_us,
                          .may_send = credits < LINK_CREDITS ? credits : LINK_CREDITS};
}

void link_close(struct link *link)
{
    link->up = false;
    link->hello_us = 0;
}

bool link_silent(const struct link *link, int64_t now_us)
{
    return link->up && now_us - link->heard_us > LINK_SILENCE_US;
}

bool link_hello_due(const struct link *link, int64_t now_us)
{
    return !link->up && now_us - link->hello_us >= LINK_HELLO_US;
}

bool link_ping_due(const struct link *link, int64_t now_us)
{
    return link->up && now_us - link->ping_us >= LINK_PING_US;
}

bool link_spend(struct link *link)
{
    if (link->may_send == 0) {
        link->starved = true;
        return false;
    }
    link->may_send--;
    return true;
}

void link_unspend(struct link *link)
{
    link->may_send++;
    link->starved = true;
}

bool link_stuck(struct link *link)
{
    bool stuck = link->up && link->starved && link->may_send > 0;

    link->starved = link->starved && !stuck;
    return stuck;
}

bool link_credit(struct link *link, uint64_t count)
{
    uint64_t room = LINK_CREDITS - link->may_send;
    bool starved = link->starved;

    link->may_send += count < room ? count : room;
    link->starved = false;
    return starved;
}

uint64_t link_handled(struct link *link)
{
    uint64_t count;

    link->used = true;
    if (++link->handled < CREDIT_BATCH)
        return 0;
    count = link->handled;
    link->handled = 0;
    return count;
}

void link_ungiven(struct link *link, uint64_t count)
{
    link->handled += count;
}
