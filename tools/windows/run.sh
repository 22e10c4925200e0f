#!/usr/bin/env bash
# run.sh COMMAND ARGUMENT...: runs a command of the Windows Python (python, openjd-vs, ...) on this checkout, under Wine.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$("${PYTHON:-python3.11}" "$here/install.py")
windows() { printf 'Z:%s' "${1//\//\\}"; }
export WINEPREFIX=${WINEPREFIX:-$folder/prefix} WINEDEBUG=${WINEDEBUG:--all} WINEDLLOVERRIDES=mscoree,mshtml=
export WINEPATH="$(windows "$folder/python/Scripts");$(windows "$folder/python")"
export PYTHONPYCACHEPREFIX='C:\pycache' PYTHONUTF8=1
windows "$(dirname "$(dirname "$here")")" > "$WINEPREFIX/drive_c/checkout.txt"
# Wine's console needs a terminal of its own, so standard input is closed and the output goes through a pipe.
wine "$1.exe" "${@:2}" < /dev/null 2>&1 | cat
