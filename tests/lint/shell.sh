#!/bin/bash
# shell.sh ROOT: fails when shellcheck objects to a shell script.
set -euo pipefail

cd "$1"
grep -rlE --exclude-dir=node_modules '^#!/bin/(ba)?sh' .ci deploy tests | xargs shellcheck --severity=warning
