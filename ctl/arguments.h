/* arguments.h - what was typed behind `sluicectl`, understood or refused with a sentence. Pure.
 *
 * Options may stand anywhere, as `--name value` or `--name=value`; behind `--` nothing is an option. Each is
 * taken only by the commands that it means something to. */
#ifndef SLUICE_CTL_ARGUMENTS_H
#define SLUICE_CTL_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ARGUMENTS_WORDS_MAX   4096
#define ARGUMENTS_ERROR_BYTES 256

/* COMMAND(id, name, words at least, at most, what its words are, help) */
#define COMMANDS(COMMAND)                                                                                    \
    COMMAND(STATUS, "status", 0, 0, "", "health, queue, next slot, hold, breaker, policy, processes")        \
    COMMAND(HEALTH, "health", 0, 0, "", "how the processes of this container are; its health check")         \
    COMMAND(QUEUE, "queue", 0, 0, "", "who waits, in order")                                                 \
    COMMAND(POLICY, "policy", 0, 1, "[NAME]", "the queue's policy; fifo, priority or fair sets it")          \
    COMMAND(PAUSE, "pause", 0, 0, "", "no more sends; who comes waits")                                      \
    COMMAND(RESUME, "resume", 0, 0, "", "sends again")                                                       \
    COMMAND(RATE, "rate", 1, 1, "SECONDS", "the provider's window")                                          \
    COMMAND(BREAKER, "breaker", 0, 2, "[trip [SECONDS]|reset]", "how it stands; opens it, closes it")        \
    COMMAND(PURGE, "purge", 0, 1, "[KEY]", "empties the cache; with KEY (cpf=...) removes that answer")      \
    COMMAND(REMOVE, "remove", 1, 1, "ID", "the request of that id is answered 503 now")                      \
    COMMAND(BURST, "burst", 1, ARGUMENTS_WORDS_MAX, "CPF...|-",                                              \
            "real requests of the gateway; -: read CPFs")                                                    \
    COMMAND(TOP, "top", 0, 0, "", "status and queue, again each second")                                     \
    COMMAND(TAIL, "tail", 0, 0, "", "events as they come")

enum command {
#define COMMAND(id, name, least, most, words, help) COMMAND_##id,
    COMMANDS(COMMAND)
#undef COMMAND
        COMMAND_COUNT
};

enum breaker_order { BREAKER_SHOW, BREAKER_TRIP, BREAKER_RESET };

struct arguments {
    enum command command;
    bool help, version, json;
    const char *url, *metricsd; /* NULL: as configured */
    double timeout_s;
    int64_t count; /* of pictures or events; 0: without end */
    int64_t limit; /* requests shown */
    enum breaker_order breaker;
    double seconds; /* of rate and of a trip; 0: not told */
    const char *client_id, *lane;
    int64_t priority, repeat, concurrency; /* of a burst; -1: not told */
    double rate;                           /* of a burst; 0: none */
    const char *const *words;              /* behind the command; borrowed, as all texts are */
    unsigned word_count;
};

/* 0, or -EINVAL with a sentence that names the argument. words has room for argc pointers, and is borrowed
 * as long as the arguments are. */
int arguments_read(struct arguments *arguments, int argc, char *const *argv, const char **words,
                   char error[ARGUMENTS_ERROR_BYTES]);
void arguments_help(FILE *out);

#endif
