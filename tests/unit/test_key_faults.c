/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a seal while memory or random numbers are out. A frame is never blamed for that, and no frame can bring it
 * about. Libcrypto allocates through functions of this test, mbedTLS through this program's calloc. */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_METHOD: a generator that fails */
#include <check.h>
#include <kit/kit.h>
#include <mbedtls/ctr_drbg.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <run_suite.h>
#include <stdlib.h>
#include <string.h>

static const char *const providers[] = {"openssl", "mbedtls"};
#define PROVIDERS ((int)(sizeof providers / sizeof *providers))

static struct {
    unsigned long countdown; /* the allocation that fails; 0 = none */
    bool for_good;           /* and all after it */
    bool failed;
} memory;
static bool no_random;

static bool is_out_of_memory(void)
{
    bool out = memory.for_good && memory.failed;
    if (memory.countdown > 0)
        out = --memory.countdown == 0 || out;
    memory.failed = memory.failed || out;
    return out;
}

static void *libcrypto_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return is_out_of_memory() ? NULL : malloc(size);
}

static void *libcrypto_realloc(void *bytes, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return is_out_of_memory() ? NULL : realloc(bytes, size);
}

static void libcrypto_free(void *bytes, const char *file, int line)
{
    (void)file, (void)line;
    free(bytes);
}

/* The compiler must not see that this is calloc. */
static void *(*volatile plain_malloc)(size_t size) = malloc;

void *calloc(size_t count, size_t size)
{
    size_t total;
    if (is_out_of_memory() || __builtin_mul_overflow(count, size, &total))
        return NULL;
    void *bytes = plain_malloc(total);
    return bytes ? memset(bytes, 0, total) : NULL;
}

int __real_mbedtls_ctr_drbg_random(void *drbg, unsigned char *bytes, size_t len);
int __wrap_mbedtls_ctr_drbg_random(void *drbg, unsigned char *bytes, size_t len);
int __wrap_mbedtls_ctr_drbg_random(void *drbg, unsigned char *bytes, size_t len)
{
    return no_random ? MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED : __real_mbedtls_ctr_drbg_random(drbg, bytes, len);
}

static int no_bytes(unsigned char *bytes, int len)
{
    (void)bytes, (void)len;
    return 0;
}

static int unseal(struct selkie_keyring *keyring, const struct kit_body *body)
{
    uint8_t message[SELKIE_MESSAGE_MAX];
    return selkie_keyring_unseal(keyring, 1, body->bytes + SELKIE_SEALED_HEADER_SIZE, message);
}

/* Let the allocation `nth` of an opening fail, for once or with all after it. False once there are not so many. */
static bool fails_without_blame(struct selkie_keyring *keyring, const struct kit_body *good, unsigned long nth,
                                bool for_good, int len)
{
    memory.failed = false;
    memory.for_good = for_good;
    memory.countdown = nth;
    int result = unseal(keyring, good);
    memory.countdown = 0;
    memory.for_good = false;
    ck_assert_msg(result == len || (memory.failed && result == SELKIE_ENOTREADY), "allocation %lu: %d", nth, result);
    ck_assert_int_eq(unseal(keyring, good), len); /* and it leaves nothing behind */
    return memory.failed;
}

START_TEST(no_frame_is_blamed_for_want_of_memory)
{
    struct selkie_keyring *keyring = kit_keyring(providers[_i]);
    struct kit_device device = kit_device(1, 1);
    struct kit_body good = kit_data(&device, "payload");
    unsigned long count = 0;
    int len = unseal(keyring, &good);

    ck_assert_int_gt(len, 0);
    /* Each of the first, then fewer and fewer: mbedTLS has thousands. */
    for (unsigned long nth = 1; fails_without_blame(keyring, &good, nth, false, len); nth += 1 + nth / 16) {
        ck_assert(fails_without_blame(keyring, &good, nth, true, len));
        count++;
    }
    ck_assert_uint_gt(count, 10);
    selkie_keyring_close(keyring);
}
END_TEST

START_TEST(no_frame_is_blamed_for_want_of_random_numbers)
{
    static const RAND_METHOD fails = {.bytes = no_bytes, .pseudorand = no_bytes};
    struct selkie_keyring *keyring = kit_keyring(providers[_i]);
    struct kit_device device = kit_device(1, 1);
    struct kit_body good = kit_data(&device, "payload");

    no_random = true;
    ck_assert_int_eq(RAND_set_rand_method(&fails), 1);
    ck_assert_int_eq(unseal(keyring, &good), SELKIE_ENOTREADY);
    no_random = false;
    ck_assert_int_eq(RAND_set_rand_method(RAND_OpenSSL()), 1);
    ck_assert_int_gt(unseal(keyring, &good), 0);
    selkie_keyring_close(keyring);
}
END_TEST

/* The modulus, less or more by a little. */
static void put_modulus(struct kit_body *body, int more)
{
    FILE *file = fopen(kit_key_file(), "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    BIGNUM *modulus = NULL;

    ck_assert_int_eq(EVP_PKEY_get_bn_param(key, "n", &modulus), 1);
    ck_assert_int_eq(more < 0 ? BN_sub_word(modulus, (BN_ULONG)-more) : BN_add_word(modulus, (BN_ULONG)more), 1);
    ck_assert_int_eq(BN_bn2binpad(modulus, body->bytes + SELKIE_SEALED_HEADER_SIZE, SELKIE_CIPHERTEXT_SIZE),
                     SELKIE_CIPHERTEXT_SIZE);
    BN_free(modulus);
    EVP_PKEY_free(key);
    fclose(file);
}

/* Else whoever sends such a frame would have its gateway send it again for ever. */
START_TEST(any_ciphertext_is_at_worst_a_bad_seal)
{
    struct selkie_keyring *keyring = kit_keyring(providers[_i]);
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_data(&device, "payload");
    uint8_t *ciphertext = body.bytes + SELKIE_SEALED_HEADER_SIZE;

    for (int i = 0; i < SELKIE_CIPHERTEXT_SIZE; i += 17) {
        ciphertext[i] ^= 1;
        ck_assert_int_eq(unseal(keyring, &body), SELKIE_EBADSEAL);
    }
    memset(ciphertext, 0xff, SELKIE_CIPHERTEXT_SIZE);
    ck_assert_int_eq(unseal(keyring, &body), SELKIE_EBADSEAL);
    memset(ciphertext, 0, SELKIE_CIPHERTEXT_SIZE);
    for (uint8_t i = 0; i < 3; i++) {
        ciphertext[SELKIE_CIPHERTEXT_SIZE - 1] = i;
        ck_assert_int_eq(unseal(keyring, &body), SELKIE_EBADSEAL);
    }
    for (int more = -2; more <= 2; more++) {
        put_modulus(&body, more);
        ck_assert_int_eq(unseal(keyring, &body), SELKIE_EBADSEAL);
    }
    selkie_keyring_close(keyring);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("key_faults");
    TCase *tcase = tcase_create("faults");

    if (!CRYPTO_set_mem_functions(libcrypto_malloc, libcrypto_realloc, libcrypto_free)) {
        puts("libcrypto has memory already, before main");
        return 1;
    }
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_loop_test(tcase, no_frame_is_blamed_for_want_of_memory, 0, PROVIDERS);
    tcase_add_loop_test(tcase, no_frame_is_blamed_for_want_of_random_numbers, 0, PROVIDERS);
    tcase_add_loop_test(tcase, any_ciphertext_is_at_worst_a_bad_seal, 0, PROVIDERS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
