/* gateway_fuzz.c - the whole gateway between clients (c1, c2 ... of stage_httpd.c; every fourth is not of
 * this host), a scheduler (s1; another number is another epoch) and metricsd's feed (m1), as a story tells
 * (story.h).
 *
 * Whatever they say: each request has exactly one answer in the end, whose own JSON is JSON; at every moment
 * requests = successful + failed + dropped + waiting; nothing is submitted twice to one epoch without being
 * said so; and no CPF that a client has sent gets into a log or an event. */
#include "gateway/gateway.h"

#include <inttypes.h>

#include "common/json_check.h"
#include "gateway/cpf.h"
#include "tests/fuzz/stage.h"

static struct {
    bool told; /* by others than clients: what they say may be anything, and be passed on */
} play;

static struct text line_named(struct text fields, const char *name)
{
    while (fields.bytes > 0) {
        struct text value = cut(&fields, '\n'), field = cut(&value, ':');

        if (text_equal_nocase(field, name) && value.bytes > 2)
            return (struct text){value.at + 1, value.bytes - 2};
    }
    return (struct text){NULL, 0};
}

static void answered(const struct stage_answer *answer)
{
    struct text type = line_named(answer->fields, "Content-Type");

    if (stage.shows)
        fprintf(stderr, "%9.3f answers c%u: %d\n", (double)stage.now_us / US_PER_SECOND, answer->client,
                answer->status);
    check_field_lines(answer->also);
    if (!play.told)
        check_field_lines(answer->fields);
    if (type.at && text_equal(type, "application/problem+json")) {
        must(json_check_object(answer->body) || play.told, "a problem is JSON");
        must(answer->status >= 400, "a problem has its status");
    }
}

static void logged(struct text text)
{
    must(play.told || text.bytes == 0 || !cpf_stands_in(text), "no CPF is told");
}

static void counted(const struct metrics *metrics)
{
    const int64_t *values = metrics->values;

    must(values[METRIC_GATEWAY_REQUESTS] ==
             values[METRIC_GATEWAY_SUCCESSFUL] + values[METRIC_GATEWAY_FAILED] +
                 values[METRIC_GATEWAY_DROPPED] + values[METRIC_GATEWAY_WAITING],
         "requests = successful + failed + dropped + waiting");
}

static void act(const struct step *step)
{
    char who = step->who.bytes > 0 ? step->who.at[0] : ' ';

    if (stage_common(step))
        return;
    if (who == 'c') {
        stage_client(step);
    } else if (who == 's' || who == 'm') {
        play.told = true;
        stage_peer(who == 's' ? "gateways" : "feed", step);
    }
}

/* Everybody has been answered when all times are over, whoever has died meanwhile. */
static void check_answers(void)
{
    stage_wait(stage.config.request_timeout_us + 61 * US_PER_SECOND);
    must(stage_unanswered() == 0, "everybody is answered in time");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gateway *gateway;
    struct story story;
    struct step step;

    stage_begin(data, size, &story);
    memset(&play, 0, sizeof(play));
    stage.answered = answered;
    stage.logged = logged;
    stage.counted = counted;
    stage.config.waiters_max = 6;
    stage.config.jobs_max = 4;
    stage.config.jobs_max_mb = 1;
    stage.config.jobs_polls_max = 4;
    stage.config.bursts_max = 3;
    stage.config.burst_requests_max = 20;
    stage_options(&story);
    gateway = gateway_new(stage.loop, &stage.config);
    must(gateway, "the gateway starts");
    stage_turn();
    while (story_next(&story, &step) && !stage.drained)
        act(&step);
    if (!stage.drained)
        check_answers();
    gateway_free(gateway);
    return 0;
}
