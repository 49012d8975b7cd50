# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Functions for Debian roots, in which packages are built and tested. debootstrap makes a root from the mirror that this
# machine's apt uses. Source this file.
#
# The functions never touch this machine's dpkg. A root is a folder. A command enters it in separate mount and PID
# namespaces, so every mount and every process in the root ends with the command. Base roots are archives in $SELKIE_CACHE
# (default ~/.cache/selkie).

root_cache=${SELKIE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/selkie}

root_die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# Print in one line what this machine lacks to make roots; print nothing if it lacks nothing.
root_obstacle() {
  local tool
  [ "$(id -u)" = 0 ] || { echo "must be root"; return; }
  for tool in debootstrap unshare apt-get; do
    command -v "$tool" >/dev/null || { echo "$tool is missing"; return; }
  done
  unshare --mount --pid --fork true 2>/dev/null || echo "this machine does not permit namespaces (unshare --mount --pid)"
}

# Print the mirror from which apt downloads Debian.
root_mirror() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sed -n 1p
}

# root_base SUITE: make the archive of a minimal root if it does not exist. The root has the release without its updates:
# updates do not reach all architectures at the same time, and then apt cannot install foreign libraries beside native ones.
root_base() {
  local suite=$1 archive=$root_cache/$1.tar
  mkdir -p "$root_cache"
  (
    flock 9
    if [ -e "$archive" ]; then exit 0; fi
    mirror=$(root_mirror)
    [ -n "$mirror" ] || root_die "apt knows no Debian mirror; run apt-get update first"
    echo "making a $suite root" >&2
    dir=$(mktemp -d "$root_cache/$suite.XXXXXX")
    trap 'rm -rf --one-file-system "$dir" "$archive.part"' EXIT
    unshare --mount --pid --fork --kill-child \
      debootstrap --variant=minbase "$suite" "$dir/root" "$mirror" >"$dir/log" 2>&1 ||
      { tail -n 20 "$dir/log" >&2; root_die "debootstrap cannot make a $suite root; its log is above"; }
    # Reach the mirror as this machine does (through a proxy, for example).
    {
      apt-config dump | grep -E '^Acquire::(https?::|Retries|Check-)' || true
      echo 'APT::Install-Recommends "false";'
      echo 'Acquire::Languages "none";'
    } >"$dir/root/etc/apt/apt.conf.d/90selkie"
    echo force-unsafe-io >"$dir/root/etc/dpkg/dpkg.cfg.d/90selkie" # a power cut may destroy a root; it is then made again
    printf '#!/bin/sh\nexit 101\n' >"$dir/root/usr/sbin/policy-rc.d" # prevent services from starting in a root that is not booted
    chmod 755 "$dir/root/usr/sbin/policy-rc.d"
    rm -f "$dir"/root/var/cache/apt/archives/*.deb
    tar -C "$dir/root" -cf "$archive.part" .
    mv "$archive.part" "$archive"
  ) 9>"$root_cache/$suite.lock"
}

# root_unpack SUITE DIR: unpack a fresh root into DIR.
root_unpack() {
  root_base "$1"
  mkdir -p "$2"
  tar -C "$2" -xf "$root_cache/$1.tar"
}

# root_enter ROOT COMMAND…: run a command in the root, with this machine's network.
root_enter() {
  local root=$1
  shift
  cat /etc/resolv.conf >"$root/etc/resolv.conf"
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child bash -c '
    root=$1; shift
    mount -t proc proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" && mount --rbind /dev "$root/dev" || exit 1
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
  ' root_enter "$root" "$@"
}

# root_kept NAME SUITE INGREDIENTS COMMAND…: provide the root NAME from the cache, and set root_path to its path. If the
# text INGREDIENTS has changed, make the root again with COMMAND… (the root's path is the last argument). The root stays
# locked on descriptor 8 until the caller ends.
root_kept() {
  local name=$1 suite=$2 mark
  mark=$(sha256sum <<<"$3" | cut -c 1-64)
  shift 3
  root_path=$root_cache/$name
  mkdir -p "$root_cache"
  exec 8>"$root_path.lock"
  flock 8
  [ "$(cat "$root_path.made" 2>/dev/null)" != "$mark" ] || return 0
  rm -rf --one-file-system "$root_path" "$root_path.made"
  root_unpack "$suite" "$root_path"
  if ! "$@" "$root_path" >"$root_path.log" 2>&1; then
    tail -n 30 "$root_path.log" >&2
    root_die "cannot make the root $name; the log above has the reason"
  fi
  echo "$mark" >"$root_path.made"
}

# root_copy_source DIR: copy this project's present files to DIR, without build results.
root_copy_source() {
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -cf - | tar -C "$1" --no-same-owner -xf -
}
