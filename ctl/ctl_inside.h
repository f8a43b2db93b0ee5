/* ctl_inside.h - what the files of the commands share. */
#ifndef SLUICE_CTL_CTL_INSIDE_H
#define SLUICE_CTL_CTL_INSIDE_H

#include <stdbool.h>

#include "ctl/ctl.h"
#include "ctl/http.h"
#include "ctl/request.h"

struct ctl {
    const struct arguments *arguments;
    const char *token;
    struct http *http;
    char gateway[REQUEST_URL_BYTES], metricsd[REQUEST_URL_BYTES]; /* "": not known */
};

/* Ask; where nobody answers that is told, unless it is quiet. CTL_DONE: there is an answer, whatever it says.
 */
enum ctl_end ctl_ask_gateway(struct ctl *ctl, const char *method, const char *path, const char *body,
                             bool quiet, struct http_answer *answer);
enum ctl_end ctl_ask_metricsd(struct ctl *ctl, bool quiet, struct http_answer *answer);

/* One line on standard error. */
void ctl_complain(const char *what);
/* Says why, and gives CTL_REFUSED. */
enum ctl_end ctl_refused(const struct http_answer *answer);
/* As one line on standard output. */
void ctl_print_json(const struct json_object *json);

/* From now on Ctrl-C and SIGTERM set what ctl_nap returns; a second one ends the program at once. */
void ctl_catch_interrupts(void);
/* Waits so long, or until an interrupt. True: there was one. */
bool ctl_nap(int ms);

/* Pictures of the whole (ctl_show.c). */
enum ctl_end ctl_status(struct ctl *ctl);
enum ctl_end ctl_queue(struct ctl *ctl);
enum ctl_end ctl_top(struct ctl *ctl);

/* The health check of containers (ctl_health.c). */
enum ctl_end ctl_health(struct ctl *ctl);

/* What goes on (ctl_watch.c). */
enum ctl_end ctl_tail(struct ctl *ctl);
enum ctl_end ctl_burst(struct ctl *ctl);

#endif
