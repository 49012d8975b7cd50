/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/keys.h"

#include "core/embedded.h"
#include "core/say.h"

#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <selkie/mbedtls.h>
#include <string.h>

const char *const selkie_keys_private[SELKIE_KEYS_OWN] = {selkie_embedded_key_1, selkie_embedded_key_2};
static const char *const own_public[SELKIE_KEYS_OWN] = {selkie_embedded_pub_1, selkie_embedded_pub_2};

static int take(struct selkie_sim_key *key, mbedtls_pk_context *pk, const char *what)
{
    uint8_t der[2 * SELKIE_PUBLIC_KEY_SIZE];

    if (mbedtls_pk_write_pubkey_der(pk, der, sizeof der) != SELKIE_PUBLIC_KEY_SIZE) {
        selkie_say("%s: not an RSA-4096 key with exponent 65537", what);
        return SELKIE_ECONFIG;
    }
    memcpy(key->spki, der + sizeof der - SELKIE_PUBLIC_KEY_SIZE, SELKIE_PUBLIC_KEY_SIZE); /* it is written at the end */
    return selkie_mbedtls_sha256(key->spki, SELKIE_PUBLIC_KEY_SIZE, key->pin, 0) == 0 ? 0 : SELKIE_ECRYPTO;
}

int selkie_keys_own(struct selkie_sim_key *key, unsigned index)
{
    mbedtls_pk_context pk;
    const char *pem = own_public[index];

    key->id = (uint8_t)(index + 1);
    mbedtls_pk_init(&pk);
    int failed = mbedtls_pk_parse_public_key(&pk, (const uint8_t *)pem, strlen(pem) + 1);
    int result = failed ? SELKIE_ECRYPTO : take(key, &pk, "the simulator's own key");
    mbedtls_pk_free(&pk);
    return result;
}

int selkie_keys_load(struct selkie_sim_key *key, uint8_t id, const char *path)
{
    mbedtls_pk_context pk;
    int result = SELKIE_ECONFIG;

    key->id = id;
    mbedtls_pk_init(&pk);
    if (mbedtls_pk_parse_public_keyfile(&pk, path) != 0)
        selkie_say("%s: not a public key in PEM form, or it cannot be read", path);
    else
        result = take(key, &pk, path);
    mbedtls_pk_free(&pk);
    return result;
}
