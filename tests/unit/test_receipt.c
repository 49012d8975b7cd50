/* SPDX-License-Identifier: Apache-2.0 */
#include "run_suite.h"
#include "sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    int count; /* or the error */
    int64_t seqs[3];
} cases[] = {
    {"{\"seq\":[1]}", 1, {1}},
    {"{\"seq\":[3,1,9007199254740992]}", 3, {3, 1, 9007199254740992}},
    {"{\"seq\":[]}", 0, {0}},
    {"{\"seq\":[5],\"later\":true}", 1, {5}}, /* a later plugin may say more */
    {"{\"seq\":[0]}", SELKIE_EMALFORMED, {0}},
    {"{\"seq\":[-1]}", SELKIE_EMALFORMED, {0}},
    {"{\"seq\":[1,\"2\"]}", SELKIE_EMALFORMED, {0}},
    {"{\"seq\":[1.0]}", SELKIE_EMALFORMED, {0}},
    {"{\"seq\":7}", SELKIE_EMALFORMED, {0}},
    {"{\"seq\":[1],\"seq\":[2]}", SELKIE_EMALFORMED, {0}},
    {"{}", SELKIE_EMALFORMED, {0}},
    {"[1]", SELKIE_EMALFORMED, {0}},
    {"{\"seq\":[1]", SELKIE_EMALFORMED, {0}},
    {"", SELKIE_EMALFORMED, {0}},
};

START_TEST(receipt_is_read_or_refused_as_a_whole)
{
    int64_t seqs[SELKIE_RECEIPT_MAX], instance;
    int count = selkie_sender_parse_receipt(seqs, &instance, cases[_i].text, strlen(cases[_i].text));

    ck_assert_int_eq(count, cases[_i].count);
    for (int i = 0; i < cases[_i].count; i++)
        ck_assert_int_eq(seqs[i], cases[_i].seqs[i]);
}
END_TEST

START_TEST(receipt_longer_than_the_maximum_is_cut)
{
    int64_t seqs[SELKIE_RECEIPT_MAX], instance;
    size_t size = 16 * SELKIE_RECEIPT_MAX;
    char *text = malloc(size);
    size_t fill = (size_t)snprintf(text, size, "{\"seq\":[1");

    for (int i = 2; i <= SELKIE_RECEIPT_MAX + 5; i++)
        fill += (size_t)snprintf(text + fill, size - fill, ",%d", i);
    fill += (size_t)snprintf(text + fill, size - fill, "]}");
    ck_assert_int_eq(selkie_sender_parse_receipt(seqs, &instance, text, fill), SELKIE_RECEIPT_MAX);
    ck_assert_int_eq(seqs[SELKIE_RECEIPT_MAX - 1], SELKIE_RECEIPT_MAX);
    free(text);
}
END_TEST

START_TEST(instance_is_read_and_may_be_missing)
{
    static const char with[] = "{\"instance\":9007199254740991,\"seq\":[5]}", without[] = "{\"seq\":[5]}";
    static const char wrong[] = "{\"instance\":\"7\",\"seq\":[5]}";
    int64_t seqs[SELKIE_RECEIPT_MAX], instance;

    ck_assert_int_eq(selkie_sender_parse_receipt(seqs, &instance, with, strlen(with)), 1);
    ck_assert_int_eq(instance, INT64_C(9007199254740991));
    ck_assert_int_eq(selkie_sender_parse_receipt(seqs, &instance, without, strlen(without)), 1);
    ck_assert_int_eq(instance, 0);
    ck_assert_int_eq(selkie_sender_parse_receipt(seqs, &instance, wrong, strlen(wrong)), SELKIE_EMALFORMED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("receipt");
    TCase *tcase = tcase_create("receipt");

    tcase_add_loop_test(tcase, receipt_is_read_or_refused_as_a_whole, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tcase, receipt_longer_than_the_maximum_is_cut);
    tcase_add_test(tcase, instance_is_read_and_may_be_missing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
