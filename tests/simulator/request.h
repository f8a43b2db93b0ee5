/* request.h - the simulator's own HTTP/1.x request parser: simple and tolerant, since it stands for a foreign
 * server. Pure. Bare line feeds and absolute-form targets are taken, chunked bodies are not. */
#ifndef SIMULATOR_REQUEST_H
#define SIMULATOR_REQUEST_H

#include "common/text.h"

#define REQUEST_MAX_BYTES 65536 /* line, fields and body */

/* Everything borrows from the bytes that were parsed. Absent fields have bytes == 0. */
struct request {
    struct text method;
    struct text path;
    struct text query; /* behind the '?' */
    struct text client_id;
    struct text attempt; /* X-Request-Id */
    struct text origin;  /* of the page that asks */
    struct text body;
    bool head;
    bool keep_alive;
};

/* Returns 0 when a whole request is there (*used: how many bytes it took), -EAGAIN when more must be read,
 * -EMSGSIZE when it is larger than REQUEST_MAX_BYTES, -ENOTSUP when its body is chunked, -EBADMSG when it is
 * no HTTP. */
int request_parse(struct text bytes, struct request *request, size_t *used);

#endif
