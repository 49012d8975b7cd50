/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox that systemd puts the gateway in: as systemd judges it, and what it lets through. */
#include "harness.h"
#include "run_suite.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT SELKIE_SOURCE_DIR "/packaging/systemd/selkie-gateway.service"

START_TEST(unit_is_a_tight_sandbox)
{
    const char *argv[] = {"systemd-analyze", "security", "--offline=true", "--threshold=15", UNIT, NULL};
    char *output;

    int status = harness_run("analyze", argv, &output);
    ck_assert_msg(status == 0, "more than 1.5:\n%s", output);
    free(output);
}
END_TEST

/* systemd looks a name up once, when the unit starts, and skips what it does not find: the driver of an adapter that is
 * plugged in later. A number it takes as it is. */
START_TEST(line_whose_driver_comes_later_is_let_through)
{
    static const int majors[] = {4, 136, 166, 188, 204}; /* ttyS, pts, ttyACM, ttyUSB, ttyAMA */
    const size_t count = sizeof(majors) / sizeof(majors[0]);
    bool allowed[sizeof(majors) / sizeof(majors[0])] = {false};
    FILE *unit = fopen(UNIT, "re");
    char line[300];

    ck_assert_ptr_nonnull(unit);
    while (fgets(line, sizeof(line), unit) != NULL) {
        if (strncmp(line, "DeviceAllow=", 12) != 0)
            continue;
        ck_assert_msg(strncmp(line, "DeviceAllow=char-", 17) == 0 && isdigit((unsigned char)line[17]), "by name: %s",
                      line);
        for (size_t i = 0; i < count; i++)
            allowed[i] |= atoi(line + 17) == majors[i];
    }
    (void)fclose(unit);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(allowed[i], "devices of major %d are kept out", majors[i]);
}
END_TEST

int main(void)
{
    if (system("command -v systemd-analyze >/dev/null") != 0) {
        printf("skipped: no systemd-analyze here\n");
        return TEST_SKIPPED;
    }
    Suite *suite = suite_create("gateway_unit");
    TCase *tcase = tcase_create("gateway_unit");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, unit_is_a_tight_sandbox);
    tcase_add_test(tcase, line_whose_driver_comes_later_is_let_through);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
