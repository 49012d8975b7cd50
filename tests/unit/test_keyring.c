/* SPDX-License-Identifier: Apache-2.0 */
/* Key files and providers: what is taken, what is refused, and that all providers open and refuse the same. */
#include <check.h>
#include <kit/kit.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <run_suite.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <vectors/vectors.h>

static const char *const providers[] = {"openssl", "mbedtls"};
#define PROVIDERS ((int)(sizeof providers / sizeof *providers))

static const char *second_key; /* its file */

/* The key is made once for all tests: that takes seconds. */
static void set_up(void)
{
    kit_root_make();
    second_key = kit_new_key_file();
}

static void expect_refused(const struct selkie_key_source *source, int result, const char *sentence)
{
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct selkie_keyring *keyring;
    ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
    ck_assert_int_eq(selkie_keyring_add(keyring, source, error), result);
    ck_assert_msg(strstr(error, sentence) != NULL, "expected \"%s\", got \"%s\"", sentence, error);
    if (source->file)
        ck_assert_ptr_nonnull(strstr(error, source->file));
    ck_assert_uint_eq(selkie_keyring_count(keyring), 0);
    selkie_keyring_close(keyring);
}

START_TEST(a_key_file_that_others_can_read_is_refused)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0601, 0660};
    const char *path = kit_key_file();
    const struct selkie_key_source source = {.id = 1, .provider = providers[_i], .file = path};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ck_assert_int_eq(chmod(path, modes[i]), 0);
        expect_refused(&source, SELKIE_ECONFIG, "group or others can access");
    }
}
END_TEST

START_TEST(a_file_that_is_no_rsa_4096_key_is_refused)
{
    const char *dir = kit_dir();
    struct selkie_key_source source = {.id = 1, .provider = providers[_i], .file = kit_path(dir, "absent")};
    expect_refused(&source, SELKIE_ECONFIG, "No such file");
    source.file = dir;
    expect_refused(&source, SELKIE_ECONFIG, "regular file");
    source.file = kit_path(dir, "empty");
    kit_write(source.file, "", 0, 0600);
    expect_refused(&source, SELKIE_ECONFIG, "empty");
    source.file = kit_path(dir, "big");
    uint8_t *big = calloc(1, 65536);
    kit_write(source.file, big, 65536, 0600);
    free(big);
    expect_refused(&source, SELKIE_ECONFIG, "too big");
    source.file = kit_path(dir, "garbage");
    kit_write(source.file, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 58, 0600);
    expect_refused(&source, SELKIE_ECONFIG, "not an RSA private key");
}
END_TEST

static const char *write_key(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
    const char *path = kit_path(kit_dir(), "key.pem");
    kit_write(path, "", 0, 0600);
    FILE *file = fopen(path, "w");
    char passphrase[] = "secret";
    ck_assert(PEM_write_PKCS8PrivateKey(file, key, cipher, cipher ? passphrase : NULL, cipher ? 6 : 0, NULL, NULL));
    fclose(file);
    EVP_PKEY_free(key);
    return path;
}

START_TEST(keys_of_another_size_or_kind_or_under_a_passphrase_are_refused)
{
    struct selkie_key_source source = {.id = 1, .provider = providers[_i]};
    source.file = write_key(EVP_RSA_gen(2048), NULL);
    expect_refused(&source, SELKIE_ECONFIG, "2048 bits");
    source.file = write_key(EVP_EC_gen("P-256"), NULL);
    expect_refused(&source, SELKIE_ECONFIG, "not an RSA private key");
    source.file = write_key(EVP_RSA_gen(2048), EVP_aes_128_cbc());
    expect_refused(&source, SELKIE_ECONFIG, "not an RSA private key");
}
END_TEST

START_TEST(ids_and_providers_are_checked)
{
    const char *path = kit_key_file();
    struct selkie_key_source source = {.id = 0, .file = path};
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct selkie_keyring *keyring = kit_keyring(NULL);

    ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), SELKIE_ECONFIG);
    source.id = 1;
    ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), SELKIE_EEXIST);
    source.id = 2;
    source.provider = "magic";
    ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), SELKIE_ECONFIG);
    ck_assert_ptr_nonnull(strstr(error, "magic"));
    source.provider = NULL;
    source.file = second_key;
    ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), 0);
    ck_assert_uint_eq(selkie_keyring_count(keyring), 2);
    uint8_t id;
    const char *provider;
    selkie_keyring_describe(keyring, 1, &id, &provider);
    ck_assert_uint_eq(id, 2);
    ck_assert_str_eq(provider, "openssl");
    ck_assert_ptr_null(selkie_keyring_warning(keyring, 1));
    selkie_keyring_close(keyring);
}
END_TEST

/* Under two numbers one recorded frame would open as two. Any pair of providers, the second with a file of its own. */
START_TEST(one_key_under_two_ids_is_refused)
{
    struct selkie_keyring *keyring = kit_keyring(providers[_i / PROVIDERS]); /* as 1 */
    struct selkie_key_source source = {.id = 9, .provider = providers[_i % PROVIDERS], .file = kit_key_file()};
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_data(&device, "x");
    char error[SELKIE_KEYRING_ERROR_SIZE];
    uint8_t message[SELKIE_MESSAGE_MAX];

    ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), SELKIE_EEXIST);
    ck_assert_msg(strstr(error, "keys 1 and 9 are the same RSA key") != NULL, "%s", error);
    ck_assert_uint_eq(selkie_keyring_count(keyring), 1);
    ck_assert_int_eq(selkie_keyring_unseal(keyring, 9, body.bytes + SELKIE_SEALED_HEADER_SIZE, message),
                     SELKIE_EUNKNOWNKEY);
    ck_assert_int_gt(selkie_keyring_unseal(keyring, 1, body.bytes + SELKIE_SEALED_HEADER_SIZE, message), 0);
    source.file = second_key; /* the id is still free */
    ck_assert_msg(selkie_keyring_add(keyring, &source, error) == 0, "%s", error);
    source.id = 200;
    ck_assert_int_eq(selkie_keyring_add(keyring, &source, error), SELKIE_EEXIST);
    ck_assert_msg(strstr(error, "keys 9 and 200 are") != NULL, "%s", error);
    selkie_keyring_close(keyring);
}
END_TEST

START_TEST(golden_vectors_open_and_the_rejected_do_not)
{
    json_t *vectors = vectors_load(SELKIE_VECTORS), *vector;
    struct selkie_keyring *keyring = kit_keyring(providers[_i]);
    uint8_t message[SELKIE_MESSAGE_MAX];
    size_t i, len, body_len;

    json_array_foreach (vectors_list(vectors, "sealed"), i, vector) {
        uint8_t *body = vectors_bytes(vector, "body", &body_len), *expected = vectors_bytes(vector, "message", &len);
        int result = selkie_keyring_unseal(keyring, 1, body + SELKIE_SEALED_HEADER_SIZE, message);
        ck_assert_int_eq(result, (int)len);
        ck_assert_mem_eq(message, expected, len);
        ck_assert_int_eq(selkie_keyring_unseal(keyring, 99, body + SELKIE_SEALED_HEADER_SIZE, message),
                         SELKIE_EUNKNOWNKEY);
        free(body);
        free(expected);
    }
    static const char *const closed[] = {"ciphertext-changed", "label-not-empty", "ciphertext-not-below-modulus"};
    unsigned found = 0;
    json_array_foreach (vectors_list(vectors, "rejected"), i, vector) {
        for (size_t j = 0; j < sizeof closed / sizeof *closed; j++) {
            if (strcmp(vectors_text(vector, "name"), closed[j]) != 0)
                continue;
            uint8_t *body = vectors_bytes(vector, "body", &body_len);
            memset(message, 0xa5, sizeof message);
            ck_assert_int_eq(selkie_keyring_unseal(keyring, 1, body + SELKIE_SEALED_HEADER_SIZE, message),
                             SELKIE_EBADSEAL);
            for (size_t k = 0; k < sizeof message; k++)
                ck_assert_uint_eq(message[k], 0);
            free(body);
            found++;
        }
    }
    ck_assert_uint_eq(found, 3);
    selkie_keyring_close(keyring);
    json_decref(vectors);
}
END_TEST

struct hammer {
    struct selkie_keyring *keyring;
    const uint8_t *ciphertext, *message;
    size_t len;
    unsigned failures;
};

static void *hammer(void *context)
{
    struct hammer *work = context;
    uint8_t message[SELKIE_MESSAGE_MAX];
    for (int i = 0; i < 8; i++)
        if (selkie_keyring_unseal(work->keyring, 1, work->ciphertext, message) != (int)work->len ||
            memcmp(message, work->message, work->len) != 0)
            work->failures++;
    return NULL;
}

START_TEST(threads_may_open_at_once)
{
    json_t *vectors = vectors_load(SELKIE_VECTORS);
    json_t *vector = json_array_get(vectors_list(vectors, "sealed"), 0);
    struct hammer work[4];
    pthread_t threads[4];
    size_t body_len, len;
    uint8_t *body = vectors_bytes(vector, "body", &body_len), *message = vectors_bytes(vector, "message", &len);
    struct selkie_keyring *keyring = kit_keyring(providers[_i]);

    for (int i = 0; i < 4; i++) {
        work[i] = (struct hammer){keyring, body + SELKIE_SEALED_HEADER_SIZE, message, len, 0};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, &work[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_eq(work[i].failures, 0);
    }
    selkie_keyring_close(keyring);
    free(body);
    free(message);
    json_decref(vectors);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keyring");
    TCase *tcase = tcase_create("keys");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, set_up, kit_root_remove);
    tcase_add_loop_test(tcase, a_key_file_that_others_can_read_is_refused, 0, PROVIDERS);
    tcase_add_loop_test(tcase, a_file_that_is_no_rsa_4096_key_is_refused, 0, PROVIDERS);
    tcase_add_loop_test(tcase, keys_of_another_size_or_kind_or_under_a_passphrase_are_refused, 0, PROVIDERS);
    tcase_add_test(tcase, ids_and_providers_are_checked);
    tcase_add_loop_test(tcase, one_key_under_two_ids_is_refused, 0, PROVIDERS * PROVIDERS);
    tcase_add_loop_test(tcase, golden_vectors_open_and_the_rejected_do_not, 0, PROVIDERS);
    tcase_add_loop_test(tcase, threads_may_open_at_once, 0, PROVIDERS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
