/* feed.c - a reader of Sluice's metrics feed, to start your own from (common/PROTOCOL.md, "The feed"):
 *
 *     feed-example tcp://127.0.0.1:5556
 *     feed-example tcp://proxy.example.org:5556 metricsd grafana_secret       (files of deploy/keys)
 *
 * Prints each event, each value of a snapshot that is new, and what has been lost. It uses czmq and
 * msgpack-c, and nothing of Sluice: cc feed.c $(pkg-config --cflags --libs libczmq msgpack). */
#include <czmq.h>
#include <inttypes.h>
#include <msgpack.h>

#define VERSION    1
#define SCHEMA     1
#define SILENCE_MS 3000  /* a snapshot comes every second */
#define HIGH_WATER 20000 /* messages that may wait for us; beyond that, ours are dropped */

static uint64_t epoch;   /* metricsd's; another one is another metricsd, whose numbers begin anew */
static uint64_t seq;     /* of the last snapshot */
static uint64_t events;  /* seen since then */
static zhashx_t *values; /* of the last snapshot: name to number, as text */

static const msgpack_object *field(const msgpack_object *map, const char *key)
{
    for (uint32_t i = 0; map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
        const msgpack_object *name = &map->via.map.ptr[i].key;

        if (name->type == MSGPACK_OBJECT_STR && name->via.str.size == strlen(key) &&
            memcmp(name->via.str.ptr, key, name->via.str.size) == 0)
            return &map->via.map.ptr[i].val;
    }
    return NULL;
}

static uint64_t number(const msgpack_object *map, const char *key)
{
    const msgpack_object *value = field(map, key);

    return value && value->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? value->via.u64 : 0;
}

static void on_event(const char *topic, const msgpack_object *message)
{
    static const char *const keys[] = {"rq", "at", "why", "val", "nt"};

    if (epoch == 0)
        return; /* before the first snapshot nobody can tell what is missing */
    events++;
    printf("%s", topic);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const msgpack_object *value = field(message, keys[i]);

        if (value && value->type == MSGPACK_OBJECT_STR)
            printf(" %s=%.*s", keys[i], (int)value->via.str.size, value->via.str.ptr);
        else if (value)
            printf(" %s=%" PRId64, keys[i], value->via.i64);
    }
    printf("\n");
}

static void on_values(const msgpack_object *map)
{
    char name[128], text[32];

    for (uint32_t i = 0; map && map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        const char *before;

        snprintf(name, sizeof(name), "%.*s", (int)pair->key.via.str.size, pair->key.via.str.ptr);
        snprintf(text, sizeof(text), "%" PRId64, pair->val.via.i64);
        before = zhashx_lookup(values, name);
        if (!before || strcmp(before, text) != 0)
            printf("%s %s\n", name, text);
        zhashx_update(values, name, text);
    }
}

static void on_snapshot(const msgpack_object *message)
{
    uint64_t from = number(message, "e"), n = number(message, "n"), schema = number(message, "sv");

    if (schema != SCHEMA) {
        fprintf(stderr, "snapshots of schema %" PRIu64 ", not %d: this program is too old\n", schema, SCHEMA);
        exit(EXIT_FAILURE);
    }
    if (from != epoch) {
        if (epoch != 0)
            printf("restarted: another metricsd\n");
        epoch = from;
        zhashx_purge(values);
    } else if (n != seq + events + 1) {
        /* The feed counts its events and snapshots; an event that is not there is lost, a total never is. */
        printf("lost %" PRId64 "\n", (int64_t)(n - seq - events - 1));
    }
    seq = n;
    events = 0;
    printf("snapshot %" PRIu64 " epoch %016" PRIx64 " at %" PRIu64 "\n", seq, epoch, number(message, "t"));
    on_values(field(message, "val"));
}

static void on_message(const char *topic, zframe_t *head)
{
    const char *bytes = (const char *)zframe_data(head);
    msgpack_unpacked unpacked;
    size_t at = 0;

    msgpack_unpacked_init(&unpacked);
    if (msgpack_unpack_next(&unpacked, bytes, zframe_size(head), &at) == MSGPACK_UNPACK_SUCCESS &&
        number(&unpacked.data, "v") == VERSION) {
        if (strcmp(topic, "snapshot") == 0)
            on_snapshot(&unpacked.data);
        else if (strncmp(topic, "event.", 6) == 0)
            on_event(topic, &unpacked.data);
    }
    msgpack_unpacked_destroy(&unpacked);
}

/* NULL: a file is no certificate. */
static zsock_t *connect_feed(int argc, char **argv)
{
    zcert_t *server = argc == 4 ? zcert_load(argv[2]) : NULL, *own = argc == 4 ? zcert_load(argv[3]) : NULL;
    zsock_t *socket = zsock_new(ZMQ_SUB);
    bool good = argc == 2 || (server && own);

    if (good && own) {
        zcert_apply(own, socket);
        zsock_set_curve_serverkey(socket, zcert_public_txt(server));
    }
    zsock_set_rcvhwm(socket, HIGH_WATER);
    zsock_set_rcvtimeo(socket, SILENCE_MS);
    zsock_set_subscribe(socket, "snapshot");
    zsock_set_subscribe(socket, "event.");
    if (good &&
        zsock_connect(socket, "%s", argv[1]) < 0) /* and again, by itself, whenever metricsd was away */
        good = false;
    zcert_destroy(&server);
    zcert_destroy(&own);
    if (!good)
        zsock_destroy(&socket);
    return socket;
}

int main(int argc, char **argv)
{
    zsock_t *socket = argc == 2 || argc == 4 ? connect_feed(argc, argv) : NULL;

    if (!socket) {
        fprintf(stderr, "Usage: feed-example ENDPOINT [METRICSD_CERTIFICATE OWN_SECRET_CERTIFICATE]\n");
        return EXIT_FAILURE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    values = zhashx_new();
    zhashx_set_duplicator(values, (zhashx_duplicator_fn *)strdup);
    zhashx_set_destructor(values, (zhashx_destructor_fn *)zstr_free);
    while (!zsys_interrupted) {
        zmsg_t *message = zmsg_recv(socket);
        char *topic = message ? zmsg_popstr(message) : NULL;

        if (topic && zmsg_first(message))
            on_message(topic, zmsg_first(message));
        else if (!zsys_interrupted)
            printf("silence: metricsd is away, or does not know our key\n");
        zstr_free(&topic);
        zmsg_destroy(&message);
    }
    zhashx_destroy(&values);
    zsock_destroy(&socket);
    return EXIT_SUCCESS;
}
