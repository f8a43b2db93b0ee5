/* job_record.h - an answer about a job as one run of bytes: how a result is kept, and how one gateway has its
 * answer given by another. Pure. */
#ifndef SLUICE_JOB_RECORD_H
#define SLUICE_JOB_RECORD_H

#include "common/text.h"

/* Of every answer that is about a job, and not only about its address; its value is the job's state. */
#define JOB_FIELD "Sluice-Job"

struct job_record {
    int status;
    const char *state;  /* written only: goes in front of the fields as a JOB_FIELD; NULL: does not */
    struct text fields; /* whole lines "Name: value\r\n" */
    struct text body;
};

/* How many bytes it takes. */
size_t job_record_bytes(const struct job_record *record);
/* Writes it to `at`, where job_record_bytes() room is. */
void job_record_write(const struct job_record *record, char *at);
/* The result borrows from the bytes. -EBADMSG: they are no record. */
int job_record_read(struct text bytes, struct job_record *record);

#endif
