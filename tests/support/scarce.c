/* scarce.c - see scarce.h. */
#include "tests/support/scarce.h"

#include <stdbool.h>
#include <stddef.h>

static bool scarce;
static unsigned left, failed;

void *__real_malloc(size_t bytes); /* NOLINT(bugprone-reserved-identifier): the linker's names */
void *__real_calloc(size_t count, size_t bytes); /* NOLINT(bugprone-reserved-identifier) */
void *__real_realloc(void *old, size_t bytes);   /* NOLINT(bugprone-reserved-identifier) */
void *__wrap_malloc(size_t bytes);               /* NOLINT(bugprone-reserved-identifier) */
void *__wrap_calloc(size_t count, size_t bytes); /* NOLINT(bugprone-reserved-identifier) */
void *__wrap_realloc(void *old, size_t bytes);   /* NOLINT(bugprone-reserved-identifier) */

void scarce_after(unsigned allocations)
{
    scarce = true;
    left = allocations;
    failed = 0;
}

unsigned scarce_no_more(void)
{
    scarce = false;
    return failed;
}

static bool grant(void)
{
    if (!scarce)
        return true;
    if (left == 0) {
        failed++;
        return false;
    }
    left--;
    return true;
}

void *__wrap_malloc(size_t bytes) /* NOLINT(bugprone-reserved-identifier) */
{
    return grant() ? __real_malloc(bytes) : NULL;
}

void *__wrap_calloc(size_t count, size_t bytes) /* NOLINT(bugprone-reserved-identifier) */
{
    return grant() ? __real_calloc(count, bytes) : NULL;
}

void *__wrap_realloc(void *old, size_t bytes) /* NOLINT(bugprone-reserved-identifier) */
{
    return grant() ? __real_realloc(old, bytes) : NULL;
}
