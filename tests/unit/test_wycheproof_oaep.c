/* SPDX-License-Identifier: Apache-2.0 */
/* Wycheproof's RSA-OAEP vectors (4096 bits, SHA-256) against the providers. Ours open no labels, and take 512 bytes. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/vectors.h>

#define VECTORS SELKIE_WYCHEPROOF_DIR "/rsa_oaep_4096_sha256_mgf1sha256_test.json"

static const char *const providers[] = {"openssl", "mbedtls"};

static void add_key(struct selkie_keyring *keyring, const char *provider, const json_t *group)
{
    size_t len;
    uint8_t *der = vectors_bytes(group, "privateKeyPkcs8", &len);
    const struct selkie_key_source source = {.id = 1, .provider = provider, .file = kit_write_key(der, len)};
    char error[SELKIE_KEYRING_ERROR_SIZE];
    ck_assert_msg(selkie_keyring_add(keyring, &source, error) == 0, "%s", error);
    free(der);
}

static void check_one(struct selkie_keyring *keyring, const json_t *test)
{
    size_t len, label_len, message_len;
    uint8_t *ciphertext = vectors_bytes(test, "ct", &len), *label = vectors_bytes(test, "label", &label_len);
    uint8_t *expected = vectors_bytes(test, "msg", &message_len), message[SELKIE_MESSAGE_MAX];

    /* Of another length: the frame's header is refused before anything is opened. */
    if (len == SELKIE_CIPHERTEXT_SIZE) {
        bool opens = strcmp(vectors_text(test, "result"), "valid") == 0 && label_len == 0;
        int result = selkie_keyring_unseal(keyring, 1, ciphertext, message);
        ck_assert_msg(result == (opens ? (int)message_len : SELKIE_EBADSEAL), "tcId %d: %d",
                      (int)vectors_integer(test, "tcId"), result);
        if (opens)
            ck_assert_mem_eq(message, expected, message_len);
    }
    free(ciphertext);
    free(label);
    free(expected);
}

START_TEST(wycheproof_agrees)
{
    json_t *vectors = vectors_load(VECTORS), *group, *test;
    size_t i, j, done = 0;

    json_array_foreach (vectors_list(vectors, "testGroups"), i, group) {
        struct selkie_keyring *keyring;
        ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
        add_key(keyring, providers[_i], group);
        json_array_foreach (vectors_list(group, "tests"), j, test) {
            check_one(keyring, test);
            done++;
        }
        selkie_keyring_close(keyring);
    }
    ck_assert_uint_eq(done, (size_t)vectors_integer(vectors, "numberOfTests"));
    json_decref(vectors);
}
END_TEST

int main(void)
{
    json_t *vectors = vectors_load(VECTORS);
    if (!vectors) {
        printf("skipped: no %s\n", VECTORS);
        return TEST_SKIPPED;
    }
    json_decref(vectors);
    Suite *suite = suite_create("wycheproof_oaep");
    TCase *tcase = tcase_create("providers");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_loop_test(tcase, wycheproof_agrees, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
