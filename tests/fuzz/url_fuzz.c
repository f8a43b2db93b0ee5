/* url_fuzz.c - addresses as options, pages and peers give them: common/url.c, gateway/cors.c and dashboard.c,
 * metricsd/links.c and feed_endpoint.c, and the provider's URL (fetcher/upstream.c). The first line is the
 * address, the second one what comes with it (a query, a port, a list of origins).
 *
 * What is read as a URL has an origin that is read as the same; nothing gets from an address into a header
 * field, a policy or a request line that does not belong there. */
#include "fetcher/upstream.h"
#include "gateway/cors.h"
#include "gateway/dashboard.h"
#include "metricsd/feed_endpoint.h"
#include "metricsd/links.h"
#include "tests/fuzz/check.h"

static bool plain(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~' || strchr("\"'\\<>", *text))
            return false;
    }
    return true;
}

static bool same(struct text a, struct text b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

static void check_url(struct text text)
{
    char origin[URL_ORIGIN_BYTES], again_origin[URL_ORIGIN_BYTES];
    struct cors cors = {.count = 0};
    struct url url, again;

    if (!url_read(text, &url))
        return;
    url_origin(&url, origin);
    must(plain(origin), "an origin is plain");
    must(url_read(text_of(origin), &again) && same(url.scheme, again.scheme) && same(url.host, again.host) &&
             same(url.port, again.port) && again.path.bytes == 0,
         "an origin is read as the same");
    url_origin(&again, again_origin);
    must(strcmp(origin, again_origin) == 0, "an origin's origin");
    must(strlen(origin) > CORS_ORIGIN_BYTES || cors_add(&cors, text_of(origin)) == 0,
         "a page of that origin may be listed");
    if (cors.count > 0)
        check_field_lines(text_of(cors.origins[0].fields));
    must(!(url_loopback(url.host) && url_wildcard(url.host)), "an address is one host's or all");
}

static void check_origins(struct text list)
{
    static struct cors cors;
    struct text bad = {"", 0};

    cors.count = 0;
    if (cors_add_list(&cors, list, &bad) < 0)
        must(bad.bytes == 0 || (bad.at >= list.at && bad.at + bad.bytes <= list.at + list.bytes),
             "what is wrong is of the list");
    must(cors.count <= CORS_ORIGINS_MAX, "so many origins");
    for (unsigned i = 0; i < cors.count; i++)
        check_field_lines(text_of(cors.origins[i].fields));
}

static void check_policy(const struct links *links)
{
    char policy[LINKS_POLICY_BYTES];
    size_t bytes = links_policy(links, policy);

    must(bytes < sizeof(policy), "a policy fits");
    check_field_lines((struct text){policy, bytes});
}

/* What the gateway says of itself is whatever a peer of that name says. */
static void check_links(const char *address, unsigned port)
{
    static struct cors cors;
    struct links links;
    struct dashboard dashboard = {.url = "", .bind = address, .port = port};
    char view[1024], url[URL_BYTES];
    struct url read;

    links_init(&links, "", "");
    snprintf(view, sizeof(view), "{\"options\":{\"GATEWAY_BIND\":\"%s\"},\"port\":%u}", address, port);
    links_learn(&links, text_of(view));
    check_policy(&links);
    if (url_read(text_of(address), &read)) {
        links_init(&links, address, address);
        check_policy(&links);
        dashboard.url = address;
    }
    memset(&cors, 0, sizeof(cors));
    dashboard_place(&dashboard, url, &cors);
    must(strlen(url) < URL_BYTES && cors.own_count <= CORS_OWN_MAX, "a dashboard's place");
}

static void check_upstream(const char *base, struct text query)
{
    char url[UPSTREAM_URL_BYTES];

    upstream_proxy_check(base);
    if (upstream_url_check(base) < 0 || upstream_url_make(base, query, url) < 0)
        return;
    must(strncmp(url, base, strlen(base)) == 0 && strlen(url) >= strlen(base) + query.bytes,
         "base and query, as they are");
    for (const char *at = url; *at; at++)
        must(*at > ' ' && *at <= '~', "a request line's URL");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size}, line = cut(&rest, '\n');
    char *copy = copy_of(line.at, line.bytes), address[512], endpoint[FEED_ENDPOINT_BYTES] = "";
    unsigned port = rest.bytes > 0 ? (unsigned char)rest.at[0] * 257U % 65536U : 5001;

    snprintf(address, sizeof(address), "%.*s", (int)(line.bytes < 500 ? line.bytes : 500), copy);
    check_url((struct text){copy, line.bytes});
    check_origins((struct text){copy, line.bytes});
    check_origins(rest);
    url_loopback((struct text){copy, line.bytes});
    url_wildcard((struct text){copy, line.bytes});
    free(copy);
    check_links(address, port);
    check_upstream(address, rest);
    if (feed_endpoint(address, endpoint) >= 0)
        must(strlen(endpoint) < sizeof(endpoint) && strstr(endpoint, "://"), "an endpoint");
    return 0;
}
