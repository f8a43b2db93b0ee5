/* transfer.c - see transfer.h. The pattern is that of libcurl's multi-event.c example. */
#include "fetcher/transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/loop.h"
#include "fetcher/transfer_end.h"
#include "fetcher/wire.h"

#define AGAIN_US (10 * US_PER_MS)

struct transfers {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;            /* libcurl's one timeout */
    struct event *settle;           /* tells of ends that came while a transfer was being started */
    struct transfer *first_unsaid;  /* written, but sent() has not been called yet */
    struct transfers_config config; /* its texts are ours */
    size_t bodies_bytes;            /* room taken by all bodies */
    struct wires wires;
    bool blind; /* a socket has no event */
};

struct transfer {
    struct transfers *transfers;
    struct transfer *next_unsaid;
    const struct transfer_handlers *handlers;
    void *arg;
    CURL *easy;
    struct curl_slist *fields;
    struct event *watch; /* for silence before the first byte, and then for too few bytes */
    struct upstream_head head;
    char *body;
    size_t head_bytes, body_bytes, body_room;
    size_t watched_bytes; /* that have come since the watch was set */
    int64_t sent_at_us, first_at_us;
    bool started;
    bool asks_head;         /* HEAD */
    bool plain;             /* http, without TLS */
    enum upstream_end stop; /* why we have stopped it; UPSTREAM_WHOLE: we have not */
    const char *why;        /* the same for a log */
    char detail[CURL_ERROR_SIZE];
};

static void tell_sent(struct transfers *transfers)
{
    while (transfers->first_unsaid) {
        struct transfer *transfer = transfers->first_unsaid;

        transfers->first_unsaid = transfer->next_unsaid;
        transfer->next_unsaid = NULL;
        transfer->handlers->sent(transfer->arg, transfer->sent_at_us);
    }
}

/* Notes why the transfer has to end, for a callback of libcurl's that then ends it. The first reason counts.
 */
static void stop(struct transfer *transfer, enum upstream_end end, const char *why)
{
    if (transfer->stop != UPSTREAM_WHOLE)
        return;
    transfer->stop = end;
    transfer->why = why;
}

static enum upstream_end end_unsent(const struct transfer *transfer, CURLcode code)
{
    curl_off_t resolved_us = 0;
    long error = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved_us);
    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error);
    return transfer_end_unsent(code, resolved_us > 0, (int)error);
}

static enum upstream_end end_of(const struct transfer *transfer, CURLcode code)
{
    if (transfer->stop != UPSTREAM_WHOLE)
        return transfer->stop;
    if (transfer->sent_at_us == 0)
        return end_unsent(transfer, code);
    return transfer_end_sent(code,
                             transfer->head.complete     ? PART_HEAD
                             : transfer->first_at_us > 0 ? PART_LINE
                                                         : PART_NOTHING,
                             transfer->detail);
}

static const char *detail_of(const struct transfer *transfer, enum upstream_end end, CURLcode code)
{
    if (transfer->why)
        return transfer->why;
    if (code != CURLE_OK)
        return transfer->detail[0] ? transfer->detail : curl_easy_strerror(code);
    return end == UPSTREAM_WHOLE ? "" : "the answer's head is not whole";
}

static void tell_ended(struct transfer *transfer, CURLcode code)
{
    struct transfer_result result = {.end = end_of(transfer, code),
                                     .head = &transfer->head,
                                     .body = {.at = transfer->body, .bytes = transfer->body_bytes},
                                     .sent_at_us = transfer->sent_at_us,
                                     .first_at_us = transfer->first_at_us,
                                     .ended_at_us = clock_now_us()};
    long connects = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connects);
    result.connects = (unsigned)connects;
    result.detail = detail_of(transfer, result.end, code);
    curl_multi_remove_handle(transfer->transfers->multi, transfer->easy);
    if (result.end != UPSTREAM_WHOLE) /* libcurl keeps the connection that ended amid a head */
        wires_cut_spoilt(&transfer->transfers->wires);
    event_del(transfer->watch);
    transfer->started = false;
    transfer->handlers->ended(transfer->arg, &result);
}

/* After every call that lets libcurl work. */
static void tell_all(struct transfers *transfers)
{
    CURLMsg *message;
    int left;

    tell_sent(transfers);
    while ((message = curl_multi_info_read(transfers->multi, &left))) {
        CURLcode code = message->data.result;
        struct transfer *transfer = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        tell_ended(transfer, code); /* the message is gone from here on */
    }
}

/* Where a socket has no event, for want of memory, libcurl looks at all of them, often, until all transfers
 * are over. To tell it by want_socket() would make it give up all, and forget the events of the others. */
static void on_settle(evutil_socket_t fd, short what, void *arg)
{
    struct transfers *transfers = arg;
    int running;

    (void)fd;
    (void)what;
    if (transfers->blind)
        transfers->blind = curl_multi_perform(transfers->multi, &running) != CURLM_OK || running > 0;
    if (transfers->blind)
        loop_arm(transfers->settle, AGAIN_US);
    tell_all(transfers);
}

/* Lets libcurl work. Where it cannot, it has forgotten what it had to do at this time. */
static void drive(struct transfers *transfers, curl_socket_t fd, int action)
{
    int running;

    if (curl_multi_socket_action(transfers->multi, fd, action, &running) != CURLM_OK)
        loop_arm(transfers->timer, AGAIN_US);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct transfers *transfers = arg;

    (void)fd;
    (void)what;
    drive(transfers, CURL_SOCKET_TIMEOUT, 0);
    tell_all(transfers);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct transfers *transfers = arg;
    int action = ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0);

    drive(transfers, fd, action);
    tell_all(transfers);
}

/* libcurl must not be entered from here, so a timeout of 0 goes through the loop as well. */
static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct transfers *transfers = arg;

    (void)multi;
    if (timeout_ms < 0)
        evtimer_del(transfers->timer);
    else
        loop_arm(transfers->timer, timeout_ms * US_PER_MS);
    return 0; /* or libcurl gives all its transfers up */
}

static struct event *listen_to(struct transfers *transfers, curl_socket_t fd, int what)
{
    short wanted =
        (short)(EV_PERSIST | ((what & CURL_POLL_IN) ? EV_READ : 0) | ((what & CURL_POLL_OUT) ? EV_WRITE : 0));
    struct event *event = event_new(transfers->base, fd, wanted, on_socket, transfers);

    if (event && event_add(event, NULL) == 0)
        return event;
    if (event)
        event_free(event);
    transfers->blind = true;
    loop_arm(transfers->settle, AGAIN_US);
    return NULL;
}

/* One event for each socket of libcurl's, which keeps the pointer for us. */
static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *mine)
{
    bool over = what == CURL_POLL_REMOVE;
    struct transfers *transfers = arg;
    struct event *event;

    (void)easy;
    if (mine)
        event_free(mine);
    event = over ? NULL : listen_to(transfers, fd, what);
    wires_rest(&transfers->wires, fd, over);
    curl_multi_assign(transfers->multi, fd, event);
    return 0;
}

static void set_watch(struct transfer *transfer, int64_t span_us)
{
    transfer->watched_bytes = 0;
    loop_try_arm(transfer->watch, span_us); /* else libcurl's limit for the whole of it is what remains */
}

/* libcurl has a limit for low speed, too, but counts the time until the first byte in. */
static void on_watch(evutil_socket_t fd, short what, void *arg)
{
    struct transfer *transfer = arg;
    const struct transfers_config *config = &transfer->transfers->config;
    int64_t wanted_bytes = config->low_speed_bytes * config->low_speed_us / US_PER_SECOND;

    (void)fd;
    (void)what;
    if (transfer->first_at_us != 0 && (int64_t)transfer->watched_bytes >= wanted_bytes) {
        set_watch(transfer, config->low_speed_us);
        return;
    }
    if (transfer->first_at_us == 0)
        stop(transfer, UPSTREAM_SILENT, "no first byte within UPSTREAM_FIRST_BYTE_TIMEOUT");
    else
        stop(transfer, UPSTREAM_STALLED, "slower than UPSTREAM_LOW_SPEED_BYTES a second");
    tell_ended(transfer, CURLE_OPERATION_TIMEDOUT);
}

/* CURLOPT_OPENSOCKETFUNCTION */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfers *transfers = arg;

    (void)purpose;
    return wires_open(&transfers->wires, address->family, address->socktype, address->protocol);
}

/* CURLOPT_CLOSESOCKETFUNCTION */
static int close_socket(void *arg, curl_socket_t fd)
{
    struct transfers *transfers = arg;

    return wires_close(&transfers->wires, fd);
}

/* CURLOPT_PREREQFUNCTION: the connection is up, and the next thing is the write. A second call for one
 * transfer is libcurl's silent resend: whether the provider has processed the first is unknown, so it must
 * not happen. What lies there before anything was asked would be taken for the answer, and must not be. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct transfer *transfer = arg;
    int64_t now_us = clock_now_us();

    (void)peer;
    (void)local;
    (void)peer_port;
    if (transfer->sent_at_us != 0)
        stop(transfer, UPSTREAM_RESEND, "the kept connection was dead; a second write was prevented");
    else if (!transfer->handlers->may_send(transfer->arg, now_us))
        stop(transfer, UPSTREAM_NOT_SENT, "it may not be sent any more");
    else if (transfer->plain && wires_have_spoken(&transfer->transfers->wires, local_port))
        stop(transfer, UPSTREAM_UNASKED, "the provider spoke before it was asked");
    if (transfer->stop != UPSTREAM_WHOLE)
        return CURL_PREREQFUNC_ABORT;
    if (transfer->transfers->config.first_byte_us > 0)
        set_watch(transfer, transfer->transfers->config.first_byte_us);
    transfer->sent_at_us = now_us;
    transfer->next_unsaid = transfer->transfers->first_unsaid;
    transfer->transfers->first_unsaid = transfer;
    return CURL_PREREQFUNC_OK;
}

static void read_head(struct transfer *transfer, struct text line)
{
    const struct upstream_head *head = &transfer->head;
    int64_t most_bytes = (int64_t)transfer->transfers->config.body_max_bytes;

    upstream_head_line(&transfer->head, line);
    if (head->wrong)
        stop(transfer, UPSTREAM_MALFORMED, head->wrong);
    else if (head->interims > UPSTREAM_INTERIMS_MAX)
        stop(transfer, UPSTREAM_HEAD_TOO_LARGE, "too many interim answers come before it");
    else if (head->complete && !transfer->asks_head && upstream_head_body_bytes(head) > most_bytes)
        stop(transfer, UPSTREAM_TOO_LARGE, "its body is longer than RESPONSE_MAX_BYTES");
    if (head->complete && !transfer->plain) /* libcurl 7.88 does not tell a TLS close from a cut */
        upstream_head_end_unsure(&transfer->head);
    if (head->complete && head->closes) /* libcurl 8.14 overlooks it behind other elements */
        curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L);
}

/* The first line's arrival stands for the first byte's: some 20-45 us late, or more when a line comes in
 * pieces, but never early, and the limiter wants an upper bound. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_head(char *line, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t bytes = size * count;

    if (transfer->first_at_us == 0) {
        transfer->first_at_us = clock_now_us();
        event_del(transfer->watch);
        if (transfer->transfers->config.low_speed_us > 0)
            set_watch(transfer, transfer->transfers->config.low_speed_us);
    }
    transfer->head_bytes += bytes;
    transfer->watched_bytes += bytes;
    if (transfer->head_bytes > TRANSFER_HEAD_BYTES)
        stop(transfer, UPSTREAM_HEAD_TOO_LARGE, "its head, or what follows its body, is too long");
    else
        read_head(transfer, (struct text){line, bytes});
    return transfer->stop == UPSTREAM_WHOLE ? bytes : 0;
}

/* Doubles the room until it is enough, within what one body may take and what all may. */
static bool make_room(struct transfer *transfer, size_t wanted)
{
    struct transfers *transfers = transfer->transfers;
    size_t room = transfer->body_room ? transfer->body_room : 4096;
    char *body;

    while (room < wanted)
        room *= 2;
    if (room > transfers->config.body_max_bytes)
        room = transfers->config.body_max_bytes;
    if (room == transfer->body_room)
        return true;
    if (room - transfer->body_room > transfers->config.bodies_max_bytes - transfers->bodies_bytes)
        return false;
    body = realloc(transfer->body, room);
    if (!body)
        return false;
    transfers->bodies_bytes += room - transfer->body_room;
    transfer->body = body;
    transfer->body_room = room;
    return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t bytes = size * count;

    transfer->watched_bytes += bytes;
    if (bytes > transfer->transfers->config.body_max_bytes - transfer->body_bytes)
        stop(transfer, UPSTREAM_TOO_LARGE, "its body is longer than RESPONSE_MAX_BYTES");
    else if (!make_room(transfer, transfer->body_bytes + bytes))
        stop(transfer, UPSTREAM_TOO_LARGE,
             "there is no room for it beside the other bodies (RESPONSES_MAX_MB)");
    if (transfer->stop != UPSTREAM_WHOLE)
        return bytes == 0 ? 1 : 0; /* anything but bytes ends the transfer */
    memcpy(transfer->body + transfer->body_bytes, data, bytes);
    transfer->body_bytes += bytes;
    return bytes;
}

static long ceil_ms(int64_t us)
{
    return (long)((us + US_PER_MS - 1) / US_PER_MS);
}

/* An empty text stands for none. */
static bool copy_text(const char **text)
{
    const char *theirs = *text;

    *text = theirs && theirs[0] ? strdup(theirs) : NULL;
    return *text || !theirs || !theirs[0];
}

static bool set_multi_options(struct transfers *transfers)
{
    return curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETDATA, transfers) == CURLM_OK &&
           curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETFUNCTION, want_socket) == CURLM_OK &&
           curl_multi_setopt(transfers->multi, CURLMOPT_TIMERDATA, transfers) == CURLM_OK &&
           curl_multi_setopt(transfers->multi, CURLMOPT_TIMERFUNCTION, want_timer) == CURLM_OK &&
           curl_multi_setopt(transfers->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(transfers->multi, CURLMOPT_MAXCONNECTS, (long)TRANSFER_CONNECTIONS) == CURLM_OK;
}

struct transfers *transfers_new(struct event_base *base, const struct transfers_config *config)
{
    struct transfers *transfers = calloc(1, sizeof(*transfers));

    if (!transfers || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(transfers);
        return NULL;
    }
    transfers->base = base;
    transfers->config = *config;
    transfers->timer = evtimer_new(base, on_timer, transfers);
    transfers->settle = evtimer_new(base, on_settle, transfers);
    transfers->multi = curl_multi_init();
    /* All three are copied, or a free() would take theirs. */
    if (!((int)copy_text(&transfers->config.user_agent) & (int)copy_text(&transfers->config.ca_file) &
          (int)copy_text(&transfers->config.proxy)) ||
        !transfers->timer || !transfers->settle || !transfers->multi || !set_multi_options(transfers)) {
        transfers_free(transfers);
        return NULL;
    }
    return transfers;
}

void transfers_free(struct transfers *transfers)
{
    if (!transfers)
        return;
    if (transfers->multi)
        curl_multi_cleanup(transfers->multi); /* takes its sockets and timer down through our callbacks */
    wires_forget(&transfers->wires);
    if (transfers->timer)
        event_free(transfers->timer);
    if (transfers->settle)
        event_free(transfers->settle);
    free((char *)transfers->config.user_agent);
    free((char *)transfers->config.ca_file);
    free((char *)transfers->config.proxy);
    free(transfers);
    curl_global_cleanup();
}

/* One more field line; false when it cannot be sent. An empty value leaves the field out. */
static bool add_field(struct transfer *transfer, const char *name, struct text value)
{
    char line[512];
    struct curl_slist *longer;

    if (value.bytes == 0)
        return true;
    if (!upstream_value_ok(value) ||
        snprintf(line, sizeof(line), "%s: %.*s", name, TEXT_ARGS(value)) >= (int)sizeof(line))
        return false;
    longer = curl_slist_append(transfer->fields, line);
    if (!longer)
        return false;
    transfer->fields = longer;
    return true;
}

static bool add_fields(struct transfer *transfer, const struct transfer_request *request)
{
    struct curl_slist *longer = curl_slist_append(NULL, "Via: 1.1 sluice");

    if (!longer)
        return false;
    transfer->fields = longer;
    return add_field(transfer, "Accept", text_of("application/json")) &&
           add_field(transfer, "Accept-Encoding", text_of("identity")) &&
           add_field(transfer, "client-id", request->client_id) &&
           add_field(transfer, "X-Request-Id", request->request_id) &&
           add_field(transfer, "traceparent", request->traceparent);
}

/* The options that say how. One that is not taken, out of memory mostly, must not be missing from a request:
 * it may be the limit of time, or where the body goes. */
static bool set_options(struct transfer *transfer, const struct transfer_request *request)
{
    const struct transfers_config *config = &transfer->transfers->config;
    int64_t total_us = config->total_timeout_us;
    int64_t connect_us = config->connect_timeout_us < total_us ? config->connect_timeout_us : total_us;
    bool ok = true;

#define SET(option, value) ok = ok && curl_easy_setopt(transfer->easy, option, value) == CURLE_OK
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->detail);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* or an end waits for the resolver's thread */
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_TIMEOUT_MS, ceil_ms(total_us));
    SET(CURLOPT_CONNECTTIMEOUT_MS, ceil_ms(connect_us));
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, transfer->transfers);
    SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, transfer->transfers);
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, on_head);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_HTTPHEADER, transfer->fields);
    SET(CURLOPT_NOBODY, request->head ? 1L : 0L);
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_PROXY, config->proxy ? config->proxy : "");
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_USERAGENT, config->user_agent);
    if (config->ca_file)
        SET(CURLOPT_CAINFO, config->ca_file);
#undef SET
    return ok;
}

struct transfer *transfer_new(struct transfers *transfers, const struct transfer_request *request,
                              const struct transfer_handlers *handlers, void *arg)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));

    if (!transfer)
        return NULL;
    transfer->transfers = transfers;
    transfer->handlers = handlers;
    transfer->arg = arg;
    transfer->asks_head = request->head;
    transfer->plain = strncmp(request->url, "http://", 7) == 0;
    upstream_head_init(&transfer->head);
    transfer->watch = evtimer_new(transfers->base, on_watch, transfer);
    transfer->easy = curl_easy_init();
    if (!transfer->watch || !transfer->easy || !add_fields(transfer, request) ||
        !set_options(transfer, request)) {
        transfer_free(transfer);
        return NULL;
    }
    return transfer;
}

void transfer_limit(struct transfer *transfer, int64_t total_us)
{
    if (total_us < transfer->transfers->config.total_timeout_us)
        curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, ceil_ms(total_us));
}

/* libcurl would begin at its timer's next turn; asking it to at once keeps that turn out of the interval. */
int transfer_start(struct transfer *transfer)
{
    struct transfers *transfers = transfer->transfers;

    wires_cut_spoilt(&transfers->wires);
    if (curl_multi_add_handle(transfers->multi, transfer->easy) != CURLM_OK)
        return -ENOMEM;
    transfer->started = true;
    drive(transfers, CURL_SOCKET_TIMEOUT, 0);
    tell_sent(transfers);
    event_active(transfers->settle, EV_TIMEOUT, 0);
    return 0;
}

bool transfer_is_sent(const struct transfer *transfer)
{
    return transfer->sent_at_us != 0;
}

static void forget_unsaid(struct transfer *transfer)
{
    struct transfer **at = &transfer->transfers->first_unsaid;

    while (*at && *at != transfer)
        at = &(*at)->next_unsaid;
    if (*at)
        *at = transfer->next_unsaid;
}

void transfer_free(struct transfer *transfer)
{
    if (!transfer)
        return;
    forget_unsaid(transfer);
    if (transfer->started)
        curl_multi_remove_handle(transfer->transfers->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    if (transfer->watch)
        event_free(transfer->watch);
    curl_slist_free_all(transfer->fields);
    transfer->transfers->bodies_bytes -= transfer->body_room;
    free(transfer->body);
    free(transfer);
}
