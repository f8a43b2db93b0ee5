/* stage_zmq.c - ZeroMQ as the bus knows it (czmq's sockets, and libzmq's calls that move frames), played in
 * memory: what a peer sends waits in a list, and what the process sends is read at once, by the codec, as its
 * peers would read it. */
#include <czmq.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/eventfd.h>
#include <zmq.h>

#undef LOG_DEBUG /* czmq.h brings syslog's, and ours have those names */
#undef LOG_INFO

#include "tests/fuzz/stage.h"
#include "tests/fuzz/stage_inside.h"

#define SOCKETS    4
#define PEERS      24
#define FRAMES_OUT 3
#define ID_BYTES   16

struct frame {
    struct frame *next;
    size_t size;
    bool more;
    char bytes[];
};

struct _zsock_t {
    bool open;
    int type, fd;
    bool told; /* fd is readable */
    char name[16];
    struct frame *first, **last;
    /* of what is being sent */
    unsigned count;
    size_t sizes[FRAMES_OUT];
    char *out[FRAMES_OUT];
};

struct peer {
    const struct _zsock_t *socket;
    uint64_t epoch;
    bool linked, mute, full;
};

static struct _zsock_t sockets[SOCKETS];
static struct peer peers[PEERS];
static bool last_more;
static struct message_codec *codec;
static uint64_t process_epoch;

static bool has_lead(const struct _zsock_t *socket)
{
    return socket->type == ZMQ_ROUTER || socket->type == ZMQ_SUB;
}

static struct peer *peer_of(const struct _zsock_t *socket, uint64_t epoch)
{
    for (unsigned i = 0; i < PEERS; i++) {
        if (peers[i].socket == socket && peers[i].epoch == epoch)
            return &peers[i];
    }
    return NULL;
}

static struct peer *peer_made(const struct _zsock_t *socket, uint64_t epoch)
{
    struct peer *peer = peer_of(socket, epoch);

    for (unsigned i = 0; i < PEERS && !peer; i++) {
        if (!peers[i].socket)
            peer = &peers[i];
    }
    if (peer && !peer->socket)
        *peer = (struct peer){.socket = socket, .epoch = epoch};
    return peer;
}

/* A DEALER has one peer, whoever it says that it is. */
static struct peer *server_of(const struct _zsock_t *socket)
{
    for (unsigned i = 0; i < PEERS; i++) {
        if (peers[i].socket == socket)
            return &peers[i];
    }
    return NULL;
}

static void tell(struct _zsock_t *socket, bool readable)
{
    uint64_t one = 1;

    if (socket->told == readable)
        return;
    socket->told = readable;
    if (readable)
        must(write(socket->fd, &one, sizeof(one)) == sizeof(one), "an eventfd");
    else
        must(read(socket->fd, &one, sizeof(one)) == sizeof(one), "an eventfd");
}

static void push(struct _zsock_t *socket, struct text bytes, bool more)
{
    struct frame *frame = malloc(sizeof(*frame) + bytes.bytes);

    must(frame, "memory");
    *frame = (struct frame){.size = bytes.bytes, .more = more};
    if (bytes.bytes > 0)
        memcpy(frame->bytes, bytes.at, bytes.bytes);
    *socket->last = frame;
    socket->last = &frame->next;
    tell(socket, true);
}

static void deliver(struct _zsock_t *socket, struct text lead, struct text head, struct text body)
{
    if (has_lead(socket))
        push(socket, lead, true);
    push(socket, head, body.at != NULL);
    if (body.at)
        push(socket, body, false);
}

/* czmq */

void zsys_handler_set(zsys_handler_fn *handler)
{
    (void)handler;
}

void *zsys_init(void)
{
    return sockets;
}

zsock_t *zsock_new_checked(int type, const char *file, size_t line)
{
    (void)file;
    (void)line;
    for (unsigned i = 0; i < SOCKETS; i++) {
        struct _zsock_t *socket = &sockets[i];

        if (socket->open)
            continue;
        if (socket->fd == 0)
            socket->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        *socket = (struct _zsock_t){.open = true, .type = type, .fd = socket->fd, .told = socket->told};
        socket->last = &socket->first;
        tell(socket, false);
        return socket;
    }
    return NULL;
}

static void drop_out(struct _zsock_t *socket)
{
    while (socket->count > 0)
        free(socket->out[--socket->count]);
}

void zsock_destroy_checked(zsock_t **self, const char *file, size_t line)
{
    struct _zsock_t *socket = *self;

    (void)file;
    (void)line;
    *self = NULL;
    while (socket && socket->first) {
        struct frame *frame = socket->first;

        socket->first = frame->next;
        free(frame);
    }
    if (socket) {
        drop_out(socket);
        socket->open = false;
        process_epoch = 0; /* the next one is another process */
    }
    for (unsigned i = 0; i < PEERS; i++) {
        if (peers[i].socket == socket)
            peers[i].socket = NULL;
    }
}

void *zsock_resolve(void *self)
{
    return self;
}

SOCKET zsock_fd(void *self)
{
    return ((struct _zsock_t *)self)->fd;
}

/* "ipc://FOLDER/gateways.ipc": its name is "gateways". What lies elsewhere is for the world. */
static int attach(struct _zsock_t *socket, const char *format, va_list list)
{
    char endpoint[256];
    const char *slash;

    vsnprintf(endpoint, sizeof(endpoint), format, list);
    slash = strrchr(endpoint, '/');
    if (strncmp(endpoint, "ipc:", 4) == 0 && slash)
        snprintf(socket->name, sizeof(socket->name), "%.*s", (int)strcspn(slash + 1, "."), slash + 1);
    else
        snprintf(socket->name, sizeof(socket->name), "world");
    return 0;
}

int zsock_bind(zsock_t *self, const char *format, ...)
{
    va_list list;
    int rc;

    va_start(list, format);
    rc = attach(self, format, list);
    va_end(list);
    return rc;
}

int zsock_connect(zsock_t *self, const char *format, ...)
    __attribute__((alias("zsock_bind"))); /* no matter who waits for whom */

char *zsock_last_endpoint(void *self)
{
    return strdup(((struct _zsock_t *)self)->name);
}

#define SETTINGS(NUMBER)                                                                                     \
    NUMBER(linger)                                                                                           \
    NUMBER(maxmsgsize)                                                                                       \
    NUMBER(sndhwm)                                                                                           \
    NUMBER(rcvhwm)                                                                                           \
    NUMBER(reconnect_ivl)                                                                                    \
    NUMBER(reconnect_ivl_max)                                                                                \
    NUMBER(router_mandatory)                                                                                 \
    NUMBER(router_handover)                                                                                  \
    NUMBER(immediate)                                                                                        \
    NUMBER(ipv6)                                                                                             \
    NUMBER(heartbeat_ivl)                                                                                    \
    NUMBER(heartbeat_timeout)
#define NUMBER(name)                                                                                         \
    void zsock_set_##name(void *self, int value)                                                             \
    {                                                                                                        \
        (void)self;                                                                                          \
        (void)value;                                                                                         \
    }
SETTINGS(NUMBER)
#undef NUMBER

void zsock_set_identity(void *self, const char *identity)
{
    (void)self;
    (void)identity;
}

void zsock_set_subscribe(void *self, const char *topic)
{
    (void)self;
    (void)topic;
}

/* libzmq */

int zmq_getsockopt(void *handle, int option, void *at, size_t *bytes)
{
    const struct _zsock_t *socket = handle;
    int events = socket->first ? ZMQ_POLLIN : 0;

    must(option == ZMQ_EVENTS && *bytes == sizeof(events), "the one question that the bus has");
    memcpy(at, &events, sizeof(events));
    return 0;
}

int zmq_msg_recv(zmq_msg_t *message, void *handle, int flags)
{
    struct _zsock_t *socket = handle;
    struct frame *frame = socket->first;
    int size;

    must(flags & ZMQ_DONTWAIT, "nothing blocks");
    if (!frame) {
        tell(socket, false);
        errno = EAGAIN;
        return -1;
    }
    size = (int)frame->size;
    zmq_msg_close(message);
    must(zmq_msg_init_size(message, frame->size) == 0, "memory");
    if (frame->size > 0)
        memcpy(zmq_msg_data(message), frame->bytes, frame->size);
    last_more = frame->more;
    socket->first = frame->next;
    if (!socket->first)
        socket->last = &socket->first;
    free(frame);
    return size;
}

int zmq_msg_more(const zmq_msg_t *message)
{
    (void)message; /* the bus asks about what it has just received */
    return last_more;
}

static uint64_t epoch_of(const char *digits, size_t bytes)
{
    char room[ID_BYTES + 1] = "";

    must(bytes == ID_BYTES, "a routing id");
    memcpy(room, digits, ID_BYTES);
    return strtoull(room, NULL, 16);
}

/* A whole message has been sent: its peer must be able to read it. */
static void hear(struct _zsock_t *socket)
{
    bool routed = socket->type == ZMQ_ROUTER, topical = socket->type == ZMQ_XPUB;
    unsigned head = routed || topical ? 1 : 0;
    struct message message;
    struct stage_said said = {.socket = socket->name, .message = &message};

    must(socket->count > head, "a message has a head");
    if (!codec)
        codec = message_codec_new();
    must(message_decode(codec, (struct text){socket->out[head], socket->sizes[head]}, &message) == 0,
         "what is sent can be read");
    if (routed)
        said.peer = epoch_of(socket->out[0], socket->sizes[0]);
    else if (topical)
        said.topic = (struct text){socket->out[0], socket->sizes[0]};
    if (socket->count > head + 1)
        said.body = (struct text){socket->out[head + 1], socket->sizes[head + 1]};
    if (process_epoch == 0)
        process_epoch = message.from;
    must(topical || message.from == process_epoch, "the sender's epoch");
    must(!routed || message.to == said.peer, "the receiver's epoch");
    story_remember(&message);
    if (stage.shows)
        fprintf(stderr, "%9.3f said on %s to %" PRIu64 ": %s\n", (double)stage.now_us / US_PER_SECOND,
                said.socket, said.peer, message_spec_find(message.type)->name);
    if (stage.heard)
        stage.heard(&said);
    drop_out(socket);
}

static int take(struct _zsock_t *socket, const void *bytes, size_t size, bool more)
{
    const struct peer *peer =
        socket->type == ZMQ_ROUTER && socket->count == 0 ? peer_of(socket, epoch_of(bytes, size)) : NULL;

    if (socket->type == ZMQ_ROUTER && socket->count == 0 && !peer) {
        errno = EHOSTUNREACH;
        return -1;
    }
    if (!peer && socket->type == ZMQ_DEALER)
        peer = server_of(socket);
    if (peer && peer->full && socket->count == 0) {
        errno = EAGAIN;
        return -1;
    }
    must(socket->count < FRAMES_OUT, "few frames");
    socket->out[socket->count] = copy_of(bytes, size);
    socket->sizes[socket->count++] = size;
    if (!more)
        hear(socket);
    return (int)size;
}

int zmq_send(void *handle, const void *bytes, size_t size, int flags)
{
    must(flags & ZMQ_DONTWAIT, "nothing blocks");
    return take(handle, bytes, size, flags & ZMQ_SNDMORE);
}

int zmq_msg_send(zmq_msg_t *message, void *handle, int flags)
{
    int rc = take(handle, zmq_msg_data(message), zmq_msg_size(message), flags & ZMQ_SNDMORE);

    if (rc >= 0)
        zmq_msg_close(message);
    return rc;
}

/* The peers */

static struct _zsock_t *socket_named(const char *name)
{
    for (unsigned i = 0; i < SOCKETS; i++) {
        if (sockets[i].open && strcmp(sockets[i].name, name) == 0)
            return &sockets[i];
    }
    return NULL;
}

static struct text lead_of(const struct _zsock_t *socket, uint64_t epoch, const char *topic,
                           char room[ID_BYTES + 1])
{
    if (socket->type != ZMQ_ROUTER)
        return text_of(topic);
    snprintf(room, ID_BYTES + 1, "%016" PRIx64, epoch);
    return (struct text){room, ID_BYTES};
}

static void say(struct _zsock_t *socket, struct peer *peer, struct message *message, struct text body)
{
    char room[ID_BYTES + 1];
    struct text head;

    if (message->from == 0)
        message->from = peer->epoch;
    if (!codec)
        codec = message_codec_new();
    if (message_encode(codec, message, &head) < 0)
        return;
    if (message->type == MESSAGE_TYPE_hello || message->type == MESSAGE_TYPE_welcome)
        peer->linked = true;
    deliver(socket, lead_of(socket, peer->epoch, message_spec_find(message->type)->name, room), head, body);
}

void stage_peer(const char *name, const struct step *step)
{
    struct _zsock_t *socket = socket_named(name);
    struct peer *peer = socket ? peer_made(socket, step->number) : NULL;
    char room[ID_BYTES + 1];
    struct message message;
    struct text body;

    if (!peer || step->number == 0)
        return;
    if (text_equal(step->what, "mute"))
        peer->mute = true;
    else if (text_equal(step->what, "full"))
        peer->full = true;
    else if (text_equal(step->what, "raw"))
        deliver(socket, lead_of(socket, peer->epoch, "raw", room), story_bytes(step->rest),
                (struct text){NULL, 0});
    else if (story_message(step, &message, &body))
        say(socket, peer, &message, body);
    stage_turn();
}

bool stage_zmq_waits(void)
{
    for (unsigned i = 0; i < SOCKETS; i++) {
        if (sockets[i].open && sockets[i].first)
            return true;
    }
    return false;
}

void stage_zmq_live(void)
{
    for (unsigned i = 0; i < PEERS; i++) {
        struct _zsock_t *socket = (struct _zsock_t *)peers[i].socket;
        struct message message = {.type = MESSAGE_TYPE_pong}; /* which nobody answers */

        if (socket && peers[i].linked && !peers[i].mute && socket->type != ZMQ_SUB)
            say(socket, &peers[i], &message, (struct text){NULL, 0});
    }
}
