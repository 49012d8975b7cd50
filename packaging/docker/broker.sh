#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run Mosquitto with the plugin. The first start makes the key and the registry. Each copies the key's public half to the
# volume that devices read.
set -eu
keys=/var/lib/selkie-plugin/keys
if [ ! -e "$keys/1.key.pem" ]; then
  selkiectl registry create /var/lib/selkie-plugin
  selkiectl keygen --id 1 --out "$keys"
fi
cp "$keys/1.pub.pem" /var/lib/selkie-public/
exec mosquitto -c /etc/selkie/mosquitto.conf
