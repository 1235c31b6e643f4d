#!/bin/sh
# Make .venv and install the package into it, with one of the extras of pyproject.toml:
#     tools/setup.sh base|lab|labs|site|most|test|author
# base: all that the lessons need but Jupyter; most: all tests but those of the labs.
# uv where it runs, else uv installed into .venv, else plain pip. PYTHON=... chooses the interpreter.
# A file .venv/.ready-EXTRA marks what has been installed; the Makefile compares it with pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
extra=$1
bin=.venv/bin

fail() {
    echo "$1" >&2
    exit 1
}

# A name on PATH may be a pyenv shim that cannot run, so every candidate is run.
new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || fail "PYTHON=$PYTHON does not run, or is older than Python 3.11."
        echo "$PYTHON"
        return
    fi
    for name in python3.13 python3.12 python3.11 python3 python; do
        if new_enough "$name"; then
            echo "$name"
            return
        fi
    done
    fail "No Python 3.11 or later found on PATH. Install one, or name it: make PYTHON=/path/to/python3.12 ..."
}

if ! new_enough "$bin/python"; then
    python=$(find_python)
    echo "Making .venv with $("$python" --version)" >&2
    rm -rf .venv
    if uv --version >/dev/null 2>&1; then
        uv venv --quiet --seed --python "$("$python" -c 'import sys; print(sys.executable)')" .venv
    else
        "$python" -m venv .venv || {
            rm -rf .venv
            fail "python -m venv failed; on Debian and Ubuntu: apt install python3-venv"
        }
    fi
fi

if uv --version >/dev/null 2>&1; then
    uv=uv
else
    "$bin/uv" --version >/dev/null 2>&1 || "$bin/python" -m pip install --quiet uv || true
    uv=$bin/uv
fi

case $extra in
base) target=".[lessons]" installed="base" ;;
lab) target=".[lab]" installed="base lab" ;;
labs) target=".[labs]" installed="base lab labs" ;;
site) target=".[site]" installed="base site" ;;
most) target=".[most]" installed="base lab site most" ;;
test) target=".[test]" installed="base lab labs site most test" ;;
author) target=".[author]" installed="base lab labs site most test author" ;;
*) fail "unknown extra '$extra': base, lab, labs, site, most, test or author" ;;
esac
echo "Installing anl-edu ($extra) into .venv; the first time this fetches PyTorch" >&2
if ! { "$uv" --version >/dev/null 2>&1 && "$uv" pip install --python "$bin/python" -e "$target"; }; then
    "$bin/python" -m pip --version >/dev/null 2>&1 || "$bin/python" -m ensurepip
    "$bin/python" -m pip install -e "$target"
fi
for name in $installed; do
    touch ".venv/.ready-$name"
done
