/* score.h - what the provider computes: is this a CPF, and what is its score? Pure, and written apart from
 * Sluice's own check, so that the two can disagree. */
#ifndef SIMULATOR_SCORE_H
#define SIMULATOR_SCORE_H

#include "common/text.h"

#define SCORE_CPF_BYTES 15 /* "529.982.247-25" and its NUL */

struct score {
    char cpf[SCORE_CPF_BYTES]; /* in the canonical form */
    unsigned value;
};

/* Strips everything that is no digit. False unless 11 digits remain whose two check digits are right (all
 * digits equal, and 12345678909, are refused). */
bool score_of(struct text given, struct score *score);

/* For logs: "***.***.***-25" when 11 digits were given, else "***". */
void score_mask(struct text given, char masked[SCORE_CPF_BYTES]);

#endif
