/* fields_fuzz.c - what a client's fields say: who and how urgent (gateway/caller.c: client-id, X-Priority,
 * Priority, X-Request-Id, traceparent), how long it waits (patience.c: Request-Timeout, Prefer), what it
 * wishes of the cache (wish.c: Cache-Control, Pragma), which page asks (cors.c), who may give orders
 * (admin_rules.c). The input is a request (asked.h).
 *
 * Nothing is read out of its range; what is passed on or logged is harmless; a field that says nothing that
 * can be read says nothing; and what one field says is what a slow reading says. */
#include <ctype.h>

#include "common/http_syntax.h"
#include "gateway/admin_rules.h"
#include "gateway/caller.h"
#include "gateway/cpf.h"
#include "gateway/patience.h"
#include "gateway/wish.h"
#include "tests/fuzz/asked.h"

#define US       INT64_C(1000000)
#define LIMIT_US (60 * US)
#define WALL_US  (INT64_C(1700000000) * US)

static void check_visible(struct text text, size_t most)
{
    must(text.bytes <= most, "it is not too long");
    for (size_t i = 0; i < text.bytes; i++)
        must(text.at[i] > ' ' && text.at[i] <= '~', "it is visible ASCII");
}

static bool is_number(struct text text)
{
    return text.bytes > 0 && http_all(text, HTTP_IN_DIGIT);
}

static uint64_t number_of(struct text text)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.bytes && number < UINT64_MAX / 20; i++)
        number = 10 * number + (uint64_t)(text.at[i] - '0');
    return number;
}

static void check_caller(const struct http_request *request)
{
    struct param params[CALLER_PARAMS];
    struct text given = http_request_field(request, "X-Priority");
    struct caller caller;
    const char *bad = NULL, *ignored;
    char *room = copy_of("", request->query.bytes);
    int rc;

    for (unsigned i = 0; i < CALLER_PARAMS; i++)
        params[i] = (struct param){.name = caller_param_names[i]};
    if (params_read(request->query, params, CALLER_PARAMS, room, &ignored) < 0)
        memset(&params[0].value, 0, sizeof(params[0].value));
    rc = caller_read(request, params, &caller, &bad);
    must(rc == 0 || bad, "what is malformed has a name");
    if (caller.request_id.at) {
        check_visible(caller.request_id, CALLER_REQUEST_ID_BYTES);
        must(caller.request_id.bytes > 0 && !cpf_stands_in(caller.request_id), "an id may be logged");
    }
    if (caller.traceparent.at)
        check_visible(caller.traceparent, CALLER_CLIENT_BYTES);
    if (rc == 0) {
        check_visible(caller.client_id, CALLER_CLIENT_BYTES);
        must(caller.priority <= 99, "a priority");
        must(!given.at || (is_number(given) && number_of(given) == caller.priority), "X-Priority");
        if (!given.at && !params[CALLER_PARAM_PRIORITY].value.at)
            must(caller.priority == 10 || http_request_field(request, "Priority").at, "the usual priority");
    }
    free(room);
}

/* Seconds with a fraction, as they are read by hand. */
static bool read_seconds(struct text text, double *seconds)
{
    char room[400];
    size_t dots = 0;

    if (text.bytes == 0 || text.bytes >= sizeof(room))
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        dots += text.at[i] == '.';
        if (!isdigit((unsigned char)text.at[i]) && text.at[i] != '.')
            return false;
    }
    if (dots > 1 || text.at[0] == '.' || text.at[text.bytes - 1] == '.')
        return false;
    memcpy(room, text.at, text.bytes);
    room[text.bytes] = '\0';
    *seconds = strtod(room, NULL);
    return true;
}

static void check_patience(const struct http_request *request)
{
    struct patience patience = {.wait_us = -1};
    struct text given = http_request_field(request, PATIENCE_FIELD);
    bool once = http_request_field_count(request, PATIENCE_FIELD) == 1;
    double seconds = 0;
    int rc = patience_read(request, LIMIT_US, &patience);

    if (rc < 0) {
        must(given.at && (!once || !read_seconds(given, &seconds)), "what is refused is malformed");
        return;
    }
    must(patience.wait_us >= 0 && patience.wait_us <= LIMIT_US, "nobody waits for longer than we do");
    must(patience.preferred_s >= -1 && patience.preferred_s <= LIMIT_US / US, "a preference");
    must(patience.preferred_s < 0 || patience.preferred_s * US == patience.wait_us, "it is what counts");
    must(patience.defer_s >= -1 && patience.defer_s <= LIMIT_US / US + 1, "a 202 in time");
    must(patience.defer_s < 0 || patience.preferred_s < 0, "a 202 is no deadline");
    if (!given.at && !http_request_field(request, "Prefer").at)
        must(patience.wait_us == LIMIT_US && patience.defer_s == -1, "who says nothing waits");
    if (given.at) {
        must(read_seconds(given, &seconds), "a Request-Timeout is seconds");
        must((double)patience.wait_us <= seconds * 1e6 + 1, "it is no longer than it says");
    }
}

static void check_wish(const struct http_request *request)
{
    static const enum wish_policy policies[] = {WISH_CAP, WISH_HONOUR, WISH_IGNORE};
    struct answer fresh = {.status = 200,
                           .made_wall_us = WALL_US - 30 * US,
                           .stored_wall_us = WALL_US - 30 * US,
                           .fresh_wall_us = WALL_US + 30 * US,
                           .stale_wall_us = WALL_US + 3600 * US};
    bool says = http_request_field(request, "Cache-Control").at || http_request_field(request, "Pragma").at;

    for (unsigned i = 0; i < 3; i++) {
        struct wish_rules rules = {.policy = policies[i], .min_age_us = 5 * US};
        enum wish_verdict verdict;
        struct wish wish;

        wish_read(request, policies[i], &wish);
        must(wish.max_age_us >= -1 && wish.min_fresh_us >= 0, "a wish");
        verdict = wish_judge(&rules, &wish, &fresh, NULL, WALL_US);
        must(verdict == WISH_FRESH || verdict == WISH_ASK_ANEW || verdict == WISH_REFUSE, "it is there");
        must(verdict == WISH_FRESH || (says && policies[i] != WISH_IGNORE), "who wishes nothing gets it");
        must(wish_judge(&rules, &wish, NULL, NULL, WALL_US) == (wish.only_if_cached ? WISH_REFUSE : WISH_ASK),
             "what is not there is asked for, or refused");
        fresh.stored_wall_us = WALL_US - US; /* under `cap` that is good enough for everybody */
        must(policies[i] != WISH_CAP || wish_judge(&rules, &wish, &fresh, NULL, WALL_US) == WISH_FRESH,
             "news do not cost everything");
        fresh.stored_wall_us = fresh.made_wall_us;
    }
}

/* Of the dashboard, or of what the gateway serves itself. */
static bool may_order(struct text origin, struct text host)
{
    size_t scheme = sizeof("http://") - 1;
    struct text named = {origin.at + scheme, origin.bytes - scheme};

    return text_equal(origin, "http://localhost:5001") ||
           (named.bytes >= host.bytes &&
            strncasecmp(named.at + named.bytes - host.bytes, host.at, host.bytes) == 0);
}

static void check_page(const struct http_request *request)
{
    static struct cors cors;
    struct admin_rules rules;
    struct admin_verdict verdict;
    struct text fields, bad, own = text_of("http://localhost:5001");
    struct text origin = http_request_field(request, "Origin");

    if (cors.count == 0) {
        cors_add_list(&cors, text_of("http://localhost:5173,https://a.example"), &bad);
        cors_own(&cors, &own, 1);
    }
    check_field_lines(cors_fields(&cors, request));
    check_field_lines(cors_order_fields(&cors, request));
    if (cors_preflight(&cors, request, &fields) && fields.at)
        check_field_lines(fields);
    if (cors_order_preflight(&cors, request, &fields) && fields.at) {
        check_field_lines(fields);
        must(origin.at && text_equal(origin, "http://localhost:5001"), "only the dashboard's page");
    }
    for (int token = 0; token < 2; token++) {
        admin_rules_init(&rules, token ? "secret" : "", &cors);
        verdict = admin_judge(&rules, request, true);
        must(verdict.who || verdict.status == 401 || verdict.status == 403, "a verdict");
        must(verdict.who || verdict.detail, "a refusal says why");
        must(!verdict.who || !token || http_request_field(request, "Authorization").at,
             "the token is asked for");
        must(!verdict.who || !origin.at || (origin.bytes > 7 && may_order(origin, request->host)),
             "no page of another site");
        must(!admin_judge(&rules, request, false).who || token, "nobody from elsewhere without a token");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct asked asked;

    if (asked_read(data, size, &asked)) {
        check_caller(&asked.request);
        check_patience(&asked.request);
        check_wish(&asked.request);
        check_page(&asked.request);
    }
    free(asked.bytes);
    return 0;
}
