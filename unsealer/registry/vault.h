/* SPDX-License-Identifier: Apache-2.0 */
/* What is secret and must be kept, sealed under the storage key: <state_dir>/storage.key, 32 random bytes, mode 0600,
 * made on the first start. AES-256-GCM under a key for this run, HKDF-SHA-256(storage key, a random run number), and a
 * counter as nonce: so no nonce comes twice, neither after a rollback, nor a crash, nor the restoring of a backup.
 * While it is open no other process can open it. One thread at a time. */
#ifndef SELKIE_VAULT_H
#define SELKIE_VAULT_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_VAULT_OVERHEAD   40 /* run 16, counter 8, GCM tag 16 */
#define SELKIE_VAULT_CHECK_SIZE 16
#define SELKIE_VAULT_ERROR_SIZE 256

struct selkie_vault;

/* `make`: make the key where there is none. On failure `error` holds one sentence. */
SELKIE_USE_RESULT int selkie_vault_open(struct selkie_vault **vault, const char *state_dir, bool make,
                                        char error[static SELKIE_VAULT_ERROR_SIZE]);
void selkie_vault_close(struct selkie_vault *vault);

/* A value that tells one storage key from another and tells nothing of it. */
void selkie_vault_check_value(const struct selkie_vault *vault, uint8_t value[static SELKIE_VAULT_CHECK_SIZE]);

/* Seal `len` bytes to len + SELKIE_VAULT_OVERHEAD. `kind` and `place` say what it is and where it stands: it opens
 * nowhere else. 0 or SELKIE_ECRYPTO. */
SELKIE_USE_RESULT int selkie_vault_seal(struct selkie_vault *vault, char kind, uint64_t place, const uint8_t *plain,
                                        size_t len, uint8_t *sealed);

/* Open `len` bytes to len - SELKIE_VAULT_OVERHEAD. Returns that length, or SELKIE_ECRYPTO where they were not sealed by
 * this vault for this place. */
SELKIE_USE_RESULT int selkie_vault_open_sealed(struct selkie_vault *vault, char kind, uint64_t place,
                                               const uint8_t *sealed, size_t len, uint8_t *plain);

#endif
