/* stage_inside.h - what the files of the stage share. For them alone. */
#ifndef TESTS_FUZZ_STAGE_INSIDE_H
#define TESTS_FUZZ_STAGE_INSIDE_H

#include <stdbool.h>

/* Whether something has come that the process has not read yet. */
bool stage_zmq_waits(void);
/* A drain is over when the last answer has been given, and told from the loop. */
void stage_httpd_turn(void);
/* Peers that live say so. */
void stage_zmq_live(void);

#endif
