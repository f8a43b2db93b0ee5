/* faults.h - what the simulator does wrong on purpose, and when. Pure: chance comes from a seeded generator.
 *
 * Faults are set by a form ("forward_ms=30&forward_jitter_ms=80"). The standing ones hold until they are
 * changed; with count=N a form makes a passing set, the standing faults with its own on top, which the next N
 * requests get instead. The table in faults.c is the list, and README.md its explanation. */
#ifndef SIMULATOR_FAULTS_H
#define SIMULATOR_FAULTS_H

#include <stdint.h>
#include <stdio.h>

#include "common/text.h"

enum faults_distribution {
    DISTRIBUTION_UNIFORM,     /* 0 .. jitter */
    DISTRIBUTION_EXPONENTIAL, /* jitter is the mean */
    DISTRIBUTION_PARETO,      /* shape 2; jitter is the scale, i.e. the least */
};

enum faults_cut { CUT_FIN, CUT_RST };

/* What becomes of a connection as it is accepted. */
enum faults_accept {
    ACCEPT_PLAIN,
    ACCEPT_RST,
    ACCEPT_FIN,
    ACCEPT_HOLD,  /* nothing is ever read */
    ACCEPT_GREET, /* an answer comes before anything is asked */
};

/* One way between client and provider. */
struct faults_path {
    int64_t base_ns, jitter_ns, cap_ns; /* cap_ns bounds what the jitter adds */
    int64_t distribution;
};

struct faults {
    struct faults_path forward, backward;
    int64_t service_ns;
    int64_t clock_offset_ns, clock_step_ns; /* see windows.h */
    int64_t stall;                          /* 1: judge, then never answer */
    int64_t garbage;                        /* 1: answer with what is no HTTP, and close */
    int64_t status;                         /* answer this instead; 0: what the contract says */
    char retry_after[64], reset_in[64];     /* fields of that answer, when not "" */
    int64_t cut_bytes;                      /* close after so many bytes of the answer; -1: do not */
    int64_t cut_with;                       /* enum faults_cut */
    int64_t drip_bytes, drip_ns;            /* write so many bytes each drip_ns; 0: all at once */
    int64_t connection_close;               /* 1: "Connection: close" */
    int64_t close_after_ns;                 /* close the idle connection, silently, after this; 0: never */
    int64_t close_jitter_ns;                /* and up to so much later, by chance */
    int64_t hostile;                        /* place in hostile_names; 0: none */
    int64_t accept;                         /* enum faults_accept, for a connection */
};

struct fault_plan {
    struct faults standing, passing;
    int64_t passing_left;
    int64_t deaf_ns; /* no connection is to be accepted for so long; taken by whoever obeys */
    uint64_t random; /* the generator's state */
};

void fault_plan_init(struct fault_plan *plan, uint64_t seed);

/* Changes the plan as the form says, or, with -EINVAL, changes nothing and puts the name of the first bad
 * field (cleaned for JSON and logs) into bad. reset=1 first takes all faults away. */
int fault_plan_set(struct fault_plan *plan, struct text form, char *bad, size_t bad_bytes);

/* The faults of the next request; counts it. */
void fault_plan_take(struct fault_plan *plan, struct faults *faults);

/* What becomes of a new connection. One that is not plain counts as one of the passing set's requests: it
 * brings none. */
enum faults_accept fault_plan_accept(struct fault_plan *plan);

/* After how long its idle connection is closed this time; 0: never. */
int64_t fault_plan_close(struct fault_plan *plan, const struct faults *faults);

/* How long this way takes this time. */
int64_t fault_plan_draw(struct fault_plan *plan, const struct faults_path *path);

/* Random bytes that do not look like HTTP. */
void fault_plan_noise(struct fault_plan *plan, char *buffer, size_t bytes);

/* {"forward_ms":30,…}: all of them, by the names that a form uses. */
void faults_write_json(const struct faults *faults, FILE *out);

/* What will happen to the answer, for the log: "stall", "status=503 cut=10/rst"; "" when nothing will. */
void faults_describe(const struct faults *faults, char *buffer, size_t size);

/* The list of names with their meaning, one per line. */
void faults_write_help(FILE *out);

#endif
