# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Debian roots to build and test packages in, made with debootstrap from the mirror that this machine's apt uses. To be sourced.
#
# Nothing of this machine's dpkg is touched: a root is a folder, entered in mount and PID namespaces of its own, so that every mount
# and every process in it ends with the command. Base roots are kept as archives in $SELKIE_CACHE (default ~/.cache/selkie).

root_cache=${SELKIE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/selkie}

root_die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# What is missing on this machine to make roots, in one line; nothing where all is there.
root_obstacle() {
  local tool
  [ "$(id -u)" = 0 ] || { echo "must be root"; return; }
  for tool in debootstrap unshare apt-get; do
    command -v "$tool" >/dev/null || { echo "$tool is missing"; return; }
  done
  unshare --mount --pid --fork true 2>/dev/null || echo "namespaces are not allowed here"
}

# The mirror that apt has Debian from.
root_mirror() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sed -n 1p
}

# root_base SUITE: the archive of a minimal root; made when it is not there. The release alone, without its updates: those do not
# reach all architectures at once, and then foreign libraries cannot be installed beside native ones.
root_base() {
  local suite=$1 archive=$root_cache/$1.tar
  mkdir -p "$root_cache"
  (
    flock 9
    if [ -e "$archive" ]; then exit 0; fi
    mirror=$(root_mirror)
    [ -n "$mirror" ] || root_die "apt knows no Debian mirror here; run apt-get update first"
    echo "making a $suite root" >&2
    dir=$(mktemp -d "$root_cache/$suite.XXXXXX")
    trap 'rm -rf --one-file-system "$dir" "$archive.part"' EXIT
    unshare --mount --pid --fork --kill-child \
      debootstrap --variant=minbase "$suite" "$dir/root" "$mirror" >"$dir/log" 2>&1 ||
      { tail -n 20 "$dir/log" >&2; root_die "debootstrap could not make a $suite root"; }
    # The ways to the mirror (a proxy, say) are this machine's.
    {
      apt-config dump | grep -E '^Acquire::(https?::|Retries|Check-)' || true
      echo 'APT::Install-Recommends "false";'
      echo 'Acquire::Languages "none";'
    } >"$dir/root/etc/apt/apt.conf.d/90selkie"
    echo force-unsafe-io >"$dir/root/etc/dpkg/dpkg.cfg.d/90selkie" # a root that is lost in a power cut is made again
    printf '#!/bin/sh\nexit 101\n' >"$dir/root/usr/sbin/policy-rc.d" # no service starts in a root that is not booted
    chmod 755 "$dir/root/usr/sbin/policy-rc.d"
    rm -f "$dir"/root/var/cache/apt/archives/*.deb
    tar -C "$dir/root" -cf "$archive.part" .
    mv "$archive.part" "$archive"
  ) 9>"$root_cache/$suite.lock"
}

# root_unpack SUITE DIR: a fresh root in DIR.
root_unpack() {
  root_base "$1"
  mkdir -p "$2"
  tar -C "$2" -xf "$root_cache/$1.tar"
}

# root_enter ROOT COMMAND…: run a command in it, with this machine's network.
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

# root_kept NAME SUITE INGREDIENTS COMMAND…: the root NAME, kept in the cache: made anew with COMMAND… (called with its path at the end)
# when INGREDIENTS, a text, has changed. Locked on descriptor 8 until the caller ends. Sets root_path.
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
    root_die "the root $name could not be made"
  fi
  echo "$mark" >"$root_path.made"
}

# root_copy_source DIR: this project's files, as they are now, without what was built.
root_copy_source() {
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -cf - | tar -C "$1" --no-same-owner -xf -
}
