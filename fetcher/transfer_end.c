/* transfer_end.c - see transfer_end.h. */
#include "fetcher/transfer_end.h"

#include <errno.h>

#if LIBCURL_VERSION_NUM < 0x080600
#define CURLE_TOO_LARGE ((CURLcode)100)
#endif

enum upstream_end transfer_end_unsent(CURLcode code, bool resolved, int error)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
        return UPSTREAM_DNS_ERROR;
    case CURLE_OPERATION_TIMEDOUT:
        return resolved ? UPSTREAM_CONNECT_TIMED_OUT : UPSTREAM_DNS_TIMED_OUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return UPSTREAM_CERTIFICATE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
        return UPSTREAM_TLS_ERROR;
    default:
        return error == ENETUNREACH || error == EHOSTUNREACH ? UPSTREAM_UNROUTABLE : UPSTREAM_UNREACHABLE;
    }
}

enum upstream_end transfer_end_sent(CURLcode code, enum transfer_part part, const char *detail)
{
    enum upstream_end closed = part == PART_NOTHING ? UPSTREAM_CLOSED : UPSTREAM_CUT;

    switch (code) {
    case CURLE_OK: /* libcurl is content with a head that the end of the connection cuts */
        return part == PART_HEAD ? UPSTREAM_WHOLE : closed;
    case CURLE_OPERATION_TIMEDOUT:
        return UPSTREAM_TIMED_OUT;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* also HTTP/0.9, and what is no HTTP at all */
    case CURLE_BAD_CONTENT_ENCODING: /* a transfer coding (8.7 judges before it shows) */
        return UPSTREAM_MALFORMED;
    case CURLE_OUT_OF_MEMORY: /* a line that is longer than libcurl can take, */
    case CURLE_TOO_LARGE:     /* and the same since 8.6 */
        return part == PART_HEAD ? UPSTREAM_TOO_LARGE : UPSTREAM_HEAD_TOO_LARGE;
    case CURLE_RECV_ERROR: /* one code for bad chunks and for a reset: only its text tells them apart */
        return strstr(detail, "chunk") ? UPSTREAM_MALFORMED : closed;
    default:
        return closed;
    }
}
