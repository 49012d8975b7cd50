/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/settings.h>

#include "run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct selkie_settings *parse(const char *text)
{
    struct selkie_settings *settings = selkie_settings_parse("x.json", text, strlen(text));
    ck_assert_ptr_nonnull(settings);
    return settings;
}

/* A reader such as a program has: every kind of key, an object, a list of objects and a list of strings. */
static void read_all(struct selkie_settings *settings)
{
    static const char *const colours[] = {"red", "green", NULL};
    struct selkie_settings_object *root = selkie_settings_root(settings);

    (void)selkie_settings_require_string(root, "name");
    (void)selkie_settings_integer(root, "count", 1, 64, 2);
    (void)selkie_settings_number(root, "rate", 0, 1, 0.5);
    (void)selkie_settings_boolean(root, "on", true);
    (void)selkie_settings_choice(root, "colour", colours, 0);
    struct selkie_settings_object *inner = selkie_settings_object(root, "inner", false);
    (void)selkie_settings_require_integer(inner, "deep", -5, 5);
    selkie_settings_end(inner);
    for (size_t i = 0; i < selkie_settings_list(root, "keys", false); i++) {
        struct selkie_settings_object *key = selkie_settings_list_object(root, "keys", i);
        (void)selkie_settings_require_integer(key, "id", 1, 255);
        (void)selkie_settings_require_string(key, "file");
        selkie_settings_end(key);
    }
    for (size_t i = 0; i < selkie_settings_list(root, "names", false); i++)
        (void)selkie_settings_list_string(root, "names", i);
    selkie_settings_end(root);
}

static const struct {
    const char *text;
    const char *error; /* NULL = none */
} cases[] = {
    {"{\"name\":\"a\"}", NULL},
    {"{\"name\":\"a\",\"count\":64,\"rate\":1,\"on\":false,\"colour\":\"green\",\"inner\":{\"deep\":-5},"
     "\"keys\":[{\"id\":1,\"file\":\"f\"}],\"names\":[\"x\"]}",
     NULL},
    {"", "x.json:1: not JSON: '[' or '{' expected near end of file"},
    {"{\n\"name\": }", "x.json:2: not JSON: unexpected token near '}'"},
    {"{\"a\": \"\\u\n\"}", "x.json:2: not JSON: invalid escape near '\"\\u?'"},
    {"[]", "x.json:1: must be a JSON object, {…}"},
    {"\xEF\xBB\xBF{\"name\":\"a\"}", NULL}, /* editors on Windows begin a text in UTF-8 with this mark */
    {"\xEF\xBB\xBF{\n\"count\": 65,\"name\":\"a\"}", "x.json:2: count: must be 1 to 64"},
    {"\xEF\xBB\xBF\xEF\xBB\xBF{}", "x.json:1: not JSON: '[' or '{' expected near '\xEF\xBB\xBF'"},
    {"\xFF\xFE{", "x.json:1: a text in UTF-16; save it as UTF-8"},
    {"\xFE\xFF", "x.json:1: a text in UTF-16; save it as UTF-8"},
    {"{\"name\":\"a\",\n\"name\":\"b\"}", "x.json:2: not JSON: duplicate object key near '\"name\"'"},
    {"{}", "x.json:1: name: is required"},
    {"\n\n{\"count\": 3}", "x.json:3: name: is required"},
    {"{\"name\":\n 3}", "x.json:2: name: must be a string"},
    {"{\"name\":\"}\\\",:{\",\n\"count\": 65}", "x.json:2: count: must be 1 to 64"},
    {"{\"name\":\"a\",\n\"count\": 1.5}", "x.json:2: count: must be a whole number"},
    {"{\"name\":\"a\",\n\n\"rate\": \"1\"}", "x.json:3: rate: must be a number"},
    {"{\"name\":\"a\",\"rate\": 1.01}", "x.json:1: rate: must be 0 to 1"},
    {"{\"name\":\"a\",\"on\": 1}", "x.json:1: on: must be true or false"},
    {"{\"name\":\"a\",\"colour\": \"blue\"}", "x.json:1: colour: must be one of \"red\", \"green\""},
    {"{\"name\":\"a\",\n\"wrong\": 1}",
     "x.json:2: wrong: unknown key; known are name, count, rate, on, colour, inner, keys, names"},
    {"{\"name\":\"a\",\n\"inner\": []}", "x.json:2: inner: must be an object, {…}"},
    {"{\"name\":\"a\",\n\"inner\": {\n\"deep\":1,\n\"deeper\":2}}", "x.json:4: deeper: unknown key; known are deep"},
    {"{\"name\":\"a\",\n\"inner\": {\n}}", "x.json:2: deep: is required"},
    {"{\"name\":\"a\",\n\"keys\": {}}", "x.json:2: keys: must be a list, […]"},
    {"{\"name\":\"a\",\n\"keys\": [1]}", "x.json:2: keys: entry 1 must be an object, {…}"},
    {"{\"keys\":[{\"id\":1,\"file\":\"[,]\"},\n{\"id\":2,\"file\":\"b\"},\n{\"id\":3,\n\"file\":4}],\"name\":\"a\"}",
     "x.json:4: file: must be a string"},
    {"{\"name\":\"a\",\"names\":[\"b\",\n\"c\",\n4]}", "x.json:3: names: entry 3 must be a string"},
};

START_TEST(each_mistake_is_told_with_file_line_and_key)
{
    struct selkie_settings *settings = parse(cases[_i].text);
    read_all(settings);
    if (cases[_i].error == NULL)
        ck_assert_msg(selkie_settings_error(settings) == NULL, "%s", selkie_settings_error(settings));
    else
        ck_assert_pstr_eq(selkie_settings_error(settings), cases[_i].error);
    selkie_settings_close(settings);
}
END_TEST

START_TEST(values_and_fallbacks_are_returned)
{
    static const char *const colours[] = {"red", "green", NULL};
    struct selkie_settings *settings =
        parse("{\"s\":\"text\",\"i\":7,\"n\":0.25,\"b\":true,\"c\":\"green\",\"l\":[\"p\",\"q\"]}");
    struct selkie_settings_object *root = selkie_settings_root(settings);

    ck_assert_str_eq(selkie_settings_require_string(root, "s"), "text");
    ck_assert_str_eq(selkie_settings_string(root, "no", "other"), "other");
    ck_assert_ptr_null(selkie_settings_string(root, "no", NULL));
    ck_assert_int_eq(selkie_settings_integer(root, "i", 0, 10, 3), 7);
    ck_assert_int_eq(selkie_settings_integer(root, "no", 0, 10, 3), 3);
    ck_assert_double_eq(selkie_settings_number(root, "n", 0, 1, 1), 0.25);
    ck_assert(selkie_settings_boolean(root, "b", false));
    ck_assert_int_eq(selkie_settings_choice(root, "c", colours, 0), 1);
    ck_assert_uint_eq(selkie_settings_list(root, "l", true), 2);
    ck_assert_str_eq(selkie_settings_list_string(root, "l", 1), "q");
    ck_assert(selkie_settings_list_is_string(root, "l", 1) && !selkie_settings_list_is_string(root, "l", 2));
    ck_assert(selkie_settings_has(root, "s") && selkie_settings_is_string(root, "s"));
    ck_assert(!selkie_settings_has(root, "no") && !selkie_settings_is_string(root, "i"));
    ck_assert_ptr_null(selkie_settings_error(settings));
    selkie_settings_close(settings);
}
END_TEST

/* Whoever opens a FIFO waits for its other end: a broker that starts would, for ever. */
START_TEST(only_a_regular_file_is_read)
{
    char folder[] = "/tmp/selkie-settings-XXXXXX", path[64], error[128];

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/fifo", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    struct selkie_settings *settings = selkie_settings_load(path);
    (void)snprintf(error, sizeof error, "%s: is a FIFO, not a file", path);
    ck_assert_pstr_eq(selkie_settings_error(settings), error);
    selkie_settings_close(settings);
    settings = selkie_settings_load("/dev/zero");
    ck_assert_pstr_eq(selkie_settings_error(settings), "/dev/zero: is a device, not a file");
    selkie_settings_close(settings);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* jansson reads on behind it in places where the search for the line cannot. */
START_TEST(a_nul_in_a_text_hides_no_mistake)
{
    static const char text[] = "{\"name\":\"a\",\"keys\":[{\"id\":1,\"file\":\"1\"},{\"id\":25\0,\"file\":\"2\"},"
                               "{\"id2\":55,\"file\":\"3\"}]}";
    struct selkie_settings *settings = selkie_settings_parse("x.json", text, sizeof text - 1);

    ck_assert_ptr_nonnull(settings);
    read_all(settings);
    ck_assert_ptr_nonnull(selkie_settings_error(settings));
    ck_assert_int_eq(strncmp(selkie_settings_error(settings), "x.json:", 7), 0);
    selkie_settings_close(settings);
}
END_TEST

START_TEST(the_first_mistake_sticks)
{
    struct selkie_settings *settings = parse("{\n\"a\":1,\n\"b\":2}");
    struct selkie_settings_object *root = selkie_settings_root(settings);

    ck_assert_str_eq(selkie_settings_require_string(root, "b"), "");
    ck_assert_int_eq(selkie_settings_integer(root, "a", 0, 5, 4), 4);
    selkie_settings_reject(root, "a", "is odd");
    ck_assert_str_eq(selkie_settings_error(settings), "x.json:3: b: must be a string");
    selkie_settings_close(settings);
}
END_TEST

START_TEST(a_reader_rejects_a_value_in_its_own_words)
{
    struct selkie_settings *settings = parse("{\"keys\":[\n{\"file\":\"k.pem\"}]}");
    struct selkie_settings_object *key;

    ck_assert_uint_eq(selkie_settings_list(selkie_settings_root(settings), "keys", true), 1);
    key = selkie_settings_list_object(selkie_settings_root(settings), "keys", 0);
    const char *file = selkie_settings_require_string(key, "file");
    selkie_settings_reject(key, "file", "%s: others can read it", file);
    ck_assert_str_eq(selkie_settings_error(settings), "x.json:2: file: k.pem: others can read it");
    selkie_settings_close(settings);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_named)
{
    struct selkie_settings *settings = selkie_settings_load("/nonexistent/x.json");
    ck_assert_str_eq(selkie_settings_error(settings), "/nonexistent/x.json: No such file or directory");
    read_all(settings);
    selkie_settings_close(settings);

    settings = selkie_settings_load("/");
    ck_assert_str_eq(selkie_settings_error(settings), "/: Is a directory");
    selkie_settings_close(settings);
}
END_TEST

START_TEST(a_file_longer_than_one_buffer_is_read_whole)
{
    char path[] = "/tmp/selkie-settings-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    FILE *file = fdopen(fd, "w");
    fprintf(file, "{\"name\":\"a\",");
    for (int i = 0; i < 10000; i++)
        fputc('\n', file);
    fprintf(file, "\"count\":0}");
    fclose(file);

    struct selkie_settings *settings = selkie_settings_load(path);
    (void)unlink(path);
    read_all(settings);
    ck_assert_ptr_nonnull(strstr(selkie_settings_error(settings), ":10001: count: must be 1 to 64"));
    selkie_settings_close(settings);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *tcase = tcase_create("settings");

    tcase_add_loop_test(tcase, each_mistake_is_told_with_file_line_and_key, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tcase, values_and_fallbacks_are_returned);
    tcase_add_test(tcase, only_a_regular_file_is_read);
    tcase_add_test(tcase, a_nul_in_a_text_hides_no_mistake);
    tcase_add_test(tcase, the_first_mistake_sticks);
    tcase_add_test(tcase, a_reader_rejects_a_value_in_its_own_words);
    tcase_add_test(tcase, a_file_that_cannot_be_read_is_named);
    tcase_add_test(tcase, a_file_longer_than_one_buffer_is_read_whole);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
