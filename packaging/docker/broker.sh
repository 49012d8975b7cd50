#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run Mosquitto with the plugin. The first start makes the key and copies its public half to the volume that devices read.
set -eu
keys=/var/lib/selkie-plugin/keys
[ -e "$keys/1.key.pem" ] || selkiectl keygen --id 1 --out "$keys"
cp "$keys/1.pub.pem" /var/lib/selkie-public/
exec mosquitto -c /etc/selkie/mosquitto.conf
