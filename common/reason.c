/* reason.c - see reason.h. */
#include "common/reason.h"

static const struct {
    const char *name;
    int status;
    bool stale;
    const char *proxy_status;
    const char *title;
} reasons[REASON_COUNT] = {
#define REASON(id, name, status, stale, proxy_status, title)                                                 \
    [REASON_##id] = {name, status, stale, proxy_status, title},
    REASONS(REASON)
#undef REASON
};

static enum reason known(enum reason reason)
{
    return (unsigned)reason < REASON_COUNT ? reason : REASON_INTERNAL;
}

const char *reason_name(enum reason reason)
{
    return reasons[known(reason)].name;
}

const char *reason_title(enum reason reason)
{
    return reasons[known(reason)].title;
}

const char *reason_proxy_status(enum reason reason)
{
    return reasons[known(reason)].proxy_status;
}

int reason_status(enum reason reason)
{
    return reasons[known(reason)].status;
}

bool reason_allows_stale(enum reason reason)
{
    return reasons[known(reason)].stale;
}

enum reason reason_find(struct text name)
{
    for (int i = 0; i < REASON_COUNT; i++) {
        if (text_equal(name, reasons[i].name))
            return (enum reason)i;
    }
    return REASON_INTERNAL;
}
