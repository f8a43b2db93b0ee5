/* url.h - the addresses of web pages and services that options give, and those made of where a process
 * listens. Pure.
 *
 * Such a URL is http or https, with a host in small letters, as browsers write it, and without user, query
 * and fragment. */
#ifndef SLUICE_URL_H
#define SLUICE_URL_H

#include "common/text.h"

#define URL_BYTES        256 /* of a URL, with NUL */
#define URL_ORIGIN_BYTES 256 /* of its origin, with NUL */

/* Parts of the text that was read. */
struct url {
    struct text scheme, host; /* an IPv6 literal with its brackets */
    struct text port;         /* without bytes: the scheme's own */
    struct text path;         /* from the '/' on; without bytes: none */
};

/* False when it is none. */
bool url_read(struct text text, struct url *url);
/* "https://a.example:8443": what a browser says as Origin. */
void url_origin(const struct url *url, char origin[URL_ORIGIN_BYTES]);

/* Whether the host (with or without brackets) is this one, whoever asks: localhost, 127.0.0.0/8, ::1. */
bool url_loopback(struct text host);
/* Whether the address stands for all of a host: 0.0.0.0, ::. */
bool url_wildcard(struct text address);

/* "http://ADDRESS:PORT", an IPv6 address in brackets; for all addresses of a host it is localhost. */
void url_of_listener(const char *address, unsigned port, char url[URL_BYTES]);

#endif
