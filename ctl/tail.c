/* tail.c - see tail.h. */
#include "ctl/tail.h"

#include "ctl/look.h"

static struct tail_mark *mark_of(struct tail *tail, const char *epoch)
{
    struct tail_mark *oldest = &tail->marks[0];

    for (size_t i = 0; i < TAIL_EPOCHS; i++) {
        struct tail_mark *mark = &tail->marks[i];

        if (mark->used && strcmp(mark->epoch, epoch) == 0)
            return mark;
        if (mark->used < oldest->used)
            oldest = mark;
    }
    *oldest = (struct tail_mark){.seq = -1};
    memcpy(oldest->epoch, epoch, strlen(epoch) + 1);
    return oldest;
}

enum tail_verdict tail_take(struct tail *tail, const struct json_object *event, int64_t *missed)
{
    struct json_object *number = look(event, "seq");
    const char *epoch = look_text(event, "epoch");
    struct tail_mark *mark;
    int64_t seq;

    *missed = 0;
    if (!*epoch || strlen(epoch) >= TAIL_EPOCH_BYTES || !json_object_is_type(number, json_type_int))
        return TAIL_BAD;
    seq = json_object_get_int64(number);
    if (seq < 0)
        return TAIL_BAD;
    mark = mark_of(tail, epoch);
    mark->used = ++tail->clock;
    if (seq <= mark->seq)
        return TAIL_OLD;
    if (mark->seq >= 0)
        *missed = seq - mark->seq - 1;
    mark->seq = seq;
    return TAIL_NEW;
}

/* Each process's are sorted already, and there are few. */
void tail_sort(const struct json_object **events, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct json_object *event = events[i];
        double at_us = look_number(event, "at_us", 0);
        size_t to = i;

        for (; to > 0 && look_number(events[to - 1], "at_us", 0) > at_us; to--)
            events[to] = events[to - 1];
        events[to] = event;
    }
}
