/* SPDX-License-Identifier: Apache-2.0 */
/* What was shown of devices, over restarts and crashes: shown.h. */
#include "run_suite.h"
#include "shown.h"

#include <kit/kit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t first[SELKIE_ADDRESS_SIZE] = {1}, second[SELKIE_ADDRESS_SIZE] = {2};

static char dir[200];
static struct selkie_shown *shown;

static void start(void)
{
    ck_assert_int_eq(selkie_shown_open(&shown), 0);
    ck_assert_int_eq(selkie_shown_load(shown, dir), 0);
}

static void setup(void)
{
    (void)snprintf(dir, sizeof dir, "%s", kit_dir());
    start();
}

static void teardown(void)
{
    selkie_shown_close(shown);
}

static void end(void)
{
    selkie_shown_turn(shown, 1);
    selkie_shown_close(shown);
    start();
}

/* The next run finds the file as it is now, after kill -9. */
static void crash(void)
{
    char other[200];

    selkie_shown_flush(shown);
    (void)snprintf(other, sizeof other, "%s", kit_dir());
    const char *file = kit_path(dir, "shown");
    char *line = NULL, copy[400];
    size_t size = 0;
    (void)snprintf(copy, sizeof copy, "%s", kit_path(other, "shown"));
    FILE *from = fopen(file, "r"), *to = fopen(copy, "w");
    ck_assert(from && to);
    while (getline(&line, &size, from) > 0)
        ck_assert_int_ge(fputs(line, to), 0);
    free(line);
    (void)fclose(from);
    ck_assert_int_eq(fclose(to), 0);
    selkie_shown_close(shown);
    memcpy(dir, other, sizeof dir);
    start();
}

static void set(enum selkie_shown_kind kind, const uint8_t *address, const char *text)
{
    ck_assert_int_eq(selkie_shown_set(shown, kind, address, text), 0);
}

/* "now < former former", with a + behind what was told. */
static const char *record(enum selkie_shown_kind kind, const uint8_t *address)
{
    static char text[300];
    const struct selkie_shown_device *device = selkie_shown_find(shown, address);

    if (!device)
        return "none";
    const struct selkie_shown_record *of = &device->of[kind];
    int len = snprintf(text, sizeof text, "%s <", of->now ? of->now->text : "-");
    for (int i = 0; i < SELKIE_SHOWN_FORMER_MAX && of->former[i]; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, " %s%s", of->former[i]->text, of->told[i] ? "+" : "");
    return text;
}

#define VALUES SELKIE_SHOWN_VALUES
#define HOME   SELKIE_SHOWN_HOME

START_TEST(what_is_shown_is_known_after_a_restart_and_after_a_crash)
{
    void (*const again[])(void) = {end, crash, crash, end};

    set(VALUES, first, "a\n[]");
    set(HOME, first, "ha\nsensor x\n\"\n");
    set(VALUES, second, "a\n[]");
    for (int i = 0; i < 4; i++) {
        again[i]();
        ck_assert_str_eq(record(VALUES, first), "a\n[] <");
        ck_assert_str_eq(record(HOME, first), "ha\nsensor x\n\"\n <");
        ck_assert_str_eq(record(VALUES, second), "a\n[] <");
    }
}
END_TEST

START_TEST(what_was_shown_before_is_owed_until_it_is_told)
{
    set(VALUES, first, "a\n");
    ck_assert(!selkie_shown_is_owed(selkie_shown_find(shown, first), VALUES));
    set(VALUES, first, "a\n");
    ck_assert_str_eq(record(VALUES, first), "a\n <");
    set(VALUES, first, "b\n");
    ck_assert_str_eq(record(VALUES, first), "b\n < a\n");
    ck_assert(selkie_shown_is_owed(selkie_shown_find(shown, first), VALUES));
    ck_assert(!selkie_shown_is_owed(selkie_shown_find(shown, first), HOME));
    selkie_shown_tell(selkie_shown_find(shown, first), VALUES);
    set(VALUES, first, NULL);
    ck_assert_str_eq(record(VALUES, first), "- < b\n a\n+");
    set(VALUES, first, "a\n"); /* former and shown again: what was there between is not its */
    ck_assert_str_eq(record(VALUES, first), "a\n < b\n a\n+");
    crash();
    ck_assert_str_eq(record(VALUES, first), "a\n < b\n a\n"); /* nobody knows whether it was taken back */
}
END_TEST

START_TEST(a_clean_end_makes_cleared_values_sure_but_no_others)
{
    set(VALUES, first, "a\n");
    set(VALUES, first, "b\n");
    set(HOME, first, "p\n");
    set(HOME, first, "q\n");
    selkie_shown_tell(selkie_shown_find(shown, first), VALUES);
    selkie_shown_tell(selkie_shown_find(shown, first), HOME);
    set(VALUES, second, "a\n");
    set(VALUES, second, NULL);
    end();
    ck_assert_str_eq(record(VALUES, first), "b\n <");
    ck_assert_str_eq(record(HOME, first), "q\n < p\n");
    ck_assert_str_eq(record(VALUES, second), "- < a\n");
    selkie_shown_tell(selkie_shown_find(shown, second), VALUES);
    selkie_shown_close(shown); /* Mosquitto has had no turn: it may have published nothing of that */
    start();
    ck_assert_str_eq(record(VALUES, second), "- < a\n");
}
END_TEST

START_TEST(what_is_sure_to_be_gone_is_forgotten)
{
    set(HOME, first, "p\n");
    set(HOME, first, "q\n");
    set(HOME, first, "r\n");
    selkie_shown_forget(shown, selkie_shown_find(shown, first), HOME, 1);
    ck_assert_str_eq(record(HOME, first), "r\n < q\n");
    crash();
    ck_assert_str_eq(record(HOME, first), "r\n < q\n");
    set(HOME, second, "p\n");
    set(HOME, second, NULL);
    selkie_shown_forget(shown, selkie_shown_find(shown, second), HOME, 0);
    crash();
    ck_assert_str_eq(record(HOME, second), "none");
    ck_assert(selkie_shown_has_line(shown, "q"));
    end();
    ck_assert(!selkie_shown_has_line(shown, "p"));
}
END_TEST

START_TEST(of_too_many_the_oldest_is_forgotten)
{
    char text[8];

    for (int i = 0; i < 10; i++) {
        (void)snprintf(text, sizeof text, "%d\n", i);
        set(VALUES, first, text);
    }
    ck_assert_str_eq(record(VALUES, first), "9\n < 8\n 7\n 6\n");
    for (uint32_t i = 0; i < 2 * SELKIE_SHOWN_GONE_MAX; i++) {
        const uint8_t address[SELKIE_ADDRESS_SIZE] = {9, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        set(VALUES, address, "x\n");
        set(VALUES, address, NULL);
        if (i % 1000 == 0)
            selkie_shown_turn(shown, 1);
    }
    selkie_shown_turn(shown, 1);
    unsigned count = 0;
    for (struct selkie_shown_device *device = selkie_shown_first(shown); device; device = device->hh.next)
        count++;
    ck_assert_uint_le(count, SELKIE_SHOWN_GONE_MAX + 1);
    ck_assert_str_eq(record(VALUES, first), "9\n < 8\n 7\n 6\n");
}
END_TEST

START_TEST(a_cut_or_damaged_line_costs_only_itself)
{
    static const char lines[] = "[\"text\",1,\"a\\n\"]\n"
                                "[\"device\",\"0100000000000000\",0,1]\n"
                                "nonsense\n"
                                "[\"device\",\"0200000000000000\",0,9]\n"
                                "[\"device\",\"0200000000000000\",7,1]\n"
                                "[\"text\",5,\"b\"]\n"
                                "[\"device\",\"0200000000000000\",0,1]\n"
                                "[\"device\",\"0100000000000000\",0,";

    selkie_shown_close(shown);
    kit_write(kit_path(dir, "shown"), lines, sizeof lines - 1, 0600);
    start();
    ck_assert_str_eq(record(VALUES, first), "a\n <");
    ck_assert_str_eq(record(VALUES, second), "a\n <");
    set(VALUES, first, "b\n"); /* not behind the cut line */
    crash();
    ck_assert_str_eq(record(VALUES, first), "b\n < a\n");
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_tried_again)
{
    selkie_shown_close(shown);
    ck_assert_int_eq(mkdir(kit_path(dir, "shown.new"), 0700), 0);
    start();
    set(VALUES, first, "a\n");
    ck_assert_str_eq(record(VALUES, first), "a\n <");
    ck_assert_int_eq(rmdir(kit_path(dir, "shown.new")), 0);
    selkie_shown_turn(shown, 1);
    crash();
    ck_assert_str_eq(record(VALUES, first), "a\n <");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shown");
    TCase *tcase = tcase_create("shown");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_shown_is_known_after_a_restart_and_after_a_crash);
    tcase_add_test(tcase, what_was_shown_before_is_owed_until_it_is_told);
    tcase_add_test(tcase, a_clean_end_makes_cleared_values_sure_but_no_others);
    tcase_add_test(tcase, what_is_sure_to_be_gone_is_forgotten);
    tcase_add_test(tcase, of_too_many_the_oldest_is_forgotten);
    tcase_add_test(tcase, a_cut_or_damaged_line_costs_only_itself);
    tcase_add_test(tcase, a_file_that_cannot_be_written_is_tried_again);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
