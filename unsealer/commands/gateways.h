/* SPDX-License-Identifier: Apache-2.0 */
/* The registered gateways in memory, so that a host can check a login without waiting for the writer.
 *
 * Passwords are made here, of 160 random bits. No search finds one, however fast the hash: so PBKDF2 (RFC 8018) runs
 * few iterations, and a login does not delay the broker's one thread. reload and refresh: the writer; the rest: any
 * thread. */
#ifndef SELKIE_GATEWAYS_H
#define SELKIE_GATEWAYS_H

#include "registry/registry.h"

#define SELKIE_PASSWORD_SIZE 41 /* 40 hex digits and the NUL */

struct selkie_gateways;

SELKIE_USE_RESULT int selkie_gateways_open(struct selkie_gateways **gateways);
void selkie_gateways_close(struct selkie_gateways *gateways);

/* Read the gateways from the registry. 0, or SELKIE_ENOMEM or SELKIE_ESTORAGE, which change nothing. */
SELKIE_USE_RESULT int selkie_gateways_reload(struct selkie_gateways *gateways, struct selkie_registry *registry);
/* Read one that was added or removed. */
SELKIE_USE_RESULT int selkie_gateways_refresh(struct selkie_gateways *gateways, struct selkie_registry *registry,
                                              const char *name);

enum selkie_gateway_auth selkie_gateways_find(struct selkie_gateways *gateways, const char *name);
bool selkie_gateways_check(struct selkie_gateways *gateways, const char *name, const char *password);

/* Make a password, and its salt and hash in *gateway. 0, SELKIE_EENTROPY or SELKIE_ECRYPTO. Wipe the password. */
SELKIE_USE_RESULT int selkie_gateways_make_password(struct selkie_gateway_record *gateway,
                                                    char password[static SELKIE_PASSWORD_SIZE]);

#endif
