#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# $DEVICES simulated devices on $CHANNELS radio channels. Each channel is a socket, port 7000 and up, that one gateway connects to.
# What reaches the devices' topics is accounted for; the log has a line of it every few seconds. The same seed gives the same
# addresses, with new IDs after each start, as after a reset.
set -eu
exec selkie-sim run --devices "$DEVICES" --channels "$CHANNELS" --interval "$INTERVAL" --session 1 --seed "$SEED" --duration 31536000 \
  --link socket --line 0.0.0.0:7000 --gateways yours --ack true \
  --broker mqtt://broker:1883 --username fleet --key-id 1 --public-key /var/lib/selkie-public/1.pub.pem
