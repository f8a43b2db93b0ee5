/* feed.c - see feed.h. */
#include "gateway/feed.h"

static const char *const keys[FEED_VALUE_COUNT] = {
#define VALUE(id, key) [FEED_##id] = key,
    FEED_VALUES(VALUE)
#undef VALUE
};

static int64_t value_of(const struct message_pairs *pairs, const char *key)
{
    for (unsigned i = 0; i < pairs->count; i++) {
        if (text_equal(pairs->items[i].key, key))
            return pairs->items[i].value;
    }
    return 0;
}

void feed_done(struct feed *feed)
{
    bus_body_free(feed->exposition);
    *feed = (struct feed){.exposition = NULL};
}

void feed_take(struct feed *feed, const struct message *message, struct bus_body *body, int64_t now_us)
{
    if (message->type == MESSAGE_TYPE_snapshot) {
        for (unsigned i = 0; i < FEED_VALUE_COUNT; i++)
            feed->values[i] = value_of(&message->snapshot.values, keys[i]);
        feed->port = (unsigned)message->snapshot.port;
        feed->has_snapshot = true;
        feed->snapshot_us = now_us;
    } else if (message->type == MESSAGE_TYPE_exposition && body) {
        bus_body_free(feed->exposition);
        feed->exposition = bus_body_keep(body);
        feed->has_exposition = true;
        feed->exposition_us = now_us;
    }
}

const int64_t *feed_snapshot(const struct feed *feed, int64_t now_us)
{
    bool late = now_us - feed->snapshot_us > FEED_AGE_MAX_US;

    return feed->has_snapshot && !late ? feed->values : NULL;
}

struct text feed_exposition(const struct feed *feed, int64_t now_us)
{
    bool late = now_us - feed->exposition_us > FEED_AGE_MAX_US;

    if (!feed->has_exposition || late)
        return (struct text){.at = NULL, .bytes = 0};
    return bus_body_text(feed->exposition);
}
