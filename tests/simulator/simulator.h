/* simulator.h - the provider's stand-in: the way there, the arrival, the judgement, the way back. */
#ifndef SIMULATOR_SIMULATOR_H
#define SIMULATOR_SIMULATOR_H

#include <event2/event.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/simulator/agenda.h"
#include "tests/simulator/faults.h"
#include "tests/simulator/journal.h"
#include "tests/simulator/server.h"
#include "tests/simulator/windows.h"

struct simulator_config {
    int64_t port;
    const char *bind;
    int64_t window_ns, penalty_ns;
    int64_t burst;
    int64_t delay; /* 1: the penalty is a late answer */
    int64_t seed;
    const char *faults;   /* a form */
    const char *log_path; /* "": none */
    int64_t log_entries, max_connections, max_clients;
};

struct simulator {
    struct event_base *base;
    struct windows *windows;
    struct journal *journal;
    struct fault_plan plan;
    struct server *server;
    FILE *log; /* NULL: none */
    uint64_t log_failures;
    unsigned passages; /* requests between reading and answer */
    uint64_t passages_refused;
    unsigned port;
    struct passage *open; /* list of them */
    struct agenda agenda; /* what is under way */
    struct event *timer;  /* for the agenda's first */
    int64_t armed_ns;     /* when that fires; 0: it is not armed */
    int64_t last_ns;      /* the last arrival */
    bool running;         /* the agenda is being worked on */
};

/* Sets it up and listens; borrows the base. Returns 0, or -EINVAL after saying on standard error which option
 * it cannot use. simulator_done() is due in any case. */
int simulator_init(struct simulator *simulator, struct event_base *base,
                   const struct simulator_config *config);
void simulator_done(struct simulator *simulator);

#endif
