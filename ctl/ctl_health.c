/* ctl_health.c - the health check of containers: how the processes in this one are.
 *
 * They are those that see the same files as this program (its mount namespace): a host shows the processes of
 * its containers, too. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ctl_inside.h"
#include "ctl/heard.h"

#define OK         200
#define OWN_MAX    64
#define COMM_BYTES 15 /* the kernel keeps no more of a name */

enum kind { GATEWAY, SCHEDULER, FETCHER, METRICSD, SIMULATOR, KINDS };

static const char *const kinds[KINDS] = {"gateway", "scheduler", "fetcher", "metricsd", "simulator"};

struct own {
    enum kind kind;
    long pid;
};

/* KINDS: it is none of ours. */
static enum kind find_kind(const char *pid)
{
    char path[64], comm[COMM_BYTES + 2] = "", name[32];
    unsigned kind = KINDS;
    int fd;

    snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return KINDS; /* it has ended meanwhile */
    if (read(fd, comm, sizeof(comm) - 1) > 0) {
        comm[strcspn(comm, "\n")] = '\0';
        for (kind = 0; kind < KINDS; kind++) {
            snprintf(name, sizeof(name), "sluice-%s", kinds[kind]);
            name[COMM_BYTES] = '\0';
            if (strcmp(comm, name) == 0)
                break;
        }
    }
    close(fd);
    return (enum kind)kind;
}

static bool sees_our_files(const char *pid)
{
    char path[64];
    struct stat ours, theirs;

    snprintf(path, sizeof(path), "/proc/%.20s/ns/mnt", pid);
    return stat("/proc/self/ns/mnt", &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino;
}

static unsigned find_own(struct own own[OWN_MAX])
{
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    unsigned count = 0;

    while (folder && count < OWN_MAX && (entry = readdir(folder))) {
        enum kind kind = isdigit((unsigned char)entry->d_name[0]) ? find_kind(entry->d_name) : KINDS;

        if (kind != KINDS && sees_our_files(entry->d_name))
            own[count++] = (struct own){.kind = kind, .pid = strtol(entry->d_name, NULL, 10)};
    }
    if (folder)
        closedir(folder);
    return count;
}

/* What is asked of the process itself, beside metricsd's word. */
static enum ctl_end ask_process(struct ctl *ctl, const struct own *own)
{
    struct http_answer answer;
    enum ctl_end end;

    if (own->kind != GATEWAY && own->kind != SIMULATOR)
        return CTL_DONE;
    end = ctl_ask_gateway(ctl, "GET", own->kind == GATEWAY ? "/readyz" : "/control/state", NULL, false,
                          &answer);
    if (end != CTL_DONE)
        return end;
    if (answer.status != OK)
        end = ctl_refused(&answer);
    json_object_put(answer.json);
    return end;
}

static void tell(const struct ctl *ctl, const struct own *own, enum ctl_end end, const char *how)
{
    if (ctl->arguments->json)
        printf("{\"process\":\"%s\",\"pid\":%ld,\"healthy\":%s,\"how\":\"%s\"}\n", kinds[own->kind], own->pid,
               end == CTL_DONE ? "true" : "false", how);
    else
        printf("%s %ld  %s\n", kinds[own->kind], own->pid, how);
}

/* A stack without metricsd serves, so that one's absence is no illness of another process. */
static enum ctl_end judge(struct ctl *ctl, const struct own *own, const struct http_answer *state)
{
    enum ctl_end end = ask_process(ctl, own);
    bool told = state->status == OK, metricsd = own->kind == METRICSD;
    const char *how = "ok";

    if (end != CTL_DONE) {
        how = "not ready";
    } else if (own->kind == SIMULATOR) {
        how = "ok";
    } else if (told ? !heard_of(state->json, kinds[own->kind], own->pid) : metricsd) {
        how = "silent";
        end = CTL_REFUSED;
    } else if (!told) {
        how = "runs; metricsd does not answer";
    }
    tell(ctl, own, end, how);
    return end;
}

enum ctl_end ctl_health(struct ctl *ctl)
{
    struct own own[OWN_MAX];
    unsigned count = find_own(own);
    struct http_answer state = {0};
    enum ctl_end end = CTL_DONE;

    if (count == 0) {
        ctl_complain("no process of Sluice runs here");
        return CTL_NOBODY;
    }
    if (ctl->metricsd[0] && own[0].kind != SIMULATOR)
        ctl_ask_metricsd(ctl, true, &state);
    for (unsigned i = 0; i < count; i++) {
        enum ctl_end one = judge(ctl, &own[i], &state);

        end = end == CTL_DONE ? one : end;
    }
    json_object_put(state.json);
    return end;
}
