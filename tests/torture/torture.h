/* torture.h - calls that fail when a test wants them to, in the real programs.
 *
 * A program that is linked with torture.c makes each call that calls.def lists by way of it. The environment
 * says what is to fail:
 *
 *   TORTURE_CALL=malloc      this function,
 *   TORTURE_SITE=1a2b,3c4d   called from here, as TORTURE_LOG names places (without: from anywhere),
 *   TORTURE_NTH=3            the third time (without: the first time); 0: each time,
 *   TORTURE_ARMED=path       counted while this file is there (without: always).
 *   TORTURE_LOG=path         gets a line for each call before it is made, "malloc 1a2b,3c4d"; with
 *                            TORTURE_CALL only for those that fail.
 *
 * A place is two addresses within the program, of the call and of the call of the function that makes it:
 * helpers that allocate for many are as many places. Without any of these, nothing fails and nothing is
 * written. */
#ifndef TESTS_TORTURE_H
#define TESTS_TORTURE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether this call fails; it is noted. `place` is the address of the call, `caller` that of the call of the
 * function that makes it. */
bool torture_fails(const char *call, const void *place, const void *caller);

#endif
