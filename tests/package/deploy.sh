#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The commands of docs/DEPLOY.md, exactly as written there, in a fresh root of a suite that has booted its own systemd: from the packages to a reading
# that mosquitto_sub prints. Then what a roof does to a gateway: kill, reload, upgrade, removal.
#
#   tests/package/deploy.sh SUITE [--packages DIR]     without --packages they are built first
#
# Exit 77 where no root can be made or booted.
set -euo pipefail
cd "$(dirname "$0")/../.."
. packaging/roots.sh
. tests/package/boot.sh
. tests/package/device_service.sh

suite=${1:?a suite is missing}
packages=
[ "${2:-}" != --packages ] || packages=$3/$suite
arch=$(dpkg --print-architecture)

skip() {
  echo "skipped: $*"
  exit 77
}
fail() {
  echo "deploy: $*" >&2
  boot_run journalctl --no-pager --lines 30 --unit selkie-gateway --unit mosquitto >&2 || true
  tail -n 20 "$root/var/log/mosquitto/mosquitto.log" >&2 || true
  exit 1
}

obstacle=$(root_obstacle)
[ -z "$obstacle" ] || skip "$obstacle"
findmnt --noheadings --first-only --types cgroup2 >/dev/null || skip "no cgroup2 hierarchy to boot a systemd in"

work=$(mktemp -d)
[ -z "${SELKIE_TEST_KEEP:-}" ] || echo "the root stays in $work"
trap 'boot_halt; [ -n "${SELKIE_TEST_KEEP:-}" ] || rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM
root=$work/root

if [ -z "$packages" ]; then
  scripts/package "$arch" "$suite" --output "$work/packages"
  packages=$work/packages/$suite
fi

echo "== a fresh $suite"
root_unpack "$suite" "$root"
rm "$root/usr/sbin/policy-rc.d"
mkdir "$root/root/selkie"
cp "$packages"/*_"$arch".deb "$root/root/selkie/"
mkdir "$root/root/metrics"
cp "$packages"/selkie-metrics_*.deb "$root/root/metrics/"
# What a Debian installation has and a minimal root has not. Then the network ends: packages are fetched before it does.
root_enter "$root" sh -ec '
  apt-get update
  apt-get install -y systemd systemd-sysv dbus sudo openssl hostname iproute2 socat
  cd /root/selkie
  apt-get install -y --download-only ./*.deb ../metrics/*.deb mosquitto-clients jq' >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "the root could not be prepared"; }

echo "127.0.0.1 localhost selkie-test" >"$root/etc/hosts"
echo selkie-test >"$root/etc/hostname"
root_boot "$root" || fail "systemd did not come up: $(tail -n 5 "$root.console")"
# The radio on its USB adapter: a cable of pseudo-terminals that is there again after whoever held an end was killed.
# shellcheck disable=SC2016
boot_run sh -c 'mkdir /dev/selkie
  while :; do socat pty,link=/dev/selkie/A50285BI,rawer,wait-slave,group=dialout,mode=660 pty,link=/dev/air,rawer; done' \
  >"$work/cable.log" 2>&1 &
boot_wait 10 boot_run test -e /dev/selkie/A50285BI || fail "no serial line"

echo "== the ten steps of docs/DEPLOY.md"
{
  # Here the reader would look at the screen; the test takes one line of it.
  echo 'set -euxo pipefail; cd /root/selkie; mosquitto_sub() { command mosquitto_sub -C 1 -W 60 "$@" | tee /root/heard; }'
  # And carry to the Pi what the text says, and nothing else: here both are one machine, and its own ca.pem is not to help.
  sed -n '
    s/^ \{7,\}//p
    s/^## On the Pi.*/mkdir ..\/pi; mv roof-1.json \/etc\/selkie\/ca.pem selkie-gateway_*.deb ..\/pi; cd ..\/pi/p
    s/^## Back on the broker.*/cd ..\/selkie/p
  ' docs/DEPLOY.md
} >"$root/root/deploy"
for line in mosquitto_sub 'mkdir ../pi' 'cd ../selkie'; do
  grep -q "^$line" "$root/root/deploy" || fail "docs/DEPLOY.md has no step that becomes: $line"
done

# The device on the other end of the cable, from the moment there is a key and a gateway.
# shellcheck disable=SC2016
boot_run sh -c '
  while :; do
    [ ! -e /etc/selkie/keys/1.pub.pem ] || selkie-device --port /dev/air --public-key /etc/selkie/keys/1.pub.pem --key-id 1 \
      --address 5e1c1e0000000001 --bit-rate 0 --ack --readings --interval 1
    sleep 1
  done' >"$work/device.log" 2>&1 &
# There is no udev in a container: what the package asks of it is written down.
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "$*" >>/root/udevadm\n' | boot_run sh -c 'mkdir /run/udev; touch /run/udev/control; tee /usr/bin/udevadm; chmod 755 /usr/bin/udevadm' >/dev/null
boot_run bash /root/deploy || fail "a step of docs/DEPLOY.md failed"
grep -q '^selkie/device/5e1c1e0000000001/up ' "$root/root/heard" || fail "no reading came: $(cat "$root/root/heard")"
cat "$root/root/heard"
grep -q '^trigger .*tty' "$root/root/udevadm" || fail "an adapter that is plugged in already has no name"

# The line of an adapter whose driver is loaded after the gateway: refused by the kernel (no such device), not by the unit.
boot_run mknod /dev/plugged-in-later c 188 77
mapfile -t devices < <(sed -n 's/^Device/--property=Device/p' packaging/systemd/selkie-gateway.service)
opened() { boot_run systemd-run --quiet --wait --pipe "$@" sh -c ': <>/dev/plugged-in-later' 2>&1 || true; }
opened --property=DevicePolicy=closed | grep 'Operation not permitted' || fail "systemd keeps nobody out of devices here"
opened "${devices[@]}" | grep 'No such device' || fail "the unit keeps the gateway out of an adapter plugged in later: $(opened "${devices[@]}")"

gateway_pid() { boot_run systemctl show --property MainPID --value selkie-gateway; }
# Status and log of the process that runs now: systemd keeps a status beyond the one that told it.
gateway_works() {
  local pid
  pid=$(gateway_pid)
  [ "$pid" != 0 ] && [ "$pid" != "${killed:-}" ] &&
    boot_run journalctl --no-pager --output cat "_PID=$pid" >"$work/journal" && grep -q 'serial line .* open' "$work/journal" &&
    grep -q 'connected$' "$work/journal" &&
    boot_run systemctl show --property StatusText --value selkie-gateway | grep -q 'serial ok, storage ok, broker ok'
}

# A gateway that is killed takes the cable with it. The device then begins again, with a new ID.
# shellcheck disable=SC2016
boot_run sh -ec 'cd /root; jq ".rebind = \"allow\"" /etc/selkie/plugin.json >plugin.json; cat plugin.json >/etc/selkie/plugin.json
  systemctl reload mosquitto'

echo "== status, reload, kill"
boot_wait 60 gateway_works || fail "it does not work"
boot_run systemctl reload selkie-gateway || fail "reload failed"
killed=$(gateway_pid)
boot_run systemctl kill --signal KILL selkie-gateway
boot_wait 60 gateway_works || fail "it did not come back after SIGKILL"

echo "== a board without TLS, as selkie-device(1) has it: the unit selkie-device@NAME"
device_service_check || fail "selkie-device@NAME is not what selkie-device(1) says"

echo "== reinstall"
killed=$(gateway_pid)
boot_run sh -ec 'cd /root/selkie; apt-get install -y --reinstall ./selkie-*.deb ../pi/selkie-*.deb' >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "reinstalling failed"; }
boot_wait 60 gateway_works || fail "it does not work after an upgrade"

echo "== the exporters of docs/METRICS.md, over TLS"
# shellcheck disable=SC2016
boot_run sh -ec 'cd /root/metrics
  apt-get install -y ./selkie-metrics_*.deb
  systemctl disable --now prometheus-mqtt-exporter
  mosquitto_passwd -b /etc/mosquitto/selkie.passwd metrics only-for-this-test
  systemctl reload mosquitto
  sed -e "s|^SELKIE_BROKER=.*|SELKIE_BROKER=ssl://$(hostname):8883|; s|^MQTT2PROM_MQTT_PASSWORD=.*|&only-for-this-test|; s|^#SELKIE_CA|SELKIE_CA|" \
    /usr/share/selkie-metrics/metrics.conf | install -m 600 /dev/stdin /etc/selkie/metrics.conf
  systemctl enable --now selkie-exporter@plugin selkie-exporter@gateways selkie-exporter@online' >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "the exporters do not start"; }
# shown PORT METRIC: an exporter has this metric, with the value 1.
# shellcheck disable=SC2016
shown() { boot_run bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"; printf "GET /metrics HTTP/1.0\r\n\r\n" >&3; cat <&3' "$1" 2>/dev/null | grep -q "^$2{.*} 1\r\?$"; }
exporter_fail() {
  boot_run journalctl --no-pager --lines 30 --unit "selkie-exporter@*" >&2
  fail "$1"
}
boot_wait 60 shown 9641 selkie_storage_working || exporter_fail "the exporter shows nothing of the plugin"
boot_wait 60 shown 9642 selkie_gateway_storage_working || exporter_fail "the exporter shows nothing of the gateway"
boot_wait 60 shown 9645 selkie_gateway_online || exporter_fail "the exporter does not show that the gateway is online"
[ "$(boot_run stat -c %u "/proc/$(boot_run systemctl show --property MainPID --value selkie-exporter@plugin)")" != 0 ] || fail "an exporter runs as root"
boot_run sh -c 'apt-get install -y --reinstall /root/metrics/selkie-metrics_*.deb' >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "reinstalling selkie-metrics failed"; }
boot_wait 60 shown 9641 selkie_storage_working || exporter_fail "the exporter does not work after an upgrade"
boot_run apt-get remove -y selkie-metrics >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "removing selkie-metrics failed"; }
[ -z "$(boot_run systemctl list-units --no-legend "selkie-exporter@*")" ] || fail "an exporter runs without its package"

# systemd refuses the sixth start of a unit within ten seconds. This script restarts the broker as fast as the machine allows, an operator does not.
hours_later() { boot_run systemctl reset-failed mosquitto || true; }
# apt-get ARGUMENTS…, where nobody can answer a question about a configuration file: such a question fails.
package() {
  hours_later
  boot_run sh -c 'cd /root/selkie; apt-get -y "$@" </dev/null' package "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "apt-get $*"; }
}
# shellcheck disable=SC2016
broker_has_plugin() { boot_run sh -c 'grep -q mosquitto_selkie.so "/proc/$(systemctl show --property MainPID --value mosquitto)/maps"'; }
broker_runs() { boot_run systemctl is-active --quiet mosquitto; }
broker_starts() { hours_later; broker_runs && boot_run systemctl restart mosquitto && broker_runs; }
times_ready() { grep -c 'selkie: ready' "$root/var/log/mosquitto/mosquitto.log"; }
plugin=$(cd "$root/root/selkie" && echo ./selkie-plugin_*.deb)
conf=$root/etc/mosquitto/conf.d/selkie.conf
# The sums of what only the operator has, whatever the name of selkie.conf is just now.
kept() {
  (cd "$root" && cat etc/mosquitto/conf.d/selkie.conf* | sha256sum && sha256sum etc/selkie/plugin.json etc/selkie/keys/* var/lib/selkie-plugin/storage.key)
}
# readings COUNT SECONDS: this many come.
# shellcheck disable=SC2016
readings() {
  boot_run sh -c 'mosquitto_sub -h "$(hostname)" -p 8883 --cafile /etc/selkie/ca.pem -u admin -P "$(cat /root/selkie/admin.password)" \
    -C "$1" -W "$2" -t selkie/device/5e1c1e0000000001/up >/dev/null' readings "$@"
}

echo "== an upgrade whose own files changed"
# The next version comes with other text in all that it ships; the operator has changed his, and nobody is there to answer a
# question of dpkg's.
echo "# a line of the operator" >>"$conf"
kept >"$work/kept"
# shellcheck disable=SC2016
boot_run sh -ec 'cd /root/selkie; dpkg-deb -R ./selkie-plugin_*.deb ../next
  sed -i "s/^Version: .*/&+next/" ../next/DEBIAN/control
  for file in $(cat ../next/DEBIAN/conffiles 2>/dev/null) /usr/share/selkie-plugin/selkie.conf /usr/share/selkie-plugin/plugin.json; do
    [ ! -e "../next$file" ] || echo "  " >>"../next$file"
  done
  dpkg-deb -b ../next ../next.deb' >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "cannot make another version"; }
package install ../next.deb
kept | diff "$work/kept" - || fail "the upgrade changed what belongs to the operator"
broker_has_plugin || fail "Mosquitto does not have the plugin after the upgrade"
rm "$conf"
package install --reinstall ../next.deb
[ ! -e "$conf" ] || fail "the package brought back what the operator deleted"
package install --allow-downgrades "$plugin"
sh -c 'grep -v "^# a line of the operator" "$1" || true' sh "$root/usr/share/selkie-plugin/selkie.conf" | sed 's/^#\([a-z]\)/\1/' >"$conf"
broker_starts || fail "Mosquitto does not start with a new selkie.conf"

echo "== remove the plugin, install it again"
# Several: those of the device as it is, not the last one over a cable that is gone.
readings 5 60 || fail "no readings come before the removal"
echo "# a line of the operator" >>"$conf"
kept >"$work/kept"
broker_has_plugin || fail "Mosquitto runs without the plugin before its removal"
package remove selkie-plugin
broker_runs || fail "Mosquitto does not run after the plugin's removal"
! broker_has_plugin || fail "Mosquitto still has the removed plugin"
broker_starts || fail "Mosquitto does not start after the plugin's removal"
kept | diff "$work/kept" - || fail "the removal changed what belongs to the operator"
ready=$(times_ready)
package install "$plugin"
broker_has_plugin || fail "Mosquitto does not have the plugin that was installed again"
[ "$(times_ready)" -gt "$ready" ] || fail "the plugin is not ready after it was installed again"
kept | diff "$work/kept" - || fail "the new installation changed what belongs to the operator"
[ ! -e "$conf.removed" ] || fail "$conf.removed stays after the new installation"
# The gateway's password and the device's ID are in the registry: nobody adds or approves them again.
readings 1 120 || fail "no reading comes after the plugin was installed again"

echo "== remove a plugin that a file of the operator names"
mv "$conf" "$root/etc/mosquitto/conf.d/own.conf"
package remove selkie-plugin
grep 'selkie-plugin: /etc/mosquitto/conf.d/own.conf still loads' "$work/log" || fail "the removal does not name own.conf"
broker_runs || fail "the removal stopped a broker that cannot start again"
mv "$root/etc/mosquitto/conf.d/own.conf" "$conf.removed"
broker_starts || fail "Mosquitto does not start without own.conf"
package install "$plugin"
broker_has_plugin || fail "Mosquitto does not have the plugin that was installed again"

echo "== purge: the installed packages, then a plugin that nobody activated"
purged() {
  # Except what the steps of docs/DEPLOY.md and packaging/roots.sh made.
  boot_run find /etc /usr /var -path /var/log -prune -o -name '*selkie*' -print |
    grep -vxE '/etc/selkie|/etc/mosquitto/(selkie\.passwd|certs/selkie\.(crt|key))|.*/90selkie' >"$work/left" && fail "after purge stays: $(xargs <"$work/left")"
  # What the steps of docs/DEPLOY.md copied by hand and is no secret, and the keys.
  find "$root/etc/selkie" -mindepth 1 -maxdepth 1 ! -name keys ! -name ca.pem ! -name ca.key.pem -printf '%f\n' >"$work/left"
  [ ! -s "$work/left" ] || fail "after purge stays in /etc/selkie: $(xargs <"$work/left")"
  [ -e "$root/etc/selkie/keys/1.key.pem" ] || fail "purge took the private key away, which nothing could replace"
  broker_starts || fail "Mosquitto does not start after purge"
}
package purge selkie-gateway selkie-plugin selkie-tools selkie-metrics selkie-dev
purged
package install "$plugin"
sha256sum "$conf" >"$work/conf"
package remove selkie-plugin
broker_starts || fail "Mosquitto does not start after the removal of a plugin that was not active"
package install "$plugin"
sha256sum --check --quiet "$work/conf" || fail "selkie.conf is not as the package has it"
package remove selkie-plugin
package purge selkie-plugin
purged
echo "deploy: $suite: all steps done"
