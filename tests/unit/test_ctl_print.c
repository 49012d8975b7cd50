/* SPDX-License-Identifier: Apache-2.0 */
/* Results for people and for machines, and that nothing in them steers the terminal. */
#include "print.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *before;
static char *printed;
static size_t printed_len;

static void capture(void)
{
    before = stdout;
    stdout = open_memstream(&printed, &printed_len);
    ck_assert_ptr_nonnull(stdout);
}

static void release(void)
{
    (void)fclose(stdout);
    stdout = before;
}

static void expect_text(const char *text, const char *expected)
{
    capture();
    ctl_print_text(text);
    release();
    ck_assert_str_eq(printed, expected);
    free(printed);
}

static void expect(const char *json, const char *expected)
{
    json_t *object = json_loads(json, 0, NULL);

    ck_assert_ptr_nonnull(object);
    capture();
    ctl_print(object, false);
    release();
    ck_assert_str_eq(printed, expected);
    free(printed);
    json_decref(object);
}

START_TEST(a_text_is_printed_as_it_is)
{
    expect_text("", "");
    expect_text("shed 7, 21.5 \xC2\xB0"
                "C, \xC3\xA4, \xC2\xA0, \xE2\x82\xAC, \xF0\x9F\x90\xA2",
                "shed 7, 21.5 \xC2\xB0"
                "C, \xC3\xA4, \xC2\xA0, \xE2\x82\xAC, \xF0\x9F\x90\xA2");
}
END_TEST

START_TEST(no_control_character_reaches_the_terminal)
{
    expect_text("\x1B[2J\a\b\t\r\n\x7F", "?[2J??????");
    /* C1, which a terminal obeys as well once it has decoded it: U+009B is ESC [. */
    expect_text("\xC2\x9B"
                "2J\xC2\x80\xC2\x9F",
                "?2J??");
    /* The same bytes within other characters are none. */
    expect_text("\xC3\x9B\xE2\x80\x9B", "\xC3\x9B\xE2\x80\x9B");
    expect_text("\xC2", "\xC2"); /* cut off: nothing behind the text is read */
}
END_TEST

/* "roof" and then "1-" from right to left would read as another name. */
START_TEST(what_turns_the_direction_of_writing_is_visible)
{
    expect_text("roof\xE2\x80\xAE"
                "1-\xE2\x81\xA6x\xE2\x80\x8F\xD8\x9C\xE2\x80\xA8",
                "roof<U+202E>1-<U+2066>x<U+200F><U+061C><U+2028>");
    expect("{\"\u202e\":\"\u2069\"}", "<U+202E>  <U+2069>\n");
    /* Their neighbours are letters and signs. */
    expect_text("\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA\xD8\x9B\xE2\x80\x90\xE2\x80\x8D",
                "\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA\xD8\x9B\xE2\x80\x90\xE2\x80\x8D");
    expect_text("\xE2\x80", "\xE2\x80");
    expect_text("\xE2", "\xE2");
}
END_TEST

START_TEST(fields_stand_one_a_line_with_their_names_aligned)
{
    expect("{\"a\":1,\"longer\":\"text\"}", "a       1\nlonger  text\n");
    expect("{}", "");
}
END_TEST

START_TEST(objects_inside_are_indented_under_their_name)
{
    expect("{\"type\":\"sealed\",\"message\":{\"kind\":\"data\",\"counter\":7,\"deep\":{\"x\":1}},\"empty\":{}}",
           "type     sealed\nmessage\n  kind     data\n  counter  7\n  deep\n    x  1\nempty\n");
}
END_TEST

START_TEST(a_value_of_each_kind_is_readable)
{
    expect("{\"n\":9007199254740993,\"r\":0.5,\"t\":true,\"z\":null,\"s\":\"\",\"l\":[1,\"a\"]}",
           "n  9007199254740993\nr  0.5\nt  true\nz  null\ns  \nl  [1, \"a\"]\n");
}
END_TEST

START_TEST(neither_names_nor_values_steer_the_terminal)
{
    expect("{\"a\\u001b[2J\":\"b\\u001b[2J\"}", "a?[2J  b?[2J\n");
    expect("{\"l\":[\"\\u007f\\u009b2J\"]}", "l  [\"??2J\"]\n");
    expect("{\"o\\u009b\":{\"\\u0007\":1}}", "o?\n  ?  1\n");
}
END_TEST

START_TEST(machines_get_the_same_value_and_a_line_end)
{
    json_t *object =
        json_loads("{\"name\":\"\\u001b\\u009b\\\"\xC3\xA4\",\"list\":[1,null],\"o\":{\"x\":1.5}}", 0, NULL);

    ck_assert_ptr_nonnull(object);
    capture();
    ctl_print(object, true);
    release();
    json_t *again = json_loads(printed, 0, NULL);
    ck_assert(json_equal(object, again));
    ck_assert_int_eq(printed[printed_len - 1], '\n');
    for (size_t i = 0; i < printed_len; i++) /* a terminal takes ESC, and U+009B, for an order */
        ck_assert_msg(printed[i] != '\x1B' && (uint8_t)printed[i] < 0x80, "%s", printed);
    json_decref(again);
    json_decref(object);
    free(printed);
}
END_TEST

/* As many bytes as an object gets of `bytes`, and the text beside them. */
static void expect_bytes(const void *bytes, size_t len, const char *hex, const char *text)
{
    json_t *object = json_object();

    ctl_add_bytes(object, "hex", "text", bytes, len);
    ck_assert_str_eq(json_string_value(json_object_get(object, "hex")), hex);
    ck_assert_pstr_eq(json_string_value(json_object_get(object, "text")), text);
    json_decref(object);
}

START_TEST(bytes_are_hex_and_readable_ones_a_text_as_well)
{
    expect_bytes("21.5 C~", 7, "32312e3520437e", "21.5 C~");
    expect_bytes("\x00\x9a\xff", 3, "009aff", NULL);
    expect_bytes("a\n", 2, "610a", NULL);
    expect_bytes("a\x1b", 2, "611b", NULL);
    expect_bytes("\xC3\xA4", 2, "c3a4", NULL);
    expect_bytes("", 0, "", NULL); /* no text is not an empty text */
}
END_TEST

START_TEST(of_many_bytes_the_first_512_are_shown)
{
    uint8_t bytes[600];
    char expected[1025];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < 512; i++)
        (void)snprintf(expected + 2 * i, 3, "%02x", bytes[i]);
    expect_bytes(bytes, 512, expected, NULL);
    expect_bytes(bytes, 513, expected, NULL);
    expect_bytes(bytes, sizeof bytes, expected, NULL);
    expected[2 * 511] = '\0';
    expect_bytes(bytes, 511, expected, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_print");
    TCase *tcase = tcase_create("ctl_print");

    tcase_add_test(tcase, a_text_is_printed_as_it_is);
    tcase_add_test(tcase, no_control_character_reaches_the_terminal);
    tcase_add_test(tcase, what_turns_the_direction_of_writing_is_visible);
    tcase_add_test(tcase, fields_stand_one_a_line_with_their_names_aligned);
    tcase_add_test(tcase, objects_inside_are_indented_under_their_name);
    tcase_add_test(tcase, a_value_of_each_kind_is_readable);
    tcase_add_test(tcase, neither_names_nor_values_steer_the_terminal);
    tcase_add_test(tcase, machines_get_the_same_value_and_a_line_end);
    tcase_add_test(tcase, bytes_are_hex_and_readable_ones_a_text_as_well);
    tcase_add_test(tcase, of_many_bytes_the_first_512_are_shown);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
