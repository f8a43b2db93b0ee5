/* metricsd_fuzz.c - the whole metricsd among hostile publishers (p1, p2 ...) and people (c1, c2 ... of
 * stage_httpd.c; c2, c6 ... do not read their streams), as a story tells (story.h).
 *
 * Whatever they say: all that it gives to people is JSON, or Prometheus text by lines; no event can end a
 * frame of a stream early; what counts up never goes back; and the feed's numbers go up. */
#include "metricsd/metricsd.h"

#include <inttypes.h>
#include <unistd.h>

#include "common/json_check.h"
#include "tests/fuzz/stage.h"

#define KEYS_MAX MESSAGE_PAIRS

static struct {
    uint64_t seq;
    struct {
        char key[2 * MESSAGE_LABEL_BYTES];
        int64_t value;
    } counters[KEYS_MAX];
    unsigned counter_count;
} play;

static bool ends_with(struct text text, const char *end)
{
    size_t bytes = strlen(end);

    return text.bytes >= bytes && memcmp(text.at + text.bytes - bytes, end, bytes) == 0;
}

static bool begins_with(struct text text, const char *begin)
{
    size_t bytes = strlen(begin);

    return text.bytes >= bytes && memcmp(text.at, begin, bytes) == 0;
}

/* Snapshots have the same keys in the same order. */
static void check_counter(unsigned place, const struct message_pair *pair)
{
    if (place >= KEYS_MAX || pair->key.bytes >= sizeof(play.counters[0].key))
        return;
    if (!text_equal(pair->key, play.counters[place].key)) {
        snprintf(play.counters[place].key, sizeof(play.counters[place].key), "%.*s", TEXT_ARGS(pair->key));
        play.counters[place].value = 0;
    }
    must(pair->value >= 0, "a counter is not below 0");
    must(pair->value >= play.counters[place].value, "a counter does not go back");
    play.counters[place].value = pair->value;
}

static void heard(const struct stage_said *said)
{
    const struct message *message = said->message;

    if (message->type == MESSAGE_TYPE_event) {
        must(begins_with(said->topic, "event."), "an event's topic");
    } else if (message->type == MESSAGE_TYPE_snapshot) {
        must(message->snapshot.seq >= play.seq, "the feed's numbers go up");
        play.seq = message->snapshot.seq;
        for (unsigned i = 0; i < message->snapshot.values.count; i++) {
            const struct message_pair *pair = &message->snapshot.values.items[i];

            if (ends_with(pair->key, "_total"))
                check_counter(i, pair);
        }
    }
}

/* "id: …", "event: …", "data: {…}", an empty line; or a comment. */
static void check_frame(struct text frames)
{
    struct text last = {"", 0};

    must(ends_with(frames, "\n\n") || ends_with(frames, "\n"), "a frame ends");
    while (frames.bytes > 0) {
        struct text line = cut(&frames, '\n');

        last = line;
        must(line.bytes == 0 || !memchr(line.at, '\r', line.bytes), "a frame's line has no other ends");
        if (begins_with(line, "data: "))
            must_be_json((struct text){line.at + 6, line.bytes - 6}, "a frame's data is JSON");
        else
            must(line.bytes == 0 || begins_with(line, "id: ") || begins_with(line, "event: ") ||
                     begins_with(line, "retry: ") || line.at[0] == ':',
                 "a frame's line");
    }
    must(last.bytes == 0, "a frame ends with an empty line");
}

/* "# …", or "name{…} number". */
static void check_exposition(struct text lines)
{
    check_utf8(lines);
    must(ends_with(lines, "\n"), "the last line ends");
    while (lines.bytes > 0) {
        struct text line = cut(&lines, '\n');

        must(line.bytes > 0, "no empty line");
        must(line.at[0] == '#' || begins_with(line, "sluice_"), "a metric's name");
        must(line.at[0] == '#' || memrchr(line.at, ' ', line.bytes), "a metric's value");
    }
}

static void answered(const struct stage_answer *answer)
{
    struct text fields = answer->fields;

    check_field_lines(fields);
    if (stage.shows)
        fprintf(stderr, "%9.3f answers c%u: %d, %zu bytes%s\n", (double)stage.now_us / US_PER_SECOND,
                answer->client, answer->status, answer->body.bytes, answer->streams ? " of a stream" : "");
    if (answer->streams && answer->body.bytes > 0)
        check_frame(answer->body);
    else if (memmem(fields.at, fields.bytes, "application/json", 16) && answer->status == 200)
        must_be_json(answer->body, "what people get is JSON");
    else if (memmem(fields.at, fields.bytes, "version=0.0.4", 13) && answer->status == 200)
        check_exposition(answer->body);
}

static void act(const struct step *step)
{
    char who = step->who.bytes > 0 ? step->who.at[0] : ' ';

    if (stage_common(step))
        return;
    if (who == 'c')
        stage_client(step);
    else if (who == 'p')
        stage_peer("events", step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct metricsd *metricsd;
    struct story story;
    struct step step;
    char path[128];

    stage_begin(data, size, &story);
    memset(&play, 0, sizeof(play));
    snprintf(path, sizeof(path), "%s/sums", stage.folder);
    unlink(path);
    stage.heard = heard;
    stage.answered = answered;
    stage_options(&story);
    metricsd = metricsd_new(stage.loop, &stage.config);
    must(metricsd, "metricsd starts");
    stage_turn();
    while (story_next(&story, &step) && !stage.drained)
        act(&step);
    if (!stage.drained)
        stage_wait(US_PER_SECOND);
    metricsd_free(metricsd);
    return 0;
}
