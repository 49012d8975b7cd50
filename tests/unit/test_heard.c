/* SPDX-License-Identifier: Apache-2.0 */
#include "heard.h"
#include "run_suite.h"

static const uint8_t body[] = {0x11, 1, 2, 3};
static const uint8_t other[] = {0x11, 1, 2, 4};
static struct selkie_heard *heard;

static void setup(void)
{
    heard = selkie_heard_open();
    ck_assert_ptr_nonnull(heard);
}

static void teardown(void)
{
    selkie_heard_close(heard);
}

START_TEST(body_is_known_for_ten_minutes)
{
    ck_assert(!selkie_heard_before(heard, body, sizeof(body), 1000));
    selkie_heard_add(heard, body, sizeof(body), 1000);
    ck_assert(selkie_heard_before(heard, body, sizeof(body), 1000));
    ck_assert(selkie_heard_before(heard, body, sizeof(body), 999 + SELKIE_HEARD_FOR_US));
    ck_assert(!selkie_heard_before(heard, body, sizeof(body), 1000 + SELKIE_HEARD_FOR_US));
}
END_TEST

START_TEST(another_body_is_another)
{
    selkie_heard_add(heard, body, sizeof(body), 1000);
    ck_assert(!selkie_heard_before(heard, other, sizeof(other), 1000));
    ck_assert(!selkie_heard_before(heard, body, sizeof(body) - 1, 1000));
}
END_TEST

START_TEST(nothing_is_known_after_clear)
{
    selkie_heard_add(heard, body, sizeof(body), 1000);
    selkie_heard_clear(heard);
    ck_assert(!selkie_heard_before(heard, body, sizeof(body), 1000));
    selkie_heard_add(heard, body, sizeof(body), 1000);
    ck_assert(selkie_heard_before(heard, body, sizeof(body), 1000));
}
END_TEST

START_TEST(oldest_is_forgotten_first_when_it_is_full)
{
    uint32_t i;

    for (i = 0; i <= SELKIE_HEARD_MAX; i++)
        selkie_heard_add(heard, (const uint8_t *)&i, sizeof(i), i);
    i = 0;
    ck_assert(!selkie_heard_before(heard, (const uint8_t *)&i, sizeof(i), SELKIE_HEARD_MAX));
    i = 1;
    ck_assert(selkie_heard_before(heard, (const uint8_t *)&i, sizeof(i), SELKIE_HEARD_MAX));
    i = SELKIE_HEARD_MAX;
    ck_assert(selkie_heard_before(heard, (const uint8_t *)&i, sizeof(i), SELKIE_HEARD_MAX));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heard");
    TCase *tcase = tcase_create("heard");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, body_is_known_for_ten_minutes);
    tcase_add_test(tcase, another_body_is_another);
    tcase_add_test(tcase, nothing_is_known_after_clear);
    tcase_add_test(tcase, oldest_is_forgotten_first_when_it_is_full);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
