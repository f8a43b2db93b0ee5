/* retries.c - see retries.h. Few are in a pause at a time, so a walk beats a heap. */
#include "scheduler/retries.h"

#include <stdlib.h>

#define WHOLE       100 /* hundredths */
#define RANDOM_BITS 31  /* that nrand48() gives */

void retries_init(struct retries *retries, const struct retries_config *config)
{
    *retries = (struct retries){.config = *config, .hundredths = RETRIES_RESERVE * WHOLE};
    for (unsigned i = 0; i < sizeof(retries->random) / sizeof(retries->random[0]); i++)
        retries->random[i] = (unsigned short)(config->seed >> (16 * i));
    (void)nrand48(retries->random); /* small seeds differ from the second one on */
}

void retries_earn(struct retries *retries)
{
    retries->hundredths += retries->config.budget_percent;
    if (retries->hundredths > RETRIES_RESERVE * WHOLE)
        retries->hundredths = RETRIES_RESERVE * WHOLE;
}

/* Doubled as often as it has been tried. */
static int64_t longest_pause(const struct retries_config *config, unsigned tries)
{
    int64_t longest_us = config->base_us;

    for (; tries > 0 && longest_us < config->cap_us; tries--)
        longest_us *= 2;
    return longest_us < config->cap_us ? longest_us : config->cap_us;
}

bool retries_draw(struct retries *retries, const struct job *job, int64_t *pause_us)
{
    const struct retries_config *config = &retries->config;

    if (job->tries >= config->tries_max)
        return false;
    if (config->budget_percent == 0 || retries->hundredths < WHOLE || retries->count == RETRIES_MAX) {
        retries->denied_total++;
        return false;
    }
    *pause_us = (longest_pause(config, job->tries) * nrand48(retries->random)) >> RANDOM_BITS;
    return true;
}

void retries_add(struct retries *retries, struct job *job, const struct queue_place *place, int64_t due_us)
{
    retries->hundredths -= WHOLE;
    retries->total++;
    job->tries++;
    retries->table[retries->count++] = (struct retry){.job = job, .place = *place, .due_us = due_us};
}

unsigned retries_place(const struct retries *retries, const struct job *job)
{
    unsigned place = 0;

    while (retries->table[place].job != job)
        place++;
    return place;
}

void retries_remove(struct retries *retries, const struct job *job)
{
    unsigned place = retries_place(retries, job);

    retries->table[place] = retries->table[--retries->count];
}

const struct retry *retries_first(const struct retries *retries)
{
    const struct retry *first = NULL;

    for (unsigned i = 0; i < retries->count; i++) {
        if (!first || retries->table[i].due_us < first->due_us)
            first = &retries->table[i];
    }
    return first;
}
