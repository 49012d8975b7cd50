#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# README's second command, scripts/test, in a root of another release than this machine's.
#
#   tests/package/suite.sh SUITE [ARGUMENTS…]     ARGUMENTS go to ctest
#
# Exit 77 where no root can be made.
set -euo pipefail
cd "$(dirname "$0")/../.."
. packaging/roots.sh

suite=${1:?a suite is missing}
shift
obstacle=$(root_obstacle)
if [ -n "$obstacle" ]; then
  echo "skipped: $obstacle"
  exit 77
fi

setup() {
  mkdir -p "$1/build" && root_copy_source "$1/build/selkie" && root_enter "$1" apt-get update && root_enter "$1" /build/selkie/scripts/setup
}
root_kept "test-$suite" "$suite" "$(cat scripts/setup)" setup
rm -rf "$root_path/build"
root_copy_source "$root_path/build/selkie"
root_enter "$root_path" nice /build/selkie/scripts/test "$@"
