/* torture.c - see torture.h. Whatever it needs itself it calls by its real name, past the table. */
#include "tests/torture/torture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITE_BYTES 40
#define LINE_BYTES 120

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
extern const char __executable_start, __etext;
int __real_open(const char *path, int flags, ...);
int __real_access(const char *path, int how);
ssize_t __real_write(int fd, const void *at, size_t bytes);
/* NOLINTEND(bugprone-reserved-identifier) */

static struct {
    const char *call, *site, *armed;
    long nth, seen; /* nth 0: always */
    int log;
} torture = {.log = -1};

__attribute__((constructor)) static void torture_begin(void)
{
    const char *nth = getenv("TORTURE_NTH"), *log = getenv("TORTURE_LOG");

    torture.call = getenv("TORTURE_CALL");
    torture.site = getenv("TORTURE_SITE");
    torture.armed = getenv("TORTURE_ARMED");
    torture.nth = nth ? strtol(nth, NULL, 10) : 1;
    if (log)
        torture.log = __real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Within the program; 0 for what a library calls, whose place changes with each run. */
static size_t offset_of(const void *address)
{
    const char *at = address;

    return at > &__executable_start && at < &__etext ? (size_t)(at - &__executable_start) : 0;
}

static void note(const char *call, const char *site)
{
    char line[LINE_BYTES];
    int bytes = snprintf(line, sizeof(line), "%s %s\n", call, site);

    if (torture.log >= 0 && __real_write(torture.log, line, (size_t)bytes) != bytes)
        _exit(EXIT_FAILURE); /* a test without its record says nothing */
}

static bool is_due(const char *call, const char *site)
{
    if (strcmp(call, torture.call) != 0 || (torture.site && strcmp(site, torture.site) != 0))
        return false;
    if (torture.armed && __real_access(torture.armed, F_OK) < 0)
        return false;
    return ++torture.seen == torture.nth || torture.nth == 0;
}

bool torture_fails(const char *call, const void *place, const void *caller)
{
    int error = errno;
    char site[SITE_BYTES];
    bool fails;

    if (!torture.call && torture.log < 0)
        return false;
    snprintf(site, sizeof(site), "%zx,%zx", offset_of(place), offset_of(caller));
    fails = torture.call && is_due(call, site);
    if (fails || !torture.call)
        note(call, site);
    errno = error;
    return fails;
}
