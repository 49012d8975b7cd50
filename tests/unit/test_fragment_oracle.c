/* SPDX-License-Identifier: Apache-2.0 */
/* The field and the code against Intel's ISA-L, which has the same polynomial and the same Cauchy matrix. */
#include "run_suite.h"

#include <isa-l/erasure_code.h>
#include <selkie/fragment.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/test_random.h>

static struct test_random source = {.state = 8};

static void expect_chunk(const struct selkie_fragment_plan *plan, const uint8_t *body, size_t len, size_t index,
                         const uint8_t *expected)
{
    uint8_t fragment[SELKIE_FRAGMENT_SIZE_MAX];
    size_t size = selkie_fragment_write(fragment, plan, body, len, (uint8_t)index);

    ck_assert_uint_eq(size, SELKIE_FRAGMENT_HEADER_SIZE + (size_t)plan->chunk);
    ck_assert_mem_eq(fragment + SELKIE_FRAGMENT_HEADER_SIZE, expected, plan->chunk);
}

/* With one chunk of data, chunk j is the data times the inverse of j. */
START_TEST(each_product_and_each_inverse_is_right)
{
    struct selkie_fragment_plan plan = {.k = 1, .chunk = 130};
    uint8_t body[128], expected[130];

    for (unsigned half = 0; half < 2; half++) {
        for (unsigned i = 0; i < sizeof body; i++)
            body[i] = (uint8_t)(128 * half + i);
        for (unsigned index = 1; index < SELKIE_FRAGMENT_INDICES; index++) {
            for (size_t i = 0; i < sizeof body; i++)
                expected[i] = gf_mul(body[i], gf_inv((uint8_t)index));
            expected[128] = 0;
            expected[129] = gf_mul(sizeof body, gf_inv((uint8_t)index));
            expect_chunk(&plan, body, sizeof body, index, expected);
        }
    }
}
END_TEST

static void expect_all_chunks(size_t k, size_t chunk)
{
    struct selkie_fragment_plan plan = {.k = (uint8_t)k, .chunk = (uint8_t)chunk};
    size_t rows = SELKIE_FRAGMENT_INDICES - k, len = k * chunk - 2;
    uint8_t *matrix = malloc(SELKIE_FRAGMENT_INDICES * k), *tables = malloc(32 * k * rows);
    uint8_t *parity = malloc(rows * chunk), blob[SELKIE_FRAGMENT_BLOB_MAX];
    uint8_t *data[SELKIE_FRAGMENT_CHUNKS_MAX], *out[SELKIE_FRAGMENT_INDICES];

    ck_assert(matrix && tables && parity);
    test_random_fill(&source, blob, len);
    blob[len] = (uint8_t)(len >> 8);
    blob[len + 1] = (uint8_t)len;
    for (size_t i = 0; i < k; i++)
        data[i] = blob + i * chunk;
    for (size_t i = 0; i < rows; i++)
        out[i] = parity + i * chunk;
    gf_gen_cauchy1_matrix(matrix, SELKIE_FRAGMENT_INDICES, (int)k);
    ec_init_tables((int)k, (int)rows, matrix + k * k, tables);
    ec_encode_data_base((int)chunk, (int)k, (int)rows, tables, data, out);
    for (size_t i = 0; i < k; i++)
        expect_chunk(&plan, blob, len, i, data[i]);
    for (size_t i = 0; i < rows; i++)
        expect_chunk(&plan, blob, len, k + i, out[i]);
    free(matrix);
    free(tables);
    free(parity);
}

START_TEST(each_chunk_of_each_number_of_chunks_is_right)
{
    for (size_t k = 1; k <= SELKIE_FRAGMENT_CHUNKS_MAX; k++)
        expect_all_chunks(k, k < 3 ? 250 : (SELKIE_SEALED_SIZE + 2 + k - 1) / k);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fragment_oracle");
    TCase *tcase = tcase_create("fragment_oracle");

    tcase_add_test(tcase, each_product_and_each_inverse_is_right);
    tcase_add_test(tcase, each_chunk_of_each_number_of_chunks_is_right);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
