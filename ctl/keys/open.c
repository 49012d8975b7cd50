/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/open.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <selkie/session.h>
#include <string.h>

static EVP_PKEY *load_key(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        ctl_fail("%s: %s", path, strerror(errno));
        return NULL;
    }
    EVP_PKEY *pkey = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    ERR_clear_error();
    if (!pkey) {
        ctl_fail("%s: not a private key in PEM", path);
    } else if (!EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_get_size(pkey) != SELKIE_CIPHERTEXT_SIZE) {
        ctl_fail("%s: not an RSA-4096 private key", path);
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

/* RSAES-OAEP with SHA-256 and MGF1-SHA-256, empty label. */
static bool decrypt(uint8_t plain[static CTL_PLAIN_SIZE], size_t *len, const uint8_t *ciphertext, EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    *len = CTL_PLAIN_SIZE;
    bool opened = context && EVP_PKEY_decrypt_init(context) == 1 &&
                  EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
                  EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
                  EVP_PKEY_decrypt(context, plain, len, ciphertext, SELKIE_CIPHERTEXT_SIZE) == 1;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return opened;
}

enum ctl_exit ctl_open_sealed(struct selkie_message *message, uint8_t plain[static CTL_PLAIN_SIZE],
                              const struct selkie_frame *frame, const char *key_path)
{
    EVP_PKEY *pkey = load_key(key_path);
    if (!pkey)
        return CTL_FAILED;
    size_t len;
    bool opened = decrypt(plain, &len, frame->sealed.ciphertext, pkey);
    EVP_PKEY_free(pkey);
    if (!opened)
        return ctl_fail("the seal does not open with the key %s (the plugin would reject it as bad-seal)", key_path);
    if (selkie_message_decode(message, plain, len) < 0)
        return ctl_fail("the seal opens, but the message inside is malformed");
    if (memcmp(message->address, frame->sealed.address, SELKIE_ADDRESS_SIZE) != 0)
        return ctl_fail(
            "the seal opens, but holds another address than the frame (the plugin would reject it as bad-seal)");
    return CTL_DONE;
}

enum ctl_exit ctl_open_session(uint8_t payload[static SELKIE_PAYLOAD_MAX], size_t *len, uint32_t *counter,
                               const struct selkie_frame *frame, const struct selkie_message *registered)
{
    struct selkie_session session;
    int result = selkie_session_derive(&session, registered->address, registered->id);
    if (result == 0) {
        *counter = selkie_session_counter(registered->counter, frame->session.counter_low);
        result = selkie_session_open(payload, &session, *counter, frame);
    }
    selkie_session_wipe(&session);
    if (result < 0)
        return ctl_fail("the SESSION frame does not open: it is from another device, or its counter is too far from "
                        "that of --sealed: %s",
                        selkie_error_text(result));
    *len = (size_t)result;
    return CTL_DONE;
}
