/* windows.h - quantiles of every histogram over the last minute and the last 15 minutes.
 *
 * Of each window the sums of all histograms are kept as they stood at 60 points, a second or 15 seconds
 * apart; what lies between the oldest of them and now is the window, to half a step. The sums never go back,
 * whoever restarts or is forgotten (store.h), so no difference is negative. What was counted while metricsd
 * did not tick (it was stopped) is in the window as a whole. Memory: two rings of 61 sums of 5.4 kB, 0.7 MB
 * in all. Pure. */
#ifndef SLUICE_METRICSD_WINDOWS_H
#define SLUICE_METRICSD_WINDOWS_H

#include "metricsd/snapshot.h"

#define WINDOWS_POINTS 60
#define WINDOWS_PAIRS  ((SNAPSHOT_POINTS + 1) * HISTOGRAM_COUNT)

enum window { WINDOW_MINUTE, WINDOW_QUARTER, WINDOW_COUNT };

struct windows;

struct windows *windows_new(void);          /* NULL: out of memory */
void windows_free(struct windows *windows); /* takes NULL */

/* Once a second. seen: store_seen(). */
void windows_tick(struct windows *windows, const struct metrics *seen, int64_t now_us);

/* "1m", "15m". */
const char *windows_name(enum window window);

/* All of them as of the last tick: `gateway.request_seconds.p50` and so on in microseconds (0 where
 * nothing was counted), and `gateway.request_seconds.count`. Borrowed for as long as windows live. */
struct message_pairs windows_pairs(const struct windows *windows, enum window window);

#endif
