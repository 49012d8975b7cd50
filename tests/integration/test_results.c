/* SPDX-License-Identifier: Apache-2.0 */
/* A result that a full disk does not take: each program says so and ends with 1, whatever it printed. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *program, *arguments;
} results[] = {
    {"selkiectl", "--help"},
    {"selkiectl", "--version"},
    {"selkiectl", "--print-config"},
    {"selkiectl", "--check-config"},
    {"selkiectl", "keygen --id 1 --out keys"},
    {"selkie-gateway", "--help"},
    {"selkie-gateway", "--print-config"},
    {"selkie-gateway", "--list-radios"},
    {"selkie-gateway", "--list-ports"},
    {"selkie-device", "--help"},
    {"selkie-device", "--list-radios"},
    {"selkie-sim", "--print-config"},
    {"selkie-sim", "run --check-config"},
};

static int run_into(const char *output, char **said, int i)
{
    char command[1024];

    (void)snprintf(command, sizeof command, "cd '%s' && HOME=. exec '%s' %s %s", harness_path("."),
                   harness_program(results[i].program), results[i].arguments, output);
    return harness_run("sh", (const char *const[]){"sh", "-c", command, NULL}, said);
}

START_TEST(a_result_that_cannot_be_written_ends_with_1)
{
    char *said, expected[100];

    int status = run_into(">/dev/full", &said, _i);
    (void)snprintf(expected, sizeof expected, "%s: cannot write the result: ", results[_i].program);
    ck_assert_msg(status == 1 && strstr(said, expected), "%s %s: %d, %s", results[_i].program, results[_i].arguments,
                  status, said);
    ck_assert_msg(!strstr(strstr(said, expected) + strlen(expected), "cannot write"), "told twice: %s", said);
    free(said);
}
END_TEST

/* A reader that has enough is no failure worth a line: "selkiectl --help | head -1". */
START_TEST(a_closed_pipe_ends_quietly)
{
    char *said;

    (void)run_into("| true", &said, _i);
    ck_assert_str_eq(said, "");
    free(said);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("results");
    TCase *tcase = tcase_create("results");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_result_that_cannot_be_written_ends_with_1, 0,
                        (int)(sizeof results / sizeof results[0]));
    tcase_add_loop_test(tcase, a_closed_pipe_ends_quietly, 0, (int)(sizeof results / sizeof results[0]));
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
