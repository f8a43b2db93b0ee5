/* message.c - the codec over the catalogue of message.h: msgpack-c moves the bytes, the tables say which. */
#include "common/message.h"

#include <errno.h>
#include <msgpack.h>
#include <stdlib.h>

#define REQUIRED true
#define OPTIONAL false
#define FIELD(type_, name_, key_, limit_, need_, help_)                                                      \
    {.name = #name_,                                                                                         \
     .key = key_,                                                                                            \
     .help = help_,                                                                                          \
     .type = MESSAGE_FIELD_##type_,                                                                          \
     .limit = limit_,                                                                                        \
     .required = need_,                                                                                      \
     .offset = offsetof(self, name_)},
#define MESSAGE(number, name_, from_, to_, body_, help_)                                                     \
    static const struct message_field *fields_of_##name_(unsigned *count)                                    \
    {                                                                                                        \
        typedef struct message_##name_ self;                                                                 \
        static const struct message_field fields[] = {MESSAGE_FIELDS_##name_(FIELD)};                        \
                                                                                                             \
        *count = sizeof(fields) / sizeof(fields[0]);                                                         \
        return fields;                                                                                       \
    }
MESSAGES(MESSAGE)
#undef MESSAGE
#undef FIELD

static const struct message_spec specs[] = {
#define MESSAGE(number, name_, from_, to_, body_, help_)                                                     \
    {.type = MESSAGE_TYPE_##name_,                                                                           \
     .name = #name_,                                                                                         \
     .from = from_,                                                                                          \
     .to = to_,                                                                                              \
     .body = body_,                                                                                          \
     .help = help_,                                                                                          \
     .fields = fields_of_##name_},
    MESSAGES(MESSAGE)
#undef MESSAGE
};
#define SPEC_COUNT (sizeof(specs) / sizeof(specs[0]))

#define ENVELOPE_KEYS 4

struct message_codec {
    msgpack_sbuffer buffer;
    msgpack_zone zone;
    struct message_pair pairs[2 * MESSAGE_PAIRS]; /* snapshot has two lists */
    uint64_t uints[MESSAGE_UINTS];
    unsigned pairs_used;
};

const struct message_spec *message_spec_find(uint64_t type)
{
    for (size_t i = 0; i < SPEC_COUNT; i++) {
        if (specs[i].type == type)
            return &specs[i];
    }
    return NULL;
}

const struct message_spec *message_spec_at(unsigned place)
{
    return place < SPEC_COUNT ? &specs[place] : NULL;
}

const char *control_order_name(uint64_t order)
{
    static const char *const names[] = {
#define ORDER(number, id, name, help) [number] = name,
        CONTROL_ORDERS(ORDER)
#undef ORDER
    };

    return order <= CONTROL_ORDER_MAX ? names[order] : "";
}

struct message_codec *message_codec_new(void)
{
    struct message_codec *codec = calloc(1, sizeof(*codec));

    if (!codec)
        return NULL;
    msgpack_sbuffer_init(&codec->buffer);
    if (!msgpack_zone_init(&codec->zone, MSGPACK_ZONE_CHUNK_SIZE)) {
        free(codec);
        return NULL;
    }
    return codec;
}

void message_codec_free(struct message_codec *codec)
{
    if (!codec)
        return;
    msgpack_sbuffer_destroy(&codec->buffer);
    msgpack_zone_destroy(&codec->zone);
    free(codec);
}

static int pack_text(msgpack_packer *packer, struct text text)
{
    if (msgpack_pack_str(packer, text.bytes))
        return -1;
    return text.bytes > 0 ? msgpack_pack_str_body(packer, text.at, text.bytes) : 0;
}

static int pack_pairs(msgpack_packer *packer, const struct message_pairs *pairs)
{
    int failed = msgpack_pack_map(packer, pairs->count);

    for (unsigned i = 0; i < pairs->count && !failed; i++) {
        failed = pack_text(packer, pairs->items[i].key);
        failed = failed || msgpack_pack_int64(packer, pairs->items[i].value);
    }
    return failed;
}

static int pack_uints(msgpack_packer *packer, const struct message_uints *uints)
{
    int failed = msgpack_pack_array(packer, uints->count);

    for (unsigned i = 0; i < uints->count && !failed; i++)
        failed = msgpack_pack_uint64(packer, uints->items[i]);
    return failed;
}

static bool int_within(int64_t value, uint64_t limit)
{
    return value >= -(int64_t)limit && value <= (int64_t)limit;
}

/* -EMSGSIZE: the value breaks its limit; -ENOMEM. */
static int pack_field(msgpack_packer *packer, const struct message_field *field, const void *at)
{
    const struct text *text = at;
    const uint64_t *number = at;
    const int64_t *integer = at;
    const struct message_pairs *pairs = at;
    const struct message_uints *uints = at;
    int failed = 0;

    switch (field->type) {
    case MESSAGE_FIELD_UINT:
        if (*number > field->limit)
            return -EMSGSIZE;
        failed = msgpack_pack_uint64(packer, *number);
        break;
    case MESSAGE_FIELD_INT:
        if (!int_within(*integer, field->limit))
            return -EMSGSIZE;
        failed = msgpack_pack_int64(packer, *integer);
        break;
    case MESSAGE_FIELD_TEXT:
        if (text->bytes > field->limit)
            return -EMSGSIZE;
        failed = pack_text(packer, *text);
        break;
    case MESSAGE_FIELD_BYTES:
        if (text->bytes > field->limit)
            return -EMSGSIZE;
        failed = msgpack_pack_bin(packer, text->bytes) ||
                 (text->bytes > 0 && msgpack_pack_bin_body(packer, text->at, text->bytes));
        break;
    case MESSAGE_FIELD_PAIRS:
        if (pairs->count > field->limit)
            return -EMSGSIZE;
        failed = pack_pairs(packer, pairs);
        break;
    case MESSAGE_FIELD_UINTS:
        if (uints->count > field->limit)
            return -EMSGSIZE;
        failed = pack_uints(packer, uints);
        break;
    }
    return failed ? -ENOMEM : 0;
}

static int pack_named(msgpack_packer *packer, const char *key, uint64_t value)
{
    return pack_text(packer, text_of(key)) || msgpack_pack_uint64(packer, value);
}

int message_encode(struct message_codec *codec, const struct message *message, struct text *frame)
{
    const struct message_spec *spec = message_spec_find(message->type);
    const struct message_field *fields;
    msgpack_packer packer;
    unsigned count;

    if (!spec)
        return -EMSGSIZE;
    fields = spec->fields(&count);
    msgpack_sbuffer_clear(&codec->buffer);
    msgpack_packer_init(&packer, &codec->buffer, msgpack_sbuffer_write);
    if (msgpack_pack_map(&packer, ENVELOPE_KEYS + count) || pack_named(&packer, "v", MESSAGE_VERSION) ||
        pack_named(&packer, "m", message->type) || pack_named(&packer, "e", message->from) ||
        pack_named(&packer, "to", message->to))
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        int rc = pack_text(&packer, text_of(fields[i].key)) ? -ENOMEM : 0;

        if (rc == 0)
            rc = pack_field(&packer, &fields[i], (const char *)&message->hello + fields[i].offset);
        if (rc < 0)
            return rc;
    }
    if (codec->buffer.size > MESSAGE_FRAME_BYTES)
        return -EMSGSIZE;
    *frame = (struct text){.at = codec->buffer.data, .bytes = codec->buffer.size};
    return 0;
}

static bool read_text(const msgpack_object *value, msgpack_object_type type, uint64_t limit, struct text *out)
{
    if (value->type != type || value->via.str.size > limit)
        return false;
    *out = (struct text){.at = value->via.str.ptr, .bytes = value->via.str.size};
    return true;
}

static bool read_int(const msgpack_object *value, uint64_t limit, int64_t *out)
{
    if (value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        *out = value->via.i64;
    else if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && value->via.u64 <= INT64_MAX)
        *out = (int64_t)value->via.u64;
    else
        return false;
    return int_within(*out, limit);
}

static bool read_pairs(struct message_codec *codec, const msgpack_object *value, uint64_t limit,
                       struct message_pairs *out)
{
    struct message_pair *items = codec->pairs + codec->pairs_used;
    uint32_t count = value->via.map.size;

    if (value->type != MSGPACK_OBJECT_MAP || count > limit || codec->pairs_used + count > 2 * MESSAGE_PAIRS)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const msgpack_object_kv *pair = &value->via.map.ptr[i];

        if (!read_text(&pair->key, MSGPACK_OBJECT_STR, MESSAGE_FRAME_BYTES, &items[i].key) ||
            !read_int(&pair->val, INT64_MAX, &items[i].value))
            return false;
    }
    codec->pairs_used += count;
    *out = (struct message_pairs){.count = count, .items = items};
    return true;
}

static bool read_uints(struct message_codec *codec, const msgpack_object *value, uint64_t limit,
                       struct message_uints *out)
{
    if (value->type != MSGPACK_OBJECT_ARRAY || value->via.array.size > limit)
        return false;
    for (uint32_t i = 0; i < value->via.array.size; i++) {
        const msgpack_object *item = &value->via.array.ptr[i];

        if (item->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
            return false;
        codec->uints[i] = item->via.u64;
    }
    *out = (struct message_uints){.count = value->via.array.size, .items = codec->uints};
    return true;
}

static bool read_field(struct message_codec *codec, const struct message_field *field,
                       const msgpack_object *value, void *at)
{
    uint64_t *number = at;

    switch (field->type) {
    case MESSAGE_FIELD_UINT:
        *number = value->via.u64;
        return value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && *number <= field->limit;
    case MESSAGE_FIELD_INT:
        return read_int(value, field->limit, at);
    case MESSAGE_FIELD_TEXT:
        return read_text(value, MSGPACK_OBJECT_STR, field->limit, at);
    case MESSAGE_FIELD_BYTES:
        return read_text(value, MSGPACK_OBJECT_BIN, field->limit, at);
    case MESSAGE_FIELD_PAIRS:
        return read_pairs(codec, value, field->limit, at);
    case MESSAGE_FIELD_UINTS:
        return read_uints(codec, value, field->limit, at);
    }
    return false;
}

/* The value of that key. Our own frames keep the table's order, so the hint nearly always hits. */
static const msgpack_object *find(const msgpack_object_map *map, const char *key, unsigned hint)
{
    for (unsigned i = 0; i < map->size; i++) {
        const msgpack_object_kv *pair = &map->ptr[(hint + i) % map->size];

        if (pair->key.type == MSGPACK_OBJECT_STR &&
            text_equal((struct text){pair->key.via.str.ptr, pair->key.via.str.size}, key))
            return &pair->val;
    }
    return NULL;
}

static bool find_number(const msgpack_object_map *map, const char *key, unsigned hint, uint64_t *number)
{
    const msgpack_object *value = find(map, key, hint);

    if (!value || value->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    *number = value->via.u64;
    return true;
}

static int read_message(struct message_codec *codec, const msgpack_object_map *map, struct message *message)
{
    const struct message_field *fields;
    const struct message_spec *spec;
    uint64_t version, type;
    unsigned count;

    if (!find_number(map, "v", 0, &version))
        return -EBADMSG;
    if (version != MESSAGE_VERSION)
        return -EPROTONOSUPPORT;
    if (!find_number(map, "m", 1, &type) || !find_number(map, "e", 2, &message->from) ||
        !find_number(map, "to", 3, &message->to))
        return -EBADMSG;
    spec = message_spec_find(type);
    if (!spec)
        return -ENOMSG;
    message->type = spec->type;
    fields = spec->fields(&count);
    for (unsigned i = 0; i < count; i++) {
        const msgpack_object *value = find(map, fields[i].key, ENVELOPE_KEYS + i);

        if (!value && fields[i].required)
            return -EBADMSG;
        if (value && !read_field(codec, &fields[i], value, (char *)&message->hello + fields[i].offset))
            return -EBADMSG;
    }
    return 0;
}

int message_decode(struct message_codec *codec, struct text frame, struct message *message)
{
    msgpack_object object;
    size_t offset = 0;
    int rc;

    if (!message_shape_ok(frame))
        return -EBADMSG;
    memset(message, 0, sizeof(*message));
    codec->pairs_used = 0;
    msgpack_zone_clear(&codec->zone);
    rc = msgpack_unpack(frame.at, frame.bytes, &offset, &codec->zone, &object);
    if (rc == MSGPACK_UNPACK_NOMEM_ERROR)
        return -ENOMEM;
    if (rc != MSGPACK_UNPACK_SUCCESS)
        return -EBADMSG;
    if (object.type != MSGPACK_OBJECT_MAP)
        return -EBADMSG;
    return read_message(codec, &object.via.map, message);
}
