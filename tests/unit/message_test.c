/* message_test.c - the codec: every message survives the trip, and nothing else gets in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <msgpack.h>

#include "common/message.h"
#include "tests/support/protocol.h"

static struct message_codec *codec;

static int open_codec(void **state)
{
    (void)state;
    codec = message_codec_new();
    return codec ? 0 : -1;
}

static int close_codec(void **state)
{
    (void)state;
    message_codec_free(codec);
    return 0;
}

static const struct message_pair some_pairs[] = {{{"queue", 5}, 3}, {{"refused{reason=\"x\"}", 19}, -1}};
static const uint64_t some_uints[] = {0, 1, UINT64_MAX};

/* Gives a field the largest value that it may have, or the smallest. */
static void fill(const struct message_field *field, void *at, bool largest)
{
    static char text[4096];

    memset(text, 'x', sizeof(text));
    switch (field->type) {
    case MESSAGE_FIELD_UINT:
        *(uint64_t *)at = largest ? field->limit : 0;
        break;
    case MESSAGE_FIELD_INT:
        *(int64_t *)at = largest ? (int64_t)field->limit : -(int64_t)field->limit;
        break;
    case MESSAGE_FIELD_TEXT:
    case MESSAGE_FIELD_BYTES:
        *(struct text *)at = (struct text){text, largest ? field->limit : 0};
        break;
    case MESSAGE_FIELD_PAIRS:
        *(struct message_pairs *)at = (struct message_pairs){largest ? 2 : 0, some_pairs};
        break;
    case MESSAGE_FIELD_UINTS:
        *(struct message_uints *)at = (struct message_uints){largest ? 3 : 0, some_uints};
        break;
    }
}

static bool same(const struct message_field *field, const void *a, const void *b)
{
    const struct text *text_a = a, *text_b = b;
    const struct message_pairs *pairs_a = a, *pairs_b = b;
    const struct message_uints *uints_a = a, *uints_b = b;
    bool equal;

    switch (field->type) {
    case MESSAGE_FIELD_UINT:
    case MESSAGE_FIELD_INT:
        return memcmp(a, b, sizeof(uint64_t)) == 0;
    case MESSAGE_FIELD_TEXT:
    case MESSAGE_FIELD_BYTES:
        return text_a->bytes == text_b->bytes &&
               (text_a->bytes == 0 || memcmp(text_a->at, text_b->at, text_a->bytes) == 0);
    case MESSAGE_FIELD_PAIRS:
        equal = pairs_a->count == pairs_b->count;
        for (unsigned i = 0; equal && i < pairs_a->count; i++)
            equal =
                pairs_a->items[i].value == pairs_b->items[i].value &&
                pairs_a->items[i].key.bytes == pairs_b->items[i].key.bytes &&
                memcmp(pairs_a->items[i].key.at, pairs_b->items[i].key.at, pairs_a->items[i].key.bytes) == 0;
        return equal;
    case MESSAGE_FIELD_UINTS:
        return uints_a->count == uints_b->count &&
               (uints_a->count == 0 ||
                memcmp(uints_a->items, uints_b->items, uints_a->count * sizeof(uint64_t)) == 0);
    }
    return false;
}

static void survives_the_trip(const struct message_spec *spec, bool largest)
{
    struct message sent = {.type = spec->type, .from = UINT64_MAX, .to = 5}, read;
    const struct message_field *fields;
    struct text frame;
    unsigned count;

    fields = spec->fields(&count);
    for (unsigned i = 0; i < count; i++)
        fill(&fields[i], (char *)&sent.hello + fields[i].offset, largest);
    assert_int_equal(message_encode(codec, &sent, &frame), 0);
    assert_int_equal(message_decode(codec, frame, &read), 0);
    assert_int_equal(read.type, spec->type);
    assert_true(read.from == UINT64_MAX && read.to == 5);
    for (unsigned i = 0; i < count; i++) {
        size_t offset = fields[i].offset;

        if (!same(&fields[i], (char *)&sent.hello + offset, (char *)&read.hello + offset))
            fail_msg("%s.%s differs", spec->name, fields[i].name);
    }
}

static void every_message_survives_the_trip(void **state)
{
    const struct message_spec *spec;

    (void)state;
    for (unsigned place = 0; (spec = message_spec_at(place)); place++) {
        survives_the_trip(spec, false);
        survives_the_trip(spec, true);
    }
}

static void a_value_beyond_its_limit_is_not_sent(void **state)
{
    struct message message = {.type = MESSAGE_TYPE_goodbye};
    struct text frame;

    (void)state;
    message.goodbye.why = text_of("a reason that is much longer than the forty-eight bytes it may take");
    assert_int_equal(message_encode(codec, &message, &frame), -EMSGSIZE);
    message = (struct message){.type = MESSAGE_TYPE_credit, .credit = {.count = UINT64_MAX}};
    assert_int_equal(message_encode(codec, &message, &frame), -EMSGSIZE);
    message.type = (enum message_type)999;
    assert_int_equal(message_encode(codec, &message, &frame), -EMSGSIZE);
}

/* A `credit` with the given envelope, and a key that this version does not know. */
static struct text make_credit(msgpack_sbuffer *buffer, uint64_t version, uint64_t number, int64_t count)
{
    msgpack_packer packer;

    msgpack_sbuffer_clear(buffer);
    msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 6);
    msgpack_pack_str_with_body(&packer, "new", 3);
    msgpack_pack_array(&packer, 1);
    msgpack_pack_nil(&packer);
    msgpack_pack_str_with_body(&packer, "v", 1);
    msgpack_pack_uint64(&packer, version);
    msgpack_pack_str_with_body(&packer, "n", 1);
    msgpack_pack_int64(&packer, count);
    msgpack_pack_str_with_body(&packer, "m", 1);
    msgpack_pack_uint64(&packer, number);
    msgpack_pack_str_with_body(&packer, "e", 1);
    msgpack_pack_uint64(&packer, 1);
    msgpack_pack_str_with_body(&packer, "to", 2);
    msgpack_pack_uint64(&packer, 2);
    return (struct text){buffer->data, buffer->size};
}

static void strangers_are_told_apart(void **state)
{
    struct message message;
    msgpack_sbuffer buffer;

    (void)state;
    msgpack_sbuffer_init(&buffer);
    assert_int_equal(message_decode(codec, make_credit(&buffer, MESSAGE_VERSION, 5, 9), &message), 0);
    assert_int_equal(message.credit.count, 9); /* whatever the order, and the unknown key is ignored */
    assert_int_equal(message_decode(codec, make_credit(&buffer, 2, 5, 9), &message), -EPROTONOSUPPORT);
    assert_int_equal(message_decode(codec, make_credit(&buffer, MESSAGE_VERSION, 999, 9), &message), -ENOMSG);
    assert_int_equal(message_decode(codec, make_credit(&buffer, MESSAGE_VERSION, 5, -9), &message), -EBADMSG);
    assert_int_equal(message_decode(codec, make_credit(&buffer, MESSAGE_VERSION, 1, 9), &message), -EBADMSG);
    msgpack_sbuffer_destroy(&buffer);
}

static void hostile_frames_are_refused_before_unpacking(void **state)
{
    static const struct {
        const char *what;
        const char *bytes;
        size_t count;
    } frames[] = {
        {"nothing", "", 0},
        {"an array that claims 4 G items", "\xdd\xff\xff\xff\xff", 5},
        {"a map that claims 2 G pairs", "\xdf\x7f\xff\xff\xff\x00", 6},
        {"a string that is not there", "\xdb\x00\x00\x01\x00", 5},
        {"a string that claims 4 GiB", "\xdb\xff\xff\xff\xff", 5},
        {"an extension type", "\xd4\x01\x00", 3},
        {"a head that msgpack never uses", "\xc1", 1},
        {"too deep", "\x91\x91\x91\x91\x91\x00", 6},
        {"two objects", "\x80\x80", 2},
        {"a cut map", "\x82\xa1v\x01", 4},
        {"a cut number", "\xcf\x00\x00", 3},
    };
    struct message message;

    (void)state;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct text frame = {frames[i].bytes, frames[i].count};

        if (message_shape_ok(frame))
            fail_msg("%s has passed the shape check", frames[i].what);
        assert_int_equal(message_decode(codec, frame, &message), -EBADMSG);
    }
    assert_true(message_shape_ok((struct text){"\x91\x91\x91\x91\x00", 5}) == false);
    assert_true(message_shape_ok((struct text){"\x81\xa1q\x92\x01\xc3", 6}));
}

static void print_type(const struct message_field *field, char *out, size_t size)
{
    static const char *const names[] = {"uint", "int", "str", "bin", "map of int", "array of uint"};
    static const char *const limits[] = {"<= ", "within +-", "<= ", "<= ", "<= ", "<= "};
    static const char *const units[] = {"", "", " bytes", " bytes", " entries", " items"};
    bool whole =
        field->limit == UINT64_MAX || (field->type == MESSAGE_FIELD_INT && field->limit == MESSAGE_INT_MAX);

    if (whole)
        snprintf(out, size, "%s", names[field->type]);
    else
        snprintf(out, size, "%s, %s%llu%s", names[field->type], limits[field->type],
                 (unsigned long long)field->limit, units[field->type]);
}

static void print_tables(FILE *out)
{
    const struct message_spec *spec;

    for (unsigned place = 0; (spec = message_spec_at(place)); place++) {
        const struct message_field *fields;
        unsigned count;

        fields = spec->fields(&count);
        fprintf(
            out,
            "\n### %u `%s`: %s -> %s\n\n%s.%s%s%s\n\n| key | type | field | meaning |\n|---|---|---|---|\n",
            (unsigned)spec->type, spec->name, spec->from, spec->to, spec->help,
            spec->body[0] ? " Body frame: " : "", spec->body, spec->body[0] ? "." : "");
        for (unsigned i = 0; i < count; i++) {
            char type[80];

            print_type(&fields[i], type, sizeof(type));
            fprintf(out, "| `%s` | %s%s | %s | %s |\n", fields[i].key, type,
                    fields[i].required ? "" : ", optional", fields[i].name, fields[i].help);
        }
    }
    fputs("\n### Outcomes of `fetched`\n\n| outcome | name | meaning |\n|---|---|---|\n", out);
#define OUTCOME(number, name, help) fprintf(out, "| %d | %s | %s |\n", number, #name, help);
    FETCH_OUTCOMES(OUTCOME)
#undef OUTCOME
    fputs("\n### Orders of `control`\n\n| order | name | meaning |\n|---|---|---|\n", out);
#define ORDER(number, id, name, help) fprintf(out, "| %d | %s | %s |\n", number, name, help);
    CONTROL_ORDERS(ORDER)
#undef ORDER
}

/* SLUICE_PRINT_TABLES=1 prints what PROTOCOL.md must hold after its line "## Messages". */
static void protocol_md_tells_the_same(void **state)
{
    const char *found = strstr(protocol_text(), "## Messages\n");
    char *tables = NULL;
    size_t size;
    FILE *out = open_memstream(&tables, &size);

    (void)state;
    print_tables(out);
    fclose(out);
    if (getenv("SLUICE_PRINT_TABLES"))
        puts(tables);
    assert_non_null(found);
    assert_string_equal(found + strlen("## Messages\n"), tables);
    free(tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_survives_the_trip),
        cmocka_unit_test(a_value_beyond_its_limit_is_not_sent),
        cmocka_unit_test(strangers_are_told_apart),
        cmocka_unit_test(hostile_frames_are_refused_before_unpacking),
        cmocka_unit_test(protocol_md_tells_the_same),
    };

    return cmocka_run_group_tests(tests, open_codec, close_codec);
}
