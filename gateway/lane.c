/* lane.c - see lane.h. */
#include "gateway/lane.h"

#include <errno.h>

#include "gateway/cpf.h"

#define JSON_UTF8 "application/json; charset=utf-8"

static const struct lane_refusal cpf_missing = {400, JSON_UTF8, "{\"message\":\"CPF é obrigatório\"}"};
static const struct lane_refusal cpf_invalid = {400, JSON_UTF8, "{\"message\":\"CPF inválido\"}"};

static const char *const score_params[] = {"cpf", NULL};

static const struct lane_refusal *score_prepare(const struct text *values, struct lane_call *call)
{
    static const char name[] = "cpf=";
    size_t bytes = sizeof(name) - 1;
    int rc;

    memcpy(call->query, name, bytes);
    rc = cpf_read(values[0], call->query + bytes);
    if (rc < 0)
        return rc == -ENODATA ? &cpf_missing : &cpf_invalid;
    cpf_mask(call->query + bytes, call->subject);
    call->query_bytes = bytes + CPF_DIGITS;
    return NULL;
}

const struct lane lanes[LANE_COUNT] = {
    {.name = "score", .path = "/proxy/score", .params = score_params, .prepare = score_prepare},
};

const struct lane *lane_at_path(struct text path)
{
    for (unsigned i = 0; i < LANE_COUNT; i++) {
        if (text_equal(path, lanes[i].path))
            return &lanes[i];
    }
    return NULL;
}

const struct lane *lane_named(struct text name)
{
    for (unsigned i = 0; i < LANE_COUNT; i++) {
        if (text_equal(name, lanes[i].name))
            return &lanes[i];
    }
    return NULL;
}
