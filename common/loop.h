/* loop.h - the one libevent loop of a process, and its life: READY, drain, exit.
 *
 * SIGTERM or SIGINT starts the drain; a second one exits at once with 1, and so does a drain that
 * lasts longer than drain_us. SIGPIPE is ignored.
 *
 * A supervisor is told by s6's protocol (NOTIFY_FD) or by systemd's (NOTIFY_SOCKET, sd_notify(3)): READY,
 * STOPPING, and, where WATCHDOG_USEC asks for it, twice in that time a sign of life that comes from the loop.
 */
#ifndef SLUICE_LOOP_H
#define SLUICE_LOOP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;

/* Precise timers are 0.05 ms late, and cost a system call in each turn of the loop; coarse ones are some
 * milliseconds late or early, which is no matter where no slot hangs on them. */
enum loop_timers { LOOP_PRECISE, LOOP_COARSE };

/* Takes as many descriptors as the process may have, too. NULL when out of memory or descriptors. */
struct loop *loop_new(const char *process, enum loop_timers timers, int64_t drain_us);
void loop_free(struct loop *loop); /* takes NULL */

struct event_base *loop_base(struct loop *loop);

/* Arms a timer; a delay below 0 counts as 0. Out of memory, it goes off at once: the timer's owner looks what
 * is due, and arms it again. That is too early and harmless; never would be the end of what hangs on it. */
void loop_arm(struct event *timer, int64_t delay_us);
/* For timers that may not go off too early, and need not: 0, or -ENOMEM. */
int loop_try_arm(struct event *timer, int64_t delay_us);

/* What to do at SIGTERM. Without it the loop ends at once; with it, when loop_drained() is called. */
void loop_on_drain(struct loop *loop, void (*drain)(void *arg), void *arg);
void loop_drained(struct loop *loop);

/* A sign of life is given only while this is true: for work that can be stuck in a loop that turns. */
void loop_watch(struct loop *loop, bool (*is_well)(void *arg), void *arg);

/* Ends the loop with a failure: the process cannot go on (what and why has been logged). */
void loop_fail(struct loop *loop);

/* Says once, on standard output, "READY gateway port=5000", and tells the supervisor. details may be "". */
void loop_ready(struct loop *loop, const char *details);

/* Runs until the drain is over. Returns EXIT_SUCCESS or EXIT_FAILURE. */
int loop_run(struct loop *loop);

#endif
