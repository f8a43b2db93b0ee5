/* job_record.c - see job_record.h. It never leaves the host, so the numbers are in the host's own order. */
#include "gateway/job_record.h"

#include <errno.h>
#include <stdint.h>

#define LEAD JOB_FIELD ": "
#define MARK 0x3172624aU /* "Jbr1": change it with the layout */

struct head {
    uint32_t mark;
    uint32_t status;
    uint64_t fields_bytes;
    uint64_t body_bytes;
};

static char *put(char *at, struct text text)
{
    if (text.bytes > 0)
        memcpy(at, text.at, text.bytes);
    return at + text.bytes;
}

static size_t fields_bytes(const struct job_record *record)
{
    return record->fields.bytes + (record->state ? sizeof(LEAD) - 1 + strlen(record->state) + 2 : 0);
}

size_t job_record_bytes(const struct job_record *record)
{
    return sizeof(struct head) + fields_bytes(record) + record->body.bytes;
}

void job_record_write(const struct job_record *record, char *at)
{
    struct head head = {.mark = MARK,
                        .status = (uint32_t)record->status,
                        .fields_bytes = fields_bytes(record),
                        .body_bytes = record->body.bytes};

    at = put(at, (struct text){.at = (const char *)&head, .bytes = sizeof(head)});
    if (record->state) {
        at = put(at, text_of(LEAD));
        at = put(at, text_of(record->state));
        at = put(at, text_of("\r\n"));
    }
    put(put(at, record->fields), record->body);
}

int job_record_read(struct text bytes, struct job_record *record)
{
    struct head head;

    if (bytes.bytes < sizeof(head))
        return -EBADMSG;
    memcpy(&head, bytes.at, sizeof(head));
    bytes = (struct text){.at = bytes.at + sizeof(head), .bytes = bytes.bytes - sizeof(head)};
    if (head.mark != MARK || head.status < 200 || head.status > 599 || head.fields_bytes > bytes.bytes ||
        head.body_bytes != bytes.bytes - head.fields_bytes)
        return -EBADMSG;
    *record = (struct job_record){
        .status = (int)head.status,
        .fields = {.at = bytes.at, .bytes = (size_t)head.fields_bytes},
        .body = {.at = bytes.at + head.fields_bytes, .bytes = (size_t)head.body_bytes},
    };
    return 0;
}
