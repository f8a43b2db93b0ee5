/* store.c - see store.h. */
#include "metricsd/store.h"

#include <errno.h>
#include <stdlib.h>

#include "common/resident.h"

#define VALUE_MAX (1LL << 53) /* exact in a double, and too small for sums to overflow */

static const struct {
    const char *name;
    bool many; /* a stack may run several */
} kinds[STORE_KINDS] = {
    [STORE_GATEWAY] = {.name = "gateway", .many = true},
    [STORE_SCHEDULER] = {.name = "scheduler"},
    [STORE_FETCHER] = {.name = "fetcher"},
    [STORE_METRICSD] = {.name = "metricsd"},
};

struct entry {
    struct store_process process;
    bool told;            /* its totals have come */
    bool older;           /* than the store, by more than a few seconds */
    uint64_t seq_before;  /* what it had sent before it was heard of */
    unsigned distributed; /* those of its histograms that have come, a bit each */
    struct metrics metrics;
};

_Static_assert(HISTOGRAM_COUNT <= 8 * sizeof(unsigned), "a bit each");

struct store {
    struct store_counts counts;
    int64_t since_us;
    struct store_past past; /* counters and histograms of the epochs that were folded away or buried */
    struct metrics before;  /* those that were counted nobody knows when, or before since_us */
    unsigned entry_count;
    uint64_t events_seen, orders;
    struct store_event events[STORE_EVENTS];
    struct entry entries[STORE_EPOCHS];
};

struct store *store_new(int64_t now_us)
{
    struct store *store = resident_new(sizeof(*store));

    if (store)
        store->since_us = now_us;
    return store;
}

void store_free(struct store *store)
{
    free(store);
}

static void add_capped(uint64_t *total, uint64_t amount)
{
    *total = amount < (uint64_t)VALUE_MAX - *total ? *total + amount : (uint64_t)VALUE_MAX;
}

static void add_value(int64_t *total, int64_t amount)
{
    int64_t sum = *total + amount; /* both within VALUE_MAX of 0 */

    *total = sum > VALUE_MAX ? VALUE_MAX : sum < -VALUE_MAX ? -VALUE_MAX : sum;
}

bool store_kind_find(struct text name, enum store_kind *kind)
{
    for (int i = 0; i < STORE_KINDS; i++) {
        if (text_equal(name, kinds[i].name)) {
            *kind = (enum store_kind)i;
            return true;
        }
    }
    return false;
}

static bool heard_lately(const struct store_process *process, int64_t now_us)
{
    return now_us - process->heard_at_us < STORE_UP_US;
}

bool store_process_is_up(const struct store *store, const struct store_process *process, int64_t now_us)
{
    if (process->buried || !heard_lately(process, now_us))
        return false;
    for (unsigned i = 0; i < store->entry_count && !kinds[process->kind].many; i++) {
        const struct store_process *other = &store->entries[i].process;

        /* The successor of one that died less than STORE_UP_US ago: their gauges must not be summed. */
        if (other->kind == process->kind && other->order > process->order && heard_lately(other, now_us))
            return false;
    }
    return true;
}

static const struct entry *look_up(const struct store *store, enum store_kind kind, uint64_t epoch)
{
    for (unsigned i = 0; i < store->entry_count; i++) {
        if (store->entries[i].process.epoch == epoch && store->entries[i].process.kind == kind)
            return &store->entries[i];
    }
    return NULL;
}

static struct entry *find(struct store *store, enum store_kind kind, uint64_t epoch)
{
    return (struct entry *)look_up(store, kind, epoch);
}

static bool is_forgotten(const struct store *store, enum store_kind kind, uint64_t epoch)
{
    for (uint32_t i = 0; i < store->past.grave_count; i++) {
        if (store->past.graves[i].epoch == epoch && store->past.graves[i].kind == kind)
            return true;
    }
    return false;
}

static void add_counts(struct metrics *into, const struct metrics *metrics)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (metric_spec((enum metric)i)->kind == METRIC_KIND_COUNTER)
            add_value(&into->values[i], metrics->values[i]);
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++)
        histogram_merge(&into->histograms[i], &metrics->histograms[i]);
}

static void fold(struct store_past *past, enum store_kind kind, uint64_t epoch, const struct metrics *metrics)
{
    past->graves[past->graves_seen++ % STORE_GRAVES] = (struct store_grave){.kind = kind, .epoch = epoch};
    if (past->grave_count < STORE_GRAVES)
        past->grave_count++;
    add_counts(&past->base, metrics);
}

/* A free entry; NULL when all are taken by processes that were heard of lately. */
static struct entry *make_room(struct store *store, int64_t now_us)
{
    struct entry *oldest = &store->entries[0];

    if (store->entry_count < STORE_EPOCHS)
        return &store->entries[store->entry_count++];
    for (unsigned i = 1; i < STORE_EPOCHS; i++) {
        if (store->entries[i].process.heard_at_us < oldest->process.heard_at_us)
            oldest = &store->entries[i];
    }
    if (heard_lately(&oldest->process, now_us))
        return NULL;
    if (!oldest->process.buried)
        fold(&store->past, oldest->process.kind, oldest->process.epoch, &oldest->metrics);
    return oldest;
}

static bool instance_is_taken(const struct store *store, enum store_kind kind, unsigned instance,
                              int64_t now_us)
{
    for (unsigned i = 0; i < store->entry_count; i++) {
        const struct store_process *process = &store->entries[i].process;

        if (process->kind == kind && process->instance == instance && kinds[kind].many &&
            heard_lately(process, now_us))
            return true;
    }
    return false;
}

/* The entry of that process; seq_before: the sequence number that it stood at before this message. */
static int enter(struct store *store, int64_t now_us, struct text process, uint64_t epoch,
                 uint64_t seq_before, struct entry **entry)
{
    enum store_kind kind;
    unsigned instance = 0;

    if (epoch == 0 || !store_kind_find(process, &kind))
        return -EINVAL;
    *entry = find(store, kind, epoch);
    if (!*entry) {
        if (is_forgotten(store, kind, epoch))
            return -ESTALE;
        while (instance_is_taken(store, kind, instance, now_us))
            instance++;
        *entry = make_room(store, now_us);
        if (!*entry)
            return -ENOSPC;
        **entry = (struct entry){.process = {.kind = kind,
                                             .epoch = epoch,
                                             .instance = instance,
                                             .order = ++store->orders,
                                             .started_at_us = now_us,
                                             .last_seq = seq_before},
                                 .seq_before = seq_before};
        store->past.starts[kind]++;
    }
    if (!(*entry)->process.buried)
        (*entry)->process.heard_at_us = now_us;
    return 0;
}

static int count_refusal(struct store *store, int error)
{
    if (error == -EINVAL)
        add_capped(&store->counts.bad, 1);
    else
        add_capped(&store->counts.refused, 1);
    return error;
}

static void lose(struct store *store, struct store_process *process, uint64_t lost)
{
    add_capped(&process->lost, lost);
    add_capped(&store->counts.lost, lost);
}

/* The process stands at seq: what lies between that and the last one heard of was lost. */
static void follow(struct store *store, struct store_process *process, uint64_t seq, uint64_t arrived)
{
    uint64_t lost;

    if (seq <= process->last_seq)
        return;
    lost = seq - process->last_seq - arrived;
    process->last_seq = seq;
    lose(store, process, lost);
}

static struct text keep(struct store_event *kept, size_t *used, struct text text)
{
    struct text copy = {.at = kept->texts + *used, .bytes = text.bytes};

    if (text.bytes > 0)
        memcpy(kept->texts + *used, text.at, text.bytes);
    *used += text.bytes;
    return copy;
}

static void keep_event(struct store *store, const struct store_process *process,
                       const struct message_event *event, uint64_t id)
{
    struct store_event *kept = &store->events[store->events_seen++ % STORE_EVENTS];
    size_t used = 0;

    kept->id = id;
    kept->kind = process->kind;
    kept->epoch = process->epoch;
    kept->seq = event->seq;
    kept->attempt = event->attempt;
    kept->at_us = event->at_us;
    kept->value = event->value;
    memcpy(kept->name, event->name.at, event->name.bytes);
    kept->name[event->name.bytes] = '\0';
    kept->lane = keep(kept, &used, event->lane);
    kept->request = keep(kept, &used, event->request);
    kept->reason = keep(kept, &used, event->reason);
    kept->note = keep(kept, &used, event->note);
}

int store_add_event(struct store *store, int64_t now_us, uint64_t epoch, const struct message_event *event,
                    uint64_t id)
{
    struct entry *entry;
    int rc = store_is_word(event->name) && event->seq > 0 ? 0 : -EINVAL;

    if (rc == 0)
        rc = enter(store, now_us, event->process, epoch, event->seq - 1, &entry);
    if (rc < 0)
        return count_refusal(store, rc);
    follow(store, &entry->process, event->seq, 1);
    add_capped(&entry->process.events, 1);
    add_capped(&store->counts.events, 1);
    keep_event(store, &entry->process, event, id);
    return 0;
}

static void take_value(struct store *store, struct metrics *metrics, struct text process,
                       const struct message_pair *pair)
{
    enum metric metric = metric_find(process, pair->key);
    bool counter;

    if (metric == METRIC_COUNT) {
        add_capped(&store->counts.unknown, 1);
        return;
    }
    counter = metric_spec(metric)->kind == METRIC_KIND_COUNTER;
    if (pair->value > VALUE_MAX || pair->value < (counter ? metrics->values[metric] : -VALUE_MAX))
        add_capped(&store->counts.bad, 1); /* absurd, or a counter that goes back within an epoch */
    else
        metrics->values[metric] = pair->value;
}

/* Its first totals are here. A stack's processes start together: what they counted in the seconds before has
 * happened just now. */
static void meet(struct store *store, struct entry *entry)
{
    int64_t started_at_us = entry->process.started_at_us;

    entry->told = true;
    entry->older = started_at_us < store->since_us - STORE_UP_US;
    if (entry->older)
        add_counts(&store->before, &entry->metrics);
    if (started_at_us >= store->since_us)
        lose(store, &entry->process, entry->seq_before);
}

int store_add_totals(struct store *store, int64_t now_us, uint64_t epoch, const struct message_totals *totals)
{
    int64_t uptime_us = totals->uptime_us;
    struct entry *entry;
    int rc = uptime_us >= 0 ? 0 : -EINVAL;

    if (rc == 0)
        rc = enter(store, now_us, totals->process, epoch, totals->events, &entry);
    if (rc < 0)
        return count_refusal(store, rc);
    if (entry->process.buried)
        return 0; /* its ledger knew more */
    entry->process.pid = totals->pid;
    entry->process.started_at_us = uptime_us < now_us ? now_us - uptime_us : 0;
    follow(store, &entry->process, totals->events, 0);
    for (unsigned i = 0; i < totals->values.count; i++)
        take_value(store, &entry->metrics, totals->process, &totals->values.items[i]);
    if (!entry->told)
        meet(store, entry);
    return 0;
}

/* Whether it can be what a process counted: of our shape, and not less than before. */
static bool read_histogram(const struct message_distribution *distribution, const struct histogram *before,
                           struct histogram *histogram)
{
    if (distribution->buckets.count != HISTOGRAM_BUCKETS || distribution->sum_us > VALUE_MAX ||
        distribution->sum_us < before->sum_us)
        return false;
    *histogram = (struct histogram){.sum_us = distribution->sum_us};
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t count = distribution->buckets.items[i];

        if (count > VALUE_MAX || count < before->buckets[i])
            return false;
        histogram->buckets[i] = count;
        histogram->count += count;
    }
    return true;
}

int store_add_distribution(struct store *store, int64_t now_us, uint64_t epoch,
                           const struct message_distribution *distribution)
{
    enum metric_histogram place = metric_histogram_find(distribution->process, distribution->name);
    struct histogram histogram;
    enum store_kind kind;
    struct entry *entry;

    if (!store_kind_find(distribution->process, &kind))
        return count_refusal(store, -EINVAL);
    entry = find(store, kind, epoch);
    if (!entry || !entry->told)
        return is_forgotten(store, kind, epoch) ? count_refusal(store, -ESTALE) : -EAGAIN;
    if (place == HISTOGRAM_COUNT) {
        add_capped(&store->counts.unknown, 1);
        return 0;
    }
    if (entry->process.buried)
        return 0;
    if (!read_histogram(distribution, &entry->metrics.histograms[place], &histogram))
        return count_refusal(store, -EINVAL);
    entry->process.heard_at_us = now_us;
    entry->metrics.histograms[place] = histogram;
    if (entry->older && !(entry->distributed & 1U << place))
        histogram_merge(&store->before.histograms[place], &histogram);
    entry->distributed |= 1U << place;
    return 0;
}

bool store_may_bury(const struct store *store, int64_t now_us, struct text process, uint64_t epoch)
{
    const struct entry *entry;
    enum store_kind kind;

    if (!store_kind_find(process, &kind))
        return true;
    entry = look_up(store, kind, epoch);
    return !entry || now_us - entry->process.heard_at_us >= STORE_GRAVE_US;
}

/* A gateway's requests are waiting, or one of these three. */
static void end_waiting(struct metrics *metrics)
{
    int64_t *values = metrics->values;

    values[METRIC_GATEWAY_DROPPED] =
        values[METRIC_GATEWAY_REQUESTS] - values[METRIC_GATEWAY_SUCCESSFUL] - values[METRIC_GATEWAY_FAILED];
}

/* A file can be damaged: nothing counts down, and sums stay within int64_t. */
static bool is_believable(const struct metrics *metrics)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        int64_t least = metric_spec((enum metric)i)->kind == METRIC_KIND_COUNTER ? 0 : -VALUE_MAX;

        if (metrics->values[i] > VALUE_MAX || metrics->values[i] < least)
            return false;
    }
    return true;
}

int store_bury(struct store *store, struct text process, uint64_t epoch, const struct ledger_counts *counts)
{
    struct metrics last = counts->metrics;
    struct entry *entry;
    enum store_kind kind;

    if (!store_kind_find(process, &kind) || !is_believable(&last))
        return -EINVAL;
    if (kind == STORE_GATEWAY)
        end_waiting(&last);
    if (!is_believable(&last)) /* more has ended than has begun */
        return -EINVAL;
    if (is_forgotten(store, kind, epoch))
        return -ESTALE;
    entry = find(store, kind, epoch);
    if (!entry || !entry->told)
        add_counts(&store->before, &last);
    if (entry) {
        follow(store, &entry->process, counts->events, 0);
        entry->process.buried = true;
        entry->metrics = (struct metrics){.values = {0}};
    } else {
        store->past.starts[kind]++;
    }
    fold(&store->past, kind, epoch, &last);
    return 0;
}

void store_give_past(const struct store *store, struct store_past *past)
{
    *past = store->past;
    for (unsigned i = 0; i < store->entry_count; i++) {
        const struct store_process *process = &store->entries[i].process;

        past->starts[process->kind] -=
            !process->buried; /* they will be heard of again, or their ledger read */
    }
}

int store_take_past(struct store *store, const struct store_past *past)
{
    if (past->grave_count > STORE_GRAVES || !is_believable(&past->base))
        return -EBADMSG;
    store->past = *past;
    store->before = past->base;
    return 0;
}

void store_sum(const struct store *store, int64_t now_us, struct metrics *sum)
{
    *sum = store->past.base;
    for (unsigned e = 0; e < store->entry_count; e++) {
        const struct entry *entry = &store->entries[e];
        bool up = store_process_is_up(store, &entry->process, now_us);

        for (int i = 0; i < METRIC_COUNT; i++) {
            if (up || metric_spec((enum metric)i)->kind == METRIC_KIND_COUNTER)
                add_value(&sum->values[i], entry->metrics.values[i]);
        }
        for (int i = 0; i < HISTOGRAM_COUNT; i++)
            histogram_merge(&sum->histograms[i], &entry->metrics.histograms[i]);
    }
}

void store_seen(const struct store *store, const struct metrics *sum, struct metrics *seen)
{
    *seen = *sum;
    for (int i = 0; i < METRIC_COUNT; i++)
        seen->values[i] -= store->before.values[i]; /* of gauges there are none */
    for (int i = 0; i < HISTOGRAM_COUNT; i++)
        histogram_subtract(&seen->histograms[i], &store->before.histograms[i]);
}

struct store_counts store_counts(const struct store *store)
{
    return store->counts;
}

const struct store_process *store_process_at(const struct store *store, unsigned place)
{
    return place < store->entry_count ? &store->entries[place].process : NULL;
}

unsigned store_kind_up(const struct store *store, enum store_kind kind, int64_t now_us)
{
    unsigned up = 0;

    for (unsigned i = 0; i < store->entry_count; i++) {
        const struct store_process *process = &store->entries[i].process;

        up += process->kind == kind && store_process_is_up(store, process, now_us);
    }
    return up;
}

uint64_t store_kind_starts(const struct store *store, enum store_kind kind)
{
    return store->past.starts[kind];
}

const char *store_kind_name(enum store_kind kind)
{
    return kinds[kind].name;
}

uint64_t store_order(const struct store *store, enum store_kind kind, uint64_t epoch)
{
    const struct entry *entry = look_up(store, kind, epoch);

    if (entry)
        return entry->process.order;
    return is_forgotten(store, kind, epoch) ? 0 : UINT64_MAX;
}

uint64_t store_newest_up(const struct store *store, enum store_kind kind, int64_t now_us)
{
    uint64_t epoch = 0, order = 0;

    for (unsigned i = 0; i < store->entry_count; i++) {
        const struct store_process *process = &store->entries[i].process;

        if (process->kind == kind && process->order > order && store_process_is_up(store, process, now_us)) {
            order = process->order;
            epoch = process->epoch;
        }
    }
    return epoch;
}

bool store_epoch_is_up(const struct store *store, enum store_kind kind, uint64_t epoch, int64_t now_us)
{
    const struct entry *entry = look_up(store, kind, epoch);

    return entry && store_process_is_up(store, &entry->process, now_us);
}

bool store_is_word(struct text text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return text.bytes > 0;
}

const struct store_event *store_event_at(const struct store *store, unsigned place)
{
    if (place >= STORE_EVENTS || place >= store->events_seen)
        return NULL;
    return &store->events[(store->events_seen - 1 - place) % STORE_EVENTS];
}
