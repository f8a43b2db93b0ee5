/* url.c - see url.h. */
#include "common/url.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "common/http_syntax.h"

#define ADDRESS_BYTES 64

static bool skip(struct text *text, const char *prefix)
{
    size_t bytes = strlen(prefix);

    if (text->bytes < bytes || memcmp(text->at, prefix, bytes) != 0)
        return false;
    *text = (struct text){.at = text->at + bytes, .bytes = text->bytes - bytes};
    return true;
}

/* Names that hold nothing but these stand safely in every field of HTTP; what else a literal may hold has
 * been looked at. Browsers write both small. */
static bool is_host(struct text host, bool literal)
{
    for (size_t i = 0; i < host.bytes; i++) {
        char c = host.at[i];

        if (c >= 'A' && c <= 'Z')
            return false;
        if (!literal && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
            return false;
    }
    return host.bytes > 0;
}

static bool read_authority(struct text authority, struct url *url)
{
    bool literal = authority.bytes > 0 && authority.at[0] == '[';
    const char *end = authority.bytes > 0 ? memchr(authority.at, literal ? ']' : ':', authority.bytes) : NULL;
    size_t host = end ? (size_t)(end - authority.at) + literal : authority.bytes;

    if (!http_authority_valid(authority))
        return false;
    url->host = (struct text){.at = authority.at, .bytes = host};
    url->port = (struct text){.at = authority.at + host, .bytes = authority.bytes - host};
    if (url->port.bytes == 0)
        return is_host(url->host, literal);
    return skip(&url->port, ":") && url->port.bytes > 0 && is_host(url->host, literal);
}

bool url_read(struct text text, struct url *url)
{
    const char *slash;
    struct text rest = text;

    *url = (struct url){.scheme = {.at = text.at, .bytes = 0}};
    if (text.bytes >= URL_BYTES || (!skip(&rest, "http://") && !skip(&rest, "https://")))
        return false;
    url->scheme.bytes = (size_t)(rest.at - text.at) - strlen("://");
    slash = rest.bytes > 0 ? memchr(rest.at, '/', rest.bytes) : NULL;
    url->path = (struct text){.at = slash, .bytes = slash ? (size_t)(rest.at + rest.bytes - slash) : 0};
    rest.bytes -= url->path.bytes;
    if (!read_authority(rest, url))
        return false;
    if (text_equal(url->port, text_equal(url->scheme, "https") ? "443" : "80"))
        url->port.bytes = 0; /* browsers leave it out */
    return http_uri_valid(url->path) && (url->path.bytes == 0 || !memchr(url->path.at, '?', url->path.bytes));
}

void url_origin(const struct url *url, char origin[URL_ORIGIN_BYTES])
{
    snprintf(origin, URL_ORIGIN_BYTES, "%.*s://%.*s%s%.*s", TEXT_ARGS(url->scheme), TEXT_ARGS(url->host),
             url->port.bytes > 0 ? ":" : "", TEXT_ARGS(url->port));
}

/* A literal, with or without brackets: AF_INET, AF_INET6 and the address; 0: it is none. */
static int read_address(struct text host, struct in_addr *four, struct in6_addr *six)
{
    char address[ADDRESS_BYTES];

    if (host.bytes > 1 && host.at[0] == '[' && host.at[host.bytes - 1] == ']')
        host = (struct text){.at = host.at + 1, .bytes = host.bytes - 2};
    if (host.bytes >= ADDRESS_BYTES)
        return 0;
    snprintf(address, ADDRESS_BYTES, "%.*s", TEXT_ARGS(host));
    if (inet_pton(AF_INET, address, four) == 1)
        return AF_INET;
    return inet_pton(AF_INET6, address, six) == 1 ? AF_INET6 : 0;
}

bool url_loopback(struct text host)
{
    struct in6_addr six;
    struct in_addr four;
    int family = read_address(host, &four, &six);

    if (family == AF_INET)
        return ntohl(four.s_addr) >> 24 == 127;
    return family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&six) : text_equal(host, "localhost");
}

bool url_wildcard(struct text host)
{
    struct in6_addr six;
    struct in_addr four;
    int family = read_address(host, &four, &six);

    if (family == AF_INET)
        return four.s_addr == htonl(INADDR_ANY);
    return family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six);
}

void url_of_listener(const char *address, unsigned port, char url[URL_BYTES])
{
    bool six = address[0] != '[' && strchr(address, ':');

    if (url_wildcard(text_of(address)))
        snprintf(url, URL_BYTES, "http://localhost:%u", port);
    else
        snprintf(url, URL_BYTES, "http://%s%.200s%s:%u", six ? "[" : "", address, six ? "]" : "", port);
}
