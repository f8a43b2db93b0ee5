/* addresses.c - see addresses.h. */
#define HASH_NONFATAL_OOM 1 /* uthash would exit(); with this a failed add leaves hh.tbl NULL */
#include "common/addresses.h"

#include <stddef.h>
#include <stdlib.h>
#include <uthash.h>

struct address {
    uint64_t number;
    unsigned connections;
    UT_hash_handle hh;
};

struct addresses {
    struct address *all; /* uthash */
};

struct addresses *addresses_new(void)
{
    return calloc(1, sizeof(struct addresses));
}

void addresses_free(struct addresses *addresses)
{
    struct address *address = addresses ? addresses->all : NULL, *next;

    if (!addresses)
        return;
    HASH_CLEAR(hh, addresses->all);
    for (; address; address = next) {
        next = address->hh.next;
        free(address);
    }
    free(addresses);
}

struct address *addresses_enter(struct addresses *addresses, uint64_t number)
{
    struct address *address;

    HASH_FIND(hh, addresses->all, &number, sizeof number, address);
    if (!address) {
        address = calloc(1, sizeof *address);
        if (!address)
            return NULL;
        address->number = number;
        HASH_ADD(hh, addresses->all, number, sizeof address->number, address);
        if (!address->hh.tbl) {
            free(address);
            return NULL;
        }
    }
    address->connections++;
    return address;
}

void addresses_leave(struct addresses *addresses, struct address *address)
{
    if (!address || --address->connections)
        return;
    HASH_DEL(addresses->all, address);
    free(address);
}

unsigned address_connections(const struct address *address)
{
    return address->connections;
}

unsigned addresses_count(const struct addresses *addresses)
{
    return HASH_COUNT(addresses->all);
}
