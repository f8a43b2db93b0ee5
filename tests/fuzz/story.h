/* story.h - what happens to a process on the stage, told in lines of text, so that a corpus can be read and
 * written by people:
 *
 *     # a comment
 *     g1 hello role=gateway pid=1 cr=100
 *     g1 submit id=7 rq=r7 ln=score k=a~ cl=billing pr=10 rem=30000000 age=0 | request m1=GET qs=cpf=1 ci=x
 *     wait 1500
 *     f1 fetched at=@0 out=0 why=none st=200 s=t-1000 f=t end=t hld=0 | a body
 *
 * WHO WHAT REST. What a peer says is a message of the catalogue (common/message.h) with its fields by their
 * short keys; what is left out is 0 or empty. A number may be `t`, the time on the stage, and something added
 * to it or taken away; `@N` is the last but N that the process has said under that key. %XX is a byte, and a
 * `~` at the end of bytes fills them up. Behind `|` stands the body: another message, `record STATUS MADE
 * FRESH STALE FIELDS BODY` (an answer, times relative to the wall clock), or bytes. */
#ifndef TESTS_FUZZ_STORY_H
#define TESTS_FUZZ_STORY_H

#include "common/message.h"

#define STORY_STEPS_MAX  160
#define STORY_BODY_BYTES 4096
#define STORY_ROOM_BYTES 16384

struct story {
    struct text rest;
    unsigned steps;
};

struct step {
    struct text who, what, rest;
    unsigned number; /* behind the letter of `who` */
};

extern uint64_t story_steps; /* of all stories that were told */

/* False at the end. */
bool story_next(struct story *story, struct step *step);

/* A number as above, of that key. */
uint64_t story_number(struct text text, const char *key);

/* Bytes with their %XX; they borrow until the next step. */
struct text story_bytes(struct text text);

/* The message that a step tells, and its body (at == NULL: none). False: there is no such message. */
bool story_message(const struct step *step, struct message *message, struct text *body);

/* What the process has said: for @N. */
void story_remember(const struct message *message);

/* Before each story. */
void story_begin(const uint8_t *data, size_t size, struct story *story);

#endif
