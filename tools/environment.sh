#!/bin/sh
# Makes a virtual environment with exactly what the lock file names, and the checkout itself as an editable install.
#
#   tools/environment.sh FOLDER LOCK [PYTHON]
#
# Without PYTHON the first Python 3.11 or newer on the PATH is taken. Nothing is written outside of the checkout.
set -eu

folder=$1
lock=$2
wanted=${3:-}
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

usable() {
    # A name on the PATH may be a shim without an interpreter behind it, and Debian ships Python without ensurepip.
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

python=
for candidate in ${wanted:-python3 python3.13 python3.12 python3.11 python}; do
    if usable "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "northmeter: ${wanted:-the PATH} has no Python 3.11 or newer with the venv module (on Debian: apt-get install python3-venv)" >&2
    exit 1
fi

# A copied or moved environment still points to the folder that it was made in.
if [ ! -x "$folder/bin/python" ] || ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$folder"
    "$python" -m venv "$folder"
fi
PIP_CACHE_DIR=$root/.make/pip
PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_CACHE_DIR PIP_DISABLE_PIP_VERSION_CHECK
"$folder/bin/python" -m pip install -qq --require-hashes -r "$lock"
"$folder/bin/python" -m pip install -qq --no-deps --no-build-isolation --editable .
