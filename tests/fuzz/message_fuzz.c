/* message_fuzz.c - whatever bytes come, the codec refuses them or reads a message that survives a second
 * trip.
 *
 * The mutator starts now and then from a good message of the catalogue, so that no seed corpus has to be kept
 * in step with the table. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/message.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text frame = {(const char *)data, size};
    struct message message, again;

    if (message_decode(the_codec(), frame, &message) < 0)
        return 0;
    if (!message_shape_ok(frame))
        abort();
    if (message_encode(the_codec(), &message, &frame) < 0)
        abort(); /* what may be read may be sent */
    if (message_decode(the_codec(), frame, &again) < 0 || again.type != message.type ||
        again.from != message.from)
        abort();
    return 0;
}
