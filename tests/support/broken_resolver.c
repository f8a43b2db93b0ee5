/* broken_resolver.c - a resolver that tests can break: to be preloaded, it answers for RESOLVER_NAME as the
 * first word of the file RESOLVER_FILE says ("fail", "hang", or an address), and leaves all other names to
 * libc. */
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANG_STEPS   600
#define HANG_STEP_MS 50

typedef int resolve_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static void read_order(char order[64])
{
    const char *path = getenv("RESOLVER_FILE");
    FILE *file = path ? fopen(path, "re") : NULL;

    if (!file || !fgets(order, 64, file))
        snprintf(order, 64, "fail");
    if (file)
        fclose(file);
    order[strcspn(order, " \n")] = '\0';
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    /* POSIX lets the address of a function be had by way of an object's. */
    union {
        void *object;
        resolve_fn *function;
    } next = {.object = dlsym(RTLD_NEXT, "getaddrinfo")};
    const char *name = getenv("RESOLVER_NAME");
    char order[64];

    if (!node || !name || strcmp(node, name) != 0)
        return next.function(node, service, hints, found);
    read_order(order);
    for (unsigned i = 0; i < HANG_STEPS && strcmp(order, "hang") == 0; i++) {
        poll(NULL, 0, HANG_STEP_MS);
        read_order(order);
    }
    if (strcmp(order, "fail") == 0 || strcmp(order, "hang") == 0)
        return EAI_AGAIN;
    return next.function(order, service, hints, found);
}
