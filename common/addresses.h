/* addresses.h - how many connections each client has, so that none of them can have them all. Pure.
 *
 * A client is an address, given as a number: an IPv4 address, or the upper half of an IPv6 one, since whoever
 * has one address of such a network has all of them. The table is as long as there are clients with a
 * connection, so its limit is that of the connections. */
#ifndef SLUICE_ADDRESSES_H
#define SLUICE_ADDRESSES_H

#include <stdint.h>

struct addresses;
struct address; /* a client with at least one connection */

/* NULL: out of memory. */
struct addresses *addresses_new(void);
void addresses_free(struct addresses *addresses); /* takes NULL */

/* One connection more; addresses_leave() must follow. NULL: out of memory. */
struct address *addresses_enter(struct addresses *addresses, uint64_t number);
/* One less; the pointer is dead when it was the last one. Takes NULL. */
void addresses_leave(struct addresses *addresses, struct address *address);

unsigned address_connections(const struct address *address);
/* How many clients there are. */
unsigned addresses_count(const struct addresses *addresses);

#endif
