/* SPDX-License-Identifier: Apache-2.0 */
/* The public half of a key that exists: in a PEM file (a private or a public key), or in a PKCS#11 token that a URI
 * (RFC 7512) names, through p11-kit. Reads no more than that, and changes nothing. Prints every failure on stderr.
 * Heap; one thread. */
#ifndef SELKIE_CTL_KEY_SOURCE_H
#define SELKIE_CTL_KEY_SOURCE_H

#include "ctl_command.h"

#include <openssl/evp.h>

/* *key is RSA-4096 with the exponent 65537, for EVP_PKEY_free. `pin_file`: log in to the token with its first line;
 * NULL = only what the token shows without a PIN. */
enum ctl_exit ctl_key_source_load(EVP_PKEY **key, const char *from, const char *pin_file);

#endif
