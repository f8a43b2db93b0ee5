#!/usr/bin/python3
"""lint.py ROOT: the house rules that compilers do not know, for every .c, .h and .def file under ROOT.

Prints one line per breach, and ends with 1 if there was any. It reads clang-formatted code: a function begins
and ends with a brace in the first column, and nesting shows as indentation.
"""
import os
import re
import sys

ROOMS = ["common", "ctl", "deploy", "fetcher", "gateway", "metricsd", "scheduler", "tests"]
TOP_LEVEL = set(ROOMS) | {
    ".ci", ".clang-format", ".clang-tidy", ".dockerignore", ".env.example", ".gitattributes", ".gitignore", "CHANGELOG.md",
    "CMakeLists.txt", "CMakePresets.json", "CONTRIBUTING.md", "LICENSE", "README.md",
}
NOT_OURS = {".git", ".env", ".pytest_cache", "__pycache__", "build", "cache", "run", "state", "node_modules"}

FUNCTION_LINES = 60
MAIN_LINES = 40
FILE_LINES = 600
NESTING = 3
PURPOSE_LINES = 12

BANNED = """strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol atof alloca system popen sleep
usleep nanosleep rand srand tmpnam mktemp setjmp longjmp signal_set""".split()
# What a pure file must not touch: clocks, sockets, files, logs, and what libraries bring of them.
IMPURE_CALLS = """clock_now_us clock_wall_us time clock_gettime gettimeofday clock nanos_now nanos_wall nanos_read
socket send recv sendto recvfrom sendmsg recvmsg bind listen accept accept4 connect read write open openat fopen
getenv setenv random getrandom getpid printf puts perror log_debug log_info log_warn log_error log_write""".split()
IMPURE_HEADERS = ["event2/", "zmq", "czmq", "curl/", "lmdb", "sys/socket", "netinet/", "common/bus.h", "common/loop.h",
                  "common/event.h", "common/httpd.h", "common/cache.h"]

CONTROL = re.compile(r"^( *)(if|for|while|do|switch|else)\b")
CALL = re.compile(r"(?<![\w.>])(\w+)\s*\(")
STATIC = re.compile(r"\s*static\s+(?!inline\b)([^({=;\[]*)[{=;\[]")
GLOBAL = re.compile(r"(?!static|extern|typedef|return|struct \w+;|enum \w+;)([a-z]\w*[ *][\w *]*)(=.*|\[.*|;)$")
PURE_WORD = re.compile(r"\bPure\b")


def code_only(text):
    """The text with comments and the insides of literals blanked out; the lines stay where they are."""
    def blank(match):
        token = match.group(0)
        if token[0] in "\"'":
            return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[0]
        return re.sub(r"[^\n]", " ", token)
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def opening_comment(text):
    match = re.match(r"\s*/\*(.*?)\*/", text, flags=re.S)
    return match.group(1) if match else None


def functions(lines):
    """(name, first line, last line) of each function, from 0, signature included."""
    for opening, line in enumerate(lines):
        if line != "{":
            continue
        first = opening
        while first > 0 and lines[first - 1].strip() and not re.match(r"[#}]|.*;$", lines[first - 1]):
            first -= 1
        last = opening
        while last + 1 < len(lines) and lines[last] != "}":
            last += 1
        name = re.search(r"(\w+)\(", " ".join(lines[first:opening]))
        yield (name.group(1) if name else "?"), first, last


def check_functions(lines):
    for name, first, last in functions(lines):
        most = MAIN_LINES if name == "main" else FUNCTION_LINES
        if last - first + 1 > most:
            yield first, f"{name} has {last - first + 1} lines, at most {most} are allowed"
        for number in range(first, last + 1):
            control = CONTROL.match(lines[number])
            if control and len(control.group(1)) > 4 * NESTING:
                yield number, f"nested deeper than {NESTING}"


def check_calls(lines, names, why):
    for number, line in enumerate(lines):
        if line.startswith("#"):
            continue
        for match in CALL.finditer(line):
            if match.group(1) in names:
                yield number, f"{match.group(1)}() {why}"


def check_pure(text, lines):
    yield from check_calls(lines, IMPURE_CALLS, "in a pure file")
    for number, line in enumerate(text.split("\n")):
        include = re.match(r'#include [<"]([^>"]+)', line)
        if include and include.group(1).startswith(tuple(IMPURE_HEADERS)):
            yield number, f"a pure file includes {include.group(1)}"
    for number, line in enumerate(lines):
        variable = STATIC.match(line) or GLOBAL.match(line)
        if variable and not re.search(r"\bconst\b[^*]*$", variable.group(1)):
            yield number, "a pure file keeps a variable"


def is_pure(path, text, listed):
    """Says so in its opening comment, or in its header's, or stands in the list."""
    if path in listed or PURE_WORD.search(opening_comment(text) or ""):
        return True
    header = os.path.splitext(path)[0] + ".h"
    if path.endswith(".c") and os.path.exists(header):
        with open(header, encoding="utf-8") as file:
            return bool(PURE_WORD.search(opening_comment(file.read()) or ""))
    return False


def check_file(path, listed=()):
    """Yields (line from 1, what is wrong)."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    lines = code_only(text).split("\n")
    comment = opening_comment(text)
    found = []
    if comment is None or not comment.strip():
        found.append((0, "does not begin with a comment that tells its purpose"))
    elif comment.count("\n") >= PURPOSE_LINES and path.endswith(".c"):
        found.append((0, f"its opening comment is longer than {PURPOSE_LINES} lines"))
    if text.count("\n") > FILE_LINES:
        found.append((0, f"has {text.count(chr(10))} lines, at most {FILE_LINES} are allowed"))
    for number, line in enumerate(text.split("\n")):
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            found.append((number, "a note to do something is no code"))
        if re.match(r"\s*#\s*if\s+0\b", line) or re.match(r"\s*//", line):
            found.append((number, "code that is out of use, or a comment of another style"))
    if not path.endswith(".def"):
        found += check_functions(lines)
        found += check_calls(lines, BANNED, "is banned")
        if is_pure(path, text, listed):
            found += check_pure(text, lines)
    return [(number + 1, what) for number, what in sorted(found)]


def check_top_level(root):
    for name in sorted(os.listdir(root)):
        if name not in TOP_LEVEL | NOT_OURS:
            yield name, 1, "does not belong into the top folder"


def sources(root):
    for room in ROOMS:
        for folder, subfolders, names in os.walk(os.path.join(root, room)):
            subfolders[:] = sorted(set(subfolders) - NOT_OURS)
            yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith((".c", ".h", ".def")))


def pure_list(root):
    path = os.path.join(root, "tests/lint/pure.txt")
    with open(path, encoding="utf-8") as file:
        return [os.path.join(root, line.strip()) for line in file if line.strip() and not line.startswith("#")]


def main(root):
    listed = pure_list(root)
    breaches = list(check_top_level(root))
    breaches += [(path, 1, "is listed as pure, and missing") for path in listed if not os.path.exists(path)]
    for path in sources(root):
        breaches += [(path, number, what) for number, what in check_file(path, listed)]
    for path, number, what in breaches:
        print(f"{os.path.relpath(path, root) if os.path.isabs(path) else path}:{number}: {what}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
