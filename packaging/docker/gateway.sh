#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run a gateway on the serial line $SERIAL, with the radio $RADIO (packaging/docker/serial.yml). Without $SERIAL its line
# is a pseudo-terminal on a channel of a fleet's container: $CHANNEL (host:port).
set -eu
if [ -n "${SERIAL:-}" ]; then
  line=$SERIAL
else
  line=/run/selkie/radio
  while :; do
    # socat ends with the connection, and the line vanishes until the next turn; the gateway opens it again. If the name
    # does not resolve, socat fails at once: wait a second.
    socat "pty,link=$line,rawer" "tcp:$CHANNEL,forever,interval=1" || sleep 1
  done &
fi
radio=
[ -z "${RADIO:-}" ] || radio="\"radio\": \"$RADIO\", "

cat >/run/selkie/gateway.json <<END
{
    "gateway": "$GATEWAY",
    "broker": { "uri": "mqtt://broker:1883", "username": "$GATEWAY" },
    "serial": [ { "device": "$line", ${radio}"ack": true } ],
    "spool": { "path": "/var/lib/selkie/spool.db" }
}
END
exec selkie-gateway --config /run/selkie/gateway.json
