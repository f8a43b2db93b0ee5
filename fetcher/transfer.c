/* transfer.c - see transfer.h. The pattern is that of libcurl's multi-event.c example. */
#include "fetcher/transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"

struct transfers {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;           /* libcurl's one timeout */
    struct event *settle;          /* tells of ends that came while a transfer was being started */
    struct transfer *first_unsaid; /* written, but sent() has not been called yet */
    char *user_agent;
    long total_timeout_ms, connect_timeout_ms;
    size_t body_max_bytes;
};

struct transfer {
    struct transfers *transfers;
    struct transfer *next_unsaid;
    const struct transfer_handlers *handlers;
    void *arg;
    CURL *easy;
    struct curl_slist *fields;
    struct upstream_head head;
    size_t head_bytes;
    char *body;
    size_t body_bytes, body_room;
    int64_t sent_at_us, first_at_us;
    bool started;
    bool refused;   /* may_send() said no */
    bool resend;    /* libcurl was about to write it again */
    bool too_large; /* head or body */
    bool no_memory;
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

static enum upstream_end end_of(const struct transfer *transfer, CURLcode code)
{
    if (transfer->refused)
        return UPSTREAM_NOT_SENT;
    if (transfer->resend)
        return UPSTREAM_RESEND;
    if (code == CURLE_OK) /* libcurl is content with a head that the end of the connection cuts */
        return transfer->head.complete ? UPSTREAM_WHOLE : UPSTREAM_BROKEN;
    if (transfer->sent_at_us == 0)
        return UPSTREAM_UNREACHABLE;
    if (transfer->too_large || transfer->no_memory)
        return UPSTREAM_TOO_LARGE;
    return code == CURLE_OPERATION_TIMEDOUT ? UPSTREAM_TIMED_OUT : UPSTREAM_BROKEN;
}

static void tell_ended(struct transfer *transfer, CURLcode code)
{
    struct transfer_result result = {.end = end_of(transfer, code),
                                     .head = &transfer->head,
                                     .body = {.at = transfer->body, .bytes = transfer->body_bytes},
                                     .sent_at_us = transfer->sent_at_us,
                                     .first_at_us = transfer->first_at_us,
                                     .ended_at_us = clock_now_us(),
                                     .detail = ""};
    long connects = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connects);
    result.connects = (unsigned)connects;
    if (result.end == UPSTREAM_RESEND)
        result.detail = "the kept connection was dead; a second write was prevented";
    else if (code != CURLE_OK)
        result.detail = transfer->detail[0] ? transfer->detail : curl_easy_strerror(code);
    else if (result.end == UPSTREAM_BROKEN)
        result.detail = "the answer's head is not whole";
    curl_multi_remove_handle(transfer->transfers->multi, transfer->easy);
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

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    tell_all(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct transfers *transfers = arg;
    int running;

    (void)fd;
    (void)what;
    curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    tell_all(transfers);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct transfers *transfers = arg;
    int action = ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0);
    int running;

    curl_multi_socket_action(transfers->multi, fd, action, &running);
    tell_all(transfers);
}

/* libcurl must not be entered from here, so a timeout of 0 goes through the loop as well. */
static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct transfers *transfers = arg;
    struct timeval delay = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};

    (void)multi;
    if (timeout_ms < 0)
        return evtimer_del(transfers->timer);
    return evtimer_add(transfers->timer, &delay);
}

/* One event for each socket of libcurl's, which keeps the pointer for us. */
static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *mine)
{
    struct transfers *transfers = arg;
    struct event *event = mine;
    short wanted = EV_PERSIST;

    (void)easy;
    if (event)
        event_free(event);
    event = NULL;
    if (what & CURL_POLL_IN)
        wanted |= EV_READ;
    if (what & CURL_POLL_OUT)
        wanted |= EV_WRITE;
    if (what != CURL_POLL_REMOVE) {
        event = event_new(transfers->base, fd, wanted, on_socket, transfers);
        if (event && event_add(event, NULL) < 0) {
            event_free(event);
            event = NULL;
        }
    }
    curl_multi_assign(transfers->multi, fd, event);
    return event || what == CURL_POLL_REMOVE ? 0 : -1;
}

/* CURLOPT_PREREQFUNCTION: the connection is up, and the next thing is the write. A second call for one
 * transfer is libcurl's silent resend: whether the provider has processed the first is unknown, so it must
 * not happen. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static int on_connected(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct transfer *transfer = arg;
    int64_t now_us = clock_now_us();

    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    if (transfer->sent_at_us != 0) {
        transfer->resend = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (!transfer->handlers->may_send(transfer->arg, now_us)) {
        transfer->refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->sent_at_us = now_us;
    transfer->next_unsaid = transfer->transfers->first_unsaid;
    transfer->transfers->first_unsaid = transfer;
    return CURL_PREREQFUNC_OK;
}

/* The first line's arrival stands for the first byte's: some 20-45 us late, or more when a line comes in
 * pieces, but never early, and the limiter wants an upper bound. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_head(char *line, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t bytes = size * count;

    if (transfer->first_at_us == 0)
        transfer->first_at_us = clock_now_us();
    transfer->head_bytes += bytes;
    if (transfer->head_bytes > TRANSFER_HEAD_BYTES) {
        transfer->too_large = true;
        return 0;
    }
    upstream_head_line(&transfer->head, (struct text){line, bytes});
    return bytes;
}

static bool make_room(struct transfer *transfer, size_t wanted)
{
    size_t room = transfer->body_room ? transfer->body_room : 4096;
    char *body;

    while (room < wanted)
        room *= 2;
    if (room == transfer->body_room)
        return true;
    body = realloc(transfer->body, room);
    if (!body)
        return false;
    transfer->body = body;
    transfer->body_room = room;
    return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t bytes = size * count;

    if (bytes > transfer->transfers->body_max_bytes - transfer->body_bytes) {
        transfer->too_large = true;
        return bytes == 0 ? 1 : 0; /* anything but bytes ends the transfer */
    }
    if (!make_room(transfer, transfer->body_bytes + bytes)) {
        transfer->no_memory = true;
        return bytes == 0 ? 1 : 0;
    }
    memcpy(transfer->body + transfer->body_bytes, data, bytes);
    transfer->body_bytes += bytes;
    return bytes;
}

static long ceil_ms(int64_t us)
{
    return (long)((us + US_PER_MS - 1) / US_PER_MS);
}

struct transfers *transfers_new(struct event_base *base, const struct transfers_config *config)
{
    struct transfers *transfers = calloc(1, sizeof(*transfers));
    int64_t connect_us =
        config->total_timeout_us < TRANSFER_CONNECT_US ? config->total_timeout_us : TRANSFER_CONNECT_US;

    if (!transfers)
        return NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(transfers);
        return NULL;
    }
    transfers->base = base;
    transfers->total_timeout_ms = ceil_ms(config->total_timeout_us);
    transfers->connect_timeout_ms = ceil_ms(connect_us);
    transfers->body_max_bytes = config->body_max_bytes;
    transfers->user_agent = strdup(config->user_agent);
    transfers->timer = evtimer_new(base, on_timer, transfers);
    transfers->settle = evtimer_new(base, on_settle, transfers);
    transfers->multi = curl_multi_init();
    if (!transfers->user_agent || !transfers->timer || !transfers->settle || !transfers->multi) {
        transfers_free(transfers);
        return NULL;
    }
    curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETDATA, transfers);
    curl_multi_setopt(transfers->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(transfers->multi, CURLMOPT_TIMERDATA, transfers);
    curl_multi_setopt(transfers->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(transfers->multi, CURLMOPT_MAXCONNECTS, (long)TRANSFER_CONNECTIONS);
    return transfers;
}

void transfers_free(struct transfers *transfers)
{
    if (!transfers)
        return;
    if (transfers->multi)
        curl_multi_cleanup(transfers->multi); /* takes its sockets and timer down through our callbacks */
    if (transfers->timer)
        event_free(transfers->timer);
    if (transfers->settle)
        event_free(transfers->settle);
    free(transfers->user_agent);
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
           add_field(transfer, "client-id", request->client_id) &&
           add_field(transfer, "X-Request-Id", request->request_id) &&
           add_field(transfer, "traceparent", request->traceparent);
}

/* The options that say how; only those that copy their value can run out of memory. */
static bool set_options(struct transfer *transfer, const struct transfer_request *request)
{
    const struct transfers *transfers = transfer->transfers;
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->detail);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* or an end waits for the resolver's thread */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, transfers->total_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, transfers->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->fields);
    if (request->head)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, transfers->user_agent) == CURLE_OK;
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
    upstream_head_init(&transfer->head);
    transfer->easy = curl_easy_init();
    if (!transfer->easy || !add_fields(transfer, request) || !set_options(transfer, request)) {
        transfer_free(transfer);
        return NULL;
    }
    return transfer;
}

void transfer_limit(struct transfer *transfer, int64_t total_us)
{
    if (ceil_ms(total_us) < transfer->transfers->total_timeout_ms)
        curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, ceil_ms(total_us));
}

/* libcurl would begin at its timer's next turn; asking it to at once keeps that turn out of the interval. */
int transfer_start(struct transfer *transfer)
{
    struct transfers *transfers = transfer->transfers;
    int running;

    if (curl_multi_add_handle(transfers->multi, transfer->easy) != CURLM_OK)
        return -ENOMEM;
    transfer->started = true;
    curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
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
    if (transfer->easy)
        curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->fields);
    free(transfer->body);
    free(transfer);
}
