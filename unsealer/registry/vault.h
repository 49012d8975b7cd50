/* SPDX-License-Identifier: Apache-2.0 */
/* Seals the registry's secrets under the storage key: <state_dir>/storage.key, 32 random bytes, mode 0600, made at the
 * first start. AES-256-GCM with a key for this run, HKDF-SHA-256(storage key, a random run number), and a counter as
 * nonce. So no nonce repeats, even after a rollback, a crash or a restored backup. While a vault is open, no other
 * process can open it. One thread at a time. */
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

/* `make`: make the key if there is none. 0, or an error and its text. */
SELKIE_USE_RESULT int selkie_vault_open(struct selkie_vault **vault, const char *state_dir, bool make,
                                        char error[static SELKIE_VAULT_ERROR_SIZE]);
void selkie_vault_close(struct selkie_vault *vault);

/* A value that differs for each storage key and reveals nothing about it. */
void selkie_vault_check_value(const struct selkie_vault *vault, uint8_t value[static SELKIE_VAULT_CHECK_SIZE]);

/* Seal `len` bytes to len + SELKIE_VAULT_OVERHEAD. `kind` and `place` say what the secret is and where it is stored: it
 * opens only with both. 0 or SELKIE_ECRYPTO. */
SELKIE_USE_RESULT int selkie_vault_seal(struct selkie_vault *vault, char kind, uint64_t place, const uint8_t *plain,
                                        size_t len, uint8_t *sealed);

/* Open `len` bytes to len - SELKIE_VAULT_OVERHEAD. Returns that length, or SELKIE_ECRYPTO if they were not sealed under
 * this storage key for this kind and place. */
SELKIE_USE_RESULT int selkie_vault_open_sealed(struct selkie_vault *vault, char kind, uint64_t place,
                                               const uint8_t *sealed, size_t len, uint8_t *plain);

#endif
