# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Boot a root's own systemd as a container: namespaces of its own, network included, and a control group. To be sourced.

# root_boot ROOT: returns once systemd says that it is up. Sets boot_pid (systemd) and boot_group.
root_boot() {
  local root=$1 hierarchy
  hierarchy=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET) || return 1
  boot_group=$hierarchy/selkie-$$
  mkdir "$boot_group" || return 1
  # shellcheck disable=SC2016
  (
    echo "$BASHPID" >"$boot_group/cgroup.procs"
    exec unshare --mount --pid --fork --net --ipc --uts --cgroup bash -euc "$(declare -f boot_inside); boot_inside \"\$1\"" boot "$root"
  ) >"$root.console" 2>&1 </dev/null &
  boot_outer=$!
  boot_wait 60 boot_is_up
}

# Becomes systemd. Devices are those that any container has.
boot_inside() {
  local root=$1 device
  ip link set lo up
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  mount -t tmpfs tmpfs "$root/dev/shm"
  cd "$root" || exit
  mkdir -p .outside
  pivot_root . .outside
  umount -l /.outside
  exec env -i container=selkie PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target
}

boot_is_up() {
  [ -n "${boot_pid:-}" ] || boot_pid=$(pgrep --parent "$boot_outer" --exact systemd || true)
  [ -n "$boot_pid" ] || return 1
  case "$(boot_run systemctl is-system-running 2>/dev/null)" in running | degraded) return 0 ;; *) return 1 ;; esac
}

# boot_run COMMAND…: a command inside.
boot_run() {
  nsenter --target "$boot_pid" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# boot_wait SECONDS COMMAND…: until it succeeds.
boot_wait() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

boot_halt() {
  [ -n "${boot_group:-}" ] && [ -d "$boot_group" ] || return 0
  echo 1 >"$boot_group/cgroup.kill"
  wait "$boot_outer" 2>/dev/null || true
  boot_wait 20 boot_group_gone || echo "the control group $boot_group stays" >&2
}

boot_group_gone() {
  find "$boot_group" -depth -type d -exec rmdir {} \; 2>/dev/null
  [ ! -d "$boot_group" ]
}
