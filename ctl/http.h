/* http.h - asks a process over HTTP and reads its JSON. The only file here that knows libcurl.
 *
 * No redirects, no proxy of the environment (the gateway takes no orders through one), an answer of at most
 * 4 MiB. The token goes to the gateway alone, and is never printed. */
#ifndef SLUICE_CTL_HTTP_H
#define SLUICE_CTL_HTTP_H

#define HTTP_ERROR_BYTES 320

struct http;
struct json_object;

struct http_question {
    const char *base, *method, *path;
    const char *body;  /* NULL or "": none */
    const char *token; /* NULL or "": none */
};

struct http_answer {
    int status;
    struct json_object *json; /* to be put */
};

/* NULL when out of memory. */
struct http *http_new(double timeout_s);
void http_free(struct http *http);

/* 0 with an answer; -EHOSTUNREACH when nobody answers, -EPROTO when what answers is no JSON, -ENOMEM: with a
 * sentence in error. */
int http_ask(struct http *http, const struct http_question *question, struct http_answer *answer,
             char error[HTTP_ERROR_BYTES]);

#endif
