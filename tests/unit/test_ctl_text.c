/* SPDX-License-Identifier: Apache-2.0 */
/* What is UTF-8, against jansson's own judgement, and that no allocation of jansson's that fails leaves a field out. */
#include "ctl_devices.h"
#include "ctl_text.h"
#include "gateways/gateway_report.h"
#include "print.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void compare(const unsigned char *bytes, size_t len)
{
    json_t *value = json_stringn((const char *)bytes, len);
    size_t valid = ctl_utf8_valid((const char *)bytes, len);
    ck_assert_msg((value != NULL) == (valid == len), "%02x %02x %02x %02x of %zu bytes", bytes[0], bytes[1], bytes[2],
                  bytes[3], len);
    json_decref(value);
}

/* Each beginning of two bytes, with what matters behind it. */
START_TEST(jansson_takes_exactly_what_is_utf8)
{
    static const unsigned char tails[] = {0x00, 0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    for (unsigned first = 0; first < 0x10000; first++) {
        unsigned char bytes[4] = {(unsigned char)(first >> 8), (unsigned char)first};
        compare(bytes, 1);
        compare(bytes, 2);
        for (size_t i = 0; bytes[0] >= 0xC0 && i < sizeof tails; i++) {
            bytes[2] = tails[i];
            compare(bytes, 3);
            for (size_t j = 0; bytes[0] >= 0xEF && j < sizeof tails; j++) {
                bytes[3] = tails[j];
                compare(bytes, 4);
            }
        }
    }
}
END_TEST

START_TEST(the_first_wrong_byte_is_found)
{
    ck_assert_uint_eq(ctl_utf8_valid("K\xC3\xBChler", 7), 7);
    ck_assert_uint_eq(ctl_utf8_valid("K\xFChler", 6), 1);
    ck_assert_uint_eq(ctl_utf8_valid("\xE2\x82\xACK\xC3", 5), 4);
    ck_assert_uint_eq(ctl_utf8_valid("", 0), 0);
}
END_TEST

START_TEST(what_comes_from_outside_becomes_a_string_in_any_case)
{
    static const char *const cases[][2] = {{"", ""},
                                           {"Dach", "Dach"},
                                           {"D\xE4"
                                            "ch",
                                            "D\xEF\xBF\xBD"
                                            "ch"},
                                           {"\xF0\x9F\x98", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *value = ctl_json_text(cases[i][0], strlen(cases[i][0]));
        ck_assert_str_eq(json_string_value(value), cases[i][1]);
        json_decref(value);
    }
}
END_TEST

/* ---- without memory ---- */

static unsigned left; /* allocations that still succeed */

static void *limited_malloc(size_t size)
{
    return left == 0 ? NULL : (left--, malloc(size));
}

static void add_device(void)
{
    json_t *command = ctl_device_add_command("00112233aabbccdd", "Roof", "s3cret", NULL);
    ctl_print(command, true);
    json_decref(command);
}

static void report_gateway(void)
{
    static const char said[] = "{\"state\":\"online\",\"queue\":3,\"broken\":1,\"received\":9,\"time\":1700000000000,"
                               "\"lines\":[{\"open\":true,\"frame_age_s\":5},{\"open\":false}]}";
    json_t *stats = ctl_gateway_claim(said, sizeof said - 1), *reports = ctl_json_must(json_array());
    ctl_json_append_take(reports, ctl_gateway_report("roof", NULL, stats, stats, 1700000001000));
    ctl_gateway_print_list(reports);
    ctl_gateway_print(json_array_get(reports, 0));
    json_decref(reports);
    json_decref(stats);
}

static void (*const works[])(void) = {add_device, report_gateway};

/* Do it in a process of its own with so many allocations. Returns its exit status; what it printed is in `said`. */
static int run(void (*work)(void), unsigned allocations, char said[static 4096])
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    (void)fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)dup2(fileno(file), STDOUT_FILENO);
        (void)dup2(fileno(file), STDERR_FILENO);
        left = allocations;
        json_set_alloc_funcs(limited_malloc, free);
        work();
        (void)fflush(stdout);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    rewind(file);
    said[fread(said, 1, 4095, file)] = '\0';
    (void)fclose(file);
    return WEXITSTATUS(status);
}

START_TEST(a_field_is_never_left_out_for_want_of_memory)
{
    char whole[4096], said[4096];
    unsigned allocations = 0;
    ck_assert_int_eq(run(works[_i], 100000, whole), 0);
    while (run(works[_i], allocations, said) != 0) {
        ck_assert_msg(strstr(said, "selkiectl: out of memory") != NULL, "%u: %s", allocations, said);
        ck_assert_uint_lt(++allocations, 1000);
    }
    ck_assert_uint_gt(allocations, 4);
    ck_assert_str_eq(said, whole);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_text");
    TCase *tcase = tcase_create("ctl_text");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, jansson_takes_exactly_what_is_utf8);
    tcase_add_test(tcase, the_first_wrong_byte_is_found);
    tcase_add_test(tcase, what_comes_from_outside_becomes_a_string_in_any_case);
    tcase_add_loop_test(tcase, a_field_is_never_left_out_for_want_of_memory, 0, sizeof works / sizeof works[0]);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
