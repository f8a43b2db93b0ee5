/* views.h - what processes tell of themselves as JSON (message `view`): the last of each `<process>.<name>`.
 *
 * It is checked and then kept byte for byte. Of several processes of a kind the newest is told of, as long as
 * it is up; a view of a kind of which none is up goes. Bounded: VIEWS_MAX views of MESSAGE_VIEW_BYTES,
 * whoever sends; 0.5 MB. Pure. */
#ifndef SLUICE_METRICSD_VIEWS_H
#define SLUICE_METRICSD_VIEWS_H

#include "metricsd/store.h"

#define VIEWS_MAX       16
#define VIEWS_KEY_BYTES (2 * MESSAGE_LABEL_BYTES + 2)

struct view {
    char key[VIEWS_KEY_BYTES]; /* "scheduler.queue" */
    struct text json;          /* one object without control characters; borrowed from the views */
    uint64_t changes; /* grows with each change of any view: what is above a number is newer than it */
};

struct views;

struct views *views_new(void);        /* NULL: out of memory */
void views_free(struct views *views); /* takes NULL */

/* Takes one in; borrows. 1: it has changed, 0: it has not, or is that of an older process (which is no
 * fault); -EINVAL: bad, -ENOSPC: too many; then nothing has changed. */
int views_add(struct views *views, const struct store *store, uint64_t epoch, const struct message_view *view,
              struct text json, int64_t now_us);

/* Once a second: drops those of kinds that are not up any more. */
void views_tick(struct views *views, const struct store *store, int64_t now_us);

/* In no order; NULL past the last. */
const struct view *views_at(const struct views *views, unsigned place);

#endif
