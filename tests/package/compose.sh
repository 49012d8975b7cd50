#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docker-compose.yml, built and run for real: plaintext reaches the subscriber, all containers become healthy, none runs as root, and a
# second start, with the village, becomes healthy with the first one's key. On a Docker engine of its own, started and stopped here; the base image is made
# with debootstrap. Images are kept in $SELKIE_CACHE. Exit 77 where no engine can be started.
set -euo pipefail
cd "$(dirname "$0")/../.."
. packaging/roots.sh

skip() {
  echo "skipped: $*"
  exit 77
}
fail() {
  echo "compose: $*" >&2
  compose ps >&2 || true
  compose logs --tail 20 >&2 || true
  exit 1
}
wait_until() { # SECONDS COMMAND…
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.5
  done
}

obstacle=$(root_obstacle)
[ -z "$obstacle" ] || skip "$obstacle"
for tool in dockerd docker docker-compose; do
  command -v "$tool" >/dev/null || skip "$tool is missing (packages docker.io, docker-compose)"
done

work=$(mktemp -d)
engine=
project=selkie-test-$$
profile=()
export DOCKER_HOST=unix://$work/docker.sock
export DOCKER_CONFIG=$work                                 # nobody's own settings
export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0        # Debian's engine has no buildx
compose() {
  docker-compose "${profile[@]}" --project-name "$project" -f docker-compose.yml -f tests/package/host-network.yml "$@"
}
stop_engine() {
  [ -n "$engine" ] || return 0
  profile=(--profile village)
  compose down --volumes --timeout 5 >"$work/down.log" 2>&1 || cat "$work/down.log" >&2
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
}
trap 'stop_engine; umount "$work"/exec/netns/* 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM

mkdir -p "$root_cache/docker"
exec 7>"$root_cache/docker.lock"
flock 7
dockerd --host "$DOCKER_HOST" --data-root "$root_cache/docker" --exec-root "$work/exec" --pidfile "$work/docker.pid" --bridge none \
  >"$work/engine.log" 2>&1 7>&- &
engine=$!
answers() { docker info >/dev/null 2>&1 || ! kill -0 "$engine" 2>/dev/null; }
wait_until 60 answers || skip "the engine does not answer: $(tail -n 1 "$work/engine.log")"
kill -0 "$engine" 2>/dev/null || { engine=; skip "no engine can be started: $(tail -n 1 "$work/engine.log")"; }

echo "== images"
if ! docker image inspect debian:bookworm-slim >/dev/null 2>&1; then
  root_base bookworm
  docker import "$root_cache/bookworm.tar" debian:bookworm-slim >/dev/null
fi
compose build >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; fail "the images do not build"; }
docker image prune --force >/dev/null

heard() { # MINIMUM ADDRESS: so many devices whose addresses match have been heard by the subscriber
  local devices
  devices=$(compose logs --no-color subscriber 2>/dev/null | grep -o "selkie/device/$2/up ..*" | cut -d ' ' -f 1 | sort -u | wc -l)
  [ "$devices" -ge "$1" ]
}
# The fleets tell themselves apart by their seeds, which stand in the addresses; a device's channel is its number modulo two.
roof="5e1c0001[0-9a-f]*"
village_even="5e1c0002[0-9a-f]*[02468ace]"
village_odd="5e1c0002[0-9a-f]*[13579bdf]"
healthy() {
  local container
  for container in $(compose ps --quiet); do
    [ "$(docker inspect --format '{{.State.Health.Status}}' "$container")" = healthy ] || return 1
  done
}
key() { compose exec -T broker sha256sum /var/lib/selkie-plugin/keys/1.pub.pem; }

echo "== docker-compose up"
compose up --detach >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; fail "docker-compose up failed"; }
wait_until 180 heard 10 "$roof" || fail "the subscriber has not heard ten devices"
compose logs --no-color --tail 3 subscriber
wait_until 90 healthy || fail "not every container is healthy"
nobody_is_root() {
  local container
  for container in $(compose ps --quiet); do
    # shellcheck disable=SC2016
    docker exec "$container" sh -c 'test "$(stat -c %u /proc/1)" != 0' || fail "a container runs as root: $container"
  done
}
nobody_is_root
first=$(key)

echo "== down, and up again, with the village"
compose down --timeout 10 >"$work/down.log" 2>&1 || { cat "$work/down.log" >&2; fail "docker-compose down failed"; }
profile=(--profile village)
compose up --detach >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; fail "docker-compose up failed the second time"; }
wait_until 120 heard 1 "$village_even" || fail "nobody is heard through the village's first gateway"
wait_until 60 heard 1 "$village_odd" || fail "nobody is heard through the village's second gateway"
wait_until 90 healthy || fail "not every container is healthy after a second start"
[ "$(compose ps --quiet | wc -l)" -eq 7 ] || fail "the village is not whole"
nobody_is_root
[ "$(key)" = "$first" ] || fail "the second start has made another key"
echo "compose: plaintext from 10 devices and from both channels of the village, all healthy, nobody is root, the key is kept"
