/* json_fuzz.c - what we render of strings that others choose: common/json.c, the frame around it in streams
 * (metricsd/sse.c), and the documents and fields of gateways (gateway/render.c, job_view.c). The input is a
 * list of lines that write an object; each begins with a letter: `o`bject, `a`rray, `e`nd, `s`tring,
 * `i`nteger, `d`ouble, `h`ex number, `n`ull, and the rest of the line is its value.
 *
 * All of it is JSON for a reader of ours and for json-c; a string that was UTF-8 comes back as it was; a
 * buffer that is too small is told and never overrun; no content ends a frame or a field line early. */
#include <errno.h>

#include "common/json.h"
#include "common/json_check.h"
#include "gateway/job_view.h"
#include "metricsd/sse.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/jsonc.h"

#define DEPTH     8
#define INPUT_MAX 600

static bool is_utf8(struct text text)
{
    const unsigned char *at = (const unsigned char *)text.at;

    for (size_t i = 0; i < text.bytes;) {
        size_t bytes = utf8_bytes(at + i, text.bytes - i);

        if (bytes == 0)
            return false;
        i += bytes;
    }
    return true;
}

static double double_of(struct text text)
{
    char room[64];

    snprintf(room, sizeof(room), "%.*s", (int)(text.bytes < 60 ? text.bytes : 60), text.at);
    return strtod(room, NULL);
}

static void put_line(struct json *json, struct text line, char kinds[DEPTH + 1], unsigned *depth)
{
    struct text value = {line.at + 1, line.bytes - 1};
    int64_t number = value.bytes >= 8 ? 0 : (int64_t)value.bytes;

    if (value.bytes >= 8)
        memcpy(&number, value.at, 8);
    if (line.at[0] == 'e') {
        if (*depth > 1) {
            (*depth)--;
            if (kinds[*depth] == 'o')
                json_end_object(json);
            else
                json_end_array(json);
        }
        return;
    }
    if (kinds[*depth - 1] == 'o')
        json_key_text(json, value);
    if ((line.at[0] == 'o' || line.at[0] == 'a') && *depth < DEPTH) {
        kinds[(*depth)++] = line.at[0];
        if (line.at[0] == 'o')
            json_begin_object(json);
        else
            json_begin_array(json);
    } else if (line.at[0] == 'i')
        json_int(json, number);
    else if (line.at[0] == 'h')
        json_hex(json, (uint64_t)number);
    else if (line.at[0] == 'd')
        json_double(json, double_of(value));
    else if (line.at[0] == 'n')
        json_null(json);
    else
        json_text(json, value);
}

static void put_lines(struct json *json, struct text lines)
{
    char kinds[DEPTH + 1] = "o";
    unsigned depth = 1;

    json_begin_object(json);
    while (lines.bytes > 0) {
        struct text line = cut(&lines, '\n');

        if (line.bytes > 0)
            put_line(json, line, kinds, &depth);
    }
    while (depth-- > 0) {
        if (kinds[depth] == 'o')
            json_end_object(json);
        else
            json_end_array(json);
    }
}

/* Into a buffer of exactly that size. */
static void check_written(struct text lines, size_t size, size_t *needed)
{
    char *room = malloc(size);
    struct json json;
    struct text text;

    must(room, "memory");
    json_init(&json, room, size);
    put_lines(&json, lines);
    if (json_finish(&json, &text) == 0) {
        must(text.bytes <= size, "it is no longer than its buffer");
        must_be_json(text, "what is written is JSON");
        must(jsonc_reads(text, true), "json-c reads it, too");
        *needed = text.bytes;
    } else {
        must(*needed == 0 || size < *needed, "it is refused only where it does not fit");
    }
    free(room);
}

static void check_string(struct text text)
{
    char *room = malloc(6 * text.bytes + 32);
    struct text written;
    struct json json;

    must(room, "memory");
    json_init(&json, room, 6 * text.bytes + 32);
    json_begin_object(&json);
    json_key(&json, "s");
    json_text(&json, text);
    json_end_object(&json);
    must(json_finish(&json, &written) == 0, "six bytes for each are enough");
    must_be_json(written, "a string is JSON");
    must(!is_utf8(text) || jsonc_has(written, "s", text), "a string comes back");
    free(room);
}

/* Three lines and an empty one, whatever the content. */
static void check_frame(struct text lines)
{
    static char room[65536];
    struct text text;
    struct sse sse;

    sse_begin(&sse, room, sizeof(room), "delta", 7, 8);
    put_lines(&sse.json, lines);
    if (sse_end(&sse, &text) < 0)
        return;
    must(text.bytes > 2 && memcmp(text.at + text.bytes - 2, "\n\n", 2) == 0, "a frame ends");
    for (int i = 0; i < 4; i++) {
        struct text line = cut(&text, '\n');

        must((i < 3) == (line.bytes > 0), "a frame has three lines");
    }
    must(text.bytes == 0, "and no more");
}

static void check_documents(struct text text)
{
    char body[RENDER_PROBLEM_BYTES], view[JOB_VIEW_BYTES], detail[200], fields[RENDER_FIELDS_BYTES];
    struct problem problem = problem_of_status(400);
    struct text id = {text.at, text.bytes < 64 ? text.bytes : 64}, written;
    struct job_place place = {.position = text.bytes, .eta_us = (int64_t)text.bytes * 999};
    struct job_view job = {.id = id, .request_id = id, .place = &place, .remain_us = 5, .defer_s = -1};

    snprintf(detail, sizeof(detail), "%.*s", (int)(text.bytes < 190 ? text.bytes : 190), text.at);
    problem.detail = problem.name = detail;
    problem.request_id = id;
    problem.position = text.bytes;
    problem.retry_after_us = (int64_t)text.bytes * 1234567;
    written = render_problem(body, sizeof(body), &problem);
    if (written.bytes > 0)
        must_be_json(written, "a problem is JSON");
    written = job_view_body(view, &job);
    if (written.bytes > 0)
        must_be_json(written, "a job is JSON");
    if (id.bytes > 0 && memchr(id.at, '\n', id.bytes) == NULL && memchr(id.at, '\0', id.bytes) == NULL) {
        written = render_own(fields, RENDER_JSON_TYPE, text_of("r"), &problem);
        check_field_lines(written);
    }
    must(render_retry_seconds(problem.retry_after_us) >= 1, "nobody comes back at once");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = copy_of(data, size);
    struct text text = {copy, size};
    size_t needed = 0;

    if (size > INPUT_MAX) {
        free(copy);
        return -1; /* more of the same */
    }
    check_written(text, 32 * size + 256, &needed);
    if (needed > 0) {
        check_written(text, needed, &needed);
        check_written(text, needed - 1 - size % (needed < 32 ? needed : 32) % needed, &needed);
    }
    check_string(text);
    check_frame(text);
    check_documents(text);
    free(copy);
    return 0;
}
