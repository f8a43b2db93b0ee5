/* cpf.h - the Brazilian tax number that the score API asks for, checked as the provider does: every non-digit
 * is stripped, 11 digits remain, and the last two are check digits modulo 11. Pure. */
#ifndef SLUICE_CPF_H
#define SLUICE_CPF_H

#include "common/text.h"

#define CPF_DIGITS     11
#define CPF_MASK_BYTES 15 /* "***.***.***-25" and its NUL */

/* Writes the canonical form, 11 digits and a NUL. 0; -ENODATA: nothing was given; -EINVAL: not a CPF. */
int cpf_read(struct text given, char digits[CPF_DIGITS + 1]);

/* Whether a CPF stands in the text, as 11 digits in a row or with its dots and dash: such a text may not get
 * into a log. */
bool cpf_stands_in(struct text text);

/* The form for logs: all but the check digits is hidden. */
void cpf_mask(const char digits[CPF_DIGITS + 1], char mask[CPF_MASK_BYTES]);

#endif
