/* views.c - see views.h. */
#include "metricsd/views.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json_check.h"
#include "common/resident.h"

struct kept {
    struct view view;
    enum store_kind kind;
    uint64_t epoch;
    int64_t heard_at_us;
    char room[MESSAGE_VIEW_BYTES];
};

struct views {
    uint64_t changes;
    unsigned count;
    struct kept *order[VIEWS_MAX]; /* the first `count` are in use */
    struct kept kept[VIEWS_MAX];
};

struct views *views_new(void)
{
    struct views *views = resident_new(sizeof(*views));

    for (unsigned i = 0; views && i < VIEWS_MAX; i++)
        views->order[i] = &views->kept[i];
    return views;
}

void views_free(struct views *views)
{
    free(views);
}

static bool is_good(const struct message_view *view, struct text json, enum store_kind *kind)
{
    return store_kind_find(view->process, kind) && store_is_word(view->name) &&
           json.bytes <= MESSAGE_VIEW_BYTES && json_check_object(json);
}

static struct kept *find(const struct views *views, const char *key)
{
    for (unsigned i = 0; i < views->count; i++) {
        if (strcmp(views->order[i]->view.key, key) == 0)
            return views->order[i];
    }
    return NULL;
}

/* Whether another process of the kind may replace what that one has told. */
static bool is_older(const struct store *store, const struct kept *kept, uint64_t epoch, int64_t now_us)
{
    return epoch != kept->epoch && store_epoch_is_up(store, kept->kind, kept->epoch, now_us) &&
           store_order(store, kept->kind, epoch) < store_order(store, kept->kind, kept->epoch);
}

static bool same(const struct kept *kept, struct text json)
{
    return kept->view.json.bytes == json.bytes && memcmp(kept->room, json.at, json.bytes) == 0;
}

int views_add(struct views *views, const struct store *store, uint64_t epoch, const struct message_view *view,
              struct text json, int64_t now_us)
{
    char key[VIEWS_KEY_BYTES];
    enum store_kind kind;
    struct kept *kept;

    if (epoch == 0 || !is_good(view, json, &kind))
        return -EINVAL;
    snprintf(key, sizeof(key), "%.*s.%.*s", TEXT_ARGS(view->process), TEXT_ARGS(view->name));
    kept = find(views, key);
    if (store_order(store, kind, epoch) == 0 || (kept && is_older(store, kept, epoch, now_us)))
        return 0;
    if (!kept) {
        if (views->count == VIEWS_MAX)
            return -ENOSPC;
        kept = views->order[views->count++];
        kept->view = (struct view){.json = {.at = kept->room}};
        memcpy(kept->view.key, key, sizeof(key));
    }
    kept->kind = kind;
    kept->epoch = epoch;
    kept->heard_at_us = now_us;
    if (same(kept, json))
        return 0;
    memcpy(kept->room, json.at, json.bytes);
    kept->view.json.bytes = json.bytes;
    kept->view.changes = ++views->changes;
    return 1;
}

/* One that has just begun tells of itself before it is known to be up. */
static bool is_gone(const struct store *store, const struct kept *kept, int64_t now_us)
{
    return store_kind_up(store, kept->kind, now_us) == 0 && now_us - kept->heard_at_us >= STORE_UP_US;
}

void views_tick(struct views *views, const struct store *store, int64_t now_us)
{
    unsigned place = 0;

    while (place < views->count) {
        struct kept *kept = views->order[place];

        if (!is_gone(store, kept, now_us)) {
            place++;
            continue;
        }
        views->order[place] = views->order[--views->count];
        views->order[views->count] = kept;
        views->changes++;
    }
}

const struct view *views_at(const struct views *views, unsigned place)
{
    return place < views->count ? &views->order[place]->view : NULL;
}
