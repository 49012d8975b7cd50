#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docker-compose.yml, built and run for real: plaintext reaches the subscriber, all containers become healthy, none runs as root, and a
# second start, with the village and with Prometheus, becomes healthy with the first one's key. Then packaging/docker/serial.yml: the
# gateway on a serial line, also after it was unplugged. On a Docker engine of its own, started and stopped here; the base image is made
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
for tool in dockerd docker docker-compose socat; do
  command -v "$tool" >/dev/null || skip "$tool is missing (packages docker.io, docker-compose, socat)"
done

work=$(mktemp -d)
engine=
project=selkie-test-$$
profile=()
files=()
cable=
lines=/dev/selkie-test-$$
export DOCKER_HOST=unix://$work/docker.sock
export DOCKER_CONFIG=$work                                 # nobody's own settings
export PROMETHEUS_PORT=0                                   # any
export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0        # Debian's engine has no buildx
compose() {
  docker-compose "${profile[@]}" --project-name "$project" -f docker-compose.yml -f tests/package/host-network.yml "${files[@]}" "$@"
}
# A cable of two pseudo-terminals. $lines/gateway and $lines/device are links to them, relative as those that udev makes.
plug() {
  local end tty
  socat "pty,rawer,link=$work/gateway" "pty,rawer,link=$work/device" 2>>"$work/cable.log" &
  cable=$!
  wait_until 10 test -e "$work/device" || fail "socat makes no cable: $(cat "$work/cable.log")"
  mkdir -p "$lines"
  for end in gateway device; do
    tty=$(readlink "$work/$end")
    chgrp 20 "$tty"
    chmod 660 "$tty"
    ln -s "../${tty#/dev/}" "$lines/$end"
  done
}
unplug() {
  [ -n "$cable" ] || return 0
  kill "$cable" 2>/dev/null || true
  wait "$cable" 2>/dev/null || true
  rm -rf "$lines"
  cable=
}
stop_engine() {
  [ -n "$engine" ] || return 0
  profile=(--profile village --profile metrics)
  unplug
  compose down --volumes --remove-orphans --timeout 5 >"$work/down.log" 2>&1 || cat "$work/down.log" >&2
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
profile=(--profile metrics) # `build` leaves out the services of profiles that are off
# npm's registry is the host's matter: the images take the page as it was built here.
[ -e web/node_modules/esbuild ] || scripts/setup
node web/build.mjs
compose build >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; fail "the images do not build"; }
docker image prune --force >/dev/null
profile=()

heard() { # MINIMUM ADDRESS: so many devices whose addresses match have been heard by the subscriber
  local devices
  # Payloads are bytes of any kind.
  devices=$(compose logs --no-color subscriber 2>/dev/null | LC_ALL=C grep -ao "selkie/device/$2/up ." | cut -d ' ' -f 1 | sort -u | wc -l)
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
has_values() { compose logs --no-color subscriber 2>/dev/null | LC_ALL=C grep -aq "selkie/device/$roof/values {\"temperature\":"; }
wait_until 60 has_values || fail "the simulated sensors have no values"
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

echo "== the page"
compose exec -T web grep -q '<title>Selkie</title>' /usr/share/selkie-web/index.html || fail "the container web has no page"
# The whole way: nginx, the broker's WebSockets, MQTT's CONNECT and a first message; curl or a browser is not in the images.
compose exec -T subscriber bash -c '
  exec 3<>/dev/tcp/web/8080
  printf "GET / HTTP/1.0\r\nHost: web\r\n\r\n" >&3
  grep -q "frame-ancestors" <&3' || fail "nginx does not serve the page with its headers"
compose exec -T subscriber bash -c '
  exec 3<>/dev/tcp/web/8080
  printf "GET /mqtt HTTP/1.1\r\nHost: web\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n" >&3
  IFS= read -r -t 10 line <&3
  [[ "$line" == *" 101 "* ]]' || fail "nginx does not pass WebSockets on to the broker"

echo "== down, and up again, with the village and with metrics"
compose down --timeout 10 >"$work/down.log" 2>&1 || { cat "$work/down.log" >&2; fail "docker-compose down failed"; }
profile=(--profile village --profile metrics)
compose up --detach >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; fail "docker-compose up failed the second time"; }
wait_until 120 heard 1 "$village_even" || fail "nobody is heard through the village's first gateway"
wait_until 60 heard 1 "$village_odd" || fail "nobody is heard through the village's second gateway"
wait_until 90 healthy || fail "not every container is healthy after a second start"
[ "$(compose ps --quiet | wc -l)" -eq 13 ] || fail "the village, or what serves its metrics, is not whole"
told() { compose exec -T prometheus promtool query instant http://localhost:9090 "$1" | grep -q '=>'; } # QUERY that gives something
wait_until 60 told 'sum(selkie_gateway_online) == 3' || fail "Prometheus does not know the three gateways"
wait_until 60 told 'sum(selkie_frames_accepted_total) > 0 and sum(selkie_devices_active) > 1' || fail "Prometheus has no figures of the plugin"
wait_until 60 told 'count(selkie_device_received_total > 0) > 1' || fail "Prometheus has no devices"
wait_until 90 told 'sum(selkie_gateway_lines_faulty) == 0' || fail "a gateway reports a fault of its line"
told 'up{job=~"selkie-.+"} == 0' && fail "an exporter does not answer"
nobody_is_root
[ "$(key)" = "$first" ] || fail "the second start has made another key"
echo "== down, and up again, on a serial line"
compose down --timeout 10 >"$work/down.log" 2>&1 || { cat "$work/down.log" >&2; fail "docker-compose down failed"; }
profile=()
files=(-f packaging/docker/serial.yml -f tests/package/serial-line.yml)
export SERIAL=$lines/gateway DEVICE_SERIAL=$lines/device RADIO=e32
plug
compose up --detach broker gateway subscriber device >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; fail "docker-compose up failed on a serial line"; }
readings() { compose logs --no-color subscriber 2>/dev/null | LC_ALL=C grep -ac "selkie/device/5e1c0003000000a1/up"; }
more_than() { [ "$(readings)" -gt "$1" ]; }
wait_until 120 more_than 0 || fail "nothing comes over the serial line"
gateway=$(compose ps --quiet gateway)
gateway_is_healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$gateway")" = healthy ]; }
wait_until 60 gateway_is_healthy || fail "the gateway on a serial line is not healthy"
nobody_is_root
docker exec "$gateway" sh -c 'touch /host/dev/selkie-test' 2>/dev/null && fail "the container can change the host's /dev"
# A USB adapter that is not there: its node may be opened, and says that it is not there. Another device is forbidden.
mknod "$lines/ttyUSB255" c 188 255 && mknod "$lines/forbidden" c 189 255 && chgrp 20 "$lines"/ttyUSB255 "$lines"/forbidden && chmod 660 "$lines"/ttyUSB255 "$lines"/forbidden
refusal() { docker exec "$gateway" sh -c "exec 3<>/host$lines/$1" 2>&1 || true; }
[[ $(refusal forbidden) == *"Operation not permitted"* ]] || fail "any device may be opened: $(refusal forbidden)"
[[ $(refusal ttyUSB255) == *"No such device"* ]] || fail "a USB adapter may not be opened: $(refusal ttyUSB255)"

echo "== unplugged, and plugged in again"
unplug
wait_until 30 sh -c "docker logs $gateway 2>&1 | grep -q 'serial line .*: gone'" || fail "the gateway has not noticed that its line is gone"
before=$(readings)
plug
wait_until 120 more_than "$before" || fail "nothing comes after the line was plugged in again"
echo "compose: plaintext from 10 devices, from both channels of the village, with metrics of all, and over a serial line that was unplugged; all healthy, nobody is root, the key is kept"
