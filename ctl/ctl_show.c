/* ctl_show.c - pictures of the whole: status, queue, and both again each second. */
#include <json-c/json.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/ctl_inside.h"
#include "ctl/look.h"
#include "ctl/view.h"

#define OK          200
#define PAGE        200 /* requests that the gateway tells at once */
#define PICTURE_MS  1000
#define CLEAR       "\x1b[H\x1b[2J"
#define OTHER_LINES 3 /* a heading, "and more", the cursor */

/* Takes the value. */
static void put(struct json_object *object, const char *key, struct json_object *value)
{
    if (!object || json_object_object_add(object, key, value) < 0)
        json_object_put(value);
}

/* *status is to be put; *health is what /health said, borrowed from it. Without a gateway there is none. */
static enum ctl_end gather_status(struct ctl *ctl, bool quiet, struct json_object **status,
                                  struct http_answer *health)
{
    struct http_answer breaker = {0}, state = {0};
    enum ctl_end end = ctl_ask_gateway(ctl, "GET", "/health", NULL, quiet, health);

    *status = NULL;
    if (end != CTL_DONE)
        return end;
    *status = json_object_new_object();
    put(*status, "health", health->json);
    ctl_ask_gateway(ctl, "GET", "/circuit-breaker-status", NULL, true, &breaker);
    if (breaker.status != OK) {
        json_object_put(breaker.json);
        breaker.json = NULL;
    }
    put(*status, "breaker", breaker.json);
    if (ctl->metricsd[0])
        ctl_ask_metricsd(ctl, quiet, &state);
    put(*status, "state", state.json);
    return CTL_DONE;
}

/* An answer in JSON, without what a gateway would have said. */
static enum ctl_end complain_of_stranger(const struct ctl *ctl)
{
    char sentence[REQUEST_URL_BYTES + 80];

    snprintf(sentence, sizeof(sentence), "what answers at %s is not Sluice's gateway; is the address right?",
             ctl->gateway);
    ctl_complain(sentence);
    return CTL_NOBODY;
}

enum ctl_end ctl_status(struct ctl *ctl)
{
    struct http_answer health;
    struct json_object *status;
    enum ctl_end end = gather_status(ctl, false, &status, &health);

    if (end != CTL_DONE)
        return end;
    if (!look_list(health.json, "missing")) {
        json_object_put(status);
        return complain_of_stranger(ctl);
    }
    if (ctl->arguments->json)
        ctl_print_json(status);
    else
        view_status(status, stdout);
    if (health.status != OK)
        end = ctl_refused(&health);
    json_object_put(status);
    return end;
}

static bool is_id(const char *text)
{
    return *text && strlen(text) < 64 && !text[strspn(text, "0123456789abcdef-")];
}

/* Moves the requests of the next page behind those that are there. False: there are no more. */
static bool join_page(struct json_object *queue, const struct json_object *page)
{
    struct json_object *all = look_list(queue, "requests"), *more = look_list(page, "requests");
    size_t count = more ? json_object_array_length(more) : 0;

    for (size_t i = 0; all && i < count; i++) {
        struct json_object *request = json_object_get(json_object_array_get_idx(more, i));

        if (json_object_array_add(all, request) < 0)
            json_object_put(request);
    }
    put(queue, "next", json_object_get(look(page, "next")));
    return all && count > 0;
}

/* Page by page, as many as are wanted. Where the request that a page begins behind has left meanwhile, the
 * list ends there, and `next` tells that there are more. */
static enum ctl_end gather_queue(struct ctl *ctl, bool quiet, size_t most, struct http_answer *queue)
{
    char path[REQUEST_PATH_BYTES];
    struct http_answer page;
    enum ctl_end end;
    size_t have = 0;

    snprintf(path, sizeof(path), "/admin/queue?limit=%zu", most < PAGE ? most : PAGE);
    end = ctl_ask_gateway(ctl, "GET", path, NULL, quiet, queue);
    while (end == CTL_DONE && queue->status == OK) {
        const char *next = look_text(queue->json, "next");
        struct json_object *requests = look_list(queue->json, "requests");
        size_t now = requests ? json_object_array_length(requests) : 0;
        bool more;

        if (now <= have || now >= most || !is_id(next))
            break;
        have = now;
        snprintf(path, sizeof(path), "/admin/queue?limit=%zu&after=%.64s",
                 most - have < PAGE ? most - have : PAGE, next);
        if (ctl_ask_gateway(ctl, "GET", path, NULL, true, &page) != CTL_DONE)
            break;
        more = page.status == OK && join_page(queue->json, page.json);
        json_object_put(page.json);
        if (!more)
            break;
    }
    return end;
}

enum ctl_end ctl_queue(struct ctl *ctl)
{
    struct http_answer queue;
    enum ctl_end end = gather_queue(ctl, false, (size_t)ctl->arguments->limit, &queue);

    if (end != CTL_DONE)
        return end;
    if (queue.status == OK && !look_list(queue.json, "requests")) {
        json_object_put(queue.json);
        return complain_of_stranger(ctl);
    }
    if (ctl->arguments->json)
        ctl_print_json(queue.json);
    else if (queue.status == OK)
        view_queue(queue.json, (size_t)ctl->arguments->limit, stdout);
    if (queue.status != OK)
        end = ctl_refused(&queue);
    json_object_put(queue.json);
    return end;
}

/* So many lines of a terminal are left below the status; elsewhere there is no bound. */
static size_t room_below(const char *picture)
{
    size_t used = OTHER_LINES;
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        return SIZE_MAX;
    for (; *picture; picture++)
        used += *picture == '\n';
    return size.ws_row > used ? size.ws_row - used : 1;
}

/* What is seen at once is written at once, so that nothing flickers. */
static void draw(struct ctl *ctl, const struct json_object *status, const struct http_answer *queue)
{
    size_t most = (size_t)ctl->arguments->limit, room, bytes;
    char *text = NULL;
    FILE *picture = open_memstream(&text, &bytes);

    if (!picture)
        return;
    view_status(status, picture);
    fputc('\n', picture);
    fflush(picture);
    room = room_below(text);
    if (queue->status == OK)
        view_queue(queue->json, most < room ? most : room, picture);
    else
        view_refusal(queue->json, queue->status, picture);
    fclose(picture);
    printf("%s%s%s", isatty(STDOUT_FILENO) ? CLEAR : "", text, isatty(STDOUT_FILENO) ? "" : "\n");
    free(text);
}

static enum ctl_end picture(struct ctl *ctl, bool first)
{
    struct http_answer health, queue = {0};
    struct json_object *status;
    enum ctl_end end = gather_status(ctl, !first, &status, &health);

    if (end != CTL_DONE)
        return end;
    gather_queue(ctl, true, (size_t)ctl->arguments->limit, &queue);
    if (ctl->arguments->json) {
        put(status, "queue", queue.status == OK ? json_object_get(queue.json) : NULL);
        ctl_print_json(status);
    } else {
        draw(ctl, status, &queue);
    }
    fflush(stdout);
    json_object_put(queue.json);
    json_object_put(status);
    return CTL_DONE;
}

/* A gateway that goes away is told, and waited for: that is what one looks at this for. */
enum ctl_end ctl_top(struct ctl *ctl)
{
    int64_t count = ctl->arguments->count;
    enum ctl_end end;
    bool away = false;

    ctl_catch_interrupts();
    for (int64_t i = 0; count == 0 || i < count; i++) {
        if (i > 0 && ctl_nap(PICTURE_MS))
            break;
        end = picture(ctl, i == 0);
        if (end != CTL_DONE && i == 0)
            return end;
        if (end != CTL_DONE && !away)
            ctl_complain("nobody answers any more; waiting");
        away = end != CTL_DONE;
    }
    return CTL_DONE;
}
