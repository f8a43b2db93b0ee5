/* http_request_test.c - what the parser makes of each oddity that RFC 9112 and RFC 9110 talk about. Every row
 * is fed whole, byte by byte, and in two pieces cut at every place: the verdict must always be the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http_request.h"
#include "common/http_syntax.h"

static const struct http_limits limits = {
    .line_bytes = 100, .field_bytes = 60, .head_bytes = 200, .field_count = 4, .body_bytes = 20};

#define MORE  0
#define WHOLE 200
#define X10   "xxxxxxxxxx"
#define X50   X10 X10 X10 X10 X10

#define CHUNKED "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"

struct row {
    const char *why;
    int want; /* a status, WHOLE or MORE */
    const char *bytes;
    size_t size;
};

#define ROW(why, want, bytes)                                                                                \
    {                                                                                                        \
        why, want, bytes, sizeof(bytes) - 1                                                                  \
    }

static const struct row rows[] = {
    ROW("9112-2.1 the plain case", WHOLE, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-2.2 one empty line before", WHOLE, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-2.2 two empty lines before", 400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-2.2 LF before", 400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-2.2 bare LF after the request line", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    ROW("9112-2.2 bare LF after a field", 400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
    ROW("9112-2.2 bare LF at the end", 400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    ROW("9112-2.2 bare CR in the request line", 400, "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-2.2 bare CR in a field", 400, "GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n"),
    ROW("9112-2.2 CR CR LF", 400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
    ROW("9112-2.2 white space before the first field", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ROW("nothing yet", MORE, ""),
    ROW("the empty line is missing", MORE, "GET / HTTP/1.1\r\nHost: a\r\n"),
    ROW("half of the empty line is missing", MORE, "GET / HTTP/1.1\r\nHost: a\r\n\r"),

    ROW("9112-3 no version", 400, "GET /\r\nHost: a\r\n\r\n"),
    ROW("9112-3 two spaces", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3 two spaces before the version", 400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3 space at the end", 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ROW("9112-3 a tab for a space", 400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3 space at the start", 400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3 the longest request line", WHOLE,
        "GET /" X50 X10 X10 X10 "xxxxxx HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3 one byte longer", 414, "GET /" X50 X10 X10 X10 "xxxxxxx HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3 and no end at all", 414, "GET /" X50 X50 X50),
    ROW("9112-3.1 an unknown method is not the parser's business", WHOLE,
        "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3.1 methods have case", WHOLE, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3.1 no token", 400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3.1 a method longer than any", 501, X10 X10 X10 "xxx / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("a TLS hello is known by its first byte", 400, "\x16\x03\x01\x02"),
    ROW("9112-2.3 HTTP/1.0", WHOLE, "GET / HTTP/1.0\r\n\r\n"),
    ROW("9112-2.3 HTTP/1.2", 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ROW("9112-2.3 HTTP/2.0", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ROW("9113-3.4 the preface of HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ROW("9112-2.3 the name has case", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-2.3 two digits", 400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    ROW("9112-2.3 no digit", 400, "GET / HTTP/1.x\r\nHost: a\r\n\r\n"),

    ROW("9112-3.2.1 no slash", 400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3.2.1 a fragment", 400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("3986-3.3 a quote", 400, "GET /\" HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("3986-3.3 no ASCII", 400, "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("3986-3.3 NUL", 400, "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("3986-2.1 percent", WHOLE, "GET /%c3%A9?%20 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("3986-2.1 percent and one digit", 400, "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("3986-2.1 percent and no digit", 400, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("3986-2.1 percent in the query", 400, "GET /?a=100% HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3.2.2 absolute-form", WHOLE, "GET http://b:80/c HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3.2.2 needs Host all the same", 400, "GET http://b/c HTTP/1.1\r\n\r\n"),
    ROW("9112-3.2.2 another scheme", 400, "GET ftp://b/c HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9110-4.2.1 an empty host", 400, "GET http:///c HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9110-4.2.4 a user", 400, "GET http://u:p@b/c HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3.2.3 authority-form", 400, "GET b:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3.2.3 CONNECT", 501, "CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n"),
    ROW("9112-3.2.4 asterisk-form", WHOLE, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("9112-3.2.4 for another method", 400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),

    ROW("9112-3.2 no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
    ROW("9112-3.2 Host twice", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    ROW("9112-3.2 Host twice in HTTP/1.0", 400, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
    ROW("9110-7.2 an empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ROW("9110-7.2 a space in Host", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ROW("9110-7.2 a path in Host", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ROW("9110-7.2 a user in Host", 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ROW("9110-7.2 a port", WHOLE, "GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n"),
    ROW("9110-7.2 an empty port", WHOLE, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
    ROW("9110-7.2 a port too large", 400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
    ROW("9110-7.2 no port", 400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    ROW("3986-3.2.2 IPv6", WHOLE, "GET / HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n"),
    ROW("3986-3.2.2 IPv6 without its end", 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    ROW("3986-3.2.2 IPv6 and a tail", 400, "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"),
    ROW("3986-3.2.2 no IPv6", 400, "GET / HTTP/1.1\r\nHost: [a.b]\r\n\r\n"),

    ROW("9112-5.1 space before the colon", 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    ROW("9112-5.1 tab before the colon", 400, "GET / HTTP/1.1\r\nHost: a\r\nB\t: c\r\n\r\n"),
    ROW("9110-5.1 an empty name", 400, "GET / HTTP/1.1\r\nHost: a\r\n: c\r\n\r\n"),
    ROW("9110-5.1 no colon", 400, "GET / HTTP/1.1\r\nHost: a\r\nbc\r\n\r\n"),
    ROW("9110-5.1 no token", 400, "GET / HTTP/1.1\r\nHost: a\r\nB[]: c\r\n\r\n"),
    ROW("9110-5.1 no ASCII", 400, "GET / HTTP/1.1\r\nHost: a\r\n\xc3\xa9: c\r\n\r\n"),
    ROW("9112-5.2 obs-fold, space", 400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n d\r\n\r\n"),
    ROW("9112-5.2 obs-fold, tab", 400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\td\r\n\r\n"),
    ROW("9110-5.5 NUL", 400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\0d\r\n\r\n"),
    ROW("9110-5.5 a control", 400, "GET / HTTP/1.1\r\nHost: a\r\nB: c\x01\r\n\r\n"),
    ROW("9110-5.5 DEL", 400, "GET / HTTP/1.1\r\nHost: a\r\nB: \x7f\r\n\r\n"),
    ROW("9110-5.5 a tab inside, obs-text, nothing", WHOLE,
        "GET / HTTP/1.1\r\nHost:\t a \t\r\nB: c\td\xe9\r\nE:\r\n\r\n"),
    ROW("9110-5.4 the longest field", WHOLE, "GET / HTTP/1.1\r\nHost: a\r\nBbbbbbb: " X50 "x\r\n\r\n"),
    ROW("9110-5.4 one byte longer", 431, "GET / HTTP/1.1\r\nHost: a\r\nBbbbbbb: " X50 "xx\r\n\r\n"),
    ROW("9110-5.4 and no end at all", 431, "GET / HTTP/1.1\r\nHost: a\r\nBbbbbbb: " X50 X50),
    ROW("9110-5.4 together too long", 431,
        "GET / HTTP/1.1\r\nHost: a\r\nB: " X50 "\r\nB: " X50 "\r\nB: " X50 "xxxxxxxxxx\r\n\r\n"),
    ROW("9110-5.4 as many as allowed", WHOLE, "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nB: c\r\nB: c\r\n\r\n"),
    ROW("9110-5.4 one too many", 431, "GET / HTTP/1.1\r\nHost: a\r\nB:\r\nB:\r\nB:\r\nB:\r\n\r\n"),

    ROW("9112-6.2 a body", WHOLE, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
    ROW("9112-6.2 a body on its way", MORE, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab"),
    ROW("9112-6.2 the longest", WHOLE, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n" X10 X10),
    ROW("9112-6.2 one byte longer", 413, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\n\r\n"),
    ROW("9110-8.6 twice the same", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\nContent-Length: 3\r\n\r\nabc"),
    ROW("9112-6.3 two that differ", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
    ROW("9112-6.3 a list that differs", 400, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3,4\r\n\r\nabc"),
    ROW("9112-6.3 a list with a hole", 400, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3,\r\n\r\nabc"),
    ROW("9110-5.6.3 white space around a length", WHOLE,
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \t 3  \r\n\r\nabc"),
    ROW("9110-5.6.3 a tab behind a length", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 \t\r\n\r\nabc"),
    ROW("9110-5.6.3 a tab behind a coding", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n"),
    ROW("9110-8.6 plus", 400, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"),
    ROW("9110-8.6 minus", 400, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc"),
    ROW("9110-8.6 a space inside", 400, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\nabc"),
    ROW("9110-8.6 hexadecimal", 400, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc"),
    ROW("9110-8.6 nothing", 400, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc"),
    ROW("9110-8.6 2^63", 400, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n"),
    ROW("9110-8.6 2^64 + 3", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551619\r\n\r\n"),

    ROW("9112-7.1 chunks", WHOLE, CHUNKED "\r\n3\r\nabc\r\n02\r\nde\r\n000\r\n\r\n"),
    ROW("9112-7.1 codings have no case", WHOLE,
        "PUT / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n"),
    ROW("9112-7.1 the last line is missing", MORE, CHUNKED "\r\n3\r\nabc\r\n0\r\n"),
    ROW("9112-7.1 the longest", WHOLE, CHUNKED "\r\nA\r\n" X10 "\r\na\r\n" X10 "\r\n0\r\n\r\n"),
    ROW("9112-7.1 one byte longer", 413, CHUNKED "\r\nA\r\n" X10 "\r\nb\r\n"),
    ROW("9112-7.1 2^64 + 3", 400, CHUNKED "\r\n10000000000000003\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1 no number", 400, CHUNKED "\r\nx\r\n"),
    ROW("9112-7.1 no size", 400, CHUNKED "\r\n\r\nabc\r\n"),
    ROW("9112-7.1 0x", 400, CHUNKED "\r\n0x3\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1 a sign", 400, CHUNKED "\r\n-3\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1 a space before the size", 400, CHUNKED "\r\n 3\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1 a space after the size", 400, CHUNKED "\r\n3 \r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1 bare LF after the size", 400, CHUNKED "\r\n3\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1 bare LF after the data", 400, CHUNKED "\r\n3\r\nabc\n0\r\n\r\n"),
    ROW("9112-7.1 more data than said", 400, CHUNKED "\r\n3\r\nabcd\r\n0\r\n\r\n"),
    ROW("9112-7.1 CR and no LF after the data", 400, CHUNKED "\r\n3\r\nabc\r0\r\n\r\n"),
    ROW("9112-7.1.1 extensions", WHOLE, CHUNKED "\r\n3;a;b=c;d=\"e\\\"f\"\r\nabc\r\n0;z\r\n\r\n"),
    ROW("9112-7.1.1 bad white space before one", 400, CHUNKED "\r\n3 ;a\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1.1 bad white space before its name", 400, CHUNKED "\r\n3; a\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1.1 bad white space before its sign", 400, CHUNKED "\r\n3;a =b\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1.1 bad white space before its value", 400, CHUNKED "\r\n3;a=\tb\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1.1 bad white space at the end", 400, CHUNKED "\r\n3;a=b \r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1.1 an extension without a name", 400, CHUNKED "\r\n3;\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1.1 an extension without a value", 400, CHUNKED "\r\n3;a=\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1.1 a quote that stays open", 400, CHUNKED "\r\n3;a=\"b\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1.1 a control in an extension", 400, CHUNKED "\r\n3;a=\"\x01\"\r\nabc\r\n0\r\n\r\n"),
    ROW("9112-7.1.1 endless extensions", 400, CHUNKED "\r\n3;" X50 X50 X50 X50 X50 X50),
    ROW("9112-7.1.2 trailers", WHOLE, CHUNKED "\r\n3\r\nabc\r\n0\r\nA: b\r\nHost: c\r\n\r\n"),
    ROW("9110-6.5.1 a length in the trailers", 400, CHUNKED "\r\n0\r\nContent-Length: 0\r\n\r\n"),
    ROW("9110-6.5.1 a coding in the trailers", 400,
        CHUNKED "\r\n0\r\nA: b\r\ntransfer-encoding: chunked\r\n\r\n"),
    ROW("9110-6.5.1 Connection in the trailers", 400, CHUNKED "\r\n0\r\nConnection: close\r\n\r\n"),
    ROW("9112-7.1.2 a bad trailer", 400, CHUNKED "\r\n0\r\nA b\r\n\r\n"),
    ROW("9112-7.1.2 a folded trailer", 400, CHUNKED "\r\n0\r\nA: b\r\n c\r\n\r\n"),
    ROW("9112-7.1.2 a long trailer", 431, CHUNKED "\r\n0\r\nA: " X50 X10 "\r\n\r\n"),
    ROW("9112-7.1.2 trailers together too long", 431,
        CHUNKED "\r\n0\r\nA: " X50 "\r\nA: " X50 "\r\nA: " X50 "\r\nA: " X50 "\r\n\r\n"),
    ROW("9112-6.1 both framings", 400, CHUNKED "Content-Length: 3\r\n\r\n0\r\n\r\n"),
    ROW("9112-6.1 both framings, the other way round", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW("9112-6.1 in HTTP/1.0", 400, "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW("9112-6.3 an unknown coding alone has no sure end", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ROW("9112-6.1 unknown, and both framings", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\n"),
    ROW("9112-6.1 chunked and one more", 501,
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    ROW("9112-6.1 one more, in a field of its own", 501,
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: Chunked\r\n\r\n"),
    ROW("9112-6.1 chunked twice", 501, CHUNKED "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW("9112-6.3 chunked, but not last", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ROW("9112-6.3 chunked, but the last field is another", 400,
        CHUNKED "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    ROW("9112-6.3 a list that ends with nothing", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"),
    ROW("9112-6.3 no coding at all", 400, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n"),
    ROW("9112-6.3 an unknown coding and an expectation: the worst counts", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ROW("9112-6.3 identity is history", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"),
    ROW("9112-6.1 VT is no white space", 400,
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
        "chunked\r\n\r\n"),

    ROW("9110-10.1.1 100-continue, the body is to come", MORE,
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n"),
    ROW("9110-10.1.1 another expectation", 417, "GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n"),
    ROW("9110-10.1.1 none in HTTP/1.0", WHOLE, "GET / HTTP/1.0\r\nExpect: miracles\r\n\r\n"),
    ROW("400 beats 417", 400, "GET / HTTP/1.1\r\nExpect: miracles\r\n\r\n"),
};

/* Feeds the first `first` bytes, then `step` more at a time, moving them to fresh memory of exactly that size
 * each time, so that the sanitizer sees a byte too far. */
static int verdict(const struct row *row, size_t first, size_t step, char body[64])
{
    struct http_parser parser = {0};
    enum http_progress progress = HTTP_MORE;
    size_t held = 0, fed = 0;
    char *bytes = NULL;

    body[0] = '\0';
    for (size_t next = first; progress == HTTP_MORE; next = fed + step) {
        struct http_request request;
        size_t end = next < row->size ? next : row->size;
        char *moved = malloc(held + end - fed ? held + end - fed : 1);

        if (held)
            memcpy(moved, bytes, held);
        memcpy(moved + held, row->bytes + fed, end - fed);
        free(bytes);
        bytes = moved;
        held += end - fed;
        fed = end;
        memset(&request, 0xa5, sizeof request); /* what stood there before must not count */
        request.method = HTTP_HEAD;
        progress = http_parser_feed(&parser, &limits, bytes, &held, &request);
        assert_false(parser.head_only && memcmp(row->bytes, "HEAD", 4) != 0);
        if (progress == HTTP_WHOLE) {
            assert_int_equal(parser.consumed, held);
            snprintf(body, 64, "%.*s", (int)request.body.bytes, request.body.bytes ? request.body.at : "");
        }
        if (fed == row->size)
            break;
    }
    free(bytes);
    if (progress == HTTP_REFUSED)
        assert_non_null(parser.detail);
    return progress == HTTP_REFUSED ? parser.status : progress == HTTP_WHOLE ? WHOLE : MORE;
}

static void every_row_however_split(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        char whole[64], split[64];
        int got = verdict(row, row->size, 1, whole);

        for (size_t cut = 0; got == row->want && cut < row->size; cut++) {
            got = verdict(row, cut, cut ? row->size : 1, split);
            if (strcmp(whole, split) != 0)
                got = -1;
        }
        if (got != row->want) {
            print_error("%s: wanted %d, got %d\n", row->why, row->want, got);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static struct http_request parsed;
static char buffer[512];
static struct http_parser parser;

static void parse(const char *bytes)
{
    size_t size = strlen(bytes);

    memcpy(buffer, bytes, size);
    parser = (struct http_parser){0};
    assert_int_equal(http_parser_feed(&parser, &limits, buffer, &size, &parsed), HTTP_WHOLE);
}

static void assert_text(struct text text, const char *want)
{
    assert_int_equal(text.bytes, strlen(want));
    assert_memory_equal(text.at, want, text.bytes);
}

static void what_is_found(void **state)
{
    (void)state;
    parse("POST /a/b?c=d?e HTTP/1.1\r\nhost: x:1\r\nA:  b c \r\na: d\r\nContent-Length: 2\r\n\r\nhiGET / HT");
    assert_int_equal(parsed.method, HTTP_POST);
    assert_text(parsed.method_name, "POST");
    assert_text(parsed.target, "/a/b?c=d?e");
    assert_text(parsed.path, "/a/b");
    assert_text(parsed.query, "c=d?e");
    assert_text(parsed.host, "x:1");
    assert_text(parsed.body, "hi");
    assert_int_equal(parsed.minor_version, 1);
    assert_int_equal(parsed.field_count, 4);
    assert_text(http_request_field(&parsed, "a"), "b c");
    assert_null(http_request_field(&parsed, "b").at);
    assert_int_equal(http_request_field_count(&parsed, "A"), 2);
    assert_string_equal(buffer + parser.consumed, "GET / HT");
}

static void targets(void **state)
{
    static const struct {
        const char *line, *path, *query, *host;
    } table[] = {
        {"GET /", "/", NULL, "a"},
        {"GET /?", "/", "", "a"},
        {"GET //b", "//b", NULL, "a"},
        {"GET http://B.c:1/d?e", "/d", "e", "B.c:1"},
        {"GET HTTPS://b", "/", NULL, "b"},
        {"GET http://b?c", "/", "c", "b"},
        {"OPTIONS http://b", "*", NULL, "b"},
        {"OPTIONS *", "*", NULL, "a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char request[128];

        snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: a\r\n\r\n", table[i].line);
        parse(request);
        assert_text(parsed.path, table[i].path);
        assert_text(parsed.host, table[i].host);
        assert_int_equal(parsed.query.at != NULL, table[i].query != NULL);
        if (table[i].query)
            assert_text(parsed.query, table[i].query);
    }
}

static void who_stays_connected(void **state)
{
    static const struct {
        const char *head;
        bool keep_alive;
    } table[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, Close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: enclosed\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        parse(table[i].head);
        assert_int_equal(parsed.keep_alive, table[i].keep_alive);
    }
}

static void expectations(void **state)
{
    static const char head[] =
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    size_t size = sizeof head - 1;

    (void)state;
    memcpy(buffer, head, size);
    parser = (struct http_parser){0};
    assert_int_equal(http_parser_feed(&parser, &limits, buffer, &size, &parsed), HTTP_MORE);
    assert_true(parser.expects);
    assert_int_equal(parser.head, size);
    parse("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    assert_false(parser.expects); /* there is no body to wait for */
}

/* Tiny chunks cost their sender six bytes each, and us one. */
static void chunks_leave_no_gaps(void **state)
{
    static const char head[] = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    size_t size = sizeof head - 1;

    (void)state;
    memcpy(buffer, head, size);
    parser = (struct http_parser){0};
    for (unsigned i = 0; i < 20; i++) {
        memcpy(buffer + size, "1;a=b\r\nx\r\n", 10);
        size += 10;
        assert_int_equal(http_parser_feed(&parser, &limits, buffer, &size, &parsed), HTTP_MORE);
        assert_int_equal(size, sizeof head - 1 + i + 1);
    }
    memcpy(buffer + size, "0\r\n\r\n", 5);
    size += 5;
    assert_int_equal(http_parser_feed(&parser, &limits, buffer, &size, &parsed), HTTP_WHOLE);
    assert_text(parsed.body, X10 X10);
    assert_int_equal(parser.consumed, size);
}

/* The table of characters against the words of the RFCs. */
static void the_alphabet(void **state)
{
    static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    (void)state;
    for (int i = 0; i < 256; i++) {
        const char character = (char)i;
        const bool is_alnum = i && strchr(alnum, i);

        assert_int_equal(http_is(character, HTTP_IN_TOKEN), is_alnum || (i && strchr("!#$%&'*+-.^_`|~", i)));
        assert_int_equal(http_is(character, HTTP_IN_VALUE), i == '\t' || (i >= 0x20 && i != 0x7f));
        assert_int_equal(http_is(character, HTTP_IN_URI),
                         is_alnum || (i && strchr("-._~!$&'()*+,;=:@/?", i)));
        assert_int_equal(http_is(character, HTTP_IN_HOST), is_alnum || (i && strchr("-._~!$&'()*+,;=", i)));
        assert_int_equal(http_is(character, HTTP_IN_HEX), i && strchr("0123456789abcdefABCDEF", i));
        assert_int_equal(http_is(character, HTTP_IN_DIGIT), i >= '0' && i <= '9');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_however_split),
        cmocka_unit_test(what_is_found),
        cmocka_unit_test(targets),
        cmocka_unit_test(who_stays_connected),
        cmocka_unit_test(expectations),
        cmocka_unit_test(chunks_leave_no_gaps),
        cmocka_unit_test(the_alphabet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
