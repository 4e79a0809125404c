#!/bin/sh
# Make .venv ready: exactly the packages that requirements.lock names, and this project, editable.
#
# Needs Python 3.11 or newer with venv and nothing else; uv and the packages come from PyPI, checked by hash.
# When nothing has changed since the last time it does nothing, and needs no network. PYTHON names an interpreter.
set -eu
cd "$(dirname "$0")/.."
here=$(pwd)
key="$here $(cat requirements.lock pyproject.toml tools/uv.lock.txt tools/setup.sh | cksum)"

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

origin() { "$1" -c 'import sys; print(sys.base_prefix, sys.version)' 2>/dev/null; }

# Whether .venv is that of the interpreter that was asked for, if any.
wanted() { [ -z "${PYTHON:-}" ] || [ "$(origin "$PYTHON")" = "$(origin .venv/bin/python)" ]; }

ready() { [ -x .venv/bin/python ] && [ "$(cat .venv/.ready 2>/dev/null)" = "$key" ] && wanted; }

# Sets `python` to an interpreter that can make a virtual environment, or ends with what to install.
find_python() {
    bare=
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3.11 python3.12 python3.13 python3.14 python3; fi
    for python in "$@"; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        "$python" -c 'import ensurepip, venv' 2>/dev/null && return
        bare=${bare:-$python}
    done
    if [ -n "$bare" ]; then
        fail "$bare cannot make a virtual environment: its venv module is not installed." \
            "Install it, then run make again. On Debian or Ubuntu: apt install python$(version "$bare")-venv" \
            "(or python3-venv, if $bare is the system's own python3)."
    fi
    found=$(for python in "$@"; do version "$python" || :; done | tail -n 1)
    fail "Python 3.11 or newer is needed; ${found:+the newest found is }${found:-none was found} (looked for: $*)." \
        "Install one, or name one: make setup PYTHON=/path/to/python3.12"
}

ready && exit 0
# Two makes at once must not build the same .venv; where flock is missing they have to take care themselves.
mkdir -p build
exec 9>build/setup.lock
if command -v flock >/dev/null; then flock 9; fi
ready && exit 0

# What was made elsewhere, by another interpreter, or is broken is made anew; the scripts in it hold absolute paths.
case "$(cat .venv/.ready 2>/dev/null || :)" in
"" | "$here "*) moved= ;;
*) moved=yes ;;
esac
if [ -n "$moved" ] || ! wanted || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    find_python
    printf 'setup: Python %s (%s) in .venv\n' "$(version "$python")" "$python"
    "$python" -m venv --clear .venv || fail "$python could not make .venv"
fi
rm -f .venv/.ready
printf 'setup: installing %s packages\n' "$(grep -c '^[a-z0-9].*==' requirements.lock)"
# A company's own certificate authority is in the system's store, where there is one; uv has its own otherwise.
for store in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    if [ -e "$store" ]; then export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"; fi
done
export PIP_DISABLE_PIP_VERSION_CHECK=1 UV_PYTHON_DOWNLOADS=never UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-120}"
.venv/bin/python -m pip install --quiet --require-hashes -r tools/uv.lock.txt
uv() { .venv/bin/python -m uv pip "$@" --quiet --python .venv/bin/python; }
uv sync --require-hashes requirements.lock
uv install --no-deps --no-build-isolation --editable .
printf '%s' "$key" >.venv/.ready
printf 'setup: done\n'
