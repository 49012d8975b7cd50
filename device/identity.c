/* SPDX-License-Identifier: Apache-2.0 */
#include <mbedtls/platform_util.h>
#include <selkie/device/identity.h>
#include <selkie/device/options.h>
#include <selkie/mbedtls.h>
#include <string.h>

_Static_assert(offsetof(struct selkie_identity, check) ==
                   SELKIE_ID_SIZE + sizeof(struct selkie_session) + sizeof(uint32_t),
               "the check word covers no padding");

/* Four bytes of SHA-256, not a CRC: what lies in RAM beside the ID must not be a linear function of it. */
static int compute_check(uint32_t *check, const struct selkie_identity *identity)
{
    uint8_t digest[32] = {0};
    int failed = selkie_mbedtls_sha256((const uint8_t *)identity, offsetof(struct selkie_identity, check), digest, 0);
    memcpy(check, digest, sizeof *check);
    mbedtls_platform_zeroize(digest, sizeof digest);
    return failed ? SELKIE_ECRYPTO : 0;
}

int selkie_identity_draw(struct selkie_identity *identity, struct selkie_drbg *drbg,
                         const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    int error = selkie_drbg_fill(drbg, identity->id, SELKIE_ID_SIZE) == 0 ? 0 : SELKIE_ECRYPTO;
    if (SELKIE_DEVICE_SESSION && error == 0)
        error = selkie_session_derive(&identity->session, address, identity->id);
    identity->next_counter = 0;
    if (error == 0)
        error = compute_check(&identity->check, identity);
    if (error < 0)
        selkie_identity_wipe(identity);
    return error;
}

bool selkie_identity_intact(const struct selkie_identity *identity)
{
    uint32_t check;
    return compute_check(&check, identity) == 0 && check == identity->check;
}

void selkie_identity_advance(struct selkie_identity *identity)
{
    identity->next_counter++;
    if (compute_check(&identity->check, identity) < 0)
        selkie_identity_wipe(identity);
}

void selkie_identity_wipe(struct selkie_identity *identity)
{
    mbedtls_platform_zeroize(identity, sizeof *identity);
}
