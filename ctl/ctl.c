/* ctl.c - see ctl.h: asking, complaining, and the commands that are one request. */
#include "ctl/ctl.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "ctl/ctl_inside.h"
#include "ctl/view.h"

#define UNAUTHORIZED 401
#define FORBIDDEN    403
#define ERRORS       400

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

void ctl_catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool ctl_nap(int ms)
{
    if (!interrupted)
        poll(NULL, 0, ms);
    return interrupted;
}

void ctl_complain(const char *what)
{
    fflush(stdout);
    fprintf(stderr, "sluicectl: %s\n", what);
}

static enum ctl_end ask(struct ctl *ctl, const struct http_question *question, bool quiet,
                        struct http_answer *answer, const char *advice)
{
    char error[HTTP_ERROR_BYTES] = "", sentence[2 * HTTP_ERROR_BYTES];
    int rc = http_ask(ctl->http, question, answer, error);

    if (rc == 0)
        return CTL_DONE;
    if (!quiet) {
        snprintf(sentence, sizeof(sentence), "%s%s", error,
                 rc == -EPROTO ? "; is the address right?" : advice);
        ctl_complain(sentence);
    }
    return CTL_NOBODY;
}

enum ctl_end ctl_ask_gateway(struct ctl *ctl, const char *method, const char *path, const char *body,
                             bool quiet, struct http_answer *answer)
{
    struct http_question question = {
        .base = ctl->gateway, .method = method, .path = path, .body = body, .token = ctl->token};

    return ask(ctl, &question, quiet, answer,
               "; deploy/run starts a stack, --url tells where another gateway is");
}

enum ctl_end ctl_ask_metricsd(struct ctl *ctl, bool quiet, struct http_answer *answer)
{
    struct http_question question = {.base = ctl->metricsd, .method = "GET", .path = "/api/state"};

    return ask(ctl, &question, quiet, answer, "; --metricsd tells where metricsd is");
}

enum ctl_end ctl_refused(const struct http_answer *answer)
{
    fflush(stdout);
    fputs("sluicectl: ", stderr);
    view_refusal(answer->json, answer->status, stderr);
    if (answer->status == UNAUTHORIZED)
        fputs("sluicectl: put the gateway's ADMIN_TOKEN into the environment or into .env\n", stderr);
    if (answer->status == FORBIDDEN)
        fputs("sluicectl: ask on the gateway's host, or give the gateway an ADMIN_TOKEN\n", stderr);
    return CTL_REFUSED;
}

void ctl_print_json(const struct json_object *json)
{
    puts(json_object_to_json_string_ext((struct json_object *)json,
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void show(const struct arguments *arguments, const struct json_object *json)
{
    if (arguments->json)
        ctl_print_json(json);
    else if (arguments->command == COMMAND_POLICY && arguments->word_count == 0)
        view_policy(json, stdout);
    else if (arguments->command == COMMAND_BREAKER && arguments->breaker == BREAKER_SHOW)
        view_breaker(json, stdout);
    else
        view_done(json, stdout);
}

static enum ctl_end run_order(struct ctl *ctl)
{
    static struct request request;
    struct http_answer answer;
    enum ctl_end end;

    if (request_make(ctl->arguments, (struct text){0}, &request) < 0) {
        ctl_complain("out of memory, or an order that is too long");
        return CTL_USAGE;
    }
    end = ctl_ask_gateway(ctl, request.method, request.path, request.body, false, &answer);
    if (end != CTL_DONE)
        return end;
    if (answer.status < ERRORS || ctl->arguments->json)
        show(ctl->arguments, answer.json);
    if (answer.status >= ERRORS)
        end = ctl_refused(&answer);
    json_object_put(answer.json);
    return end;
}

/* The argument, else the option, else where the option of the process says that it listens; empty where that
 * cannot be told. */
static void find(char base[REQUEST_URL_BYTES], const char *argument, const char *option, const char *bind,
                 int64_t port)
{
    const char *told = argument ? argument : option;

    if (told[0])
        snprintf(base, REQUEST_URL_BYTES, "%s", told);
    else if (request_base(bind, port, base) < 0)
        base[0] = '\0';
}

/* Where to ask. False: it cannot be told. */
static bool find_processes(struct ctl *ctl, const struct config *config)
{
    const struct arguments *arguments = ctl->arguments;
    bool needs_metricsd = arguments->command == COMMAND_TAIL;

    find(ctl->gateway, arguments->url, config->sluicectl_url, config->gateway_bind, config->gateway_port);
    find(ctl->metricsd, arguments->metricsd, config->sluicectl_metricsd, config->metricsd_bind,
         config->metricsd_port);
    if (!needs_metricsd && !ctl->gateway[0]) {
        ctl_complain("GATEWAY_PORT is 0, any free one: --url http://127.0.0.1:PORT tells which");
        return false;
    }
    if (needs_metricsd && !ctl->metricsd[0]) {
        ctl_complain("METRICSD_PORT is 0, any free one: --metricsd http://127.0.0.1:PORT tells which");
        return false;
    }
    return true;
}

enum ctl_end ctl_run(const struct arguments *arguments, const struct config *config)
{
    static enum ctl_end (*const commands[COMMAND_COUNT])(struct ctl * ctl) = {
        [COMMAND_STATUS] = ctl_status, [COMMAND_HEALTH] = ctl_health, [COMMAND_QUEUE] = ctl_queue,
        [COMMAND_TOP] = ctl_top,       [COMMAND_TAIL] = ctl_tail,     [COMMAND_BURST] = ctl_burst,
    };
    struct ctl ctl = {.arguments = arguments, .token = config->admin_token};
    enum ctl_end end;

    if (!find_processes(&ctl, config))
        return CTL_USAGE;
    ctl.http = http_new(arguments->timeout_s);
    if (!ctl.http) {
        ctl_complain("out of memory");
        return CTL_REFUSED;
    }
    end = commands[arguments->command] ? commands[arguments->command](&ctl) : run_order(&ctl);
    http_free(ctl.http);
    if (fflush(stdout) != 0 && end == CTL_DONE) {
        ctl_complain("standard output cannot be written");
        end = CTL_REFUSED;
    }
    return end;
}
