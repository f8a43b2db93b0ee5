/* slots.c - see slots.h. */
#include "metricsd/slots.h"

#include <stdlib.h>

#include "common/resident.h"

#define JUDGE_US    2000000LL
#define CLOCK_SET   50000LL /* by so much the clocks do not drift apart between two sends */
#define ACCURACY_US 20      /* of the times of two sends */
#define QUARTER     60      /* parts of 15 minutes: */
#define PART_US     15000000LL

struct lane {
    char name[MESSAGE_LABEL_BYTES + 1];
    uint64_t count, judged; /* sends so far */
    uint64_t violations;
    int64_t smallest_us[QUARTER + 1]; /* of each part of the last 15 minutes */
    int64_t part[QUARTER + 1];        /* which part of all time it is */
    struct slot slots[SLOTS_KEPT];
};

struct slots {
    int64_t window_us, window_before_us, window_changed_us;
    unsigned burst;
    bool clock_known;
    int64_t clock_us; /* wall clock less monotonic clock */
    unsigned clock;
    unsigned lane_count;
    struct lane lanes[SLOTS_LANES];
};

static const char *const outcomes[] = {
    [SLOT_FLYING] = "flying",
    [SLOT_ANSWERED] = "answered",
    [SLOT_FAILED] = "failed",
    [SLOT_LIMITED] = "limited",
};

struct slots *slots_new(void)
{
    return resident_new(sizeof(struct slots));
}

void slots_free(struct slots *slots)
{
    free(slots);
}

static struct slot *slot_of(struct lane *lane, uint64_t number)
{
    return &lane->slots[number % SLOTS_KEPT];
}

static void judge(struct lane *lane, struct slot *slot)
{
    int64_t part = slot->heard_at_us / PART_US;
    unsigned place = (unsigned)(part % (QUARTER + 1));

    if (slot->gap_us == SLOTS_NONE)
        return;
    if (lane->part[place] != part || slot->gap_us < lane->smallest_us[place])
        lane->smallest_us[place] = slot->gap_us;
    lane->part[place] = part;
    lane->violations += slot->gap_us < slot->window_us - ACCURACY_US;
}

/* The lane of that name, or a new one; NULL when there is no room. */
static struct lane *find_lane(struct slots *slots, struct text name)
{
    struct lane *lane;

    for (unsigned i = 0; i < slots->lane_count; i++) {
        if (text_equal(name, slots->lanes[i].name))
            return &slots->lanes[i];
    }
    if (slots->lane_count == SLOTS_LANES || name.bytes == 0 || name.bytes >= sizeof(lane->name))
        return NULL;
    lane = &slots->lanes[slots->lane_count++];
    memcpy(lane->name, name.at, name.bytes);
    lane->name[name.bytes] = '\0';
    return lane;
}

static void note_clock(struct slots *slots, int64_t now_us, int64_t wall_us)
{
    int64_t clock_us = wall_us - now_us, moved_us = clock_us - slots->clock_us;

    if (slots->clock_known && (moved_us > CLOCK_SET || moved_us < -CLOCK_SET))
        slots->clock++;
    slots->clock_known = true;
    slots->clock_us = clock_us;
}

static uint64_t oldest_of(const struct lane *lane)
{
    return lane->count > SLOTS_KEPT ? lane->count - SLOTS_KEPT : 0;
}

/* Of the send that has, or will have, that number. */
static int64_t gap_of(const struct slots *slots, struct lane *lane, uint64_t number, const struct slot *slot)
{
    const struct slot *before;
    int64_t gap_us;

    if (slots->burst == 0 || number < oldest_of(lane) + slots->burst)
        return SLOTS_NONE;
    before = slot_of(lane, number - slots->burst);
    if (before->clock != slot->clock || __builtin_sub_overflow(slot->at_us, before->at_us, &gap_us))
        return SLOTS_NONE;
    return gap_us >= 0 ? gap_us : SLOTS_NONE;
}

/* A window is not in force everywhere at once. */
static int64_t shortest_window(const struct slots *slots, int64_t now_us)
{
    bool changes = now_us - slots->window_changed_us < JUDGE_US;

    return changes && slots->window_before_us < slots->window_us ? slots->window_before_us : slots->window_us;
}

static bool add_sent(struct slots *slots, struct lane *lane, const struct message_event *event,
                     uint64_t epoch, int64_t now_us)
{
    struct slot slot = {.epoch = epoch,
                        .attempt = event->attempt,
                        .at_us = event->at_us,
                        .late_us = event->value,
                        .heard_at_us = now_us,
                        .window_us = shortest_window(slots, now_us),
                        .clock = slots->clock};

    slot.gap_us = gap_of(slots, lane, lane->count, &slot);
    if (lane->count - lane->judged == SLOTS_KEPT)
        judge(lane, slot_of(lane, lane->judged++));
    *slot_of(lane, lane->count++) = slot;
    return true;
}

static bool add_end(struct lane *lane, enum slot_outcome outcome, uint64_t epoch, uint64_t attempt)
{
    for (uint64_t number = lane->count; number-- > oldest_of(lane);) {
        struct slot *slot = slot_of(lane, number);

        if (slot->attempt == attempt && slot->epoch == epoch) {
            slot->outcome = outcome;
            return true;
        }
    }
    return false;
}

static void take_window(struct slots *slots, int64_t window_us, int64_t now_us)
{
    if (window_us <= 0 || window_us == slots->window_us)
        return;
    slots->window_before_us = slots->window_us > 0 ? slots->window_us : window_us;
    slots->window_us = window_us;
    slots->window_changed_us = now_us;
    for (unsigned i = 0; i < slots->lane_count; i++) {
        struct lane *lane = &slots->lanes[i];

        for (uint64_t number = lane->judged; number < lane->count; number++) {
            struct slot *slot = slot_of(lane, number);

            if (slot->window_us == 0 || slot->window_us > window_us)
                slot->window_us = window_us;
        }
    }
}

bool slots_add(struct slots *slots, const struct message_event *event, uint64_t epoch, int64_t now_us,
               int64_t wall_us)
{
    enum slot_outcome outcome = SLOT_FLYING;
    struct lane *lane;

    if (text_equal(event->process, "scheduler")) {
        if (text_equal(event->name, "control_rate"))
            take_window(slots, event->value, now_us);
        return false;
    }
    if (!text_equal(event->process, "fetcher"))
        return false;
    if (!text_equal(event->name, "sent")) {
        for (outcome = SLOT_ANSWERED; outcome <= SLOT_LIMITED; outcome++) {
            if (text_equal(event->name, outcomes[outcome]))
                break;
        }
    }
    lane = outcome <= SLOT_LIMITED ? find_lane(slots, event->lane) : NULL;
    if (!lane)
        return false;
    if (outcome != SLOT_FLYING)
        return add_end(lane, outcome, epoch, event->attempt);
    note_clock(slots, now_us, wall_us);
    return add_sent(slots, lane, event, epoch, now_us);
}

static void fail_flying(struct lane *lane, uint64_t fetcher)
{
    for (uint64_t number = oldest_of(lane); number < lane->count; number++) {
        struct slot *slot = slot_of(lane, number);

        if (slot->outcome == SLOT_FLYING && slot->epoch != fetcher)
            slot->outcome = SLOT_FAILED;
    }
}

/* When it is first told: sends that have not been judged yet had no gap. */
static void take_burst(struct slots *slots, unsigned burst)
{
    bool first = slots->burst == 0;

    slots->burst = burst;
    for (unsigned i = 0; first && i < slots->lane_count; i++) {
        struct lane *lane = &slots->lanes[i];

        for (uint64_t number = lane->judged; number < lane->count; number++) {
            struct slot *slot = slot_of(lane, number);

            slot->gap_us = gap_of(slots, lane, number, slot);
        }
    }
}

void slots_tick(struct slots *slots, int64_t window_us, int64_t burst, uint64_t fetcher, int64_t now_us)
{
    take_window(slots, window_us, now_us);
    if (burst > 0 && burst < SLOTS_KEPT)
        take_burst(slots, (unsigned)burst);
    for (unsigned i = 0; i < slots->lane_count; i++) {
        struct lane *lane = &slots->lanes[i];

        while (lane->judged < lane->count && now_us - slot_of(lane, lane->judged)->heard_at_us >= JUDGE_US)
            judge(lane, slot_of(lane, lane->judged++));
        fail_flying(lane, fetcher);
    }
}

int slots_lane(const struct slots *slots, const char *name)
{
    for (unsigned i = 0; i < slots->lane_count; i++) {
        if (strcmp(slots->lanes[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

const struct slot *slots_at(const struct slots *slots, int lane, unsigned place)
{
    const struct lane *of = lane >= 0 ? &slots->lanes[lane] : NULL;
    uint64_t oldest = of && of->count > SLOTS_SHOWN ? of->count - SLOTS_SHOWN : 0;

    return of && oldest + place < of->count ? &of->slots[(oldest + place) % SLOTS_KEPT] : NULL;
}

int64_t slots_smallest_gap_us(const struct slots *slots, int lane, int64_t now_us)
{
    const struct lane *of = lane >= 0 ? &slots->lanes[lane] : NULL;
    int64_t smallest_us = SLOTS_NONE, part = now_us / PART_US;

    for (unsigned i = 0; of && i <= QUARTER; i++) {
        if (of->part[i] > 0 && part - of->part[i] <= QUARTER &&
            (smallest_us == SLOTS_NONE || of->smallest_us[i] < smallest_us))
            smallest_us = of->smallest_us[i];
    }
    return smallest_us;
}

uint64_t slots_violations(const struct slots *slots, int lane)
{
    return lane >= 0 ? slots->lanes[lane].violations : 0;
}

int64_t slots_window_us(const struct slots *slots)
{
    return slots->window_us;
}

unsigned slots_burst(const struct slots *slots)
{
    return slots->burst;
}

const char *slot_outcome_name(enum slot_outcome outcome)
{
    return outcomes[outcome];
}
