/* SPDX-License-Identifier: Apache-2.0 */
#include <mbedtls/ccm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/platform_util.h>
#include <selkie/session.h>
#include <string.h>

#define NONCE_SIZE 13

static const uint8_t info[] = {'s', 'e', 'l', 'k', 'i', 'e', ' ', 's', 'e', 's', 's', 'i', 'o', 'n', ' ', 'v', '1'};

int selkie_session_derive(struct selkie_session *session, const uint8_t address[static SELKIE_ADDRESS_SIZE],
                          const uint8_t id[static SELKIE_ID_SIZE])
{
    uint8_t okm[SELKIE_SESSION_KEY_SIZE + SELKIE_SESSION_TAG_SIZE];
    int failed = mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), address, SELKIE_ADDRESS_SIZE, id,
                              SELKIE_ID_SIZE, info, sizeof info, okm, sizeof okm);
    if (failed) {
        selkie_session_wipe(session);
    } else {
        memcpy(session->address, address, SELKIE_ADDRESS_SIZE);
        memcpy(session->key, okm, SELKIE_SESSION_KEY_SIZE);
        memcpy(session->tag, okm + SELKIE_SESSION_KEY_SIZE, SELKIE_SESSION_TAG_SIZE);
    }
    mbedtls_platform_zeroize(okm, sizeof okm);
    return failed ? SELKIE_ECRYPTO : 0;
}

void selkie_session_wipe(struct selkie_session *session)
{
    mbedtls_platform_zeroize(session, sizeof *session);
}

static void make_nonce(uint8_t nonce[static NONCE_SIZE], const struct selkie_session *session, uint32_t counter)
{
    uint8_t *at = nonce;
    *at++ = 0;
    memcpy(at, session->address, SELKIE_ADDRESS_SIZE);
    at += SELKIE_ADDRESS_SIZE;
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(counter >> shift);
}

static int set_key(mbedtls_ccm_context *ccm, const struct selkie_session *session)
{
    return mbedtls_ccm_setkey(ccm, MBEDTLS_CIPHER_ID_AES, session->key, 8 * SELKIE_SESSION_KEY_SIZE);
}

int selkie_session_seal(uint8_t *body, size_t body_size, const struct selkie_session *session, uint32_t counter,
                        const uint8_t *payload, size_t payload_len)
{
    if (payload_len > SELKIE_PAYLOAD_MAX)
        return SELKIE_EINVAL;
    if (body_size < SELKIE_SESSION_OVERHEAD + payload_len)
        return SELKIE_ESPACE;

    uint8_t nonce[NONCE_SIZE];
    make_nonce(nonce, session, counter);
    selkie_frame_put_session_header(body, session->tag, counter);
    uint8_t *ciphertext = body + SELKIE_SESSION_HEADER_SIZE;

    mbedtls_ccm_context ccm;
    mbedtls_ccm_init(&ccm);
    int failed = set_key(&ccm, session);
    if (!failed)
        failed = mbedtls_ccm_encrypt_and_tag(&ccm, payload_len, nonce, sizeof nonce, body, SELKIE_SESSION_HEADER_SIZE,
                                             payload, ciphertext, ciphertext + payload_len, SELKIE_CCM_TAG_SIZE);
    mbedtls_ccm_free(&ccm);
    return failed ? SELKIE_ECRYPTO : (int)(SELKIE_SESSION_OVERHEAD + payload_len);
}

/* CCM authenticates the header, so it would refuse these too; only a sender with the key could make such a frame. */
static bool is_for(const struct selkie_frame *frame, const struct selkie_session *session, uint32_t counter)
{
    return frame->type == SELKIE_SESSION && frame->session.ciphertext_len <= SELKIE_PAYLOAD_MAX &&
           frame->session.counter_low == (uint16_t)counter &&
           memcmp(frame->session.session_tag, session->tag, SELKIE_SESSION_TAG_SIZE) == 0;
}

int selkie_session_open(uint8_t payload[static SELKIE_PAYLOAD_MAX], const struct selkie_session *session,
                        uint32_t counter, const struct selkie_frame *frame)
{
    if (!is_for(frame, session, counter))
        return SELKIE_EBADSEAL;

    uint8_t nonce[NONCE_SIZE];
    make_nonce(nonce, session, counter);
    size_t len = frame->session.ciphertext_len;
    const uint8_t *ciphertext = frame->session.ciphertext;

    mbedtls_ccm_context ccm;
    mbedtls_ccm_init(&ccm);
    int failed = set_key(&ccm, session);
    if (!failed)
        failed =
            mbedtls_ccm_auth_decrypt(&ccm, len, nonce, sizeof nonce, frame->session.header, SELKIE_SESSION_HEADER_SIZE,
                                     ciphertext, payload, ciphertext + len, SELKIE_CCM_TAG_SIZE);
    mbedtls_ccm_free(&ccm);
    if (failed) {
        mbedtls_platform_zeroize(payload, len);
        return failed == MBEDTLS_ERR_CCM_AUTH_FAILED ? SELKIE_EBADSEAL : SELKIE_ECRYPTO;
    }
    return (int)len;
}

uint32_t selkie_session_counter(uint32_t highest, uint16_t counter_low)
{
    uint32_t ahead = (uint16_t)(counter_low - highest);
    uint32_t back = 0x10000 - ahead;
    bool after_fits = highest <= UINT32_MAX - ahead;
    bool before_fits = highest >= back;
    if (ahead <= 0x8000)
        return after_fits ? highest + ahead : highest - back;
    return before_fits ? highest - back : highest + ahead;
}
