/* cpf_fuzz.c - a query string from its bytes to what the provider is asked: common/params.c, gateway/lane.c,
 * gateway/cpf.c, beside a slow reading of the same rules. */
#include "common/params.h"
#include "gateway/cpf.h"
#include "gateway/lane.h"
#include "tests/fuzz/check.h"

#define DIGITS_MAX 64

/* The rule as people are told it. */
static bool is_cpf(const char *digits)
{
    int sum9 = 0, sum10 = 0, equal = 0;

    for (int i = 0; i < 9; i++)
        sum9 += (digits[i] - '0') * (10 - i);
    for (int i = 0; i < 10; i++)
        sum10 += (digits[i] - '0') * (11 - i);
    for (int i = 0; i < 11; i++)
        equal += digits[i] == digits[0];
    return equal < 11 && memcmp(digits, "12345678909", 11) != 0 && sum9 * 10 % 11 % 10 == digits[9] - '0' &&
           sum10 * 10 % 11 % 10 == digits[10] - '0';
}

static void check_cpf(struct text given)
{
    char digits[DIGITS_MAX], read[CPF_DIGITS + 1] = "", mask[CPF_MASK_BYTES];
    size_t count = 0;
    int rc = cpf_read(given, read);

    for (size_t i = 0; i < given.bytes; i++) {
        if (given.at[i] >= '0' && given.at[i] <= '9' && count < sizeof(digits))
            digits[count++] = given.at[i];
    }
    must((rc == 0) == (count == CPF_DIGITS && is_cpf(digits)), "a CPF is one by the rule");
    if (rc < 0)
        return;
    must(strlen(read) == CPF_DIGITS && memcmp(read, digits, CPF_DIGITS) == 0, "its canonical form");
    must(cpf_stands_in(text_of(read)), "it is seen where it stands");
    cpf_mask(read, mask);
    must(strlen(mask) == CPF_MASK_BYTES - 1 && !cpf_stands_in(text_of(mask)), "it is not seen when masked");
}

/* Wanted names are found once, decoded to no more bytes than there were. */
static void check_params(struct text query)
{
    struct param params[] = {{.name = "cpf"}, {.name = "priority"}, {.name = "client-id"}};
    struct lane_call call;
    const struct lane_refusal *refusal;
    char *room = copy_of("", query.bytes);
    const char *bad = NULL;
    int rc = params_read(query, params, 3, room, &bad);
    size_t bytes = 0;

    must(rc == 0 || bad, "what is bad has a name");
    for (unsigned i = 0; i < 3 && rc == 0; i++)
        bytes += params[i].value.at ? params[i].value.bytes : 0;
    must(bytes <= query.bytes, "values are no longer than the query");
    if (rc == 0) {
        refusal = lanes[0].prepare(&params[0].value, &call);
        must(!refusal || (refusal->status == 400 && refusal->body[0] == '{'), "the provider's own words");
        must(refusal || (call.query_bytes == 4 + CPF_DIGITS && strlen(call.query) == call.query_bytes),
             "the canonical query");
        must(refusal || !cpf_stands_in(text_of(call.subject)), "its subject is masked");
        if (params[0].value.at)
            check_cpf(params[0].value);
    }
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = copy_of(data, size);
    struct text text = {copy, size};

    check_cpf(text);
    check_params(text);
    cpf_stands_in(text);
    free(copy);
    return 0;
}
