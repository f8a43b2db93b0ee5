/* score.c - two check digits modulo 11, and a weighted sum. */
#include "tests/simulator/score.h"

#include <stdio.h>

#define CPF_DIGITS 11

/* Keeps the first 11 digits; returns how many there were. */
static size_t digits_of(struct text given, unsigned digits[CPF_DIGITS])
{
    size_t count = 0;

    for (size_t i = 0; i < given.bytes; i++) {
        if (given.at[i] < '0' || given.at[i] > '9')
            continue;
        if (count < CPF_DIGITS)
            digits[count] = (unsigned)(given.at[i] - '0');
        count++;
    }
    return count;
}

/* The check digit over the first `length` digits, weighted length + 1 down to 2. */
static unsigned check_digit(const unsigned *digits, unsigned length)
{
    unsigned sum = 0, rest;

    for (unsigned i = 0; i < length; i++)
        sum += digits[i] * (length + 1 - i);
    rest = sum % 11;
    return rest < 2 ? 0 : 11 - rest;
}

static bool refused_by_name(const unsigned digits[CPF_DIGITS])
{
    static const unsigned famous[CPF_DIGITS] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 9};
    bool equal = true;

    for (unsigned i = 1; i < CPF_DIGITS; i++)
        equal = equal && digits[i] == digits[0];
    return equal || memcmp(digits, famous, sizeof(famous)) == 0;
}

bool score_of(struct text given, struct score *score)
{
    unsigned digits[CPF_DIGITS] = {0};
    unsigned sum = 0;
    char *out = score->cpf;

    if (digits_of(given, digits) != CPF_DIGITS || refused_by_name(digits))
        return false;
    if (check_digit(digits, 9) != digits[9] || check_digit(digits, 10) != digits[10])
        return false;
    for (unsigned i = 0; i < CPF_DIGITS; i++) {
        sum += digits[i] * (i + 1);
        if (i == 3 || i == 6)
            *out++ = '.';
        if (i == 9)
            *out++ = '-';
        *out++ = (char)('0' + digits[i]);
    }
    *out = '\0';
    score->value = sum % 1000;
    return true;
}

void score_mask(struct text given, char masked[SCORE_CPF_BYTES])
{
    unsigned digits[CPF_DIGITS] = {0};

    if (digits_of(given, digits) == CPF_DIGITS)
        snprintf(masked, SCORE_CPF_BYTES, "***.***.***-%u%u", digits[9] % 10, digits[10] % 10);
    else
        snprintf(masked, SCORE_CPF_BYTES, "***");
}
