#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Mosquitto with the plugin. The first start makes the key; its public half goes where devices find it.
set -eu
keys=/var/lib/selkie-plugin/keys
[ -e "$keys/1.key.pem" ] || selkiectl keygen --id 1 --out "$keys"
cp "$keys/1.pub.pem" /var/lib/selkie-public/
exec mosquitto -c /etc/selkie/mosquitto.conf
