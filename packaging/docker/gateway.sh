#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A gateway whose serial line is a channel of a fleet's container: $CHANNEL (host:port), as a pseudo-terminal.
set -eu
line=/run/selkie/radio
while :; do
  # Ends with the connection; the gateway finds the line gone, and there again. At once where the name does not resolve.
  socat "pty,link=$line,rawer" "tcp:$CHANNEL,forever,interval=1" || sleep 1
done &

cat >/run/selkie/gateway.json <<END
{
    "gateway": "$GATEWAY",
    "broker": { "uri": "mqtt://broker:1883", "username": "$GATEWAY" },
    "serial": [ { "device": "$line", "ack": true } ],
    "spool": { "path": "/var/lib/selkie/spool.db" }
}
END
exec selkie-gateway --config /run/selkie/gateway.json
