#!/usr/bin/python3
"""Each rule of lint.py finds its breach, and lets good code pass."""
import os
import tempfile
import unittest

import lint

TOP = "/* sample.c - what it is for. */\n"
PURE = "/* sample.c - what it is for. Pure. */\n"


def function(body_lines, name="f"):
    return f"int {name}(void)\n{{\n" + "    g();\n" * body_lines + "}\n"


BAD = [
    ("no purpose", "int x(void);\n", "purpose"),
    ("empty purpose", "/* */\nint x(void);\n", "purpose"),
    ("long opening comment", "/* a\n" + " * b\n" * 14 + " */\n", "opening comment"),
    ("long function", TOP + function(58), "f has 61 lines"),
    ("long main", TOP + function(38, "main"), "main has 41 lines"),
    ("long signature counts", TOP + "static int f(int a,\n             int b)\n{\n" + "    g();\n" * 57 + "}\n", "61 lines"),
    ("long file", TOP + "\n" * 600, "601 lines"),
    ("nesting", TOP + "int f(void)\n{\n    if (a)\n        for (;;)\n            while (b)\n                if (c)\n"
                      "                    g();\n}\n", "nested deeper"),
    ("banned call", TOP + "int f(void)\n{\n    return atoi(s);\n}\n", "atoi() is banned"),
    ("banned behind another", TOP + "int f(void)\n{\n    return g(h, strcpy (a, b));\n}\n", "strcpy() is banned"),
    ("sleep", TOP + "int f(void)\n{\n    usleep(5);\n}\n", "usleep() is banned"),
    ("to do", TOP + "/* TODO: more */\n", "no code"),
    ("code left out", TOP + "#if 0\nint x;\n#endif\n", "out of use"),
    ("clock in a pure file", PURE + "int f(void)\n{\n    return clock_now_us();\n}\n", "clock_now_us() in a pure file"),
    ("time in a pure file", PURE + "int f(void)\n{\n    return time(NULL);\n}\n", "time() in a pure file"),
    ("socket in a pure file", PURE + "int f(void)\n{\n    return send(fd, a, 1, 0);\n}\n", "send() in a pure file"),
    ("log in a pure file", PURE + "int f(void)\n{\n    log_info(\"x\");\n}\n", "log_info() in a pure file"),
    ("library in a pure file", PURE + "#include <event2/event.h>\n", "includes event2/event.h"),
    ("bus in a pure file", PURE + "#include \"common/bus.h\"\n", "includes common/bus.h"),
    ("static in a pure file", PURE + "static int count;\n", "keeps a variable"),
    ("static array", PURE + "static char room[64];\n", "keeps a variable"),
    ("static struct", PURE + "static struct {\n    int a;\n} b;\n", "keeps a variable"),
    ("static inside a function", PURE + "int f(void)\n{\n    static int n = 0;\n    return n++;\n}\n", "keeps a variable"),
    ("pointer that moves", PURE + "static const char *name = \"a\";\n", "keeps a variable"),
    ("global in a pure file", PURE + "int count;\n", "keeps a variable"),
    ("global pointer", PURE + "struct queue *first = NULL;\n", "keeps a variable"),
]

GOOD = [
    ("short and plain", TOP + function(57)),
    ("main of 40", TOP + function(37, "main")),
    ("nesting of 3", TOP + "int f(void)\n{\n    if (a)\n        for (;;)\n            while (b)\n                g();\n}\n"),
    ("banned only in words", TOP + "/* never strcpy(a, b) */\nconst char *const s = \"sprintf(x)\";\n"),
    ("longer names", TOP + "int f(void)\n{\n    return my_atoi(s) + q->time(s) + fsystem(s);\n}\n"),
    ("clock at the edge", TOP + "int f(void)\n{\n    return clock_now_us();\n}\n"),
    ("word pure in passing", "/* sample.c - clocks; pure files have none. */\nstatic int count;\n"),
    ("constants", PURE + "static const int most = 3;\nstatic const char *const names[] = {\"a\"};\n"),
    ("constant table", PURE + "static const struct {\n    int a;\n} table[] = {{1}};\n"),
    ("pure functions", PURE + "struct queue;\nstatic int f(void);\nstatic inline int g(void)\n{\n    return 1;\n}\n"),
    ("pure struct", PURE + "struct a {\n    int time;\n};\nenum b { C };\ntypedef int d;\nint e(void);\n"),
]


class LintTest(unittest.TestCase):
    def check(self, text, name="sample.c"):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return [what for _, what in lint.check_file(path)]

    def test_bad(self):
        for name, text, wanted in BAD:
            with self.subTest(name):
                found = self.check(text)
                self.assertEqual(len(found), 1, found)
                self.assertIn(wanted, found[0])

    def test_good(self):
        for name, text in GOOD:
            with self.subTest(name):
                self.assertEqual(self.check(text), [])

    def test_pure_by_header(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("a.h", "/* a.h - Pure. */\n"), ("a.c", "/* a.c - see a.h. */\nstatic int n;\n")):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            self.assertEqual(len(lint.check_file(os.path.join(folder, "a.c"))), 1)

    def test_tree(self):
        """The whole program: a stray file, a missing pure file and a bad source each make it fail."""
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "tests/lint"))
            os.makedirs(os.path.join(root, "build"))
            listed = os.path.join(root, "tests/lint/pure.txt")
            open(listed, "w", encoding="utf-8").close()
            self.assertEqual(lint.main(root), 0)
            for path, text in (("stray.txt", ""), ("tests/lint/pure.txt", "common/gone.c\n"), ("tests/a.c", "int x;\n")):
                with self.subTest(path):
                    with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                        file.write(text)
                    self.assertEqual(lint.main(root), 1)
                    os.remove(os.path.join(root, path))
                    open(listed, "w", encoding="utf-8").close()
            self.assertEqual(lint.main(root), 0)


if __name__ == "__main__":
    unittest.main()
