#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run $DEVICES simulated devices on $CHANNELS radio channels. Each channel is a socket, port 7000 and up, and one gateway
# connects to it. The simulator accounts for the payloads on the devices' topics and logs a line every few seconds. The
# same seed gives the same addresses; each start draws new IDs, as after a reset.
set -eu
exec selkie-sim run --devices "$DEVICES" --channels "$CHANNELS" --interval "$INTERVAL" --session 1 --seed "$SEED" --duration 31536000 \
  --link socket --line 0.0.0.0:7000 --gateways yours --ack true \
  --broker mqtt://broker:1883 --username fleet --key-id 1 --public-key /var/lib/selkie-public/1.pub.pem
