"""smuggling.py - requests that two servers could read in two ways: by system, and by mutation from a seed.

Each case is the bytes of one connection. Behind what is tried stand complete requests with names of their own, so that a
boundary that moves shows in what is found there."""
import itertools
import random

PROBES = b"".join(b"GET /probe%d HTTP/1.1\r\nHost: p\r\n\r\n" % i for i in range(6))
HEAD = b"POST /a HTTP/1.1\r\nHost: a\r\n"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
BLANKS = [b" ", b"  ", b"\t", b"\x0b", b"\x0c", b"\r", b"\0", b"\xa0", b"\x85", b""]
ENDS = [b"\r\n", b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n\r\n", b" \r\n", b"\x0b\r\n", b"\0\r\n", b""]

CODINGS = [
    b"chunked", b"Chunked", b"CHUNKED", b"chunked ", b"chunked\t", b"\tchunked", b"\x0bchunked", b"chunked\x0b", b"\x0cchunked", b"chunked,",
    b"chunked ,", b",chunked", b", chunked", b"chunked,chunked", b"chunked, chunked", b"chunked, identity", b"identity, chunked",
    b"gzip, chunked", b"gzip,chunked", b"chunked, gzip", b"xchunked", b"chunkedx", b"chunke", b"\"chunked\"", b"'chunked'", b"chunked;q=1",
    b"chunked; a", b"chunked\0", b"\0chunked", b"chunked\r", b"ch\runked", b"chun\xebed", b"identity", b"", b"cow", b"chunked\xa0",
    b"\xa0chunked", b"chun ked", b"chunked chunked", b"chunked\r\n ", b"\r\n chunked", b"\r\n\tchunked", b"chunked\n", b"\nchunked",
    b"gzip\r\n , chunked", b"chunked\r\n , gzip", b"x\r\nTransfer-Encoding: chunked", b"chunked\r\nTransfer-Encoding: x",
    b"chunked\r\nTransfer-Encoding: chunked", b"\r\nTransfer-Encoding: chunked", b"chunked\r\nTransfer-Encoding:",
]
LENGTHS = [
    b"5", b"05", b"005", b"+5", b"-5", b"5 ", b"5\t", b"\t5", b"5,5", b"5, 5", b"5,", b",5", b"5;", b"5 5", b"5.0", b"5e0", b"0x5", b"0b101",
    b"five", b"", b" ", b"\0005", b"5\0", b"5\r", b"5\x0b", b"\x0b5", b"18446744073709551621", b"4294967301", b"9223372036854775813",
    b"0" * 40 + b"5", b"\xef\xbc\x95", b"1_0", b"5\xa0", b"'5'", b"\"5\"", b"5L", b"-0", b"+0", b"0", b"00", b"4", b"6", b"10", b"1e1",
    b"5\r\n 0", b"\r\n 5", b"5\n", b"\n5", b"5\r\nContent-Length: 5", b"5\r\nContent-Length: 6", b"6\r\nContent-Length: 5",
    b"5\r\nContent-Length:", b"\r\nContent-Length: 5", b"0\r\nContent-Length: 5", b"5\r\ncontent-length: 0", b"5\r\nX: y\r\nContent-Length: 5",
]
NAMES = [  # %s is a field's name
    b"%s", b" %s", b"\t%s", b"%s ", b"%s\t", b"%s\0", b"\0%s", b"%s\r", b"\r%s", b"%s\x0b", b"%s\xa0", b"X-%s", b"%sX", b"%s:", b":%s",
    b"%s\r\n ", b"%s\n", b"\n%s", b"\"%s\"", b"(%s)", b"X: y\n%s", b"X: y\r%s", b"X: y\0%s", b"X:\r\n %s", b"X: y\r\n\x85%s", b"X\r\n%s",
]
SIZES = [
    b"5", b"05", b"0005", b"5 ", b"5  ", b"5\t", b" 5", b"\t5", b"+5", b"-5", b"0x5", b"5h", b"g", b"", b"5;", b"5;a", b"5;a=b", b"5;a=\"b\"",
    b"5;a=\"b", b"5;a=\"b\r\n", b"5 ;a", b"5; a", b"5\t;\ta\t=\tb", b"5;a =b", b"5;a= b", b"5;a=b\rc", b"5;a=b\nc", b"5;\0", b"5,5", b"5.5", b"5_",
    b"0" * 17 + b"5", b"0" * 200 + b"5", b"F" * 16 + b"5", b"10000000000000005", b"100000005", b"5\0", b"5\x0b", b"5\xa0", b"5;\xe9", b"5;a=\"\\\"\"",
    b"5;a=\"\xe9\"", b"5 a", b"5;;", b"5;a;", b"5;=", b"5;a=", b"5;a==b", b"5;a=b=c", b"5 5", b"ffffffff", b"4", b"6", b"A", b"a", b"5;" + b"a" * 300,
    b"5;a=\";\"", b"5;a=\"\t\"", b"5;a=\"\\", b"5;a\"b\"", b"5;\"a\"", b"5;a=b c", b"5;a=b;", b"5:a",
]
TAILS = [
    b"0\r\n\r\n", b"00\r\n\r\n", b"0;a\r\n\r\n", b"0 \r\n\r\n", b"0\n\n", b"0\r\n\n", b"0\n\r\n", b"0\r\n", b"-0\r\n\r\n", b"+0\r\n\r\n", b"0x0\r\n\r\n",
    b"0\r\nX: y\r\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX: y\r\n z\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n",
    b"0\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\nTransfer-Encoding: x\r\n\r\n", b"0\r\nHost: b\r\nHost: c\r\n\r\n", b"0\r\nConnection: close\r\n\r\n",
    b"0\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n", b"0\r\nX\r\n\r\n", b"0\r\n: y\r\n\r\n", b"0\r\nX: \0\r\n\r\n", b"0\r\n\r", b"0\r\nX: y\n\r\n",
    b"0\r\nX: y\r\n\n", b"0\r\nX: y\rz\r\n\r\n", b"0\r\rX: y\r\n\r\n", b"0\r\n\r\n\r\n", b"0\r\nX:\r\n\r\n", b"0\r\nX: y \t\r\n\r\n",
    b"0\r\nContent-Length: x\r\n\r\n", b"0\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", b"0\r\nExpect: x\r\n\r\n",
]
VERSIONS = [
    b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.01", b"http/1.1", b"HTTP/1", b"HTTP/1.",
    b"HTTP/.1", b"HTTP /1.1", b"HTTP/ 1.1", b"HTTP/1 .1", b"HTTP/-1.1", b"HTTP/1,1", b"HTTPS/1.1", b"HTTP\\1.1", b"HTTP/1.1.1", b"HTTP/1.x",
    b"HTP/1.1", b"", b"ICE/1.0", b"RTSP/1.0", b"HTTP/3.0", b"HTTP/9.9", b"HTTP/1.1\0", b"HTTP/1.1 HTTP/1.1", b"HTTP/1.1 x",
]
METHODS = [
    b"get", b"GET\0", b"G\xcaT", b"GE T", b"GET,", b"[GET]", b"M-SEARCH", b"PATCH", b"TRACE", b"FOO", b"PRI", b"SOURCE", b"QUERY", b"GET:", b"G3T",
    b"-", b"\"GET\"", b"(GET)", b"G" * 32, b"G" * 33, b"CONNECT", b"connect", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"DESCRIBE", b"PLAY",
    b"ANNOUNCE", b"HEAD", b"", b"\xef\xbb\xbfGET", b"GET/", b"POSTGET", b"GET\tPOST", b"'", b"|", b"~",
]
TARGETS = [
    b"/", b"//", b"/a?b", b"/a#b", b"*", b"", b"a", b"http://h/", b"http://h", b"HTTP://h/", b"https://h/", b"ftp://h/", b"http:///", b"http://",
    b"http:/", b"http:", b"http://u@h/", b"http://u:p@h/", b"http://h:80/", b"http://h:/", b"http://h:99999/", b"http://[::1]/", b"http://[::1",
    b"http://[v1.a]/", b"//h/", b"h:80", b"/%", b"/%4", b"/%zz", b"/%00", b"/a b", b"/a\tb", b"/a\x0bb", b"/a\r", b"/a\nb", b"/../", b"/;a", b"/?#",
    b"/?a?b", b"http://h?x", b"http://h#f", b"http://h\\@x/", b"http://h /", b"http://a,b/", b"http://\xe9/", b"?a", b"#", b"/" + b"a" * 8100,
    b"/" + b"a" * 8200, b"http://h*/", b"http://h/*", b"http://@h/", b"http://h@/", b"http://h%41/", b"http://h%/", b"**", b"*a", b"http://u@v@h/",
    b"http://h::80/", b"x-y://h/", b"/a HTTP/1.1\r\nX: y\r\nGET /b",
]
HOSTS = [
    b"a", b"A.B", b"a:80", b"a:", b"a:0", b"a:65535", b"a:65536", b"a:+80", b"a: 80", b"a :80", b"a b", b"a,b", b"a/b", b"a?b", b"a#b", b"u@a",
    b"u:p@a", b"[::1]", b"[::1]:80", b"[::1", b"::1", b"[::1]x", b"[::g]", b"[fe80::1%25eth0]", b"[v1.x]", b"", b"  ", b"\0", b"a\0", b"a\r", b"\xe9",
    b"%41", b"%4", b"%zz", b"a..b", b".", b"-", b"_", b"a\\b", b"<a>", b"*", b"a;b", b"a=b", b"(a)", b"127.0.0.1", b"999.1.1.1", b"0x7f.1", b"a\tb",
    b"\ta", b"a\t", b"a\r\nHost: a", b"a\r\nHost: b", b"a\r\nhost:", b"\r\n a", b"a\r\n b", b"a\r\nX: y\r\nHOST: a", b"a\nHost: b",
]
CONNECTIONS = [
    b"close", b"keep-alive", b"Close", b"close, keep-alive", b"keep-alive, close", b"keep-alive\r\nConnection: close",
    b"close\r\nConnection: keep-alive", b"upgrade", b"Upgrade, close", b"TE", b"close,", b"", b",close", b"closed", b"clo se", b"close;a", b"\"close\"",
    b"close ", b"\tclose", b"x-close", b"close keep-alive", b"keep-alive;close", b"keepalive", b"Keep-Alive", b"close\x0b", b"close\xa0",
    b"content-length", b"transfer-encoding", b"host", b"a,b,c,close", b"a, b , close , d", b"close\t,keep-alive",
]
EXPECTATIONS = [b"100-continue", b"100-Continue", b"100-continue, x", b"100-continue ", b"x", b"", b"100-continue\r\nExpect: 100-continue"]


def with_length(head, body=b"hello"):
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def framings():
    for coding in CODINGS:
        field = b"Transfer-Encoding: " + coding + b"\r\n"
        yield from (HEAD + field + b"\r\n" + CHUNKS, HEAD + field + b"Content-Length: 15\r\n\r\n" + CHUNKS,
                    HEAD + b"Content-Length: 15\r\n" + field + b"\r\n" + CHUNKS, HEAD + field + b"Content-Length: 0\r\n\r\n" + CHUNKS,
                    HEAD.replace(b"1.1", b"1.0") + field + b"\r\n" + CHUNKS, HEAD.replace(b"POST", b"GET") + field + b"\r\n" + CHUNKS)
    for length in LENGTHS:
        field = b"Content-Length: " + length + b"\r\n"
        for method in (b"POST", b"GET", b"HEAD", b"DELETE"):
            yield HEAD.replace(b"POST", method) + field + b"\r\nhello"
        yield HEAD.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\n" + field + b"\r\nhello"
    for name, (field, body) in itertools.product(NAMES, [(b"Content-Length", b"hello"), (b"Transfer-Encoding", CHUNKS), (b"Host", b"")]):
        value = {b"Host": b"b", b"Content-Length": b"5"}.get(field, b"chunked")
        other = b"" if field == b"Host" else b"Host: a\r\n"
        line = name % field + b": " + value + b"\r\n"
        yield from (b"POST /a HTTP/1.1\r\n" + other + line + b"\r\n" + body, b"POST /a HTTP/1.1\r\n" + line + other + b"\r\n" + body,
                    with_length(HEAD + line))


def chunked(body):
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body


def chunks():
    for size in SIZES:
        yield chunked(size + b"\r\nhello\r\n0\r\n\r\n")
        yield chunked(b"2\r\nhi\r\n" + size + b"\r\nhello\r\n0\r\n\r\n")
    for tail in TAILS:
        yield chunked(tail)
        yield chunked(b"5\r\nhello\r\n" + tail)
    for first, second, third in itertools.product(ENDS, ENDS, [b"\r\n", b"\n"]):
        yield chunked(b"5" + first + b"hello" + second + b"0" + third + b"\r\n")
    for byte in range(256):
        letter = bytes([byte])
        yield from (chunked(b"5" + letter + b"\r\nhello\r\n0\r\n\r\n"), chunked(b"5;" + letter + b"\r\nhello\r\n0\r\n\r\n"),
                    chunked(b"5;a=\"" + letter + b"\"\r\nhello\r\n0\r\n\r\n"), chunked(b"5\r\nhello" + letter + b"\r\n0\r\n\r\n"),
                    chunked(b"5\r\nhello\r\n0\r\nX: " + letter + b"\r\n\r\n"))


def lines():
    for version, target in itertools.product(VERSIONS, (b"/a", b"http://h/a")):
        yield b"GET " + target + b" " + version + b"\r\nHost: a\r\n\r\n"
    for first, second in itertools.product(BLANKS, BLANKS):
        yield b"GET" + first + b"/a" + second + b"HTTP/1.1\r\nHost: a\r\n\r\n"
    for method in METHODS:
        yield method + b" /a HTTP/1.1\r\nHost: a\r\n\r\n"
        yield with_length(method + b" /a HTTP/1.1\r\nHost: a\r\n")
    for target, method in itertools.product(TARGETS, (b"GET", b"OPTIONS", b"CONNECT")):
        yield method + b" " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    for before in [*BLANKS, *ENDS, b"\r\n\r\n\r\n", b"\xef\xbb\xbf", b"x", b"\r\n "]:
        yield before + b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
        yield with_length(HEAD) + before + b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
    for first, second, third in itertools.product(ENDS, ENDS, ENDS):
        yield b"GET /a HTTP/1.1" + first + b"Host: a" + second + b"X: y" + third
        yield b"GET /a HTTP/1.1" + first + b"Host: a" + second + third


def fields():
    for host in HOSTS:
        for target, version in itertools.product((b"/a", b"http://h/"), (b"1.1", b"1.0")):
            yield b"GET " + target + b" HTTP/" + version + b"\r\nHost: " + host + b"\r\n\r\n"
    for version in (b"1.1", b"1.0"):
        yield b"GET /a HTTP/" + version + b"\r\n\r\n"
        yield b"GET /a HTTP/" + version + b"\r\nX: y\r\n\r\n"
        for said, upgrade in itertools.product(CONNECTIONS, (b"", b"Upgrade: websocket\r\n", b"Upgrade: h2c\r\nHTTP2-Settings: a\r\n")):
            head = b"POST /a HTTP/" + version + b"\r\nHost: a\r\nConnection: " + said + b"\r\n" + upgrade
            yield from (head + b"\r\n", with_length(head))
        for expectation in EXPECTATIONS:
            yield with_length(b"POST /a HTTP/" + version + b"\r\nHost: a\r\nExpect: " + expectation + b"\r\n")
    for byte in range(256):
        letter = bytes([byte])
        yield from (HEAD + letter + b"X: y\r\n\r\n", HEAD + b"X" + letter + b"Y: z\r\n\r\n", HEAD + b"X" + letter + b": y\r\n\r\n",
                    HEAD + b"X:" + letter + b"y\r\n\r\n", HEAD + b"X: y" + letter + b"z\r\n\r\n", HEAD + b"X: y" + letter + b"\r\n\r\n",
                    b"GET /a" + letter + b"b HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /a?" + letter + b" HTTP/1.1\r\nHost: a\r\n\r\n",
                    b"G" + letter + b"T /a HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /a HTTP/1.1\r\nHost: a" + letter + b"b\r\n\r\n",
                    with_length(HEAD[:-2] + letter + b"\r\n"), b"GET /a HTTP/1.1" + letter + b"\r\nHost: a\r\n\r\n",
                    with_length(HEAD + b"X" + letter + b"\r\n"), HEAD + b"Content-Length: 5" + letter + b"\r\n\r\nhello",
                    HEAD + b"Transfer-Encoding: chunked" + letter + b"\r\n\r\n" + CHUNKS)
    yield HEAD + b"X: y\r\n" * 62 + b"\r\n"
    yield HEAD + b"X: y\r\n" * 63 + b"\r\n"
    yield HEAD + b"X: " + b"y" * 8180 + b"\r\n\r\n"
    yield HEAD + b"X: " + b"y" * 8200 + b"\r\n\r\n"
    yield HEAD + b"X: " + b"y" * 8000 + b"\r\nX: " + b"y" * 8000 + b"\r\nX: " + b"y" * 8000 + b"\r\n\r\n"


# What the two have once read in different ways.
FOUND = [case + PROBES for case in (
    with_length(HEAD).replace(b": 5", b": 5\t"), chunked(CHUNKS).replace(b"chunked", b"chunked\t"),  # to llhttp a tab behind is no white space
    with_length(HEAD).replace(b": 5", b": 5, 5"), with_length(HEAD + b"Content-Length: 5\r\n"),  # we took equal lengths for one
    chunked(CHUNKS.replace(b"5", b"5 ;a", 1)), chunked(CHUNKS.replace(b"5", b"5;a =b", 1)),  # and bad white space
    chunked(b"0\r\nContent-Length: 5\r\n\r\n"), chunked(b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),  # and overlooked these in trailers
    chunked(b"0\r\nConnection: close\r\n\r\n"),
)]


def systematic():
    """All of them, each once, followed by the probes."""
    return list(dict.fromkeys(case + PROBES for case in itertools.chain(framings(), chunks(), lines(), fields())))


SOUND = [case + PROBES for case in (
    b"GET /a?b=c HTTP/1.1\r\nHost: a:80\r\nUser-Agent: b/1\r\nAccept: */*\r\n\r\n",
    b"\r\nHEAD /a HTTP/1.1\r\nHost: [::1]:80\r\nX: y\r\nX:\tz \r\n\r\n",
    b"GET http://h:80/a?b HTTP/1.1\r\nHost: a\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\nContent-Length: 0\r\n\r\n",
    with_length(HEAD), with_length(HEAD + b"Expect: 100-continue\r\n"), with_length(HEAD, b"GET /b HTTP/1.1\r\nHost: b\r\n\r\n"),
    with_length(HEAD.replace(b"1.1", b"1.0") + b"Connection: Keep-Alive\r\n"), HEAD + b"Content-Length: 00007\r\n\r\n0\r\n\r\nab",
    chunked(CHUNKS), chunked(b"2;a;b=c;d=\"e\\\"f\"\r\nhi\r\n00F\r\n0\r\n\r\nGET /b HTT\r\n0;x\r\nT: u\r\nV:\r\n\r\n"),
    chunked(b"1\r\na\r\n" * 9 + b"0\r\n\r\n"), HEAD + b"transfer-encoding:chunked\r\nX: y\r\n\r\n" + CHUNKS,
)]
TOKENS = [
    *CODINGS[:12], *LENGTHS[:20], *SIZES[:20], *ENDS, *BLANKS, b"Content-Length: ", b"Transfer-Encoding: ", b"Host: ", b"Connection: ", b": ", b"HTTP/1.1",
    b"HTTP/1.0", b"GET ", b"POST ", b"0\r\n\r\n", b"\r\n\r\n", b"\r\n ", b",", b";", b"\"", b"=", b"chunked", b"X: y\r\n", b"/", b"*", b"?", b"#", b"@", b"%",
    b"Upgrade: a\r\n", b"Expect: 100-continue\r\n",
]


def place(dice, data):
    """Mostly in the first request, where there is something to break."""
    size = max(1, len(data) - (len(PROBES) if dice.random() < 0.9 else 0))
    return dice.randrange(size)


def mutate_once(dice, data, others):
    at = place(dice, data)
    to = min(len(data), at + dice.choice((1, 1, 2, 4, 8, 16, 32)))
    token = dice.choice(TOKENS)
    kind = dice.randrange(8)
    if kind == 0:
        return data[:at] + bytes([dice.randrange(256)]) + data[at + 1:]
    if kind == 1:
        return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1:]
    if kind == 2:
        return data[:at] + data[to:]
    if kind == 3:
        return data[:to] + data[at:to] + data[to:]
    if kind == 4:
        return data[:at] + token + data[to:]
    if kind == 5:
        pieces = data.split(b"\r\n")
        first, second = dice.randrange(len(pieces)), dice.randrange(len(pieces))
        pieces[first], pieces[second] = pieces[second], pieces[first]
        return b"\r\n".join(pieces)
    if kind == 6:
        other = dice.choice(others)
        return data[:at] + other[place(dice, other):]
    return data[:at] + token + data[at:]


def mutations(seed, seeds):
    """Without end; the same for the same seed. Most begin with what is sound, the others with one of `seeds`."""
    dice = random.Random(seed)
    while True:
        data = dice.choice(SOUND if dice.random() < 0.7 else seeds)
        for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 5))):
            data = mutate_once(dice, data, seeds) or b"\r\n"
        yield data[:20000]
