/* answer.c - see answer.h. The record is a fixed head, the fields, the body, with nothing between them. It is
 * read where it lies, which may be at any address (LMDB aligns to 2 bytes), so the head is copied out. It
 * never leaves the host, so the numbers are in the host's own order: a foreign one fails the check of the
 * mark. */
#include "common/answer.h"

#include <errno.h>

#define ANSWER_MARK 0x32726e41U /* "Anr2": change it with the layout, and old records read as foreign */

#define TIME_MAX_US (INT64_C(1) << 60) /* an Expires of the year 9999 is a fifth of it */

struct answer_head {
    uint32_t mark;
    uint32_t status;
    uint32_t fields_bytes;
    uint32_t body_bytes;
    int64_t made_wall_us;
    int64_t stored_wall_us;
    int64_t fresh_wall_us;
    int64_t stale_wall_us;
};

static char *append(char *at, struct text text)
{
    if (text.bytes > 0)
        memcpy(at, text.at, text.bytes);
    return at + text.bytes;
}

size_t answer_bytes(const struct answer *answer)
{
    return sizeof(struct answer_head) + answer->fields.bytes + answer->body.bytes;
}

void answer_write(const struct answer *answer, char *record)
{
    struct answer_head head = {.mark = ANSWER_MARK,
                               .status = answer->status,
                               .fields_bytes = (uint32_t)answer->fields.bytes,
                               .body_bytes = (uint32_t)answer->body.bytes,
                               .made_wall_us = answer->made_wall_us,
                               .stored_wall_us = answer->stored_wall_us,
                               .fresh_wall_us = answer->fresh_wall_us,
                               .stale_wall_us = answer->stale_wall_us};

    memcpy(record, &head, sizeof(head));
    append(append(record + sizeof(head), answer->fields), answer->body);
}

/* Whoever adds to them or takes one from another stays within int64_t. */
static bool are_times(const struct answer_head *head)
{
    const int64_t times_us[] = {head->made_wall_us, head->stored_wall_us, head->fresh_wall_us,
                                head->stale_wall_us};

    for (size_t i = 0; i < sizeof(times_us) / sizeof(times_us[0]); i++) {
        if (times_us[i] < -TIME_MAX_US || times_us[i] > TIME_MAX_US)
            return false;
    }
    return true;
}

int answer_read(struct text record, struct answer *answer)
{
    struct answer_head head;

    if (record.bytes < sizeof(head))
        return -EBADMSG;
    memcpy(&head, record.at, sizeof(head));
    if (head.mark != ANSWER_MARK || head.status < 200 || head.status > 599 || !are_times(&head) ||
        head.fields_bytes > ANSWER_FIELDS_BYTES ||
        record.bytes != sizeof(head) + (size_t)head.fields_bytes + head.body_bytes)
        return -EBADMSG;
    *answer = (struct answer){
        .status = head.status,
        .fields = {.at = record.at + sizeof(head), .bytes = head.fields_bytes},
        .body = {.at = record.at + sizeof(head) + head.fields_bytes, .bytes = head.body_bytes},
        .made_wall_us = head.made_wall_us,
        .stored_wall_us = head.stored_wall_us,
        .fresh_wall_us = head.fresh_wall_us,
        .stale_wall_us = head.stale_wall_us};
    return 0;
}
