/* freshness.c - see freshness.h. */
#include "fetcher/freshness.h"

#include "common/clock.h"
#include "common/http_syntax.h"

#define SECONDS_MAX 2147483648LL /* what RFC 9111 takes a longer delta-seconds for */

struct freshness_fields freshness_none(void)
{
    return (struct freshness_fields){.max_age_us = -1, .s_maxage_us = -1};
}

/* Cuts the next member off a comma-separated list; a comma within quotes separates nothing. */
static bool next_member(struct text *list, struct text *member)
{
    bool quoted = false;
    size_t at = 0;

    if (list->bytes == 0)
        return false;
    while (at < list->bytes && (quoted || list->at[at] != ',')) {
        if (list->at[at] == '"')
            quoted = !quoted;
        else if (quoted && list->at[at] == '\\')
            at++;
        at++;
    }
    if (at > list->bytes)
        at = list->bytes;
    *member = http_trim((struct text){list->at, at});
    at += at < list->bytes;
    list->at += at;
    list->bytes -= at;
    return true;
}

/* delta-seconds, quoted or not. Anything else means "stale now", as RFC 9111 4.2.1 advises. */
static int64_t read_seconds(struct text value)
{
    int64_t seconds = 0;

    if (value.bytes >= 2 && value.at[0] == '"' && value.at[value.bytes - 1] == '"')
        value = (struct text){value.at + 1, value.bytes - 2};
    for (size_t i = 0; i < value.bytes; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return 0;
        seconds = seconds * 10 + (value.at[i] - '0');
        if (seconds > SECONDS_MAX)
            seconds = SECONDS_MAX;
    }
    return seconds * US_PER_SECOND;
}

/* Said twice, the shorter counts. */
static void keep_shorter(int64_t *kept_us, int64_t said_us)
{
    if (*kept_us < 0 || said_us < *kept_us)
        *kept_us = said_us;
}

void freshness_read_cache_control(struct freshness_fields *fields, struct text value)
{
    struct text member;

    while (next_member(&value, &member)) {
        const char *equals = member.bytes > 0 ? memchr(member.at, '=', member.bytes) : NULL;
        size_t bytes = equals ? (size_t)(equals - member.at) : member.bytes;
        struct text name = http_trim((struct text){member.at, bytes});
        struct text argument = {.at = "", .bytes = 0};

        if (equals)
            argument = http_trim((struct text){equals + 1, member.bytes - bytes - 1});
        if (text_equal_nocase(name, "max-age"))
            keep_shorter(&fields->max_age_us, read_seconds(argument));
        else if (text_equal_nocase(name, "s-maxage"))
            keep_shorter(&fields->s_maxage_us, read_seconds(argument));
        else if (text_equal_nocase(name, "must-revalidate") || text_equal_nocase(name, "proxy-revalidate"))
            fields->must_revalidate = true;
        else if (text_equal_nocase(name, "no-store") || text_equal_nocase(name, "private") ||
                 text_equal_nocase(name, "no-cache"))
            fields->no_store = true;
    }
}

void freshness_read_vary(struct freshness_fields *fields, struct text value)
{
    struct text member;

    while (next_member(&value, &member))
        fields->no_store = fields->no_store || text_equal(member, "*");
}

bool freshness_apply(const struct freshness_fields *fields, const struct freshness_policy *policy,
                     int64_t now_wall_us, struct answer *answer)
{
    int64_t fresh_us = policy->ttl_us, stale_us = policy->stale_us;

    answer->stored_wall_us = now_wall_us;
    answer->fresh_wall_us = 0;
    answer->stale_wall_us = 0;
    if (fields->s_maxage_us >= 0)
        fresh_us = fields->s_maxage_us;
    else if (fields->max_age_us >= 0)
        fresh_us = fields->max_age_us;
    if (fields->must_revalidate || fields->s_maxage_us >= 0) /* s-maxage means proxy-revalidate too */
        stale_us = 0;
    if (answer->status != 200 || policy->ttl_us == 0 || fields->no_store || fresh_us + stale_us == 0)
        return false;
    answer->fresh_wall_us = now_wall_us + fresh_us;
    answer->stale_wall_us = answer->fresh_wall_us + stale_us;
    return true;
}
