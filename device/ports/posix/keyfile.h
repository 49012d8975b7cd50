/* SPDX-License-Identifier: Apache-2.0 */
/* A PEM file with an RSA-4096 public key → the DER that the device library takes. */
#ifndef SELKIE_DEVICE_KEYFILE_H
#define SELKIE_DEVICE_KEYFILE_H

#include <selkie/device/trust.h>

/* 0, or -1 after one line on stderr that names the file and what is wrong with it. */
int keyfile_read(uint8_t spki[static SELKIE_PUBLIC_KEY_SIZE], const char *path);

#endif
