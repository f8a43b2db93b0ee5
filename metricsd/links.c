/* links.c - see links.h. json-c reads the JSON. */
#include "metricsd/links.h"

#include <json-c/json.h>
#include <stdio.h>

#define JSON_DEPTH  8
#define HOSTS_BYTES (2 * URL_ORIGIN_BYTES)

static void keep(char link[URL_BYTES], const char *url)
{
    size_t bytes;

    snprintf(link, URL_BYTES, "%s", url);
    bytes = strlen(link);
    if (bytes > 0 && link[bytes - 1] == '/')
        link[bytes - 1] = '\0';
}

void links_init(struct links *links, const char *gateway_url, const char *simulator_url)
{
    *links = (struct links){.fixed = gateway_url[0] != '\0'};
    keep(links->gateway, gateway_url);
    keep(links->simulator, simulator_url);
}

/* A policy cannot name ::1 (CSP 3, section 2.3.1), but it can name localhost, which leads there. */
static void place(struct links *links, const char *bind, unsigned port)
{
    bool six = strchr(bind, ':') != NULL;

    url_of_listener(six && url_loopback(text_of(bind)) ? "localhost" : bind, port, links->gateway);
}

static void read_address(struct links *links, json_object *view)
{
    json_object *options = NULL, *bind = NULL, *port = NULL;
    struct url url;

    if (!json_object_object_get_ex(view, "options", &options) ||
        !json_object_object_get_ex(options, "GATEWAY_BIND", &bind) ||
        !json_object_object_get_ex(view, "port", &port) || !json_object_is_type(bind, json_type_string) ||
        !json_object_is_type(port, json_type_int))
        return;
    if (json_object_get_int64(port) < 1 || json_object_get_int64(port) > UINT16_MAX)
        return;
    place(links, json_object_get_string(bind), (unsigned)json_object_get_int64(port));
    if (!url_read(text_of(links->gateway), &url))
        links->gateway[0] = '\0';
}

void links_learn(struct links *links, struct text configuration)
{
    json_tokener *tokener = links->fixed ? NULL : json_tokener_new_ex(JSON_DEPTH);
    json_object *view = NULL;

    if (!tokener)
        return;
    view = json_tokener_parse_ex(tokener, configuration.at, (int)configuration.bytes);
    if (view && json_object_is_type(view, json_type_object))
        read_address(links, view);
    json_object_put(view);
    json_tokener_free(tokener);
}

/* What a policy calls the hosts of a link: of this host every name, for the page may use any. An IPv6 address
 * it cannot name at all: then it is the port alone. */
static void write_hosts(const char *link, char hosts[HOSTS_BYTES])
{
    struct text scheme;
    struct url url;

    hosts[0] = '\0';
    if (!url_read(text_of(link), &url))
        return;
    scheme = url.scheme;
    if (url_loopback(url.host))
        snprintf(hosts, HOSTS_BYTES, " %.*s://localhost%s%.*s %.*s://127.0.0.1%s%.*s", TEXT_ARGS(scheme),
                 url.port.bytes > 0 ? ":" : "", TEXT_ARGS(url.port), TEXT_ARGS(scheme),
                 url.port.bytes > 0 ? ":" : "", TEXT_ARGS(url.port));
    else
        snprintf(hosts, HOSTS_BYTES, " %.*s://%.*s%s%.*s", TEXT_ARGS(scheme),
                 url.host.at[0] == '[' ? 1 : (int)url.host.bytes, url.host.at[0] == '[' ? "*" : url.host.at,
                 url.port.bytes > 0 ? ":" : "", TEXT_ARGS(url.port));
}

size_t links_policy(const struct links *links, char policy[LINKS_POLICY_BYTES])
{
    char gateway[HOSTS_BYTES], simulator[HOSTS_BYTES];

    write_hosts(links->gateway, gateway);
    write_hosts(links->simulator, simulator);
    return (size_t)snprintf(
        policy, LINKS_POLICY_BYTES,
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
        "connect-src 'self'%s%s; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'\r\n",
        gateway, simulator);
}
