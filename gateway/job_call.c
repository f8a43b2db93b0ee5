/* job_call.c - see job_call.h. */
#include "gateway/job_call.h"

#include "common/params.h"
#include "gateway/patience.h"

#define QUERY_BYTES 512
#define PATH_BYTES  (sizeof(JOB_PATH) - 1)

static char *write_hex(char *at, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    return at;
}

/* Lower case only: a job has one name. */
static bool read_hex(const char *at, unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < 2 * count; i++) {
        char digit = at[i];
        unsigned value;

        if (digit >= '0' && digit <= '9')
            value = (unsigned)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            value = (unsigned)(digit - 'a') + 10;
        else
            return false;
        bytes[i / 2] = (unsigned char)(i % 2 == 0 ? value << 4 : bytes[i / 2] | value);
    }
    return true;
}

struct text job_name_write(const struct job_name *name, char id[JOB_ID_BYTES])
{
    unsigned char epoch[8];
    char *at;

    for (unsigned i = 0; i < sizeof(epoch); i++)
        epoch[i] = (unsigned char)(name->gateway >> (56 - 8 * i));
    at = write_hex(id, epoch, sizeof(epoch));
    *at++ = '-';
    write_hex(at, name->secret, sizeof(name->secret));
    return (struct text){.at = id, .bytes = JOB_ID_BYTES};
}

bool job_name_read(struct text id, struct job_name *name)
{
    unsigned char epoch[8];

    if (id.bytes != JOB_ID_BYTES || id.at[16] != '-' || !read_hex(id.at, epoch, sizeof(epoch)) ||
        !read_hex(id.at + 17, name->secret, sizeof(name->secret)))
        return false;
    name->gateway = 0;
    for (unsigned i = 0; i < sizeof(epoch); i++)
        name->gateway = name->gateway << 8 | epoch[i];
    return true;
}

bool job_call_is(struct text path)
{
    return text_equal(path, "/jobs") ||
           (path.bytes >= PATH_BYTES && memcmp(path.at, JOB_PATH, PATH_BYTES) == 0);
}

static int refuse(struct job_call *call, int status, const char *detail)
{
    call->detail = detail;
    return status;
}

int job_call_read(const struct http_request *request, struct job_call *call)
{
    struct param params[] = {{.name = "wait"}};
    const struct text *wait = &params[0].value;
    const char *bad;
    char room[QUERY_BYTES];

    *call = (struct job_call){.cancels = request->method == HTTP_DELETE};
    if (request->path.bytes <= PATH_BYTES)
        return refuse(call, 404, "Jobs are not listed; a 202 tells each one's address");
    if (!call->cancels && request->method != HTTP_GET && request->method != HTTP_HEAD)
        return refuse(call, 405, "Only " JOB_ALLOW " are allowed here");
    if (request->query.bytes > sizeof(room) || params_read(request->query, params, 1, room, &bad) < 0)
        return refuse(call, 400, "wait or the query is malformed, or given twice");
    if (wait->at && call->cancels)
        return refuse(call, 400, "wait: a job's end is not awaited that way");
    if (wait->at && !patience_seconds(*wait, JOB_WAIT_MAX_US, &call->wait_us))
        return refuse(call, 400, "wait: must be seconds, such as 20 or 0.5");
    if (!job_name_read((struct text){request->path.at + PATH_BYTES, request->path.bytes - PATH_BYTES},
                       &call->name))
        return refuse(call, 404, "There is no such job");
    return 0;
}
