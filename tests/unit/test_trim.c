/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of files go, and what was in them is still there. */
#include "trim.h"

#include "run_suite.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* Resident pages that belong to files. */
static long file_pages(void)
{
    long total, resident, shared;
    FILE *statm = fopen("/proc/self/statm", "re");

    ck_assert_ptr_nonnull(statm);
    ck_assert_int_eq(fscanf(statm, "%ld %ld %ld", &total, &resident, &shared), 3);
    (void)fclose(statm);
    return shared;
}

static void digest(unsigned char out[static 32])
{
    ck_assert_int_eq(EVP_Digest("x", 1, out, NULL, EVP_sha256(), NULL), 1);
}

START_TEST(code_that_is_not_in_use_leaves_memory_and_comes_back)
{
    unsigned char before[32];
    unsigned char after[32];

    digest(before);
    long pages = file_pages();
    selkie_trim();
    ck_assert_int_lt(file_pages(), pages * 3 / 4);
    digest(after);
    ck_assert_int_eq(memcmp(before, after, sizeof(before)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trim");
    TCase *tcase = tcase_create("trim");

    tcase_add_test(tcase, code_that_is_not_in_use_leaves_memory_and_comes_back);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
