/* table.c - see table.h. Homes are no power of two, and followed by as much room as a thing may be away, so
 * that nothing wraps round. */
#include "scheduler/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AWAY_MAX 254

int table_init(struct table *table, uint32_t limit, size_t key_at)
{
    uint32_t homes = limit + limit / 4 + 1; /* four of five are taken at the limit */
    size_t places = (size_t)homes + AWAY_MAX + 1;

    *table = (struct table){.homes = homes, .limit = limit, .key_at = (uint32_t)key_at};
    table->things = calloc(places, sizeof(table->things[0]));
    table->away = calloc(places, sizeof(table->away[0]));
    if (table->things && table->away)
        return 0;
    table_done(table);
    return -ENOMEM;
}

void table_done(struct table *table)
{
    free(table->things);
    free(table->away);
    *table = (struct table){.things = NULL};
}

static const void *key_of(const struct table *table, const void *thing)
{
    return (const char *)thing + table->key_at;
}

/* The finisher of SplitMix64. */
static uint32_t home_of(const struct table *table, const void *key)
{
    uint64_t halves[2], x;

    memcpy(halves, key, sizeof(halves));
    x = halves[0] + halves[1] * 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return (uint32_t)(((x ^ (x >> 31)) >> 32) * table->homes >> 32);
}

/* Where those end who are at least so far from home as one of that home would be. */
static uint32_t find_place(const struct table *table, uint32_t home, const void *key)
{
    uint32_t place = home;

    for (; table->things[place] && table->away[place] >= place - home; place++) {
        if (key && table->away[place] == place - home &&
            memcmp(key_of(table, table->things[place]), key, TABLE_KEY_BYTES) == 0)
            break;
    }
    return place;
}

void *table_find(const struct table *table, const void *key)
{
    uint32_t home = home_of(table, key), place = find_place(table, home, key);
    void *thing = table->things[place];

    return thing && table->away[place] >= place - home ? thing : NULL;
}

int table_add(struct table *table, void *thing)
{
    uint32_t home = home_of(table, key_of(table, thing)), place = find_place(table, home, NULL), end = place;

    if (table->count == table->limit || place - home > AWAY_MAX)
        return -ENOSPC;
    for (; table->things[end]; end++) {
        if (table->away[end] == AWAY_MAX)
            return -ENOSPC;
    }
    for (; end > place; end--) {
        table->things[end] = table->things[end - 1];
        table->away[end] = table->away[end - 1] + 1;
    }
    table->things[place] = thing;
    table->away[place] = (uint8_t)(place - home);
    table->count++;
    return 0;
}

void table_remove(struct table *table, const void *thing)
{
    const void *key = key_of(table, thing);
    uint32_t place = find_place(table, home_of(table, key), key);

    for (; table->things[place + 1] && table->away[place + 1] > 0; place++) {
        table->things[place] = table->things[place + 1];
        table->away[place] = table->away[place + 1] - 1;
    }
    table->things[place] = NULL;
    table->count--;
}
