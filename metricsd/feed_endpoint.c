/* feed_endpoint.c - see feed_endpoint.h. */
#include "metricsd/feed_endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An address, and not a name that looks like one: 127.0.0.1.example.org is anywhere. */
static bool is_loopback(const char *host)
{
    static const uint8_t loopback6[sizeof(struct in6_addr)] = {[sizeof(struct in6_addr) - 1] = 1};
    struct in6_addr address6;
    struct in_addr address;

    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &address6) == 1 && memcmp(&address6, loopback6, sizeof(loopback6)) == 0;
}

static bool is_port(const char *port)
{
    size_t digits = strspn(port, "0123456789");

    return strcmp(port, "*") == 0 ||
           (digits > 0 && digits <= 5 && port[digits] == '\0' && strtoul(port, NULL, 10) <= 65535);
}

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* address is host:port or [host]:port. */
static int check_tcp(const char *address, char endpoint[FEED_ENDPOINT_BYTES])
{
    const char *colon = strrchr(address, ':');
    char host[64];
    size_t bytes;

    if (!colon || !is_port(colon + 1))
        return -EINVAL;
    bytes = (size_t)(colon - address);
    if (bytes > 2 && address[0] == '[' && address[bytes - 1] == ']') {
        address++;
        bytes -= 2;
    }
    if (bytes == 0 || bytes >= sizeof(host))
        return -EINVAL;
    memcpy(host, address, bytes);
    host[bytes] = '\0';
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof(host), "127.0.0.1");
    if (strcmp(host, "*") == 0)
        snprintf(host, sizeof(host), "0.0.0.0");
    if (!is_address(host))
        return -EINVAL;
    snprintf(endpoint, FEED_ENDPOINT_BYTES, strchr(host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s", host,
             colon + 1);
    return is_loopback(host) ? FEED_LOOPBACK : FEED_WORLD;
}

int feed_endpoint(const char *wanted, char endpoint[FEED_ENDPOINT_BYTES])
{
    size_t bytes = strlen(wanted);

    if (strncmp(wanted, "tcp://", 6) == 0)
        return check_tcp(wanted + 6, endpoint);
    if (strncmp(wanted, "ipc://", 6) != 0 || bytes == 6 || bytes >= FEED_ENDPOINT_BYTES)
        return -EINVAL;
    memcpy(endpoint, wanted, bytes + 1);
    return FEED_IPC;
}
