/* connection.c - reads requests, keeps their order, writes answers, misbehaves as it is told.
 *
 * A callback may find the connection broken while others still use it: it is then marked dead, and freed by
 * whoever entered it first (connection_enter, connection_leave). */
#include "tests/simulator/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/simulator/answer.h"
#include "tests/simulator/nanos.h"

#define READ_ROOM     4096 /* free room for each recv */
#define IN_MAX_BYTES  (REQUEST_MAX_BYTES + 2 * READ_ROOM)
#define IN_KEPT_BYTES 16384               /* an empty buffer larger than this is given back */
#define TURN_BYTES    ((uint64_t)1 << 20) /* an answer without end lets others have their turn after so much */
#define HOLD_US       60000000            /* a connection that is not read ends then */

struct exchange {
    STAILQ_ENTRY(exchange) link;
    struct connection *connection;
    void *mine;
    struct reply reply;
    bool answered, stalled;
};

struct connection {
    TAILQ_ENTRY(connection) link;
    struct server_core *core;
    int fd;
    struct event *readable, *writable;
    struct event *timer; /* the next drop of an answer, or the end of an idle connection */
    char *in;
    size_t in_at, in_bytes, in_room; /* what lies before in_at has been taken */
    STAILQ_HEAD(, exchange) exchanges;
    unsigned waiting;
    struct reply current; /* being written */
    uint64_t sent;
    bool waited;      /* for the time of its again_after_us */
    int64_t order_ns; /* when the last delayed request arrives; 0: none was delayed */
    bool writing;
    bool stalled; /* an answer will never come, nor will those behind it */
    bool paused;  /* too many are waiting */
    bool deaf;    /* what comes in is no request any more */
    bool eof;
    bool dead;
    unsigned busy;
};

static void connection_enter(struct connection *connection)
{
    connection->busy++;
}

static void connection_leave(struct connection *connection)
{
    if (--connection->busy == 0 && connection->dead)
        connection_free(connection);
}

/* Frees the first exchange. */
static void drop_first(struct connection *connection)
{
    struct exchange *first = STAILQ_FIRST(&connection->exchanges);

    STAILQ_REMOVE_HEAD(&connection->exchanges, link);
    connection->waiting--;
    free(first);
}

void connection_free(struct connection *connection)
{
    struct server_core *core = connection->core;

    while (!STAILQ_EMPTY(&connection->exchanges)) {
        struct exchange *first = STAILQ_FIRST(&connection->exchanges);

        if (first->answered)
            free(first->reply.bytes);
        else
            core->handlers.gone(core->arg, first);
        drop_first(connection);
    }
    if (connection->writing)
        free(connection->current.bytes);
    if (connection->readable)
        event_free(connection->readable);
    if (connection->writable)
        event_free(connection->writable);
    if (connection->timer)
        event_free(connection->timer);
    close(connection->fd);
    free(connection->in);
    TAILQ_REMOVE(&core->open, connection, link);
    core->stats.connections--;
    free(connection);
}

static void connection_timer(struct connection *connection, int64_t wait_us)
{
    struct timeval wait = {.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000};

    /* libevent counts from when this turn of the loop began, which would make the timer early. */
    event_base_update_cache_time(connection->core->base);
    event_add(connection->timer, &wait);
}

/* What comes next of the answer; empty at its end. */
static struct text next_part(const struct reply *reply, uint64_t sent)
{
    uint64_t rest = reply->size + reply->again_bytes - sent;
    struct text part = {.at = reply->bytes + sent, .bytes = 0};

    if (sent < reply->size) {
        part.bytes = reply->size - sent;
    } else if (rest > 0) {
        size_t at = (sent - reply->size) % reply->again.bytes;

        part = (struct text){.at = reply->again.at + at, .bytes = reply->again.bytes - at};
        part.bytes = part.bytes < rest ? part.bytes : rest;
    }
    if (reply->drip_bytes > 0 && part.bytes > reply->drip_bytes)
        part.bytes = reply->drip_bytes;
    return part;
}

/* Whether a pause comes first, of which the timer will tell. */
static bool pauses(struct connection *connection)
{
    const struct reply *reply = &connection->current;

    if (connection->sent == reply->size && reply->again_bytes > 0 && reply->again_after_us > 0 &&
        !connection->waited) {
        connection->waited = true;
        connection_timer(connection, reply->again_after_us);
        return true;
    }
    return false;
}

/* Sends what may be sent now; true when the answer is out. */
static bool write_some(struct connection *connection)
{
    const struct reply *reply = &connection->current;
    uint64_t turn_end = connection->sent + TURN_BYTES;
    struct text part;

    while ((part = next_part(reply, connection->sent)).bytes > 0) {
        ssize_t sent;

        if (pauses(connection))
            return false;
        if (connection->sent >= turn_end) {
            event_add(connection->writable, NULL);
            return false;
        }
        sent = send(connection->fd, part.at, part.bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(connection->writable, NULL);
            return false;
        }
        if (sent < 0) {
            connection->dead = true;
            return false;
        }
        connection->sent += (uint64_t)sent;
        if (reply->drip_bytes > 0 && next_part(reply, connection->sent).bytes > 0) {
            connection_timer(connection, reply->drip_us);
            return false;
        }
    }
    return true;
}

static void end_as_told(struct connection *connection, enum reply_end end)
{
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (end == REPLY_RST)
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    connection->dead = true;
}

/* Writes the answers whose turn it is. */
static void connection_pump(struct connection *connection)
{
    while (!connection->dead) {
        struct exchange *first = STAILQ_FIRST(&connection->exchanges);

        if (!connection->writing) {
            if (!first || !first->answered)
                break;
            connection->current = first->reply;
            connection->sent = 0;
            connection->waited = false;
            connection->writing = true;
            drop_first(connection);
        }
        if (!write_some(connection))
            return;
        free(connection->current.bytes);
        connection->writing = false;
        if (connection->current.end != REPLY_KEEP)
            end_as_told(connection, connection->current.end);
        else if (connection->waiting == 0 && connection->current.idle_us > 0)
            connection_timer(connection, connection->current.idle_us);
    }
    if (connection->eof && (connection->waiting == 0 || STAILQ_FIRST(&connection->exchanges)->stalled))
        connection->dead = true;
}

static struct exchange *exchange_new(struct connection *connection)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));

    if (!exchange)
        return NULL;
    if (connection->waiting == 0 && !connection->writing)
        event_del(connection->timer); /* no longer idle */
    exchange->connection = connection;
    STAILQ_INSERT_TAIL(&connection->exchanges, exchange, link);
    connection->waiting++;
    return exchange;
}

static void refuse(struct connection *connection, int error)
{
    int status = error == -EMSGSIZE ? 413 : error == -ENOTSUP ? 411 : 400;
    struct answer answer = {.status = status, .body = {.at = "", .bytes = 0}, .close = true};
    struct exchange *exchange = exchange_new(connection);
    struct reply reply = {.end = REPLY_FIN};

    connection->core->stats.malformed_total++;
    connection->deaf = true;
    reply.bytes = answer_render(&answer, nanos_wall() / NS_PER_SECOND, &reply.size);
    if (exchange)
        exchange_reply(exchange, &reply);
    else
        free(reply.bytes);
    connection->dead = connection->dead || !exchange;
}

static void take_requests(struct connection *connection, int64_t read_ns)
{
    struct server_core *core = connection->core;

    while (!connection->dead && !connection->deaf && connection->in_at < connection->in_bytes) {
        struct text rest = {.at = connection->in + connection->in_at,
                            .bytes = connection->in_bytes - connection->in_at};
        struct exchange *exchange;
        struct request request;
        size_t used = 0;
        int rc;

        if (connection->waiting >= SERVER_MAX_PIPELINED && connection->stalled) {
            connection->deaf = true; /* a pause would have no end, and the client's leaving go unseen */
            break;
        }
        if (connection->waiting >= SERVER_MAX_PIPELINED) {
            connection->paused = true;
            event_del(connection->readable);
            return;
        }
        rc = request_parse(rest, &request, &used);
        if (rc == -EAGAIN)
            break;
        exchange = rc == 0 ? exchange_new(connection) : NULL;
        if (!exchange) {
            refuse(connection, rc);
            break;
        }
        connection->in_at += used;
        connection->deaf = !request.keep_alive;
        core->handlers.request(core->arg, exchange, &request, read_ns);
    }
    if (connection->deaf)
        connection->in_at = connection->in_bytes;
}

/* Moves what is left to the front; gives a large empty buffer back. */
static void tidy_input(struct connection *connection)
{
    connection->in_bytes -= connection->in_at;
    if (connection->in_bytes > 0 && connection->in_at > 0)
        memmove(connection->in, connection->in + connection->in_at, connection->in_bytes);
    connection->in_at = 0;
    if (connection->in_bytes == 0 && connection->in_room > IN_KEPT_BYTES) {
        free(connection->in);
        connection->in = NULL;
        connection->in_room = 0;
    }
}

static bool make_room(struct connection *connection)
{
    size_t room = connection->in_room ? connection->in_room * 2 : READ_ROOM;
    char *in;

    if (connection->in_room - connection->in_bytes >= READ_ROOM)
        return true;
    while (room - connection->in_bytes < READ_ROOM)
        room *= 2;
    if (room > IN_MAX_BYTES)
        room = IN_MAX_BYTES;
    in = room > connection->in_room ? realloc(connection->in, room) : NULL;
    if (!in)
        return connection->in_bytes < connection->in_room;
    connection->in = in;
    connection->in_room = room;
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;
    int64_t read_ns;
    ssize_t bytes;

    (void)what;
    connection_enter(connection);
    if (!make_room(connection)) {
        connection->dead = true;
        connection_leave(connection);
        return;
    }
    bytes = recv(fd, connection->in + connection->in_bytes, connection->in_room - connection->in_bytes, 0);
    read_ns = nanos_now();
    if (bytes > 0) {
        connection->in_bytes += (size_t)bytes;
        take_requests(connection, read_ns);
        tidy_input(connection);
    } else if (bytes == 0) {
        connection->eof = true; /* a half-closed client may still want its answers */
        event_del(connection->readable);
        connection_pump(connection);
    } else if (errno != EAGAIN && errno != EINTR) {
        connection->dead = true;
    }
    connection_leave(connection);
}

/* Writes on; and reads on when that made room. */
static void proceed(struct connection *connection)
{
    connection_enter(connection);
    connection_pump(connection);
    if (connection->busy == 1 && connection->paused &&
        (connection->stalled || connection->waiting < SERVER_MAX_PIPELINED)) {
        connection->paused = false;
        take_requests(connection, nanos_now());
        tidy_input(connection);
        if (!connection->paused)
            event_add(connection->readable, NULL);
    }
    connection_leave(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    proceed(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;

    (void)fd;
    (void)what;
    if (connection->writing)
        proceed(connection);
    else
        connection_free(connection); /* idle for too long: a silent close */
}

/* At the very beginning of a connection. */
static void obey(struct connection *connection, enum faults_accept accept)
{
    if (accept == ACCEPT_HOLD) {
        event_del(connection->readable);
        connection_timer(connection, HOLD_US);
    } else if (accept == ACCEPT_GREET) {
        (void)send(connection->fd, SERVER_GREETING, sizeof(SERVER_GREETING) - 1, MSG_NOSIGNAL);
    } else if (accept != ACCEPT_PLAIN) {
        end_as_told(connection, accept == ACCEPT_RST ? REPLY_RST : REPLY_FIN);
        connection_free(connection);
    }
}

int connection_new(struct server_core *core, int fd, enum faults_accept accept)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (!connection) {
        close(fd);
        return -ENOMEM;
    }
    connection->core = core;
    connection->fd = fd;
    STAILQ_INIT(&connection->exchanges);
    TAILQ_INSERT_TAIL(&core->open, connection, link);
    core->stats.connections++;
    connection->readable = event_new(core->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable = event_new(core->base, fd, EV_WRITE, on_writable, connection);
    connection->timer = evtimer_new(core->base, on_timer, connection);
    if (!connection->readable || !connection->writable || !connection->timer ||
        event_add(connection->readable, NULL) < 0) {
        connection_free(connection);
        return -ENOMEM;
    }
    obey(connection, accept);
    return 0;
}

void exchange_reply(struct exchange *exchange, const struct reply *reply)
{
    exchange->reply = *reply;
    exchange->answered = true;
    if (!reply->bytes)
        exchange->reply.size = 0;
    if (reply->again.bytes == 0)
        exchange->reply.again_bytes = 0;
    proceed(exchange->connection);
}

void exchange_stall(struct exchange *exchange)
{
    exchange->stalled = true;
    exchange->connection->stalled = true;
    proceed(exchange->connection);
}

int64_t exchange_due_ns(struct exchange *exchange, int64_t read_ns, int64_t delay_ns)
{
    struct connection *connection = exchange->connection;
    int64_t due_ns = read_ns + delay_ns;

    if (due_ns <= connection->order_ns)
        due_ns = connection->order_ns + 1;
    if (due_ns > read_ns)
        connection->order_ns = due_ns;
    return due_ns;
}

void exchange_set(struct exchange *exchange, void *mine)
{
    exchange->mine = mine;
}

void *exchange_get(const struct exchange *exchange)
{
    return exchange->mine;
}
