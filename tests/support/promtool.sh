#!/bin/bash
# promtool.sh [FOLDER]: prints where promtool is; the one on the PATH, or else the one of Debian's package (since Debian 13
# `promtool`, before `prometheus`), which is fetched once into FOLDER (build/promtool) and unpacked there: its service is
# not wanted.
set -euo pipefail

folder=${1:-$(dirname "${BASH_SOURCE[0]}")/../../build/promtool}

fail() {
    echo "promtool.sh: $*" >&2
    exit 1
}

fetch() {
    (cd "$folder" && { apt-get download promtool || apt-get download prometheus; }) >"$folder/log" 2>&1
}

if command -v promtool; then
    exit 0
fi
mkdir -p "$folder"
folder=$(realpath "$folder")
tool=$folder/usr/bin/promtool
exec 9>"$folder/lock"
flock 9 # several tests may want it at once
if [[ ! -x $tool ]]; then
    rm -f "$folder"/prom*.deb
    fetch || { apt-get update >/dev/null 2>&1 && fetch; } ||
        fail "cannot download Debian's package promtool, nor prometheus: $(tail -n 1 "$folder/log")"
    dpkg -x "$folder"/prom*.deb "$folder/unpacked" || fail "cannot unpack $folder/prom*.deb"
    mkdir -p "$(dirname "$tool")"
    mv "$folder/unpacked/usr/bin/promtool" "$tool"
    rm -rf "$folder/unpacked" "$folder"/prom*.deb
fi
echo "$tool"
