/* SPDX-License-Identifier: Apache-2.0 */
/* The login to a token. Most tokens lock after a few wrong PINs, and these tries are the token's, not a key's. So this
 * process remembers for each token which PIN it refused, for all keys and over a reload, as PKCS#11's login is the
 * process's too. Safe from any thread; a token that hangs makes only its own logins wait. */
#ifndef SELKIE_TOKEN_LOGIN_H
#define SELKIE_TOKEN_LOGIN_H

#include <p11-kit/p11-kit.h>
#include <selkie/keyring.h>

#define SELKIE_TOKEN_PIN_MAX 256

struct selkie_token_slot {
    CK_FUNCTION_LIST *module; /* NULL: not connected */
    CK_SLOT_ID id;
};

/* Log in, unless the session is or `pin_len` is 0. A PIN that this token has refused is tried again only after somebody
 * else has logged in. The token's last try is never used. 0, SELKIE_ENOTREADY or SELKIE_ENOMEM, or SELKIE_ECONFIG if
 * the PIN must not be tried again; the text names the token. */
SELKIE_USE_RESULT int selkie_token_log_in(const struct selkie_token_slot *slot, CK_SESSION_HANDLE session,
                                          const uint8_t *pin, size_t pin_len,
                                          char error[static SELKIE_KEYRING_ERROR_SIZE]);

#endif
