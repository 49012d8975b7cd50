/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/device/trust.h>
#include <selkie/mbedtls.h>
#include <string.h>

/* What stands before and behind the modulus in the DER of every RSA-4096 key with exponent 65537. Only such keys are
 * taken, so no ASN.1 parser is needed on the device. The modulus has its top bit set, hence the 00 before it. */
static const uint8_t before[SELKIE_MODULUS_OFFSET] = {0x30, 0x82, 0x02, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
                                                      0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x02,
                                                      0x0f, 0x00, 0x30, 0x82, 0x02, 0x0a, 0x02, 0x82, 0x02, 0x01, 0x00};
static const uint8_t behind[] = {0x02, 0x03, 0x01, 0x00, 0x01};

_Static_assert(sizeof before + SELKIE_MODULUS_SIZE + sizeof behind == SELKIE_PUBLIC_KEY_SIZE, "the parts of the DER");

static int is_rsa_4096(const uint8_t spki[static SELKIE_PUBLIC_KEY_SIZE])
{
    const uint8_t *modulus = spki + sizeof before;
    return memcmp(spki, before, sizeof before) == 0 &&
           memcmp(modulus + SELKIE_MODULUS_SIZE, behind, sizeof behind) == 0 && (modulus[0] & 0x80) != 0 &&
           (modulus[SELKIE_MODULUS_SIZE - 1] & 1) != 0;
}

int selkie_trust_check(const struct selkie_public_key *key, unsigned slot, const struct selkie_port *port)
{
    uint8_t digest[SELKIE_PIN_SIZE], pin[SELKIE_PIN_SIZE];
    if (key->key_id == 0 || !key->spki || !is_rsa_4096(key->spki))
        return SELKIE_ETRUST;
    if (selkie_mbedtls_sha256(key->spki, SELKIE_PUBLIC_KEY_SIZE, digest, 0) != 0)
        return SELKIE_ETRUST;
    if (port->read_pin(port->context, slot, pin) != 0)
        return SELKIE_ETRUST;
    return memcmp(digest, pin, sizeof pin) == 0 ? 0 : SELKIE_ETRUST;
}

int selkie_trust_check_all(const struct selkie_public_key keys[static SELKIE_TRUST_KEYS],
                           const struct selkie_port *port)
{
    for (unsigned slot = 0; slot < SELKIE_TRUST_KEYS; slot++) {
        if (slot > 0 && keys[slot].key_id == 0)
            continue;
        int error = selkie_trust_check(&keys[slot], slot, port);
        if (error < 0)
            return error;
    }
    return 0;
}

int selkie_trust_choose(const struct selkie_public_key **key,
                        const struct selkie_public_key keys[static SELKIE_TRUST_KEYS], const struct selkie_port *port)
{
    int slot = !port->key_slot ? 0 : port->key_slot(port->context);
    if (slot < 0 || slot >= SELKIE_TRUST_KEYS)
        return SELKIE_ETRUST;
    *key = &keys[slot];
    return selkie_trust_check(&keys[slot], (unsigned)slot, port);
}
