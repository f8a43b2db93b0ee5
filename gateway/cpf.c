/* cpf.c - see cpf.h. */
#include "gateway/cpf.h"

#include <errno.h>

/* The check digit over the first `count` digits, weighted count + 1 down to 2. */
static char check_digit(const char *digits, unsigned count)
{
    unsigned sum = 0, rest;

    for (unsigned i = 0; i < count; i++)
        sum += (unsigned)(digits[i] - '0') * (count + 1 - i);
    rest = sum % 11;
    return (char)('0' + (rest < 2 ? 0 : 11 - rest));
}

/* Their check digits are right, and yet they are nobody's. */
static bool nobody(const char *digits)
{
    unsigned equal = 1;

    while (equal < CPF_DIGITS && digits[equal] == digits[0])
        equal++;
    return equal == CPF_DIGITS || memcmp(digits, "12345678909", CPF_DIGITS) == 0;
}

int cpf_read(struct text given, char digits[CPF_DIGITS + 1])
{
    size_t count = 0;

    if (given.bytes == 0)
        return -ENODATA;
    for (size_t i = 0; i < given.bytes; i++) {
        if (given.at[i] < '0' || given.at[i] > '9')
            continue;
        if (count == CPF_DIGITS)
            return -EINVAL;
        digits[count++] = given.at[i];
    }
    if (count != CPF_DIGITS || nobody(digits))
        return -EINVAL;
    if (check_digit(digits, 9) != digits[9] || check_digit(digits, 10) != digits[10])
        return -EINVAL;
    digits[CPF_DIGITS] = '\0';
    return 0;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool has_form(struct text text, const char *form)
{
    size_t bytes = strlen(form);

    if (text.bytes < bytes || (text.bytes > bytes && is_digit(text.at[bytes])))
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (form[i] == '0' ? !is_digit(text.at[i]) : text.at[i] != form[i])
            return false;
    }
    return true;
}

bool cpf_stands_in(struct text text)
{
    static const char *const forms[] = {"00000000000", "000.000.000-00"};
    char digits[CPF_DIGITS + 1];

    for (size_t i = 0; i < text.bytes; i++) {
        struct text rest = {text.at + i, text.bytes - i};

        if (i > 0 && is_digit(text.at[i - 1]))
            continue;
        for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
            if (has_form(rest, forms[form]) &&
                cpf_read((struct text){rest.at, strlen(forms[form])}, digits) == 0)
                return true;
        }
    }
    return false;
}

void cpf_mask(const char digits[CPF_DIGITS + 1], char mask[CPF_MASK_BYTES])
{
    memcpy(mask, "***.***.***-", 12);
    memcpy(mask + 12, digits + 9, 3);
}
