/* hostile.c - see hostile.h. A body of ten gigabytes is never made: its parts are sent over and over. */
#include "tests/simulator/hostile.h"

#include <stddef.h>

#define ENDLESS 1000000000000ULL /* longer than anybody will read */
#define GB_10   10000000000ULL

#define JSON      "Content-Type: application/json\r\n"
#define OK        "HTTP/1.1 200 OK\r\n"
#define END       "Content-Length: 2\r\n\r\n{}"
#define GOOD      OK JSON END
#define CHUNKED   OK JSON "Transfer-Encoding: chunked\r\n\r\n"
#define SECOND    OK JSON "Content-Length: 18\r\n\r\n{\"message\":\"evil\"}"
#define X64       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X1024     X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64
#define GZIP_HEAD "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
/* deflate with fixed codes: the last block begins (3 bits), a zero byte (8), then copies of 258 bytes at
 * distance 1, 13 bits each. After the first of them a byte ends, and eight more make 13 bytes. */
#define GZIP_FIRST "\x63\x18\x05"
#define GZIP_AGAIN "\xa3\x60\x14\x8c\x82\x51\x30\x0a\x46\xc1\x28\x18\x05"

/* ANSWER(name, text in the place of the contract's answer, end, help); FLOOD(name, text, what follows it over
 * and over, how many bytes of that, end, help); BEHIND(name, late, text behind the contract's answer, help).
 */
#define ANSWERS(ANSWER, FLOOD, BEHIND)                                                                       \
    ANSWER(http09, "<html>hello</html>", FIN, "HTTP/0.9: a body without a head")                             \
    ANSWER(http2, "HTTP/2 200 OK\r\n" END, KEEP, "a status line of HTTP/2")                                  \
    ANSWER(icy, "ICY 200 OK\r\n" END, KEEP, "a status line that is none of HTTP")                            \
    ANSWER(status_099, "HTTP/1.1 099 Low\r\n" END, KEEP, "status 99")                                        \
    ANSWER(status_600, "HTTP/1.1 600 High\r\n" END, KEEP, "status 600")                                      \
    ANSWER(status_1000, "HTTP/1.1 1000 Higher\r\n" END, KEEP, "status 1000")                                 \
    ANSWER(status_word, "HTTP/1.1 OK\r\n" END, KEEP, "no status")                                            \
    ANSWER(status_twice, OK "HTTP/1.1 404 Not Found\r\n" END, KEEP, "two status lines")                      \
    ANSWER(switching, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello", KEEP,                   \
           "another protocol, unasked")                                                                      \
    ANSWER(interim, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" GOOD, KEEP,                             \
           "one 1xx answer before it, which is good")                                                        \
    FLOOD(interim_flood, "", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", ENDLESS, KEEP,                \
          "1xx answers without end")                                                                         \
    FLOOD(head_endless, OK, "X-Filler: 0123456789abcdef\r\n", ENDLESS, KEEP, "fields without end")           \
    FLOOD(line_endless, OK "X-Filler: ", X1024, ENDLESS, KEEP, "one field without end")                      \
    ANSWER(head_fold, OK "X-Long: a\r\n b\r\n" END, KEEP, "a folded field")                                  \
    ANSWER(head_no_colon, OK "no colon\r\n" END, KEEP, "a line that is no field")                            \
    ANSWER(head_space, OK "Content-Length : 5\r\n" END, KEEP, "a blank before the colon")                    \
    ANSWER(head_nul, OK "X-Odd: a\0b\r\n" END, KEEP, "a NUL in a field")                                     \
    ANSWER(head_cr, OK "X-Odd: a\rX-Evil: b\r\n" END, KEEP, "a bare CR in a field")                          \
    ANSWER(head_obs_text, OK JSON "Content-Language: \xe9\xff\r\n" END, KEEP,                                \
           "bytes beyond ASCII in a field, which is allowed")                                                \
    ANSWER(bare_lf, "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", KEEP,                                        \
           "lines that end with LF alone, which may be read")                                                \
    ANSWER(length_negative, OK "Content-Length: -2\r\n\r\n{}", KEEP, "a negative length")                    \
    ANSWER(length_word, OK "Content-Length: two\r\n\r\n{}", KEEP, "a length that is none")                   \
    ANSWER(length_huge, OK "Content-Length: 99999999999999999999\r\n\r\n{}", KEEP,                           \
           "a length that no number holds")                                                                  \
    ANSWER(length_twice, OK "Content-Length: 1\r\n" END, KEEP, "two different lengths")                      \
    ANSWER(length_list, OK "Content-Length: 2, 1\r\n\r\n{}", KEEP, "the same in one field")                  \
    ANSWER(length_and_chunks, OK "Transfer-Encoding: chunked\r\n" END, KEEP, "a length and chunks")          \
    ANSWER(length_beyond, OK "Content-Length: 9\r\n\r\n{}", KEEP, "fewer bytes than it says")                \
    ANSWER(length_beyond_cut, OK "Content-Length: 9\r\n\r\n{}", FIN, "the same, then it closes")             \
    ANSWER(chunk_garbage, CHUNKED "xyz\r\n", KEEP, "a chunk without a size")                                 \
    ANSWER(chunk_negative, CHUNKED "-2\r\n{}\r\n0\r\n\r\n", KEEP, "a negative chunk")                        \
    ANSWER(chunk_huge, CHUNKED "ffffffffffffffffffff\r\n{}", KEEP, "one that no number holds")               \
    ANSWER(chunk_cut, CHUNKED "9\r\n{}", FIN, "it closes within a chunk")                                    \
    FLOOD(chunk_endless, CHUNKED "2;", X1024, ENDLESS, KEEP, "a chunk's extension without end")              \
    ANSWER(trailer, CHUNKED "2\r\n{}\r\n0\r\nX-After: 1\r\n\r\n", KEEP, "a trailer field, which is good")    \
    FLOOD(trailer_endless, CHUNKED "2\r\n{}\r\n0\r\n", "X-After: 0123456789abcdef\r\n", ENDLESS, KEEP,       \
          "trailer fields without end")                                                                      \
    ANSWER(coding_unknown, OK "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", KEEP,          \
           "a transfer coding that nobody has offered")                                                      \
    FLOOD(body_10gb, OK "Content-Length: 10000000000\r\n\r\n", X1024, GB_10, KEEP, "a body of 10 GB")        \
    FLOOD(body_10gb_chunks, CHUNKED, "400\r\n" X1024 "\r\n", GB_10, KEEP, "the same in chunks")              \
    FLOOD(body_10gb_open, OK "\r\n", X1024, GB_10, FIN, "the same without a length")                         \
    FLOOD(gzip_bomb, OK JSON "Content-Encoding: gzip\r\nContent-Length: 65013\r\n\r\n" GZIP_HEAD GZIP_FIRST, \
          GZIP_AGAIN, 65000, KEEP, "65 KB, unasked, that unpack to 10 MB")                                   \
    ANSWER(redirect, "HTTP/1.1 302 Found\r\nLocation: /api/score\r\nContent-Length: 0\r\n\r\n", KEEP,        \
           "a redirect back to where it came from")                                                          \
    ANSWER(empty, OK JSON "Content-Length: 0\r\n\r\n", KEEP, "200 over nothing")                             \
    ANSWER(html, OK "Content-Type: text/html\r\nContent-Length: 17\r\n\r\n<html>oops</html>", KEEP,          \
           "200 over a page")                                                                                \
    ANSWER(not_json, OK JSON "Content-Length: 17\r\n\r\n<html>oops</html>", KEEP,                            \
           "the same, and it says that it is JSON")                                                          \
    ANSWER(no_content, "HTTP/1.1 204 No Content\r\n" END, KEEP, "204 with a body")                           \
    ANSWER(retry_nul, "HTTP/1.1 429 Too Many\r\nRetry-After: 1\0\r\n" END, KEEP,                             \
           "429 with a NUL in its Retry-After")                                                              \
    ANSWER(retry_bytes, "HTTP/1.1 429 Too Many\r\nRetry-After: \xff\xfe\r\n" END, KEEP,                      \
           "429 with garbage in it")                                                                         \
    BEHIND(extra, false, "extra bytes", "bytes behind the answer")                                           \
    BEHIND(extra_late, true, "extra bytes", "the same, a little later")                                      \
    BEHIND(second, false, SECOND, "a second answer behind the answer")                                       \
    BEHIND(second_late, true, SECOND, "the same, a little later")

static const struct hostile answers[] = {
#define ANSWER(name_, text_, end_, help_)                                                                    \
    {.name = #name_, .help = help_, .text = {text_, sizeof(text_) - 1}, .end = REPLY_##end_},
#define FLOOD(name_, text_, again_, again_bytes_, end_, help_)                                               \
    {.name = #name_,                                                                                         \
     .help = help_,                                                                                          \
     .text = {text_, sizeof(text_) - 1},                                                                     \
     .again = {again_, sizeof(again_) - 1},                                                                  \
     .again_bytes = again_bytes_,                                                                            \
     .end = REPLY_##end_},
#define BEHIND(name_, late_, text_, help_)                                                                   \
    {.name = #name_, .help = help_, .behind = true, .late = late_, .text = {text_, sizeof(text_) - 1}},
    ANSWERS(ANSWER, FLOOD, BEHIND)
#undef ANSWER
#undef FLOOD
#undef BEHIND
};
#define ANSWER_COUNT ((int64_t)(sizeof(answers) / sizeof(answers[0])))

const char *const hostile_names[] = {
    "none",
#define ANSWER(name_, text_, end_, help_)                      #name_,
#define FLOOD(name_, text_, again_, again_bytes_, end_, help_) #name_,
#define BEHIND(name_, late_, text_, help_)                     #name_,
    ANSWERS(ANSWER, FLOOD, BEHIND)
#undef ANSWER
#undef FLOOD
#undef BEHIND
        NULL,
};

const struct hostile *hostile_at(int64_t place)
{
    return place >= 1 && place <= ANSWER_COUNT ? &answers[place - 1] : NULL;
}

void hostile_write_help(FILE *out)
{
    for (int64_t i = 0; i < ANSWER_COUNT; i++)
        fprintf(out, "  hostile=%-18s %s\n", answers[i].name, answers[i].help);
}
