/* http.c - see http.h. */
#include "ctl/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES_MAX (4U << 20)
#define URL_BYTES        2048
#define TOKEN_BYTES      256
#define DEPTH_MAX        32

struct http {
    CURL *easy;
    char *body;
    size_t bytes;
    char why[CURL_ERROR_SIZE];
};

static size_t take(const char *data, size_t size, size_t count, void *context)
{
    struct http *http = context;
    size_t bytes = size * count;
    char *grown;

    if (bytes > ANSWER_BYTES_MAX - http->bytes)
        return 0;
    grown = realloc(http->body, http->bytes + bytes + 1);
    if (!grown)
        return 0;
    memcpy(grown + http->bytes, data, bytes);
    http->body = grown;
    http->bytes += bytes;
    return bytes;
}

struct http *http_new(double timeout_s)
{
    struct http *http = calloc(1, sizeof(*http));

    if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return NULL;
    }
    http->easy = curl_easy_init();
    if (!http->easy) {
        http_free(http);
        return NULL;
    }
    curl_easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(http->easy, CURLOPT_TIMEOUT_MS, (long)(timeout_s * 1000));
    curl_easy_setopt(http->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(http->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(http->easy, CURLOPT_USERAGENT, "sluicectl/" SLUICE_VERSION);
    curl_easy_setopt(http->easy, CURLOPT_ERRORBUFFER, http->why);
    curl_easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(http->easy, CURLOPT_WRITEDATA, http);
    return http;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->easy);
    curl_global_cleanup();
    free(http->body);
    free(http);
}

/* False when out of memory; what was added before stays in the list. */
static bool add(struct curl_slist **fields, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*fields, line);

    if (longer)
        *fields = longer;
    return longer != NULL;
}

static bool make_fields(const struct http_question *question, struct curl_slist **fields)
{
    char line[TOKEN_BYTES];

    if (question->body && *question->body && !add(fields, "Content-Type: application/json"))
        return false;
    if (!question->token || !*question->token)
        return true;
    snprintf(line, sizeof(line), "Authorization: Bearer %.200s", question->token);
    return add(fields, line);
}

static CURLcode perform(struct http *http, const struct http_question *question, struct curl_slist *fields)
{
    size_t base_bytes = strlen(question->base);
    char url[URL_BYTES];
    CURLcode code;

    if (base_bytes > 0 && question->base[base_bytes - 1] == '/')
        base_bytes--;
    snprintf(url, sizeof(url), "%.*s%s", (int)base_bytes, question->base, question->path);
    curl_easy_setopt(http->easy, CURLOPT_URL, url);
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, fields);
    if (question->body && *question->body) {
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, question->body);
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE, -1L);
    } else if (strcmp(question->method, "POST") == 0) {
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE, 0L);
    } else {
        curl_easy_setopt(http->easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(http->easy, CURLOPT_CUSTOMREQUEST, question->method);
    code = curl_easy_perform(http->easy);
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
    return code;
}

static struct json_object *parse(const struct http *http)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    struct json_object *json = NULL;

    if (tokener && http->bytes > 0)
        json = json_tokener_parse_ex(tokener, http->body, (int)http->bytes);
    json_tokener_free(tokener);
    return json;
}

int http_ask(struct http *http, const struct http_question *question, struct http_answer *answer,
             char error[HTTP_ERROR_BYTES])
{
    struct curl_slist *fields = NULL;
    bool made = make_fields(question, &fields);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long status = 0;

    *answer = (struct http_answer){.json = NULL};
    http->bytes = 0;
    http->why[0] = '\0';
    if (made)
        code = perform(http, question, fields);
    curl_slist_free_all(fields);
    if (code != CURLE_OK) {
        snprintf(error, HTTP_ERROR_BYTES, "nobody answers at %.120s (%.160s)", question->base,
                 http->why[0] ? http->why : curl_easy_strerror(code));
        return code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EHOSTUNREACH;
    }
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->json = parse(http);
    if (!json_object_is_type(answer->json, json_type_object)) {
        snprintf(error, HTTP_ERROR_BYTES, "what answers at %.120s is not Sluice: %ld without a JSON object",
                 question->base, status);
        json_object_put(answer->json);
        answer->json = NULL;
        return -EPROTO;
    }
    return 0;
}
