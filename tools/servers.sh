#!/bin/sh
# Makes sure that the servers which the tests talk to are installed; installs Debian's packages where we may.
#
# They are programs for the tests, never services: nothing is started, now or at boot.
set -eu

# program:package
needed="prometheus:prometheus promtool:prometheus prometheus-alertmanager:prometheus-alertmanager influxd:influxdb victoria-metrics:victoria-metrics"

lacking() {
    for pair in $needed; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || printf '%s\n' "${pair#*:}"
    done | sort -u | tr '\n' ' '
}

packages=$(lacking)
[ -n "$packages" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "northmeter: the tests need servers that are not installed; on Debian, as root: apt-get install --no-install-recommends $packages" >&2
    exit 1
fi

# Debian asks this file before it starts a service; 101 means no. One that is there already is left as it is, when it
# says no as well.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=yes
fi
trap '[ -z "$made" ] || rm -f "$policy"' EXIT

DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
echo "northmeter: installing $packages" >&2
apt-get update -qq
# shellcheck disable=SC2086 # a list of words is meant
apt-get install -qq -y --no-install-recommends $packages >/dev/null

# The policy keeps them from starting now, this keeps them from starting at the next boot.
if command -v systemctl >/dev/null 2>&1; then
    for service in prometheus prometheus-alertmanager influxdb victoria-metrics; do
        systemctl disable --quiet "$service" >/dev/null 2>&1 || true
    done
fi

packages=$(lacking)
if [ -n "$packages" ]; then
    echo "northmeter: still lacking after the installation: $packages" >&2
    exit 1
fi
