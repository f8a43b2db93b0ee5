#!/bin/bash
# format.sh ROOT: fails when clang-format 14 (Debian's; others differ in details) would change a source.
set -euo pipefail

cd "$1"
find common ctl deploy fetcher gateway metricsd scheduler tests -name '*.[ch]' -print0 |
    xargs -0 clang-format-14 --dry-run -Werror
