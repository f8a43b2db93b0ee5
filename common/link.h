/* link.h - the state of one link of the bus: who is at the other end, is it alive, how much may be sent.
 * Pure. */
#ifndef SLUICE_LINK_H
#define SLUICE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#define LINK_CREDITS    8192    /* messages that a peer may send unhandled */
#define LINK_PING_US    250000  /* between a client's signs of life */
#define LINK_SILENCE_US 2000000 /* a peer that is silent for so long is down */
#define LINK_HELLO_US   200000  /* a hello without welcome is sent again */

struct link {
    bool up;
    bool used;         /* a message has come since it went up */
    bool starved;      /* a send was refused for want of credit, or has failed */
    bool lost;         /* a message was: both ends must tell each other anew how they stand */
    uint64_t peer;     /* its epoch, while up */
    int64_t heard_us;  /* when something last came */
    int64_t hello_us;  /* client: when hello was last sent */
    int64_t ping_us;   /* client: when ping was last sent */
    uint64_t may_send; /* credits left */
    uint64_t handled;  /* messages handled that the peer has no new credit for yet */
};

void link_open(struct link *link, uint64_t peer, uint64_t credits, int64_t now_us);
void link_close(struct link *link);

static inline void link_heard(struct link *link, int64_t now_us)
{
    link->heard_us = now_us;
}

/* Whether the peer must be taken for dead. */
bool link_silent(const struct link *link, int64_t now_us);
/* Client: whether it is time to say hello, or to ping. */
bool link_hello_due(const struct link *link, int64_t now_us);
bool link_ping_due(const struct link *link, int64_t now_us);

/* Takes one credit; false (and remembered as starved) when there is none. */
bool link_spend(struct link *link);
/* Gives a credit back whose message could not be sent. */
void link_unspend(struct link *link);
/* A send has failed although there is credit: whether it is worth another try. Once for each failure. */
bool link_stuck(struct link *link);
/* The peer gave credit. Whether a send had been refused before. Absurd counts are capped. */
bool link_credit(struct link *link, uint64_t count);
/* One message has been handled. Returns how many credits to give now; mostly 0, since they go in batches. */
uint64_t link_handled(struct link *link);
/* Takes that back: the peer has not been told. */
void link_ungiven(struct link *link, uint64_t count);

#endif
