#!/bin/sh
# Builds the wheel and runs its tests against it, installed in a clean environment, away from the checkout.
#
#   tools/wheel.sh ENVIRONMENT
#
# ENVIRONMENT is the development environment; it builds the wheel and lends its interpreter. What the checkout alone can
# show (marker checkout) and what takes minutes (property_long, e2e) runs in the checkout only.
set -eu

environment=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PIP_CACHE_DIR=$root/.make/pip
PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_CACHE_DIR PIP_DISABLE_PIP_VERSION_CHECK

cd "$root"
"$environment/bin/python" -m build --wheel --no-isolation --outdir "$work/dist" . >"$work/build.log" 2>&1 ||
    { cat "$work/build.log" >&2; exit 1; }

"$environment/bin/python" -m venv "$work/venv"
python=$work/venv/bin/python

# First what a user gets: the wheel and its run-time needs, nothing else.
"$python" -m pip install -qq --require-hashes -r requirements.lock
"$python" -m pip install -qq --no-deps "$work"/dist/northmeter-*.whl
"$python" -m pip check >/dev/null
(cd "$work" && "$work/venv/bin/northmeter" schema >/dev/null)

# Then the needs of the tests, and all tracked files except the packages under test.
"$python" -m pip install -qq --require-hashes -r requirements-test.lock
mkdir "$work/tree"
git ls-files -z -- . ':!collector' ':!exporters' ':!config' ':!simulator' | xargs -0 cp --parents -t "$work/tree"
cd "$work/tree"
"$python" - <<'END'
import sysconfig
import collector, config, exporters, simulator

site = sysconfig.get_path("purelib")
for package in (collector, config, exporters, simulator):
    assert str(package.__file__).startswith(site), f"{package.__name__} is not the installed one: {package.__file__}"
END
# The longest ones say nothing of the packaging that the others do not: they ran in the checkout.
NORTHMETER_TEST_PROFILE=dev "$python" -m pytest -q -n "${WORKERS:-2}" --dist loadgroup -m "not checkout and not property_long and not e2e" \
    --ignore tests/integration/sources/vcd/test_provider.py --ignore tests/integration/sources/vcd/test_wrong_answers.py
