/* story.c - see story.h. */
#include "tests/fuzz/story.h"

#include "common/answer.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/stage.h"

#define REMEMBERED_KEYS 16
#define REMEMBERED_EACH 16

static struct {
    size_t used;
    char room[STORY_ROOM_BYTES];
    struct message_pair pairs[MESSAGE_PAIRS];
    uint64_t uints[MESSAGE_UINTS];
    struct message_codec *codec;
    struct {
        const char *key;
        unsigned count;
        uint64_t values[REMEMBERED_EACH];
    } memory[REMEMBERED_KEYS];
} book;

void story_begin(const uint8_t *data, size_t size, struct story *story)
{
    if (!book.codec)
        book.codec = message_codec_new();
    must(book.codec, "memory");
    book.used = 0;
    memset(book.memory, 0, sizeof(book.memory));
    *story = (struct story){.rest = {(const char *)data, size}};
}

uint64_t story_steps;

bool story_next(struct story *story, struct step *step)
{
    while (story->rest.bytes > 0 && story->steps < STORY_STEPS_MAX) {
        struct text line = cut(&story->rest, '\n');

        if (line.bytes == 0 || line.at[0] == '#')
            continue;
        story->steps++;
        story_steps++;
        book.used = 0;
        step->who = cut(&line, ' ');
        step->what = cut(&line, ' ');
        step->rest = line;
        step->number = 0;
        for (size_t i = 1; i < step->who.bytes; i++)
            step->number = step->number * 10 + (unsigned char)(step->who.at[i] - '0') % 10U;
        return true;
    }
    return false;
}

static uint64_t *remembered(const char *key, unsigned *count)
{
    for (unsigned i = 0; i < REMEMBERED_KEYS; i++) {
        if (book.memory[i].key && strcmp(book.memory[i].key, key) == 0) {
            *count = book.memory[i].count;
            return book.memory[i].values;
        }
    }
    return NULL;
}

static void remember(const char *key, uint64_t value)
{
    for (unsigned i = 0; i < REMEMBERED_KEYS; i++) {
        if (!book.memory[i].key)
            book.memory[i].key = key;
        if (strcmp(book.memory[i].key, key) != 0)
            continue;
        book.memory[i].values[book.memory[i].count++ % REMEMBERED_EACH] = value;
        return;
    }
}

void story_remember(const struct message *message)
{
    const struct message_spec *spec = message_spec_find(message->type);
    unsigned count;
    const struct message_field *fields = spec->fields(&count);

    for (unsigned i = 0; i < count; i++) {
        const char *at = (const char *)&message->hello + fields[i].offset;

        if (fields[i].type == MESSAGE_FIELD_UINT && fields[i].limit == UINT64_MAX)
            remember(fields[i].key, *(const uint64_t *)(const void *)at);
    }
}

static uint64_t digits_of(struct text text)
{
    bool negative = text.bytes > 0 && (text.at[0] == '-' || text.at[0] == '+');
    uint64_t number = 0;

    for (size_t i = negative; i < text.bytes && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(text.at[i] - '0');
    return negative && text.at[0] == '-' ? 0 - number : number;
}

uint64_t story_number(struct text text, const char *key)
{
    unsigned count = 0;
    const uint64_t *values;
    uint64_t back;

    if (text.bytes > 0 && text.at[0] == 't')
        return (uint64_t)stage.now_us + digits_of((struct text){text.at + 1, text.bytes - 1});
    if (text.bytes == 0 || text.at[0] != '@')
        return digits_of(text);
    values = remembered(key, &count);
    back = digits_of((struct text){text.at + 1, text.bytes - 1});
    return values && back < count && back < REMEMBERED_EACH ? values[(count - 1 - back) % REMEMBERED_EACH]
                                                            : 0;
}

static unsigned hex(char digit)
{
    if (digit >= '0' && digit <= '9')
        return (unsigned)(digit - '0');
    return digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a') + 10 : 16;
}

struct text story_bytes(struct text text)
{
    char *out = book.room + book.used, *at = out;

    for (size_t i = 0; i < text.bytes && at < book.room + sizeof(book.room); i++) {
        char byte = text.at[i];

        if (byte == '%' && i + 2 < text.bytes && hex(text.at[i + 1]) < 16 && hex(text.at[i + 2]) < 16) {
            byte = (char)(hex(text.at[i + 1]) << 4 | hex(text.at[i + 2]));
            i += 2;
        }
        *at++ = byte;
    }
    book.used += (size_t)(at - out);
    return (struct text){out, (size_t)(at - out)};
}

static struct text filled(struct text text, uint64_t limit)
{
    struct text bytes = story_bytes(text);
    char *end = book.room + book.used;

    if (bytes.bytes == 0 || bytes.at[bytes.bytes - 1] != '~')
        return bytes;
    while (bytes.bytes < limit && book.used < sizeof(book.room)) {
        *end++ = '~';
        bytes.bytes++;
        book.used++;
    }
    return bytes;
}

static struct message_pairs pairs_of(struct text text)
{
    struct message_pairs pairs = {.items = book.pairs};

    while (text.bytes > 0 && pairs.count < MESSAGE_PAIRS) {
        struct text value = cut(&text, ','), key = cut(&value, ':');

        book.pairs[pairs.count++] =
            (struct message_pair){.key = story_bytes(key), .value = (int64_t)story_number(value, "")};
    }
    return pairs;
}

static struct message_uints uints_of(struct text text)
{
    struct message_uints uints = {.items = book.uints};

    while (text.bytes > 0 && uints.count < MESSAGE_UINTS)
        book.uints[uints.count++] = story_number(cut(&text, ','), "");
    return uints;
}

static void set_field(const struct message_field *field, struct text value, void *at)
{
    switch (field->type) {
    case MESSAGE_FIELD_UINT:
    case MESSAGE_FIELD_INT:
        *(uint64_t *)at = story_number(value, field->key);
        break;
    case MESSAGE_FIELD_TEXT:
    case MESSAGE_FIELD_BYTES:
        *(struct text *)at = filled(value, field->limit);
        break;
    case MESSAGE_FIELD_PAIRS:
        *(struct message_pairs *)at = pairs_of(value);
        break;
    case MESSAGE_FIELD_UINTS:
        *(struct message_uints *)at = uints_of(value);
        break;
    }
}

static void set_fields(const struct message_spec *spec, struct text words, struct message *message)
{
    unsigned count;
    const struct message_field *fields = spec->fields(&count);

    while (words.bytes > 0) {
        struct text value = cut(&words, ' '), key = cut(&value, '=');

        if (text_equal(key, "from"))
            message->from = story_number(value, "from");
        else if (text_equal(key, "to"))
            message->to = story_number(value, "to");
        for (unsigned i = 0; i < count; i++) {
            if (text_equal(key, fields[i].key))
                set_field(&fields[i], value, (char *)&message->hello + fields[i].offset);
        }
    }
}

static bool message_of(struct text name, struct text words, struct message *message)
{
    const struct message_spec *spec;

    for (unsigned i = 0; (spec = message_spec_at(i)); i++) {
        if (!text_equal(name, spec->name))
            continue;
        message->type = spec->type;
        set_fields(spec, words, message);
        return true;
    }
    return false;
}

static struct text record_of(struct text words)
{
    int64_t wall_us = stage.wall_us;
    struct answer answer = {.status = (unsigned)story_number(cut(&words, ' '), ""),
                            .stored_wall_us = wall_us,
                            .made_wall_us = wall_us - (int64_t)(uint32_t)story_number(cut(&words, ' '), "")};
    char *at;

    answer.fresh_wall_us = wall_us + (int64_t)(uint32_t)story_number(cut(&words, ' '), "");
    answer.stale_wall_us = answer.fresh_wall_us + (int64_t)(uint32_t)story_number(cut(&words, ' '), "");
    answer.fields = story_bytes(cut(&words, ' '));
    answer.body = story_bytes(words);
    at = book.room + book.used;
    if (answer_bytes(&answer) > sizeof(book.room) - book.used)
        return (struct text){"", 0};
    answer_write(&answer, at);
    book.used += answer_bytes(&answer);
    return (struct text){at, answer_bytes(&answer)};
}

static struct text body_of(struct text words)
{
    struct message message = {.from = 1};
    struct text rest = words, name, frame;
    char *at;

    if (words.bytes > 0 && words.at[0] == ' ')
        rest = (struct text){words.at + 1, words.bytes - 1};
    name = cut(&rest, ' ');
    if (text_equal(name, "record"))
        return record_of(rest);
    if (!message_of(name, rest, &message) || message_encode(book.codec, &message, &frame) < 0)
        return story_bytes(words);
    at = book.room + book.used;
    if (frame.bytes > sizeof(book.room) - book.used)
        return (struct text){"", 0};
    memcpy(at, frame.at, frame.bytes);
    book.used += frame.bytes;
    return (struct text){at, frame.bytes};
}

bool story_message(const struct step *step, struct message *message, struct text *body)
{
    struct text behind = step->rest, words = cut(&behind, '|');

    *message = (struct message){.from = 0};
    *body = (struct text){NULL, 0};
    if (words.bytes < step->rest.bytes)
        *body = body_of(behind);
    return message_of(step->what, words, message);
}
