#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The packages for an architecture: built in a fresh root of the suite, passed by lintian, and run, under qemu-user where it is a foreign one.
#
#   tests/package/cross.sh ARCH SUITE
#
# Exit 77 where no root can be made.
set -euo pipefail
cd "$(dirname "$0")/../.."
. packaging/roots.sh

arch=${1:?an architecture is missing}
suite=${2:?a suite is missing}
obstacle=$(root_obstacle)
if [ -n "$obstacle" ]; then
  echo "skipped: $obstacle"
  exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scripts/package "$arch" "$suite" --output "$work"
for package in selkie-gateway selkie-plugin selkie-tools; do
  built=$(dpkg-deb --field "$work/$suite/$package"_*_"$arch".deb Architecture)
  [ "$built" = "$arch" ] || root_die "$package is for $built"
done
