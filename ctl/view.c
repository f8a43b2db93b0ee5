/* view.c - see view.h. */
#include "ctl/view.h"

#include <math.h>
#include <time.h>

#include "ctl/look.h"

#define US_IN_SECOND 1e6
#define MS_IN_SECOND 1e3
#define US_IN_MS     1e3
#define TIME_WIDTH   14
#define WALL_US_MAX  9e15
#define UNKNOWN      (-1.0)

/* Visible ASCII as it is. */
static void put_text(const char *text, FILE *out)
{
    for (; *text; text++)
        fputc(*text >= ' ' && *text <= '~' ? *text : '?', out);
}

/* Left-aligned in so many columns; never cut, for it may be what is asked next. */
static void put_column(const char *text, size_t width, FILE *out)
{
    size_t bytes = strlen(text);

    put_text(bytes > 0 ? text : "-", out);
    for (bytes = bytes > 0 ? bytes : 1; bytes < width; bytes++)
        fputc(' ', out);
}

static void put_span(double seconds, FILE *out)
{
    if (seconds < 0)
        fputs("-", out);
    else if (seconds < 100)
        fprintf(out, "%.2f s", seconds);
    else if (seconds < 7200)
        fprintf(out, "%.0f min %02.0f s", floor(seconds / 60), floor(fmod(seconds, 60)));
    else
        fprintf(out, "%.0f h %02.0f min", floor(seconds / 3600), floor(fmod(seconds, 3600) / 60));
}

static void put_count(double count, FILE *out)
{
    if (count < 0)
        fputs("-", out);
    else
        fprintf(out, "%.0f", count);
}

static void label(const char *name, FILE *out)
{
    fprintf(out, "%-11s ", name);
}

/* What is not ok, with its reason: "dispatch: paused by an operator; ...". False when there is nothing. */
static bool put_checks(const struct json_object *health, FILE *out)
{
    struct json_object *missing = look_list(health, "missing"), *checks = look(health, "checks");
    size_t count = missing ? json_object_array_length(missing) : 0;

    for (size_t i = 0; i < count; i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(missing, i));
        const char *detail = name ? look_text(look(checks, name), "detail") : "";

        fputs(i > 0 ? "; " : "", out);
        put_text(name ? name : "-", out);
        fputs(*detail ? ": " : "", out);
        put_text(detail, out);
    }
    return count > 0;
}

static void put_health(const struct json_object *health, FILE *out)
{
    const char *status = look_text(health, "status");

    label("health", out);
    put_text(*status ? status : "-", out);
    if (look_list(health, "missing") && json_object_array_length(look_list(health, "missing")) > 0) {
        fputs(" (", out);
        put_checks(health, out);
        fputc(')', out);
    }
    fputc('\n', out);
}

static double value_of(const struct json_object *values, const char *name)
{
    return look_number(values, name, UNKNOWN);
}

static double seconds_of(const struct json_object *values, const char *name)
{
    double us = value_of(values, name);

    return us < 0 ? UNKNOWN : us / US_IN_SECOND;
}

static void put_queue_line(const struct json_object *values, FILE *out)
{
    label("queue", out);
    put_count(value_of(values, "scheduler.queue_length"), out);
    fputs(" calls wait for a slot, ", out);
    put_count(value_of(values, "scheduler.waiters"), out);
    fputs(" requests for an answer\n", out);
}

static void put_slot(const struct json_object *values, FILE *out)
{
    double next = seconds_of(values, "scheduler.limiter_next_slot_seconds");

    label("next slot", out);
    fputs(next > 0 ? "in " : "", out);
    if (next == 0)
        fputs("now", out);
    else
        put_span(next, out);
    fputs(", window ", out);
    put_span(seconds_of(values, "scheduler.limiter_interval_seconds"), out);
    if (value_of(values, "scheduler.paused") > 0)
        fputs(", paused by an operator: sluicectl resume", out);
    fputc('\n', out);
}

static void put_hold(const struct json_object *values, FILE *out)
{
    double hold = seconds_of(values, "scheduler.limiter_hold_seconds");

    label("hold", out);
    if (hold == 0)
        fputs("none", out);
    else
        put_span(hold, out);
    fputs(hold > 0 ? " more, by the provider\n" : "\n", out);
}

static void put_policy(const struct json_object *values, FILE *out)
{
    static const char *const names[] = {"fifo", "priority", "fair"};
    const char *found = "-";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char key[64];

        snprintf(key, sizeof(key), "scheduler.policy{policy=\"%s\"}", names[i]);
        if (value_of(values, key) > 0)
            found = names[i];
    }
    label("policy", out);
    fprintf(out, "%s\n", found);
}

static void put_totals(const struct json_object *values, FILE *out)
{
    static const struct {
        const char *key, *word;
    } parts[] = {
        {"gateway.requests_total", ""},
        {"gateway.requests_successful_total", "successful"},
        {"gateway.requests_failed_total", "failed"},
        {"gateway.requests_dropped_total", "dropped"},
        {"gateway.requests_waiting", "waiting"},
    };

    label("requests", out);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        fputs(i == 0 ? "" : i == 1 ? ": " : ", ", out);
        put_count(value_of(values, parts[i].key), out);
        fprintf(out, "%s%s", i > 0 ? " " : "", parts[i].word);
    }
    fputc('\n', out);
}

static void put_cache(const struct json_object *values, FILE *out)
{
    double ppm = value_of(values, "metricsd.cache_hit_ppm");

    label("cache", out);
    if (ppm < 0)
        fputs("-", out);
    else
        fprintf(out, "%.1f %%", ppm / 1e4);
    fputs(" hits, ", out);
    put_count(value_of(values, "metricsd.slots_saved_total"), out);
    fputs(" slots saved, ", out);
    put_count(value_of(values, "fetcher.cache_entries"), out);
    fputs(" answers\n", out);
}

static void put_process(const struct json_object *process, const char *name, FILE *out)
{
    struct json_object *up = look(process, "up");

    label(name, out);
    put_column(look_text(process, "process"), 10, out);
    fprintf(out, " %2.0f  pid %-7.0f ", look_number(process, "instance", UNKNOWN),
            look_number(process, "pid", UNKNOWN));
    if (json_object_get_boolean(up)) {
        fputs("up for ", out);
        put_span(look_number(process, "uptime_us", -US_IN_SECOND) / US_IN_SECOND, out);
    } else {
        fputs("gone for ", out);
        put_span(look_number(process, "silent_us", -US_IN_SECOND) / US_IN_SECOND, out);
    }
    if (look_number(process, "events_lost", 0) > 0)
        fprintf(out, ", %.0f events lost", look_number(process, "events_lost", 0));
    fputc('\n', out);
}

void view_breaker(const struct json_object *breaker, FILE *out)
{
    const char *state = look_text(breaker, "state");

    label("breaker", out);
    put_text(*state ? state : "-", out);
    fputs(", ", out);
    put_count(look_number(breaker, "failures", UNKNOWN), out);
    fputs(" of ", out);
    put_count(look_number(breaker, "fail_max", UNKNOWN), out);
    fputs(" failures in a row\n", out);
}

void view_status(const struct json_object *status, FILE *out)
{
    const struct json_object *state = look(status, "state"), *values = look(state, "values");
    struct json_object *processes = look_list(state, "processes");
    size_t count = processes ? json_object_array_length(processes) : 0;
    /* A scheduler that metricsd has not heard of has a window of 0 there: its other values are none, too. */
    bool scheduled = value_of(values, "scheduler.limiter_interval_seconds") > 0;
    const struct json_object *scheduler = scheduled ? values : NULL;

    put_health(look(status, "health"), out);
    put_queue_line(scheduler, out);
    put_slot(scheduler, out);
    put_hold(scheduler, out);
    view_breaker(look(status, "breaker"), out);
    put_policy(scheduler, out);
    put_totals(values, out);
    put_cache(values, out);
    for (size_t i = 0; i < count; i++)
        put_process(json_object_array_get_idx(processes, i), i == 0 ? "processes" : "", out);
    if (count == 0) {
        label("processes", out);
        fputs("-\n", out);
    }
}

/* Right-aligned. */
static void put_number(const struct json_object *object, const char *key, int width, int decimals, FILE *out)
{
    double number = look_number(object, key, NAN);

    if (isnan(number))
        fprintf(out, " %*s", width, "-");
    else
        fprintf(out, " %*.*f", width, decimals, decimals > 0 ? number / MS_IN_SECOND : number);
}

static void put_request(const struct json_object *request, FILE *out)
{
    put_number(request, "position", 8, 0, out);
    fputs("  ", out);
    put_column(look_text(request, "id"), 33, out);
    fputs("  ", out);
    put_column(look_text(request, "lane"), 8, out);
    put_number(request, "priority", 5, 0, out);
    fputs("  ", out);
    put_column(look_text(request, "client"), 16, out);
    put_number(request, "age_ms", 9, 2, out);
    put_number(request, "remaining_ms", 9, 2, out);
    put_number(request, "eta_ms", 9, 2, out);
    fputs(json_object_get_boolean(look(request, "shared")) ? "  shared\n" : "\n", out);
}

void view_queue(const struct json_object *queue, size_t most, FILE *out)
{
    struct json_object *requests = look_list(queue, "requests");
    size_t count = requests ? json_object_array_length(requests) : 0;

    if (count == 0) {
        fputs("nobody waits\n", out);
        return;
    }
    fprintf(out, " %8s  %-33s  %-8s %5s  %-16s %9s %9s %9s\n", "POSITION", "ID", "LANE", "CLASS", "CLIENT",
            "AGE s", "LEFT s", "ETA s");
    for (size_t i = 0; i < count && i < most; i++)
        put_request(json_object_array_get_idx(requests, i), out);
    if (count > most || json_object_is_type(look(queue, "next"), json_type_string))
        fputs("           and more\n", out);
}

void view_policy(const struct json_object *policy, FILE *out)
{
    struct json_object *policies = look_list(policy, "policies");
    size_t count = policies ? json_object_array_length(policies) : 0;
    const char *name = look_text(policy, "policy");

    label("policy", out);
    put_text(*name ? name : "-", out);
    for (size_t i = 0; i < count; i++) {
        const char *other = json_object_get_string(json_object_array_get_idx(policies, i));

        fputs(i == 0 ? " (of " : ", ", out);
        put_text(other ? other : "-", out);
        fputs(i + 1 == count ? ")" : "", out);
    }
    fputc('\n', out);
    label("window", out);
    put_span(look_number(policy, "seconds", UNKNOWN), out);
    fputc('\n', out);
    label("sends", out);
    fputs(json_object_get_boolean(look(policy, "paused")) ? "paused by an operator: sluicectl resume\n"
                                                          : "go on\n",
          out);
}

/* As in the logs: UTC, for the machines that are compared need not be in one place. */
static void put_time(double wall_us, FILE *out)
{
    bool known = wall_us >= 0 && wall_us < WALL_US_MAX;
    time_t seconds = known ? (time_t)(wall_us / US_IN_SECOND) : 0;
    char text[32];
    struct tm parts;

    if (!known || !gmtime_r(&seconds, &parts) || strftime(text, sizeof(text), "%H:%M:%S", &parts) == 0) {
        put_column("", TIME_WIDTH, out);
        return;
    }
    fprintf(out, "%s.%03.0fZ ", text, floor(fmod(wall_us, US_IN_SECOND) / US_IN_MS));
}

void view_event(const struct json_object *event, FILE *out)
{
    static const char *const texts[] = {"lane", "request", "reason"};
    const char *note = look_text(event, "note");

    put_time(look_number(event, "at_us", UNKNOWN), out);
    put_column(look_text(event, "process"), 9, out);
    fputc(' ', out);
    put_column(look_text(event, "event"), 16, out);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = look_text(event, texts[i]);

        if (*text) {
            fprintf(out, " %s=", texts[i]);
            put_text(text, out);
        }
    }
    if (look(event, "attempt"))
        fprintf(out, " attempt=%.0f", look_number(event, "attempt", UNKNOWN));
    if (look_number(event, "value", 0) != 0)
        fprintf(out, " value=%.0f", look_number(event, "value", 0));
    if (*note) {
        fputs(" note=\"", out);
        put_text(note, out);
        fputc('"', out);
    }
    fputc('\n', out);
}

static void put_value(const struct json_object *value, FILE *out)
{
    const char *text = json_object_get_string((struct json_object *)value);

    put_text(text ? text : "-", out);
}

/* "200: 7, 400: 1"; what is 0 is left out. */
static void put_pairs(const struct json_object *object, const char *between, FILE *out)
{
    bool any = false;

    if (json_object_is_type(object, json_type_object)) {
        json_object_object_foreach(object, key, value)
        {
            if (is_number(value) && json_object_get_double(value) == 0)
                continue;
            fputs(any ? ", " : "", out);
            put_text(key, out);
            fputs(between, out);
            put_value(value, out);
            any = true;
        }
    }
    fputs(any ? "\n" : "-\n", out);
}

void view_done(const struct json_object *answer, FILE *out)
{
    struct json_object *removed = look(answer, "removed");

    if (is_number(removed) && json_object_get_double(removed) == 0)
        fputs("removed 0: it was not there\n", out);
    else
        put_pairs(answer, " ", out);
}

void view_burst_progress(const struct json_object *burst, FILE *out)
{
    const char *state = look_text(burst, "state");

    put_text(*state ? state : "-", out);
    fprintf(
        out,
        ": %.0f of %.0f ended (%.0f successful, %.0f failed, %.0f dropped), %.0f in flight, %.0f waiting, ",
        look_number(burst, "ended", 0), look_number(burst, "requests", 0),
        look_number(burst, "successful", 0), look_number(burst, "failed", 0),
        look_number(burst, "dropped", 0), look_number(burst, "in_flight", 0),
        look_number(burst, "waiting", 0));
    put_span(look_number(burst, "elapsed_ms", 0) / MS_IN_SECOND, out);
}

void view_burst_end(const struct json_object *burst, FILE *out)
{
    static const char *const kinds[] = {"sources", "statuses", "reasons"};
    static const char *const points[] = {"min", "mean", "p50", "p95", "p99", "max"};
    struct json_object *summary = look(burst, "summary"), *times = look(summary, "total_us");

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        label(kinds[i], out);
        put_pairs(look(summary, kinds[i]), ": ", out);
    }
    label("times", out);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        fprintf(out, "%s%s ", i > 0 ? ", " : "", points[i]);
        put_span(look_number(times, points[i], -US_IN_SECOND) / US_IN_SECOND, out);
    }
    fputc('\n', out);
}

void view_refusal(const struct json_object *answer, int status, FILE *out)
{
    const char *reason = look_text(answer, "reason"), *detail = look_text(answer, "detail");
    const char *title = look_text(answer, "title");

    fprintf(out, "%d ", status);
    if (!*reason && look_list(answer, "missing")) {
        const char *health = look_text(answer, "status");

        fputs("health is ", out);
        put_text(*health ? health : "-", out);
        fputs(": ", out);
        if (!put_checks(answer, out))
            fputs("no reason is told", out);
    } else {
        put_text(*reason ? reason : "no reason is told", out);
        fputs(*detail || *title ? ": " : "", out);
        put_text(*detail ? detail : title, out);
        if (look(answer, "retry_after"))
            fprintf(out, "; again in %.0f s", look_number(answer, "retry_after", 0));
    }
    fputc('\n', out);
}
