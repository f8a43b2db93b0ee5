/* limiter_state.c - see limiter_state.h. */
#include "scheduler/limiter_state.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "common/boot.h"

static uint32_t boot_hash(void)
{
    char id[BOOT_ID_BYTES];
    uint8_t hash[crypto_generichash_BYTES_MIN];
    uint32_t boot;

    boot_id(id);
    crypto_generichash(hash, sizeof(hash), (const uint8_t *)id, strlen(id), NULL, 0);
    memcpy(&boot, hash, sizeof(boot));
    return boot;
}

static off_t place(const struct limiter_state *state, unsigned record)
{
    return (off_t)state->index * LIMITER_PAIR_BYTES + (off_t)record * LIMITER_RECORD_BYTES;
}

static int read_pair(struct limiter_state *state, struct limiter_record *record)
{
    uint8_t bytes[LIMITER_PAIR_BYTES] = {0};
    unsigned newer;
    int rc;

    /* Preallocated, so that a disk that fills up later does not matter. */
    rc = posix_fallocate(state->fd, place(state, 0), LIMITER_PAIR_BYTES);
    if (rc != 0)
        return -rc;
    if (pread(state->fd, bytes, sizeof(bytes), place(state, 0)) < 0)
        return -errno;
    rc = limiter_record_choose(bytes, state->lane, record, &newer);
    if (rc < 0)
        return rc;
    state->sequence = record->sequence;
    state->next = 1 - newer;
    return 0;
}

static int open_file(struct limiter_state *state, struct limiter_record *record)
{
    int rc;

    state->fd = open(state->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (state->fd < 0)
        return -errno;
    rc = read_pair(state, record);
    if (rc < 0 && rc != -EBADMSG)
        limiter_state_close(state);
    return rc;
}

int limiter_state_open(struct limiter_state *state, const char *dir, const char *lane, unsigned index,
                       struct limiter_record *record)
{
    *state = (struct limiter_state){.fd = -1, .lane = lane, .index = index, .boot = boot_hash()};
    snprintf(state->path, sizeof(state->path), "%s/limiter.state", dir);
    return open_file(state, record);
}

void limiter_state_close(struct limiter_state *state)
{
    if (state->fd >= 0)
        close(state->fd);
    state->fd = -1;
}

int limiter_state_write(struct limiter_state *state, struct limiter_record *record)
{
    uint8_t bytes[LIMITER_RECORD_BYTES];
    struct limiter_record stale; /* its sequence number is exceeded */
    ssize_t written;
    int rc = state->fd < 0 ? open_file(state, &stale) : 0;

    if (rc < 0 && rc != -EBADMSG)
        return rc;
    record->sequence = state->sequence + 1;
    record->boot = state->boot;
    limiter_record_encode(record, state->lane, bytes);
    written = pwrite(state->fd, bytes, sizeof(bytes), place(state, state->next));
    if (written < 0)
        return -errno;
    if (written < (ssize_t)sizeof(bytes))
        return -ENOSPC;
    state->sequence++;
    state->next = 1 - state->next;
    return 0;
}
