/* freshness.c - see freshness.h. */
#include "fetcher/freshness.h"

#include <errno.h>

#include "common/clock.h"
#include "common/http_syntax.h"

#define SECONDS_MAX 2147483648LL /* what RFC 9111 takes a longer delta-seconds for */

int freshness_read_statuses(struct text list, struct freshness_statuses *statuses, struct text *bad)
{
    *statuses = (struct freshness_statuses){.stored = {false}};
    if (list.bytes == 0)
        return 0;
    while (http_list_next(&list, bad)) {
        uint64_t status;

        if (http_decimal(*bad, &status) < 0 || status < FRESHNESS_STATUS_FIRST ||
            status > FRESHNESS_STATUS_LAST || status == 304 || status == 429)
            return -EINVAL;
        statuses->stored[status - FRESHNESS_STATUS_FIRST] = true;
    }
    return 0;
}

struct freshness_fields freshness_none(void)
{
    return (struct freshness_fields){.max_age_us = -1,
                                     .s_maxage_us = -1,
                                     .stale_if_error_us = -1,
                                     .age_us = -1,
                                     .date_wall_us = -1,
                                     .expires_wall_us = -1};
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
        else if (text_equal_nocase(name, "stale-if-error"))
            keep_shorter(&fields->stale_if_error_us, read_seconds(argument));
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

/* Said twice, the older counts; garbage says nothing. */
void freshness_read_age(struct freshness_fields *fields, struct text value)
{
    uint64_t seconds;
    int rc = http_decimal(value, &seconds);

    if (rc == -ERANGE || (rc == 0 && seconds > SECONDS_MAX))
        seconds = SECONDS_MAX;
    else if (rc < 0)
        return;
    if ((int64_t)seconds * US_PER_SECOND > fields->age_us)
        fields->age_us = (int64_t)seconds * US_PER_SECOND;
}

/* RFC 9111 4.2.3. A Date has whole seconds, and is compared with such. */
static int64_t initial_age_us(const struct freshness_fields *fields, const struct freshness_moment *came)
{
    int64_t age_us = (fields->age_us > 0 ? fields->age_us : 0) + (came->took_us > 0 ? came->took_us : 0);
    int64_t apparent_us = 0;

    if (fields->date_wall_us >= 0)
        apparent_us = came->wall_us - came->wall_us % US_PER_SECOND - fields->date_wall_us;
    return apparent_us > age_us ? apparent_us : age_us;
}

/* How long it is fresh from when it was made, by the provider's word; -1: it says nothing. */
static int64_t lifetime_us(const struct freshness_fields *fields, const struct freshness_moment *came)
{
    if (fields->s_maxage_us >= 0)
        return fields->s_maxage_us;
    if (fields->max_age_us >= 0)
        return fields->max_age_us;
    if (fields->expires_wall_us < 0)
        return -1;
    if (fields->date_wall_us >= 0)
        return fields->expires_wall_us > fields->date_wall_us ? fields->expires_wall_us - fields->date_wall_us
                                                              : 0;
    return fields->expires_wall_us > came->wall_us ? fields->expires_wall_us - came->wall_us : 0;
}

static bool is_negative(const struct freshness_policy *policy, unsigned status)
{
    return status >= FRESHNESS_STATUS_FIRST && status <= FRESHNESS_STATUS_LAST &&
           policy->negative.stored[status - FRESHNESS_STATUS_FIRST];
}

static int64_t stale_us(const struct freshness_fields *fields, const struct freshness_policy *policy,
                        bool negative)
{
    if (negative || fields->must_revalidate || fields->s_maxage_us >= 0) /* that is proxy-revalidate, too */
        return 0;
    return fields->stale_if_error_us >= 0 ? fields->stale_if_error_us : policy->stale_us;
}

bool freshness_apply(const struct freshness_fields *fields, const struct freshness_policy *policy,
                     const struct freshness_moment *came, struct answer *answer)
{
    bool negative = is_negative(policy, answer->status);
    int64_t said_us = lifetime_us(fields, came);
    int64_t fresh_wall_us, stale_wall_us;

    answer->made_wall_us = came->wall_us - initial_age_us(fields, came);
    answer->stored_wall_us = came->wall_us;
    answer->fresh_wall_us = 0;
    answer->stale_wall_us = 0;
    fresh_wall_us = said_us >= 0 ? answer->made_wall_us + said_us
                                 : came->wall_us + (negative ? policy->negative_us : policy->ttl_us);
    if (fresh_wall_us < 1) /* made before 1970, by its own word */
        fresh_wall_us = 1;
    stale_wall_us = fresh_wall_us + stale_us(fields, policy, negative);
    if ((answer->status != 200 && !negative) || policy->ttl_us == 0 || fields->no_store ||
        stale_wall_us <= came->wall_us)
        return false;
    answer->fresh_wall_us = fresh_wall_us;
    answer->stale_wall_us = stale_wall_us;
    return true;
}
