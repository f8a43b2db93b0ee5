/* wish.c - see wish.h. */
#include "gateway/wish.h"

#include <errno.h>

#include "common/http_syntax.h"

#define US_IN_SECOND 1000000LL
#define SECONDS_MAX  2147483648ULL

/* delta-seconds; false for anything else. */
static bool read_seconds(struct text text, int64_t *us)
{
    uint64_t seconds;
    int rc;

    if (text.bytes >= 2 && text.at[0] == '"' && text.at[text.bytes - 1] == '"')
        text = (struct text){.at = text.at + 1, .bytes = text.bytes - 2};
    rc = http_decimal(text, &seconds);
    if (rc == -EBADMSG)
        return false;
    *us = (int64_t)(rc < 0 || seconds > SECONDS_MAX ? SECONDS_MAX : seconds) * US_IN_SECOND;
    return true;
}

/* No directive of a request has a comma within quotes. Said twice, the stricter one counts. */
static void read_directives(struct text list, struct wish *wish)
{
    struct text member;

    while (http_list_next(&list, &member)) {
        const char *equals = member.bytes > 0 ? memchr(member.at, '=', member.bytes) : NULL;
        size_t bytes = equals ? (size_t)(equals - member.at) : member.bytes;
        struct text name = {.at = member.at, .bytes = bytes}, value = {.at = "", .bytes = 0};
        int64_t us;

        if (equals)
            value = (struct text){.at = equals + 1, .bytes = member.bytes - bytes - 1};
        if (text_equal_nocase(name, "no-cache"))
            wish->no_cache = true;
        else if (text_equal_nocase(name, "no-store"))
            wish->no_store = true;
        else if (text_equal_nocase(name, "only-if-cached"))
            wish->only_if_cached = true;
        else if (text_equal_nocase(name, "max-age") && read_seconds(value, &us))
            wish->max_age_us = wish->max_age_us < 0 || us < wish->max_age_us ? us : wish->max_age_us;
        else if (text_equal_nocase(name, "min-fresh") && read_seconds(value, &us))
            wish->min_fresh_us = us > wish->min_fresh_us ? us : wish->min_fresh_us;
    }
}

void wish_read(const struct http_request *request, enum wish_policy policy, struct wish *wish)
{
    bool said = false, pragma = false;

    *wish = (struct wish){.max_age_us = -1};
    if (policy == WISH_IGNORE)
        return;
    for (unsigned i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];

        if (field->name.bytes == sizeof("Cache-Control") - 1 &&
            text_equal_nocase(field->name, "Cache-Control")) {
            read_directives(field->value, wish);
            said = true;
        } else if (field->name.bytes == sizeof("Pragma") - 1 && text_equal_nocase(field->name, "Pragma")) {
            pragma = pragma || text_equal_nocase(field->value, "no-cache");
        }
    }
    wish->no_cache = wish->no_cache || (pragma && !said);
    wish->no_store = wish->no_store && policy == WISH_HONOUR;
}

/* Whether a fresh answer is as the client wishes it. */
static bool pleases(const struct wish *wish, const struct answer *found, int64_t wall_us)
{
    return !wish->no_cache && (wish->max_age_us < 0 || wall_us - found->made_wall_us <= wish->max_age_us) &&
           found->fresh_wall_us - wall_us >= wish->min_fresh_us;
}

static enum wish_verdict judge_fresh(const struct wish_rules *rules, const struct wish *wish,
                                     const struct answer *found, const struct failure *failure,
                                     int64_t wall_us)
{
    int64_t since_us = wall_us - found->stored_wall_us;
    bool cap = rules->policy == WISH_CAP;

    if (pleases(wish, found, wall_us) || (cap && since_us >= 0 && since_us < rules->min_age_us))
        return WISH_FRESH;
    if (cap && failure && failure_phase(failure, wall_us) == FAILURE_PAUSES)
        return WISH_FRESH;
    return wish->only_if_cached ? WISH_REFUSE : WISH_ASK_ANEW;
}

static enum wish_verdict judge_stale(const struct wish_rules *rules, const struct wish *wish,
                                     const struct failure *failure, int64_t wall_us)
{
    bool strict = wish->no_cache || wish->max_age_us >= 0 || wish->min_fresh_us > 0;
    enum failure_phase phase = failure_phase(failure, wall_us);

    if (wish->only_if_cached)
        return WISH_REFUSE;
    if (strict && rules->policy == WISH_HONOUR)
        return WISH_ASK_ANEW;
    if (phase == FAILURE_PAUSES)
        return WISH_STALE;
    return phase == FAILURE_IS_DUE ? WISH_STALE_RENEW : WISH_ASK;
}

enum wish_verdict wish_judge(const struct wish_rules *rules, const struct wish *wish,
                             const struct answer *found, const struct failure *failure, int64_t wall_us)
{
    if (found && found->fresh_wall_us > wall_us)
        return judge_fresh(rules, wish, found, failure, wall_us);
    if (found && found->stale_wall_us > wall_us && failure)
        return judge_stale(rules, wish, failure, wall_us);
    if (wish->only_if_cached)
        return WISH_REFUSE;
    return found && wish->no_cache && rules->policy == WISH_HONOUR ? WISH_ASK_ANEW : WISH_ASK;
}
