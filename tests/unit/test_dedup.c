/* SPDX-License-Identifier: Apache-2.0 */
#include "dedup.h"
#include "run_suite.h"

static const uint8_t body[] = {0x11, 1, 2, 3};
static const uint8_t other[] = {0x11, 1, 2, 4};
static struct selkie_dedup known;

START_TEST(body_is_known_for_ten_minutes)
{
    ck_assert(!selkie_dedup_has(&known, body, sizeof body, 1000));
    selkie_dedup_add(&known, body, sizeof body, 1000);
    ck_assert(selkie_dedup_has(&known, body, sizeof body, 1000));
    ck_assert(selkie_dedup_has(&known, body, sizeof body, 999 + SELKIE_DEDUP_FOR_US));
    ck_assert(!selkie_dedup_has(&known, body, sizeof body, 1000 + SELKIE_DEDUP_FOR_US));
}
END_TEST

START_TEST(another_body_is_another)
{
    selkie_dedup_add(&known, body, sizeof body, 1000);
    ck_assert(!selkie_dedup_has(&known, other, sizeof other, 1000));
    ck_assert(!selkie_dedup_has(&known, body, sizeof body - 1, 1000));
}
END_TEST

START_TEST(nothing_is_known_after_clear)
{
    selkie_dedup_add(&known, body, sizeof body, 1000);
    selkie_dedup_clear(&known);
    ck_assert(!selkie_dedup_has(&known, body, sizeof body, 1000));
    selkie_dedup_add(&known, body, sizeof body, 1000);
    ck_assert(selkie_dedup_has(&known, body, sizeof body, 1000));
}
END_TEST

START_TEST(oldest_is_forgotten_first_when_it_is_full)
{
    uint32_t i;

    for (i = 0; i <= SELKIE_DEDUP_MAX; i++)
        selkie_dedup_add(&known, (const uint8_t *)&i, sizeof i, i);
    i = 0;
    ck_assert(!selkie_dedup_has(&known, (const uint8_t *)&i, sizeof i, SELKIE_DEDUP_MAX));
    i = 1;
    ck_assert(selkie_dedup_has(&known, (const uint8_t *)&i, sizeof i, SELKIE_DEDUP_MAX));
    i = SELKIE_DEDUP_MAX;
    ck_assert(selkie_dedup_has(&known, (const uint8_t *)&i, sizeof i, SELKIE_DEDUP_MAX));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dedup");
    TCase *tcase = tcase_create("dedup");

    tcase_add_test(tcase, body_is_known_for_ten_minutes);
    tcase_add_test(tcase, another_body_is_another);
    tcase_add_test(tcase, nothing_is_known_after_clear);
    tcase_add_test(tcase, oldest_is_forgotten_first_when_it_is_full);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
