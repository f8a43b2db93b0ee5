/* contract.h - what the score API promises: which verdict a request gets, and the answer to it. Pure.
 *
 * Order of checks: client-id (free) -> window -> cpf (costs a slot). See README.md for the table. */
#ifndef SIMULATOR_CONTRACT_H
#define SIMULATOR_CONTRACT_H

#include "tests/simulator/answer.h"
#include "tests/simulator/request.h"
#include "tests/simulator/score.h"
#include "tests/simulator/windows.h"

#define CONTRACT_PATH "/api/score"

enum verdict_class { CLASS_FREE, CLASS_ACCEPTED, CLASS_REJECTED };

/*      name, in logs, status, class */
#define VERDICTS(X)                                                                                          \
    X(OK, "ok", 200, ACCEPTED)                                                                               \
    X(NO_CPF, "no_cpf", 400, ACCEPTED)                                                                       \
    X(BAD_CPF, "bad_cpf", 400, ACCEPTED)                                                                     \
    X(DUPLICATE_CPF, "duplicate_cpf", 500, ACCEPTED)                                                         \
    X(EARLY, "early", 429, REJECTED)                                                                         \
    X(BLOCKED, "blocked", 429, REJECTED)                                                                     \
    X(NO_CLIENT_ID, "no_client_id", 401, FREE)                                                               \
    X(NOT_FOUND, "not_found", 404, FREE)                                                                     \
    X(OVERLOADED, "overloaded", 503, FREE)

enum verdict {
#define X(name, text, status, class) VERDICT_##name,
    VERDICTS(X)
#undef X
        VERDICT_COUNT
};

const char *verdict_name(enum verdict verdict);
enum verdict_class verdict_class(enum verdict verdict);

struct decision {
    enum verdict verdict;             /* for the log */
    enum verdict reply;               /* what is answered: differs where the penalty is a delay */
    struct ruling ruling;             /* gap_ns is -1 where the window was not asked */
    struct score score;               /* of an OK reply */
    char cpf_masked[SCORE_CPF_BYTES]; /* "" when there was none */
};

/* Judges a request that arrives at now_ns. */
void contract_judge(struct windows *windows, const struct request *request, int64_t now_ns,
                    const struct windows_clock *clock, struct decision *decision);

/* The answer, for a time of wall_ns (since 1970). Gives the bytes; NULL when out of memory. */
char *contract_answer(const struct windows *windows, const struct decision *decision, bool head, bool close,
                      int64_t wall_ns, size_t *bytes);

#endif
