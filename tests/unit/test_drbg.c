/* SPDX-License-Identifier: Apache-2.0 */
/* The generator against NIST's vectors, and what it does without entropy. */
#define _GNU_SOURCE /* memmem */
#include <check.h>
#include <run_suite.h>
#include <selkie/device/drbg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/vectors.h>

static void put(uint8_t seed[static 48], const json_t *vector, const char *entropy)
{
    vectors_copy(seed, SELKIE_DRBG_ENTROPY, vector, entropy);
    vectors_copy(seed + SELKIE_DRBG_ENTROPY, SELKIE_DRBG_NONCE, vector, "nonce");
}

START_TEST(published_vectors)
{
    json_t *root = vectors_load(SELKIE_SOURCE_DIR "/tests/vectors/ctr-drbg-aes256.json");
    ck_assert_ptr_nonnull(root);
    size_t i, with_personal = 0;
    json_t *vector;
    json_array_foreach (vectors_list(root, "vectors"), i, vector) {
        struct selkie_drbg drbg;
        uint8_t seed[SELKIE_DRBG_ENTROPY + SELKIE_DRBG_NONCE], bytes[16], expected[16];
        size_t personal_len;
        uint8_t *personal = vectors_bytes(vector, "personal", &personal_len);
        vectors_copy(expected, sizeof expected, vector, "returned");
        selkie_drbg_init(&drbg);
        put(seed, vector, "entropy");
        ck_assert_int_eq(selkie_drbg_seed(&drbg, seed, personal, personal_len), 0);
        ck_assert_int_eq(selkie_drbg_fill(&drbg, bytes, sizeof bytes), 0);
        put(seed, vector, "reseed");
        ck_assert_int_eq(selkie_drbg_seed(&drbg, seed, NULL, 0), 0);
        ck_assert_int_eq(selkie_drbg_fill(&drbg, bytes, sizeof bytes), 0);
        ck_assert_mem_eq(bytes, expected, sizeof bytes);
        selkie_drbg_wipe(&drbg);
        free(personal);
        with_personal += personal_len > 0;
    }
    ck_assert_uint_ge(i, 30);
    ck_assert_uint_gt(with_personal, 0);
    json_decref(root);
}
END_TEST

START_TEST(without_a_seed_it_gives_nothing)
{
    struct selkie_drbg drbg;
    uint8_t bytes[32] = {0};
    static const uint8_t zeroes[32];
    selkie_drbg_init(&drbg);
    ck_assert_int_ne(selkie_drbg_fill(&drbg, bytes, sizeof bytes), 0);
    ck_assert_mem_eq(bytes, zeroes, sizeof bytes);
    ck_assert_uint_eq(selkie_drbg_delay(&drbg, 100), 50);
    selkie_drbg_wipe(&drbg);
    ck_assert_int_ne(selkie_drbg_fill(&drbg, bytes, sizeof bytes), 0);
}
END_TEST

START_TEST(it_never_reseeds_by_itself)
{
    struct selkie_drbg drbg;
    uint8_t seed[48] = {1}, bytes[16];
    selkie_drbg_init(&drbg);
    ck_assert_int_eq(selkie_drbg_seed(&drbg, seed, NULL, 0), 0);
    /* mbedTLS would ask for entropy now: there is none to be had, so it must fail, and give nothing weak. */
    mbedtls_ctr_drbg_set_prediction_resistance(&drbg.ctr, MBEDTLS_CTR_DRBG_PR_ON);
    ck_assert_int_ne(selkie_drbg_fill(&drbg, bytes, sizeof bytes), 0);
    selkie_drbg_wipe(&drbg);
}
END_TEST

START_TEST(more_requests_than_mbedtls_would_allow_by_default)
{
    struct selkie_drbg drbg;
    uint8_t seed[48] = {2}, bytes[4];
    selkie_drbg_init(&drbg);
    ck_assert_int_eq(selkie_drbg_seed(&drbg, seed, NULL, 0), 0);
    for (int i = 0; i < 20001; i++)
        ck_assert_int_eq(selkie_drbg_fill(&drbg, bytes, sizeof bytes), 0);
    selkie_drbg_wipe(&drbg);
}
END_TEST

START_TEST(delays_stay_within_their_limit_and_vary)
{
    struct selkie_drbg drbg;
    uint8_t seed[48] = {3};
    unsigned seen[11] = {0};
    selkie_drbg_init(&drbg);
    ck_assert_int_eq(selkie_drbg_seed(&drbg, seed, NULL, 0), 0);
    for (int i = 0; i < 2000; i++) {
        uint32_t delay = selkie_drbg_delay(&drbg, 10);
        ck_assert_uint_le(delay, 10);
        seen[delay]++;
    }
    for (int i = 0; i <= 10; i++)
        ck_assert_uint_gt(seen[i], 100);
    ck_assert_uint_eq(selkie_drbg_delay(&drbg, 0), 0);
    selkie_drbg_wipe(&drbg);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drbg");
    TCase *tc = tcase_create("drbg");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, published_vectors);
    tcase_add_test(tc, without_a_seed_it_gives_nothing);
    tcase_add_test(tc, it_never_reseeds_by_itself);
    tcase_add_test(tc, more_requests_than_mbedtls_would_allow_by_default);
    tcase_add_test(tc, delays_stay_within_their_limit_and_vary);
    return run_suite(suite);
}
