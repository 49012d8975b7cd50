/* SPDX-License-Identifier: Apache-2.0 */
/* Wycheproof's AES-CCM and HKDF-SHA-256 files against the two mbedTLS functions that session.c is made of. None of
 * their vectors has all of our sizes (13-byte nonce, 8-byte tag, 256-bit key; salt of 8 bytes with our info), so they
 * cannot go through selkie_session_…; that our parameters are the right ones is what the golden vectors in
 * test_session.c show. */
#include <check.h>
#include <mbedtls/ccm.h>
#include <mbedtls/hkdf.h>
#include <run_suite.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/vectors.h>

struct ccm_case {
    size_t key_len, iv_len, aad_len, msg_len, ct_len, tag_len;
    uint8_t *key, *iv, *aad, *msg, *ct, *tag;
};

static void read_case(struct ccm_case *c, const json_t *test)
{
    c->key = vectors_bytes(test, "key", &c->key_len);
    c->iv = vectors_bytes(test, "iv", &c->iv_len);
    c->aad = vectors_bytes(test, "aad", &c->aad_len);
    c->msg = vectors_bytes(test, "msg", &c->msg_len);
    c->ct = vectors_bytes(test, "ct", &c->ct_len);
    c->tag = vectors_bytes(test, "tag", &c->tag_len);
}

static void free_case(struct ccm_case *c)
{
    free(c->key);
    free(c->iv);
    free(c->aad);
    free(c->msg);
    free(c->ct);
    free(c->tag);
}

static void check_ccm(const json_t *test)
{
    struct ccm_case c;
    read_case(&c, test);
    bool valid = strcmp(vectors_text(test, "result"), "valid") == 0;
    bool invalid = strcmp(vectors_text(test, "result"), "invalid") == 0;
    uint8_t *out = calloc(c.ct_len + 16, 1);
    ck_assert_ptr_nonnull(out);

    mbedtls_ccm_context ccm;
    mbedtls_ccm_init(&ccm);
    ck_assert_int_eq(mbedtls_ccm_setkey(&ccm, MBEDTLS_CIPHER_ID_AES, c.key, (unsigned)(8 * c.key_len)), 0);
    int failed =
        mbedtls_ccm_auth_decrypt(&ccm, c.ct_len, c.iv, c.iv_len, c.aad, c.aad_len, c.ct, out, c.tag, c.tag_len);
    json_int_t id = vectors_integer(test, "tcId");
    ck_assert_msg(!(valid && failed), "tcId %lld is valid and was refused", (long long)id);
    ck_assert_msg(!(invalid && !failed), "tcId %lld is invalid and was opened", (long long)id);
    if (!failed) {
        ck_assert_uint_eq(c.ct_len, c.msg_len);
        ck_assert(c.msg_len == 0 || memcmp(out, c.msg, c.msg_len) == 0);
        failed = mbedtls_ccm_encrypt_and_tag(&ccm, c.msg_len, c.iv, c.iv_len, c.aad, c.aad_len, c.msg, out,
                                             out + c.msg_len, c.tag_len);
        ck_assert_int_eq(failed, 0);
        ck_assert(c.ct_len == 0 || memcmp(out, c.ct, c.ct_len) == 0);
        ck_assert_mem_eq(out + c.msg_len, c.tag, c.tag_len);
    }
    mbedtls_ccm_free(&ccm);
    free(out);
    free_case(&c);
}

static void check_hkdf(const json_t *test)
{
    size_t ikm_len, salt_len, info_len, okm_len;
    uint8_t *ikm = vectors_bytes(test, "ikm", &ikm_len);
    uint8_t *salt = vectors_bytes(test, "salt", &salt_len);
    uint8_t *info = vectors_bytes(test, "info", &info_len);
    uint8_t *okm = vectors_bytes(test, "okm", &okm_len);
    size_t size = (size_t)vectors_integer(test, "size");
    bool valid = strcmp(vectors_text(test, "result"), "valid") == 0;
    uint8_t *out = calloc(size, 1);
    ck_assert_ptr_nonnull(out);
    int failed = mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), salt, salt_len, ikm, ikm_len, info,
                              info_len, out, size);
    ck_assert_int_eq(failed == 0, valid);
    if (valid)
        ck_assert_mem_eq(out, okm, okm_len);
    free(out);
    free(okm);
    free(info);
    free(salt);
    free(ikm);
}

static unsigned for_each(const char *path, void (*check)(const json_t *))
{
    json_t *root = vectors_load(path);
    ck_assert_ptr_nonnull(root);
    size_t i, j;
    json_t *group, *test;
    unsigned count = 0;
    json_array_foreach (vectors_list(root, "testGroups"), i, group) {
        json_array_foreach (vectors_list(group, "tests"), j, test) {
            check(test);
            count++;
        }
    }
    ck_assert_int_eq((int)count, (int)vectors_integer(root, "numberOfTests"));
    json_decref(root);
    return count;
}

static const char ccm_path[] = SELKIE_WYCHEPROOF_DIR "/aes_ccm_test.json";
static const char hkdf_path[] = SELKIE_WYCHEPROOF_DIR "/hkdf_sha256_test.json";

START_TEST(aes_ccm_opens_the_valid_and_refuses_the_invalid)
{
    printf("AES-CCM: %u vectors\n", for_each(ccm_path, check_ccm));
}
END_TEST

START_TEST(hkdf_gives_the_expected_keys)
{
    printf("HKDF-SHA-256: %u vectors\n", for_each(hkdf_path, check_hkdf));
}
END_TEST

static bool present(const char *path)
{
    json_t *root = vectors_load(path);
    json_decref(root);
    return root != NULL;
}

int main(void)
{
    if (!present(ccm_path) || !present(hkdf_path)) {
        printf("skipped: no Wycheproof files in " SELKIE_WYCHEPROOF_DIR "\n");
        return TEST_SKIPPED;
    }
    Suite *suite = suite_create("wycheproof_session");
    TCase *tc = tcase_create("wycheproof_session");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, aes_ccm_opens_the_valid_and_refuses_the_invalid);
    tcase_add_test(tc, hkdf_gives_the_expected_keys);
    return run_suite(suite);
}
