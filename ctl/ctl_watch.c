/* ctl_watch.c - what goes on: events as they come, a burst until it is over. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/ctl_inside.h"
#include "ctl/look.h"
#include "ctl/tail.h"
#include "ctl/view.h"

#define OK            200
#define ERRORS        400
#define EVENTS_MS     500 /* metricsd keeps 200: at more than 400 a second some are missed, and that is told */
#define EVENTS_BEFORE 10  /* shown of those that were there before */
#define EVENTS_MAX    1024 /* of one answer; metricsd keeps 200 */
#define BURST_MS      200
#define BURST_PATH    "/admin/bursts/"
#define ERASE         "\r\x1b[K"

static void tell_missed(const struct json_object *event, int64_t missed)
{
    if (missed <= 0)
        return;
    fflush(stdout);
    fprintf(stderr, "sluicectl: %lld events of %s %s were not seen\n", (long long)missed,
            look_text(event, "process"), look_text(event, "epoch"));
}

/* *rest: how many may still be shown, or negative. Newest first, so they are read from the end. */
static void show_events(struct ctl *ctl, struct tail *tail, const struct json_object *state, bool first,
                        int64_t *rest)
{
    struct json_object *events = look_list(state, "events");
    size_t count = events ? json_object_array_length(events) : 0, fresh = 0;
    const struct json_object *shown[EVENTS_MAX];

    for (size_t i = count; i > 0; i--) {
        const struct json_object *event = json_object_array_get_idx(events, i - 1);
        int64_t missed;

        if (tail_take(tail, event, &missed) != TAIL_NEW || (first && i > EVENTS_BEFORE) ||
            fresh == EVENTS_MAX)
            continue;
        tell_missed(event, missed);
        shown[fresh++] = event;
    }
    tail_sort(shown, fresh);
    for (size_t i = 0; i < fresh && *rest != 0; i++, (*rest)--) {
        if (ctl->arguments->json)
            ctl_print_json(shown[i]);
        else
            view_event(shown[i], stdout);
    }
    fflush(stdout);
}

enum ctl_end ctl_tail(struct ctl *ctl)
{
    int64_t rest = ctl->arguments->count > 0 ? ctl->arguments->count : -1;
    static struct tail tail;
    struct http_answer answer;
    bool away = false, first = true;
    enum ctl_end end;

    ctl_catch_interrupts();
    do {
        end = ctl_ask_metricsd(ctl, away, &answer);
        if (end != CTL_DONE && first)
            return end;
        away = end != CTL_DONE;
        if (away)
            continue;
        show_events(ctl, &tail, answer.json, first, &rest);
        json_object_put(answer.json);
        first = false;
    } while (rest != 0 && !ctl_nap(EVENTS_MS));
    return CTL_DONE;
}

/* As many as a body can hold; more is an error, as is what cannot be read. */
static bool read_list(char *room, size_t size, struct text *listed)
{
    size_t bytes = fread(room, 1, size, stdin);

    *listed = (struct text){room, bytes};
    return !ferror(stdin) && bytes < size;
}

static enum ctl_end make_burst(struct ctl *ctl, struct request *request)
{
    static char room[REQUEST_BODY_BYTES + 1];
    struct text listed = {0};
    int rc = 0;

    for (unsigned i = 0; i < ctl->arguments->word_count && rc == 0 && !listed.at; i++) {
        if (strcmp(ctl->arguments->words[i], "-") == 0 && !read_list(room, sizeof(room), &listed))
            rc = -E2BIG;
    }
    if (rc == 0)
        rc = request_make(ctl->arguments, listed, request);
    if (rc == 0)
        return CTL_DONE;
    ctl_complain(rc == -EINVAL  ? "burst: standard input has no CPF"
                 : rc == -E2BIG ? "burst: more CPFs than one order holds (65536 bytes); make several of it"
                                : "out of memory");
    return CTL_USAGE;
}

/* "/admin/bursts/ID" as the gateway told it; ours to build on only if it looks like one. */
static bool take_path(const struct json_object *burst, char path[REQUEST_PATH_BYTES])
{
    const char *href = look_text(burst, "href");
    size_t prefix = sizeof(BURST_PATH) - 1;

    if (strncmp(href, BURST_PATH, prefix) != 0 || strlen(href) >= REQUEST_PATH_BYTES - 16 ||
        href[prefix + strspn(href + prefix, "0123456789abcdef-")])
        return false;
    memcpy(path, href, strlen(href) + 1);
    return true;
}

static bool is_over(const struct json_object *burst)
{
    const char *state = look_text(burst, "state");

    return strcmp(state, "done") == 0 || strcmp(state, "cancelled") == 0;
}

/* On a terminal one line that changes; elsewhere a line for each change. */
static void show_progress(struct ctl *ctl, const struct json_object *burst, double *shown)
{
    bool terminal = isatty(STDOUT_FILENO);
    double ended = look_number(burst, "ended", 0);

    if (ctl->arguments->json || (!terminal && ended == *shown && !is_over(burst)))
        return;
    *shown = ended;
    fputs(terminal ? ERASE : "", stdout);
    view_burst_progress(burst, stdout);
    fputs(terminal && !is_over(burst) ? "" : "\n", stdout);
    fflush(stdout);
}

static enum ctl_end tell_end(struct ctl *ctl, const struct json_object *burst)
{
    double failed = look_number(burst, "failed", 0), dropped = look_number(burst, "dropped", 0);

    if (ctl->arguments->json)
        ctl_print_json(burst);
    else
        view_burst_end(burst, stdout);
    if (strcmp(look_text(burst, "state"), "done") == 0 && failed + dropped == 0)
        return CTL_DONE;
    fflush(stdout);
    fprintf(stderr, "sluicectl: the burst is %s: %.0f failed, %.0f dropped\n", look_text(burst, "state"),
            failed, dropped);
    return CTL_REFUSED;
}

/* Until it is over; Ctrl-C cancels it. */
static enum ctl_end follow(struct ctl *ctl, const char *href, double *shown)
{
    char path[REQUEST_PATH_BYTES];
    struct http_answer answer;
    enum ctl_end end;
    bool over = false;

    snprintf(path, sizeof(path), "%.100s?limit=%d", href, ctl->arguments->json ? 200 : 0);
    do {
        bool cancel = ctl_nap(BURST_MS);

        end = ctl_ask_gateway(ctl, cancel ? "DELETE" : "GET", cancel ? href : path, NULL, false, &answer);
        if (end != CTL_DONE)
            return end;
        if (answer.status >= ERRORS) {
            end = ctl_refused(&answer);
        } else {
            show_progress(ctl, answer.json, shown);
            over = is_over(answer.json);
            end = over ? tell_end(ctl, answer.json) : CTL_DONE;
        }
        json_object_put(answer.json);
    } while (!over && end == CTL_DONE);
    return end;
}

enum ctl_end ctl_burst(struct ctl *ctl)
{
    static struct request request;
    char href[REQUEST_PATH_BYTES] = "";
    struct http_answer answer;
    double shown = -1;
    enum ctl_end end = make_burst(ctl, &request);

    if (end == CTL_DONE)
        end = ctl_ask_gateway(ctl, request.method, request.path, request.body, false, &answer);
    if (end != CTL_DONE)
        return end;
    if (answer.status >= ERRORS) {
        if (ctl->arguments->json)
            ctl_print_json(answer.json);
        end = ctl_refused(&answer);
    } else if (!take_path(answer.json, href)) {
        ctl_complain("the gateway has not told where the burst can be read");
        end = CTL_REFUSED;
    } else {
        show_progress(ctl, answer.json, &shown);
    }
    json_object_put(answer.json);
    if (end != CTL_DONE)
        return end;
    ctl_catch_interrupts();
    return follow(ctl, href, &shown);
}
