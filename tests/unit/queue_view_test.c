/* queue_view_test.c - the queue as people see it: its head, how many there are, what is in force. */
#include <errno.h>

#include "scheduler/queue_view.h"
#include "tests/unit/core_stage.h"

static const struct core_config roomy = STAGE_CONFIG(1000, 1000);

static void comes(struct stage *stage, uint64_t id, const char *client)
{
    struct core_request request = {.id = {.gateway = GATE, .request = id},
                                   .priority = 7,
                                   .arrival_us = stage->now_us,
                                   .deadline_us = stage->now_us + 300 * T,
                                   .payload = malloc(1)};
    struct core_verdict verdict;
    struct ticket ticket;

    memcpy(request.key, &id, sizeof(id));
    request.mine = ticket_write(&ticket, text_of("request-id"), text_of(client), 3);
    core_submit(stage->core, &request, stage->now_us, &verdict);
    assert_int_equal(verdict.answer, CORE_QUEUED);
}

static struct text show(struct stage *stage, char room[QUEUE_VIEW_BYTES])
{
    struct lane lane = {.name = "score", .core = stage->core, .policy = &queue_policy_fifo};
    struct text text;

    assert_int_equal(queue_view_render(&lane, 1, stage->now_us, room, QUEUE_VIEW_BYTES, &text), 0);
    assert_int_equal(queue_view_render(&lane, 1, stage->now_us, room, text.bytes - 1, &text), -ENOBUFS);
    assert_int_equal(queue_view_render(&lane, 1, stage->now_us, room, QUEUE_VIEW_BYTES, &text), 0);
    return text;
}

static void shows(struct stage *stage, const char *wanted)
{
    char room[QUEUE_VIEW_BYTES];
    struct text text = show(stage, room);

    if (!text_equal(text, wanted))
        fail_msg("%.*s\nis not\n%s", TEXT_ARGS(text), wanted);
}

static void shows_who_waits_and_what_is_in_force(void **state)
{
    struct stage stage = stage_open(&roomy);

    (void)state;
    shows(&stage, "{\"policy\":\"fifo\",\"policies\":[\"fifo\",\"priority\",\"fair\"],\"paused\":false,"
                  "\"window_ms\":1000,\"total\":0,\"requests\":[],\"next\":null}");
    comes(&stage, 1, "c-hash");
    core_pause(stage.core, true, stage.now_us);
    stage.now_us += 250 * MS;
    shows(&stage,
          "{\"policy\":\"fifo\",\"policies\":[\"fifo\",\"priority\",\"fair\"],\"paused\":true,"
          "\"window_ms\":1000,\"total\":1,\"requests\":[{\"id\":\"000000000000feed-0000000000000001\","
          "\"lane\":\"score\",\"priority\":7,\"client\":\"c-hash\",\"age_ms\":250,"
          "\"remaining_ms\":299750,\"position\":1,\"eta_ms\":null,\"shared\":false}],\"next\":null}");
    core_free(stage.core);
}

static void shows_the_head_of_a_long_queue(void **state)
{
    struct stage stage = stage_open(&roomy);
    char room[QUEUE_VIEW_BYTES], longest[MESSAGE_LABEL_BYTES + 1] = "";
    struct text text;

    (void)state;
    memset(longest, '\1', MESSAGE_LABEL_BYTES);
    for (uint64_t id = 1; id <= 3 * QUEUE_VIEW_ROWS; id++)
        comes(&stage, id, longest);
    text = show(&stage, room);
    assert_non_null(memmem(text.at, text.bytes, "\"total\":150,", 12));
    assert_non_null(memmem(text.at, text.bytes, "\"position\":50,", 14));
    assert_null(memmem(text.at, text.bytes, "\"position\":51,", 14));
    assert_non_null(memmem(text.at, text.bytes, "\"next\":\"000000000000feed-0000000000000032\"}", 43));
    core_free(stage.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_who_waits_and_what_is_in_force),
        cmocka_unit_test(shows_the_head_of_a_long_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
