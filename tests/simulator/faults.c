/* faults.c - one table of faults: parsing, rendering and help come from it. */
#include "tests/simulator/faults.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "tests/simulator/form.h"
#include "tests/simulator/hostile.h"
#include "tests/simulator/nanos.h"

#define DEFAULT_CAP_NS (500 * NS_PER_MS)

enum fault_kind { FAULT_MS, FAULT_NUMBER, FAULT_CHOICE, FAULT_TEXT };

struct fault_option {
    const char *name;
    enum fault_kind kind;
    size_t offset;
    int64_t least, most;        /* milliseconds or numbers */
    const char *const *choices; /* ended by NULL */
    const char *help;
};

static const char *const distributions[] = {"uniform", "exponential", "pareto", NULL};
static const char *const cuts[] = {"fin", "rst", NULL};
static const char *const accepts[] = {"plain", "rst", "fin", "hold", "greet", NULL};

#define AT(member) .offset = offsetof(struct faults, member)
#define MINUTE_MS  60000

static const struct fault_option options[] = {
    {"forward_ms", FAULT_MS, AT(forward.base_ns), 0, MINUTE_MS, NULL,
     "the way to the provider takes this long"},
    {"forward_jitter_ms", FAULT_MS, AT(forward.jitter_ns), 0, MINUTE_MS, NULL,
     "and that much more, by chance"},
    {"forward_distribution", FAULT_CHOICE, AT(forward.distribution), 0, 0, distributions,
     "uniform (0 .. jitter), exponential (mean), pareto (shape 2, scale)"},
    {"forward_cap_ms", FAULT_MS, AT(forward.cap_ns), 0, MINUTE_MS, NULL, "the most that chance may add"},
    {"backward_ms", FAULT_MS, AT(backward.base_ns), 0, MINUTE_MS, NULL, "the way back, likewise"},
    {"backward_jitter_ms", FAULT_MS, AT(backward.jitter_ns), 0, MINUTE_MS, NULL, ""},
    {"backward_distribution", FAULT_CHOICE, AT(backward.distribution), 0, 0, distributions, ""},
    {"backward_cap_ms", FAULT_MS, AT(backward.cap_ns), 0, MINUTE_MS, NULL, ""},
    {"service_ms", FAULT_MS, AT(service_ns), 0, 10 * MINUTE_MS, NULL, "from arrival to answer"},
    {"clock_offset_ms", FAULT_MS, AT(clock_offset_ns), -MINUTE_MS, MINUTE_MS, NULL,
     "windows end that much early, or late when negative"},
    {"clock_step_ms", FAULT_MS, AT(clock_step_ns), 0, MINUTE_MS, NULL,
     "the provider's clock moves in such steps"},
    {"stall", FAULT_NUMBER, AT(stall), 0, 1, NULL, "read and judge, never answer"},
    {"garbage", FAULT_NUMBER, AT(garbage), 0, 1, NULL, "answer with what is no HTTP, and close"},
    {"status", FAULT_NUMBER, AT(status), 0, 599, NULL, "answer this status instead (400 .. 599, 0: none)"},
    {"retry_after", FAULT_TEXT, AT(retry_after), 0, 0, NULL, "its Retry-After"},
    {"reset_in", FAULT_TEXT, AT(reset_in), 0, 0, NULL, "its X-RateLimit-Reset-In"},
    {"cut_bytes", FAULT_NUMBER, AT(cut_bytes), -1, 1000000, NULL,
     "close after so many bytes of answer (-1: none)"},
    {"cut_with", FAULT_CHOICE, AT(cut_with), 0, 0, cuts, "fin or rst"},
    {"drip_bytes", FAULT_NUMBER, AT(drip_bytes), 0, 1000000, NULL, "send so many bytes of answer at a time"},
    {"drip_ms", FAULT_MS, AT(drip_ns), 0, MINUTE_MS, NULL, "and one such piece each so many ms"},
    {"connection_close", FAULT_NUMBER, AT(connection_close), 0, 1, NULL, "Connection: close in each answer"},
    {"close_after_ms", FAULT_MS, AT(close_after_ns), 0, MINUTE_MS, NULL,
     "close a connection idle for so long"},
    {"close_after_jitter_ms", FAULT_MS, AT(close_jitter_ns), 0, MINUTE_MS, NULL, "and up to so much later"},
    {"hostile", FAULT_CHOICE, AT(hostile), 0, 0, hostile_names, "an answer that none should give, as below"},
    {"accept", FAULT_CHOICE, AT(accept), 0, 0, accepts,
     "of a connection: rst, fin, hold (read nothing), greet (answer first)"},
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static void faults_init(struct faults *faults)
{
    *faults = (struct faults){.forward.cap_ns = DEFAULT_CAP_NS,
                              .backward.cap_ns = DEFAULT_CAP_NS,
                              .cut_bytes = -1,
                              .cut_with = CUT_FIN};
}

void fault_plan_init(struct fault_plan *plan, uint64_t seed)
{
    *plan = (struct fault_plan){.random = seed};
    faults_init(&plan->standing);
}

/* Digits with an optional sign and fraction; strtod alone would take "inf", "0x1p3" and " 5". */
static bool parse_number(struct text value, double *number)
{
    char room[32];
    char *end;

    if (value.bytes == 0 || value.bytes >= sizeof(room))
        return false;
    memcpy(room, value.at, value.bytes);
    room[value.bytes] = '\0';
    if (strspn(room[0] == '-' ? room + 1 : room, "0123456789.") != strlen(room[0] == '-' ? room + 1 : room))
        return false;
    *number = strtod(room, &end);
    return end != room && *end == '\0';
}

static int parse_choice(const char *const *choices, struct text value, int64_t *out)
{
    for (int64_t i = 0; choices[i]; i++) {
        if (!text_equal(value, choices[i]))
            continue;
        *out = i;
        return 0;
    }
    return -EINVAL;
}

/* Visible ASCII only: it goes into a field line. */
static int parse_text(struct text value, char *out)
{
    if (value.bytes >= sizeof(((struct faults *)0)->retry_after))
        return -EINVAL;
    for (size_t i = 0; i < value.bytes; i++)
        if (value.at[i] < ' ' || value.at[i] > '~' || value.at[i] == '"' || value.at[i] == '\\')
            return -EINVAL;
    memcpy(out, value.at, value.bytes);
    out[value.bytes] = '\0';
    return 0;
}

static int fault_set(struct faults *faults, const struct fault_option *option, struct text value)
{
    void *member = (char *)faults + option->offset;
    double number;

    if (option->kind == FAULT_CHOICE)
        return parse_choice(option->choices, value, member);
    if (option->kind == FAULT_TEXT)
        return parse_text(value, member);
    if (!parse_number(value, &number) || number < (double)option->least || number > (double)option->most)
        return -EINVAL;
    if (option->kind == FAULT_NUMBER && number != floor(number))
        return -EINVAL;
    if (option->offset == offsetof(struct faults, status) && number != 0 && number < 400)
        return -EINVAL;
    *(int64_t *)member = option->kind == FAULT_MS ? llround(number * (double)NS_PER_MS) : (int64_t)number;
    return 0;
}

static const struct fault_option *option_find(struct text name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (text_equal(name, options[i].name))
            return &options[i];
    return NULL;
}

static void clean_name(struct text name, char *out, size_t room)
{
    size_t bytes = name.bytes < room ? name.bytes : room - 1;

    for (size_t i = 0; i < bytes; i++) {
        char c = name.at[i];
        bool plain = c == '_' || c == '-' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');

        out[i] = plain ? c : '?';
    }
    out[bytes] = '\0';
}

/* What a form says, beside the faults themselves. */
struct fault_form {
    struct faults faults;
    int64_t count, deaf_ns;
};

static int form_set(struct fault_form *form, const struct form_field *field)
{
    const struct fault_option *option = option_find(field->name);
    double number;

    if (field->cut)
        return -EINVAL;
    if (option)
        return fault_set(&form->faults, option, field->value);
    if (!parse_number(field->value, &number) || number != floor(number))
        return -EINVAL;
    if (text_equal(field->name, "deaf_ms") && number >= 1 && number <= MINUTE_MS) {
        form->deaf_ns = (int64_t)number * NS_PER_MS;
        return 0;
    }
    if (text_equal(field->name, "count") && number >= 1 && number <= 1e9) {
        form->count = (int64_t)number;
        return 0;
    }
    if (!text_equal(field->name, "reset") || number < 0 || number > 1)
        return -EINVAL;
    return 0;
}

/* reset=1 comes first, wherever it stands. */
static bool form_resets(struct text text)
{
    struct form_field field;

    while (form_next(&text, &field))
        if (text_equal(field.name, "reset") && text_equal(field.value, "1"))
            return true;
    return false;
}

int fault_plan_set(struct fault_plan *plan, struct text text, char *bad, size_t bad_bytes)
{
    struct fault_form form = {.faults = plan->standing};
    bool reset = form_resets(text);
    struct form_field field;

    if (reset)
        faults_init(&form.faults);
    while (form_next(&text, &field)) {
        if (form_set(&form, &field) < 0) {
            clean_name(field.name, bad, bad_bytes);
            return -EINVAL;
        }
    }
    if (reset)
        plan->passing_left = 0;
    if (form.deaf_ns > 0)
        plan->deaf_ns = form.deaf_ns;
    if (form.count > 0) {
        plan->passing = form.faults;
        plan->passing_left = form.count;
        if (reset)
            faults_init(&plan->standing);
    } else {
        plan->standing = form.faults;
    }
    return 0;
}

void fault_plan_take(struct fault_plan *plan, struct faults *faults)
{
    *faults = plan->passing_left > 0 ? plan->passing : plan->standing;
    if (plan->passing_left > 0)
        plan->passing_left--;
}

enum faults_accept fault_plan_accept(struct fault_plan *plan)
{
    bool passing = plan->passing_left > 0;
    enum faults_accept accept = (enum faults_accept)(passing ? plan->passing.accept : plan->standing.accept);

    if (passing && accept != ACCEPT_PLAIN)
        plan->passing_left--;
    return accept;
}

/* splitmix64: any seed will do, and a run can be repeated. */
static uint64_t random_next(struct fault_plan *plan)
{
    uint64_t z = plan->random += 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

int64_t fault_plan_draw(struct fault_plan *plan, const struct faults_path *path)
{
    double chance, added = 0;

    if (path->jitter_ns == 0)
        return path->base_ns;
    chance = (double)((random_next(plan) >> 11) + 1) * 0x1p-53; /* above 0, at most 1 */
    if (path->distribution == DISTRIBUTION_UNIFORM)
        added = chance;
    else if (path->distribution == DISTRIBUTION_EXPONENTIAL)
        added = -log(chance);
    else
        added = 1 / sqrt(chance);
    added *= (double)path->jitter_ns;
    if (path->distribution != DISTRIBUTION_UNIFORM && added > (double)path->cap_ns)
        added = (double)path->cap_ns;
    return path->base_ns + (int64_t)added;
}

int64_t fault_plan_close(struct fault_plan *plan, const struct faults *faults)
{
    double chance;

    if (faults->close_after_ns == 0 || faults->close_jitter_ns == 0)
        return faults->close_after_ns;
    chance = (double)(random_next(plan) >> 11) * 0x1p-53;
    return faults->close_after_ns + (int64_t)(chance * (double)faults->close_jitter_ns);
}

void fault_plan_noise(struct fault_plan *plan, char *buffer, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        buffer[i] = (char)random_next(plan);
    if (bytes > 0)
        buffer[0] = '\x15'; /* what a TLS alert begins with */
}

static void write_value(const struct faults *faults, const struct fault_option *option, FILE *out)
{
    const void *member = (const char *)faults + option->offset;

    if (option->kind == FAULT_TEXT)
        fprintf(out, "\"%s\"", (const char *)member);
    else if (option->kind == FAULT_CHOICE)
        fprintf(out, "\"%s\"", option->choices[*(const int64_t *)member]);
    else if (option->kind == FAULT_MS)
        fprintf(out, "%.10g", (double)*(const int64_t *)member / (double)NS_PER_MS);
    else
        fprintf(out, "%lld", (long long)*(const int64_t *)member);
}

void faults_write_json(const struct faults *faults, FILE *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        fprintf(out, "%c\"%s\":", i == 0 ? '{' : ',', options[i].name);
        write_value(faults, &options[i], out);
    }
    fputc('}', out);
}

void faults_write_help(FILE *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        fprintf(out, "  %-22s %s\n", options[i].name, options[i].help);
    fprintf(out, "  %-22s %s\n", "count", "these faults for the next so many requests only");
    fprintf(out, "  %-22s %s\n", "reset", "1: first take all faults away");
    fprintf(out, "  %-22s %s\n\n", "deaf_ms", "accept no connection for so long, with a full backlog");
    hostile_write_help(out);
}

void faults_describe(const struct faults *faults, char *buffer, size_t size)
{
    char status[24] = "", cut[40] = "", hostile[32] = "";

    if (faults->stall || faults->garbage) {
        snprintf(buffer, size, "%s", faults->stall ? "stall" : "garbage");
        return;
    }
    if (faults->status)
        snprintf(status, sizeof(status), " status=%d", (int)faults->status);
    if (faults->hostile)
        snprintf(hostile, sizeof(hostile), " %s", hostile_names[faults->hostile]);
    if (faults->cut_bytes >= 0)
        snprintf(cut, sizeof(cut), " cut=%lld/%s", (long long)faults->cut_bytes, cuts[faults->cut_with]);
    snprintf(buffer, size, "%s%s%s%s%s", status, hostile, cut,
             faults->drip_bytes && faults->drip_ns ? " drip" : "", faults->connection_close ? " close" : "");
    if (buffer[0] == ' ')
        memmove(buffer, buffer + 1, strlen(buffer));
}
