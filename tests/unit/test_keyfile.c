/* SPDX-License-Identifier: Apache-2.0 */
/* Which public keys selkie-device takes. */
#include "keyfile.h"
#include "run_suite.h"

#include <kit/kit.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* What keyfile_read says of a file with these bytes. Static, until the next call. */
static const char *said_of(const void *bytes, size_t len)
{
    static char said[500];
    const char *path = kit_path(kit_dir(), "x"), *log = kit_path(kit_dir(), "log");
    FILE *file = fopen(log, "w+");
    int before = dup(STDERR_FILENO);

    kit_write(path, bytes, len, 0600);
    ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
    ck_assert_int_eq(keyfile_read(spki, path), -1);
    ck_assert_int_ge(dup2(before, STDERR_FILENO), 0);
    (void)close(before);
    said[pread(fileno(file), said, sizeof said - 1, 0)] = '\0';
    fclose(file);
    return said;
}

static void expect_named(const BIO *bio, const char *name)
{
    char *bytes;
    long len = BIO_get_mem_data((BIO *)bio, &bytes);
    const char *said = said_of(bytes, (size_t)len);

    ck_assert_msg(strstr(said, name) != NULL, "\"%s\" is not in: %s", name, said);
}

/* In every form that OpenSSL writes. */
START_TEST(a_private_key_is_named_in_each_of_its_forms)
{
    EVP_PKEY *keys[] = {cloud_key(), EVP_EC_gen("P-256")};

    for (size_t i = 0; i < 2; i++) {
        BIO *forms[6];
        for (size_t j = 0; j < 6; j++)
            forms[j] = BIO_new(BIO_s_mem());
        ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(forms[0], keys[i], NULL, NULL, 0, NULL, NULL), 1);
        ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(forms[1], keys[i], EVP_aes_256_cbc(), "secret", 6, NULL, NULL),
                         1);
        ck_assert_int_eq(PEM_write_bio_PrivateKey_traditional(forms[2], keys[i], NULL, NULL, 0, NULL, NULL), 1);
        ck_assert_int_eq(i2d_PrivateKey_bio(forms[3], keys[i]), 1); /* PKCS#1, or EC */
        ck_assert_int_eq(i2d_PKCS8PrivateKey_bio(forms[4], keys[i], NULL, NULL, 0, NULL, NULL), 1);
        ck_assert_int_eq(i2d_PKCS8PrivateKey_bio(forms[5], keys[i], EVP_aes_256_cbc(), "secret", 6, NULL, NULL), 1);
        for (size_t j = 0; j < 6; j++) {
            expect_named(forms[j], ": a private key, which belongs on no device");
            BIO_free(forms[j]);
        }
        EVP_PKEY_free(keys[i]);
    }
}
END_TEST

START_TEST(a_certificate_is_named_and_so_is_a_request_for_one)
{
    EVP_PKEY *key = cloud_key();
    X509 *certificate = X509_new();
    X509_REQ *request = X509_REQ_new();
    BIO *forms[4];

    ck_assert(X509_set_version(certificate, X509_VERSION_3) == 1 && X509_set_pubkey(certificate, key) == 1 &&
              ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
              X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
              X509_gmtime_adj(X509_getm_notAfter(certificate), 9) && X509_sign(certificate, key, EVP_sha256()) > 0);
    ck_assert(X509_REQ_set_pubkey(request, key) == 1 && X509_REQ_sign(request, key, EVP_sha256()) > 0);
    for (size_t i = 0; i < 4; i++)
        forms[i] = BIO_new(BIO_s_mem());
    ck_assert(PEM_write_bio_X509(forms[0], certificate) == 1 && i2d_X509_bio(forms[1], certificate) == 1);
    ck_assert(PEM_write_bio_X509_REQ(forms[2], request) == 1 && i2d_X509_REQ_bio(forms[3], request) == 1);
    for (size_t i = 0; i < 4; i++) {
        expect_named(forms[i], i == 2 ? ": a request for a certificate" : ": a certificate; give the key in it");
        BIO_free(forms[i]);
    }
    ck_assert_ptr_nonnull(strstr(said_of("ssh-rsa AAAAB3Nz me\n", 20), ": a key for SSH"));
    X509_REQ_free(request);
    X509_free(certificate);
    EVP_PKEY_free(key);
}
END_TEST

/* The same key: SubjectPublicKeyInfo or PKCS#1, as PEM or DER. */
START_TEST(each_form_of_a_public_key_is_taken)
{
    EVP_PKEY *key = cloud_key();
    BIO *forms[4];
    uint8_t *der = NULL;

    for (size_t i = 0; i < 4; i++)
        forms[i] = BIO_new(BIO_s_mem());
    ck_assert_int_eq(i2d_PUBKEY(key, &der), SELKIE_PUBLIC_KEY_SIZE);
    ck_assert(PEM_write_bio_PUBKEY(forms[0], key) == 1 && i2d_PUBKEY_bio(forms[1], key) == 1);
    int len = i2d_PublicKey(key, NULL);
    uint8_t *pkcs1 = NULL;
    ck_assert_int_eq(i2d_PublicKey(key, &pkcs1), len);
    ck_assert(PEM_write_bio(forms[2], "RSA PUBLIC KEY", "", pkcs1, len) > 0 && BIO_write(forms[3], pkcs1, len) == len);
    for (size_t i = 0; i < 4; i++) {
        char *bytes;
        long size = BIO_get_mem_data(forms[i], &bytes);
        const char *path = kit_path(kit_dir(), "form");
        kit_write(path, bytes, (size_t)size, 0600);
        memset(spki, 0, sizeof spki);
        ck_assert_int_eq(keyfile_read(spki, path), 0);
        ck_assert_mem_eq(spki, der, sizeof spki);
        BIO_free(forms[i]);
    }
    OPENSSL_free(pkcs1);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
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
    tcase_add_test(tcase, a_private_key_is_named_in_each_of_its_forms);
    tcase_add_test(tcase, a_certificate_is_named_and_so_is_a_request_for_one);
    tcase_add_test(tcase, each_form_of_a_public_key_is_taken);
    tcase_add_test(tcase, what_is_no_public_key_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
