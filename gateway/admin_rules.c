/* admin_rules.c - see admin_rules.h. */
#include "gateway/admin_rules.h"

#include <arpa/inet.h>
#include <sodium.h>

#define SCHEME     "bearer "
#define HOST_BYTES 64

void admin_rules_init(struct admin_rules *rules, const char *token, const struct cors *cors)
{
    *rules = (struct admin_rules){.cors = cors, .has_token = token[0] != '\0'};
    crypto_generichash(rules->digest, sizeof(rules->digest), (const unsigned char *)token, strlen(token),
                       NULL, 0);
}

/* In constant time: what is compared are hashes, so not even the length shows. */
static bool token_fits(const struct admin_rules *rules, struct text token)
{
    unsigned char digest[ADMIN_DIGEST_BYTES];

    crypto_generichash(digest, sizeof(digest), (const unsigned char *)token.at, token.bytes, NULL, 0);
    return sodium_memcmp(digest, rules->digest, sizeof(digest)) == 0;
}

static bool same_nocase(struct text a, struct text b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || strncasecmp(a.at, b.at, a.bytes) == 0);
}

/* "http://localhost:5000" is where "Host: localhost:5000" leads to. "null" is nowhere. */
static bool is_own_origin(struct text origin, struct text host)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; host.at && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t bytes = strlen(schemes[i]);

        if (origin.bytes > bytes && strncasecmp(origin.at, schemes[i], bytes) == 0 &&
            same_nocase((struct text){origin.at + bytes, origin.bytes - bytes}, host))
            return true;
    }
    return false;
}

/* A browser says so itself when the page that asks is of another site. The dashboard's is, and its Origin is
 * what it is known by: Sec-Fetch-Site alone says no more than that it is another one. */
static bool is_foreign(const struct admin_rules *rules, const struct http_request *request)
{
    if (cors_is_own(rules->cors, request))
        return false;
    for (unsigned i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];

        if (text_equal_nocase(field->name, "Origin") && !is_own_origin(field->value, request->host))
            return true;
        if (text_equal_nocase(field->name, "Sec-Fetch-Site") && !text_equal(field->value, "same-origin") &&
            !text_equal(field->value, "none"))
            return true;
    }
    return false;
}

/* The host without its port, without the brackets of an IPv6 literal, ended by NUL. False: no good. */
static bool cut_host(struct text host, char name[HOST_BYTES], bool *bracketed)
{
    const char *end;

    *bracketed = host.bytes > 0 && host.at[0] == '[';
    if (*bracketed)
        host = (struct text){host.at + 1, host.bytes - 1};
    end = host.bytes > 0 ? memchr(host.at, *bracketed ? ']' : ':', host.bytes) : NULL;
    if (!end && *bracketed)
        return false;
    if (end)
        host.bytes = (size_t)(end - host.at);
    if (host.bytes == 0 || host.bytes >= HOST_BYTES)
        return false;
    memcpy(name, host.at, host.bytes);
    name[host.bytes] = '\0';
    return true;
}

/* An address cannot be rebound, and "localhost" is never asked of a foreign name server. */
static bool is_sure_host(struct text host)
{
    unsigned char address[sizeof(struct in6_addr)];
    char name[HOST_BYTES];
    bool bracketed;

    if (!cut_host(host, name, &bracketed))
        return false;
    if (bracketed)
        return inet_pton(AF_INET6, name, address) == 1;
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1;
}

/* A proxy on this host speaks for others. */
static bool is_forwarded(const struct http_request *request)
{
    return http_request_field_count(request, "Forwarded") > 0 ||
           http_request_field_count(request, "X-Forwarded-For") > 0 ||
           http_request_field_count(request, "Via") > 0;
}

static struct admin_verdict refuse(int status, const char *detail)
{
    return (struct admin_verdict){.status = status, .detail = detail};
}

static struct admin_verdict judge_token(const struct admin_rules *rules, const struct http_request *request)
{
    struct text value = http_request_field(request, "Authorization");
    size_t scheme_bytes = sizeof(SCHEME) - 1;
    struct admin_verdict verdict = refuse(401, "Authorization: Bearer with ADMIN_TOKEN is needed");

    verdict.authenticate = "Bearer realm=\"sluice\"";
    if (!value.at)
        return verdict;
    verdict.authenticate = "Bearer realm=\"sluice\", error=\"invalid_token\"";
    if (http_request_field_count(request, "Authorization") != 1 || value.bytes <= scheme_bytes ||
        strncasecmp(value.at, SCHEME, scheme_bytes) != 0) {
        verdict.detail = "Authorization is not one Bearer token";
        return verdict;
    }
    verdict.detail = "This is not the token";
    if (token_fits(rules, (struct text){value.at + scheme_bytes, value.bytes - scheme_bytes}))
        return (struct admin_verdict){.who = "token"};
    return verdict;
}

struct admin_verdict admin_judge(const struct admin_rules *rules, const struct http_request *request,
                                 bool local)
{
    if (is_foreign(rules, request))
        return refuse(403, "Origin or Sec-Fetch-Site tell of a page of another site");
    if (rules->has_token)
        return judge_token(rules, request);
    if (!local)
        return refuse(403, "Without ADMIN_TOKEN only this host may ask");
    if (is_forwarded(request))
        return refuse(403, "Without ADMIN_TOKEN nobody may ask through a proxy");
    if (!request->host.at || !is_sure_host(request->host))
        return refuse(403, "Without ADMIN_TOKEN Host must be localhost or an IP address");
    return (struct admin_verdict){.who = "loopback"};
}
