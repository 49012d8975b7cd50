/* SPDX-License-Identifier: Apache-2.0 */
/* Opening frames with the private key in a file: what opens, and what is said of that which does not. */
#include "keys/open.h"
#include "run_suite.h"

#include <kit/kit.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *key_file;
static struct kit_device device;
static struct selkie_message message;
static uint8_t plain[CTL_PLAIN_SIZE], payload[SELKIE_PAYLOAD_MAX];
static FILE *before;
static char *said;
static size_t said_len;

static void setup(void)
{
    key_file = kit_key_file();
    device = kit_device(7, 0);
}

static void capture(void)
{
    before = stderr;
    stderr = open_memstream(&said, &said_len);
    ck_assert_ptr_nonnull(stderr);
}

static void release(void)
{
    (void)fclose(stderr);
    stderr = before;
}

/* Nothing is said of what opens; what does not is told with `says` in it. */
static void expect_said(enum ctl_exit result, const char *says)
{
    ck_assert_int_eq(result, says == NULL ? CTL_DONE : CTL_FAILED);
    if (says == NULL)
        ck_assert_str_eq(said, "");
    else
        ck_assert_msg(strstr(said, says) != NULL, "it said: %s", said);
    free(said);
}

static struct selkie_frame decode(const struct kit_body *body)
{
    struct selkie_frame frame;

    ck_assert_int_eq(selkie_frame_decode(&frame, body->bytes, body->len), 0);
    return frame;
}

static void open_sealed(const struct kit_body *body, const char *path, const char *says)
{
    const struct selkie_frame frame = decode(body);

    capture();
    enum ctl_exit result = ctl_open_sealed(&message, plain, &frame, path);
    release();
    expect_said(result, says);
}

static void open_session(const struct kit_body *body, const struct selkie_message *registered, uint32_t counter,
                         const char *text, const char *says)
{
    const struct selkie_frame frame = decode(body);
    size_t len = 0;
    uint32_t found = 0;

    capture();
    enum ctl_exit result = ctl_open_session(payload, &len, &found, &frame, registered);
    release();
    expect_said(result, says);
    if (says != NULL)
        return;
    ck_assert_uint_eq(found, counter);
    ck_assert_uint_eq(len, strlen(text));
    ck_assert_mem_eq(payload, text, len);
}

START_TEST(a_sealed_frame_opens_with_its_key)
{
    device.counter = UINT32_MAX - 1;
    struct kit_body body = kit_data(&device, "21.5");

    open_sealed(&body, key_file, NULL);
    ck_assert_int_eq(message.kind, SELKIE_DATA);
    ck_assert_mem_eq(message.address, device.address, sizeof message.address);
    ck_assert_mem_eq(message.id, device.id, sizeof message.id);
    ck_assert_uint_eq(message.counter, UINT32_MAX - 1);
    ck_assert_uint_eq(message.data.payload_len, 4);
    ck_assert_mem_eq(message.data.payload, "21.5", 4);
    body = kit_register(&device, "shed", "v1");
    open_sealed(&body, key_file, NULL);
    ck_assert_int_eq(message.kind, SELKIE_REGISTER);
    ck_assert_uint_eq(message.registration.claim_len, 4);
    ck_assert_mem_eq(message.registration.firmware, "v1", 2);
}
END_TEST

START_TEST(a_seal_that_was_tampered_with_does_not_open)
{
    struct kit_body body = kit_data(&device, "21.5");

    body.bytes[SELKIE_SEALED_SIZE - 1] ^= 1;
    open_sealed(&body, key_file, "bad-seal");
    body.bytes[SELKIE_SEALED_SIZE - 1] ^= 1;
    memset(body.bytes + SELKIE_SEALED_HEADER_SIZE, 0xFF, SELKIE_CIPHERTEXT_SIZE); /* beyond the modulus */
    open_sealed(&body, key_file, "bad-seal");
    memset(body.bytes + SELKIE_SEALED_HEADER_SIZE, 0, SELKIE_CIPHERTEXT_SIZE);
    open_sealed(&body, key_file, "bad-seal");
}
END_TEST

START_TEST(another_address_outside_than_inside_is_told)
{
    struct kit_body body = kit_data(&device, "21.5");

    body.bytes[SELKIE_SEALED_HEADER_SIZE - 1] ^= 1;
    open_sealed(&body, key_file, "another address");
}
END_TEST

START_TEST(a_seal_with_nonsense_inside_is_malformed)
{
    static const uint8_t nonsense[] = "not a message, but sealed as one";
    struct kit_body body = kit_seal(nonsense, sizeof nonsense, device.address, 1);

    open_sealed(&body, key_file, "malformed");
    body = kit_seal(nonsense, 0, device.address, 1);
    open_sealed(&body, key_file, "malformed");
}
END_TEST

static const char *write_key(EVP_PKEY *key, bool private)
{
    const char *path = kit_path(kit_dir(), "key.pem");
    FILE *file = fopen(path, "w");

    ck_assert_int_eq(private ? PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) : PEM_write_PUBKEY(file, key),
                     1);
    (void)fclose(file);
    EVP_PKEY_free(key);
    return path;
}

START_TEST(a_file_that_is_no_private_key_of_ours_is_named)
{
    const struct kit_body body = kit_data(&device, "21.5");
    const char *path = kit_path(kit_dir(), "absent.pem");

    open_sealed(&body, path, "absent.pem: No such file");
    kit_write(path, "nonsense\n", 9, 0600);
    open_sealed(&body, path, "absent.pem: not a private key");
    kit_write(path, "", 0, 0600);
    open_sealed(&body, path, "absent.pem: not a private key");
    open_sealed(&body, write_key(EVP_RSA_gen(2048), false), "key.pem: not a private key");
    open_sealed(&body, write_key(EVP_RSA_gen(2048), true), "key.pem: not an RSA-4096");
    open_sealed(&body, write_key(EVP_EC_gen("P-256"), true), "key.pem: not an RSA-4096");
    open_sealed(&body, kit_dir(), ""); /* a folder, however that is told */
}
END_TEST

/* What a REGISTER of the device says. */
static struct selkie_message registered(uint32_t counter)
{
    struct selkie_message of = {.kind = SELKIE_REGISTER, .counter = counter};

    memcpy(of.address, device.address, sizeof of.address);
    memcpy(of.id, device.id, sizeof of.id);
    return of;
}

START_TEST(a_session_frame_opens_with_a_message_that_is_near)
{
    static const struct {
        uint32_t registered, counter;
    } cases[] = {{0, 1},
                 {0, 0x8000},
                 {5, 3},
                 {0xFFFF, 0x10000},
                 {0x12345, 0x12346},
                 {0x20005, 0x1FFFE},
                 {UINT32_MAX - 5, UINT32_MAX - 1}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct selkie_message from = registered(cases[i].registered);
        device.counter = cases[i].counter;
        struct kit_body body = kit_session(&device, i == 0 ? "" : "21.5");
        open_session(&body, &from, cases[i].counter, i == 0 ? "" : "21.5", NULL);
    }
}
END_TEST

START_TEST(a_session_frame_that_is_not_this_devices_or_far_from_it_is_told)
{
    struct selkie_message from = registered(0);
    struct kit_device other = kit_device(7, 1); /* the same, after a reset */

    device.counter = 1;
    struct kit_body body = kit_session(&device, "21.5");
    open_session(&body, &from, 1, "21.5", NULL);
    body.bytes[body.len - 1] ^= 1;
    open_session(&body, &from, 0, NULL, "from another device");
    other.counter = 1;
    body = kit_session(&other, "21.5");
    open_session(&body, &from, 0, NULL, "from another device");
    device.counter = 0x10001; /* its low half is that of 1 */
    body = kit_session(&device, "21.5");
    open_session(&body, &from, 0, NULL, "from another device");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_open");
    TCase *tcase = tcase_create("ctl_open");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_sealed_frame_opens_with_its_key);
    tcase_add_test(tcase, a_seal_that_was_tampered_with_does_not_open);
    tcase_add_test(tcase, another_address_outside_than_inside_is_told);
    tcase_add_test(tcase, a_seal_with_nonsense_inside_is_malformed);
    tcase_add_test(tcase, a_file_that_is_no_private_key_of_ours_is_named);
    tcase_add_test(tcase, a_session_frame_opens_with_a_message_that_is_near);
    tcase_add_test(tcase, a_session_frame_that_is_not_this_devices_or_far_from_it_is_told);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
