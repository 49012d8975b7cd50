# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The unit selkie-device@NAME as selkie-device(1) describes it, in a root that boot.sh has booted. To be sourced. It needs
# selkie-tools, socat and /etc/selkie/keys/1.key.pem there, and leaves nothing. An outsider opens the frames.

# The readings on the air so far, one line each: the process number of the program that printed it.
device_service_heard() {
  # shellcheck disable=SC2154 # $root is the caller's
  tests/integration/frame_reader.py "$root/etc/selkie/keys/1.key.pem" 1 "$root/root/roof.air" 2>/dev/null | grep -o 'printed by [0-9]*'
}
# device_service_says PID: a reading is of another program than PID; device_service_program is its number.
device_service_says() {
  device_service_program=$(device_service_heard | tail -n 1 | grep -o '[0-9]*$') && [ "$device_service_program" != "$1" ]
}
device_service_pid() { boot_run systemctl show --property MainPID --value selkie-device@roof; }
device_service_is_new() { device_service_main=$(device_service_pid) && [ "$device_service_main" != 0 ] && [ "$device_service_main" != "$1" ]; }

# shellcheck disable=SC2016
device_service_signal() { boot_run sh -c 'kill -s "$0" "$1"' "$@" 2>/dev/null; } # the shell's own: not each root has procps

# 0, or 1 after a sentence and the unit's log.
device_service_check() {
  local program main cable obstacle=
  # A pseudo-terminal is the radio. Whoever held it may be killed: the next one begins another file.
  # shellcheck disable=SC2016
  boot_run sh -c 'while :; do socat -u pty,link=/dev/roof,rawer,wait-slave,group=dialout,mode=660 OPEN:/root/roof.air,creat,trunc; done' \
    >/dev/null 2>&1 &
  cable=$!
  # shellcheck disable=SC2016
  boot_run sh -ec '
    printf "#!/bin/sh\nwhile echo printed by \$\$; do sleep 1; done\n" >/usr/local/bin/read-sensors
    chmod 755 /usr/local/bin/read-sensors
    install -m 644 /etc/selkie/keys/1.pub.pem /etc/selkie/roof.pub.pem
    echo "OPTIONS=--port /dev/roof --public-key /etc/selkie/roof.pub.pem --key-id 1 --address 00112233445566aa --bit-rate 0 --interval 1
PROGRAM=/usr/local/bin/read-sensors" >/etc/selkie/device-roof.conf
    systemctl enable --now selkie-device@roof 2>/dev/null'
  if ! boot_wait 60 device_service_says none; then
    obstacle="sends no reading"
  elif program=$device_service_program && main=$(device_service_pid) && ! boot_run grep -q "^Uid:.*[1-9]" "/proc/$main/status"; then
    obstacle="runs as root"
  elif ! device_service_signal KILL "$program" || ! boot_wait 60 device_service_says "$program"; then
    obstacle="does not start its program again"
  elif [ "$(device_service_pid)" != "$main" ]; then
    obstacle="ended with its program"
  elif program=$device_service_program && ! boot_run systemctl kill --kill-who main --signal KILL selkie-device@roof ||
    ! boot_wait 60 device_service_is_new "$main" || ! boot_wait 60 device_service_says "$program"; then
    obstacle="does not send again after it was killed"
  elif ! boot_run systemctl disable --now selkie-device@roof 2>/dev/null || boot_run systemctl is-failed --quiet selkie-device@roof; then
    obstacle="fails as it is stopped"
  elif device_service_signal 0 "$device_service_program"; then
    obstacle="leaves its program behind"
  fi
  if [ -n "$obstacle" ]; then
    boot_run journalctl --no-pager --lines 30 --unit selkie-device@roof >&2
    echo "selkie-device@roof $obstacle" >&2
  fi
  kill "$cable"
  boot_run rm -f /etc/selkie/device-roof.conf /etc/selkie/roof.pub.pem /usr/local/bin/read-sensors /root/roof.air
  [ -z "$obstacle" ]
}
