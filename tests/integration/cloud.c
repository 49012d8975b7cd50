/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

static void open_seal(struct cloud_frame *frame)
{
    size_t len = sizeof frame->plain;
    FILE *file = fopen(harness_private_key(), "re");
    ck_assert_ptr_nonnull(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    ck_assert_int_eq(EVP_PKEY_decrypt_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()), 1);
    ck_assert_int_eq(
        EVP_PKEY_decrypt(context, frame->plain, &len, frame->header.sealed.ciphertext, SELKIE_CIPHERTEXT_SIZE), 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    ck_assert_int_eq(selkie_message_decode(&frame->message, frame->plain, len), 0);
    ck_assert_mem_eq(frame->message.address, frame->header.sealed.address, SELKIE_ADDRESS_SIZE);
}

void cloud_open(struct cloud_frame *frame, const uint8_t *body, size_t len)
{
    ck_assert_uint_le(len, sizeof frame->body);
    memcpy(frame->body, body, len);
    frame->len = len;
    ck_assert_int_eq(selkie_frame_decode(&frame->header, frame->body, frame->len), 0);
    if (frame->header.type == SELKIE_SEALED)
        open_seal(frame);
}

bool cloud_receive_try(struct cloud_frame *frame, struct harness_pty *radio, int patience_ms)
{
    struct selkie_link_rx rx;
    int64_t limit = harness_now_ms() + patience_ms;
    uint8_t byte;
    selkie_link_rx_init(&rx);
    while (harness_now_ms() < limit) {
        if (harness_pty_read(radio, &byte, 1, 100) == 0)
            continue;
        int len = selkie_link_rx_byte(&rx, byte);
        ck_assert_int_ge(len, 0);
        if (len == 0)
            continue;
        cloud_open(frame, rx.body, (size_t)len);
        return true;
    }
    return false;
}

void cloud_receive(struct cloud_frame *frame, struct harness_pty *radio)
{
    ck_assert_msg(cloud_receive_try(frame, radio, HARNESS_PATIENCE), "no frame came off the radio");
}

void cloud_acknowledge(struct harness_pty *radio, const struct cloud_frame *frame)
{
    uint8_t ack[SELKIE_ACK_SIZE], wire[SELKIE_LINK_WIRE_SIZE(SELKIE_ACK_SIZE)];
    selkie_frame_put_ack(ack, frame->body, frame->len);
    int len = selkie_link_encode(wire, sizeof wire, ack, sizeof ack);
    ck_assert_int_gt(len, 0);
    harness_pty_write(radio, wire, (size_t)len);
}
