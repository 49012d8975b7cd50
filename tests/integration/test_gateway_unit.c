/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox that systemd puts the gateway in, as systemd judges it. */
#include "harness.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(unit_is_a_tight_sandbox)
{
    const char *unit = SELKIE_SOURCE_DIR "/packaging/systemd/selkie-gateway.service";
    const char *argv[] = {"systemd-analyze", "security", "--offline=true", "--threshold=15", unit, NULL};
    char *output;

    int status = harness_run("analyze", argv, &output);
    ck_assert_msg(status == 0, "more than 1.5:\n%s", output);
    free(output);
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
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
