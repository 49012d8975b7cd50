/* SPDX-License-Identifier: Apache-2.0 */
/* Which public keys selkie-device takes. */
#include "keyfile.h"
#include "run_suite.h"

#include <kit/kit.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint8_t spki[SELKIE_PUBLIC_KEY_SIZE];

static EVP_PKEY *cloud_key(void)
{
    FILE *file = fopen(kit_key_file(), "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);

    ck_assert_ptr_nonnull(key);
    fclose(file);
    return key;
}

static const char *write_public(EVP_PKEY *key)
{
    const char *path = kit_path(kit_dir(), "key.pub.pem");
    FILE *file = fopen(path, "w");

    ck_assert_int_eq(PEM_write_PUBKEY(file, key), 1);
    fclose(file);
    EVP_PKEY_free(key);
    return path;
}

START_TEST(a_public_key_comes_out_as_its_der)
{
    EVP_PKEY *key = cloud_key();
    uint8_t *der = NULL;

    ck_assert_int_eq(i2d_PUBKEY(key, &der), SELKIE_PUBLIC_KEY_SIZE);
    ck_assert_int_eq(keyfile_read(spki, write_public(key)), 0);
    ck_assert_mem_eq(spki, der, sizeof spki);
    OPENSSL_free(der);
}
END_TEST

START_TEST(another_size_exponent_or_kind_is_refused)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *exponent = BN_new();
    EVP_PKEY *key = NULL;

    ck_assert_int_eq(keyfile_read(spki, write_public(EVP_RSA_gen(2048))), -1);
    ck_assert_int_eq(keyfile_read(spki, write_public(EVP_EC_gen("P-256"))), -1);
    ck_assert_int_eq(BN_set_word(exponent, 3), 1);
    ck_assert_int_eq(EVP_PKEY_keygen_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent), 1);
    ck_assert_int_eq(EVP_PKEY_generate(context, &key), 1);
    ck_assert_int_eq(keyfile_read(spki, write_public(key)), -1);
    BN_free(exponent);
    EVP_PKEY_CTX_free(context);
}
END_TEST

START_TEST(what_is_no_public_key_is_refused)
{
    const char *path = kit_path(kit_dir(), "x.pem");

    ck_assert_int_eq(keyfile_read(spki, path), -1);
    kit_write(path, "", 0, 0600);
    ck_assert_int_eq(keyfile_read(spki, path), -1);
    kit_write(path, "nonsense\n", 9, 0600);
    ck_assert_int_eq(keyfile_read(spki, path), -1);
    path = kit_path(kit_dir(), "fifo");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(keyfile_read(spki, path), -1);           /* and does not wait for its other end */
    ck_assert_int_eq(keyfile_read(spki, kit_key_file()), -1); /* the private half has no business on a device */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keyfile");
    TCase *tcase = tcase_create("keyfile");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, a_public_key_comes_out_as_its_der);
    tcase_add_test(tcase, another_size_exponent_or_kind_is_refused);
    tcase_add_test(tcase, what_is_no_public_key_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
