/* message_fuzz.c - whatever bytes come, the codec refuses them or reads a message that survives a second
 * trip.
 *
 * The mutator starts now and then from a good message of the catalogue, so that no seed corpus has to be kept
 * in step with the table. */
#include "common/message.h"
#include "tests/fuzz/check.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static struct message_codec *the_codec(void)
{
    static struct message_codec *codec;

    if (!codec)
        codec = message_codec_new();
    return codec;
}

static void fill(const struct message_field *field, void *at, unsigned seed)
{
    static const struct message_pair pairs[] = {{{"queue_length", 12}, 3}, {{"x{reason=\"y\"}", 13}, -1}};
    static const uint64_t uints[] = {0, 1, 2, UINT64_MAX};
    static const char text[] = "gateway scheduler fetcher closed half_open upstream cache none queue_full";

    switch (field->type) {
    case MESSAGE_FIELD_UINT:
        *(uint64_t *)at = field->limit > 1000 ? seed % 1000 : seed % (field->limit + 1);
        break;
    case MESSAGE_FIELD_INT:
        *(int64_t *)at = (int64_t)seed - INT32_MAX;
        break;
    case MESSAGE_FIELD_TEXT:
    case MESSAGE_FIELD_BYTES:
        *(struct text *)at = (struct text){text + seed % 8, seed % 16};
        break;
    case MESSAGE_FIELD_PAIRS:
        *(struct message_pairs *)at = (struct message_pairs){seed % 3, pairs};
        break;
    case MESSAGE_FIELD_UINTS:
        *(struct message_uints *)at = (struct message_uints){seed % 5, uints};
        break;
    }
}

#define MESSAGE(number, name, from, to, body, help) +1
enum { MESSAGE_COUNT = MESSAGES(MESSAGE) };
#undef MESSAGE

static size_t good_message(uint8_t *data, size_t max_size, unsigned seed)
{
    const struct message_spec *spec = message_spec_at(seed % MESSAGE_COUNT);
    struct message message = {.from = seed, .to = 1};
    const struct message_field *fields;
    struct text frame;
    unsigned count;

    message.type = spec->type;
    fields = spec->fields(&count);
    for (unsigned i = 0; i < count; i++)
        fill(&fields[i], (char *)&message.hello + fields[i].offset, seed * 31 + i);
    if (message_encode(the_codec(), &message, &frame) < 0 || frame.bytes > max_size)
        return 0;
    memcpy(data, frame.at, frame.bytes);
    return frame.bytes;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (seed % 16 == 0) {
        size_t bytes = good_message(data, max_size, seed / 16);

        size = bytes > 0 ? bytes : size;
    }
    return seed % 64 == 0 ? size : LLVMFuzzerMutate(data, size, max_size);
}

/* Within what the table says. */
static void check_field(const struct message_field *field, const char *at)
{
    const int64_t *number = (const void *)at;
    const struct text *text = (const void *)at;

    if (field->type == MESSAGE_FIELD_UINT)
        must(*(const uint64_t *)(const void *)at <= field->limit, "a number keeps to its limit");
    else if (field->type == MESSAGE_FIELD_INT)
        must(*number >= -(int64_t)field->limit && *number <= (int64_t)field->limit,
             "so does one with a sign");
    else if (field->type == MESSAGE_FIELD_TEXT || field->type == MESSAGE_FIELD_BYTES)
        must(text->bytes <= field->limit && (text->bytes == 0 || text->at), "a text keeps to its limit");
}

static void check_fields(const struct message *message)
{
    unsigned count;
    const struct message_field *fields = message_spec_find(message->type)->fields(&count);

    for (unsigned i = 0; i < count; i++)
        check_field(&fields[i], (const char *)&message->hello + fields[i].offset);
}

/* What may be read may be sent, and sent again it is the same to a byte. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = copy_of(data, size), *first;
    struct text frame = {copy, size}, written;
    struct message message, again;

    if (message_decode(the_codec(), frame, &message) < 0) {
        free(copy);
        return 0;
    }
    must(message_shape_ok(frame), "what is read has the shape");
    check_fields(&message);
    must(message_encode(the_codec(), &message, &written) == 0, "what may be read may be sent");
    first = copy_of(written.at, written.bytes);
    frame = (struct text){first, written.bytes};
    must(message_decode(the_codec(), frame, &again) == 0 && again.type == message.type &&
             again.from == message.from && again.to == message.to,
         "it is read as it was meant");
    must(message_encode(the_codec(), &again, &written) == 0 && written.bytes == frame.bytes &&
             memcmp(written.at, first, frame.bytes) == 0,
         "it is written as it was read");
    free(first);
    free(copy);
    return 0;
}
