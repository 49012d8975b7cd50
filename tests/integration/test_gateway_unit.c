/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox that systemd puts the gateway in: as systemd judges it, and what it lets through. */
#include "harness.h"
#include "run_suite.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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

static long seconds_of(const char *setting)
{
    FILE *unit = fopen(UNIT, "re");
    char line[300];
    long seconds = 0;

    ck_assert_ptr_nonnull(unit);
    while (fgets(line, sizeof(line), unit) != NULL)
        if (strncmp(line, setting, strlen(setting)) == 0)
            seconds = strtol(line + strlen(setting), NULL, 10);
    (void)fclose(unit);
    return seconds;
}

/* One turn of the loop has three flushes: of the log, of the log before its pages are copied, and of the copies. The
 * loop says that it lives up to a quarter of the watchdog's time before. */
START_TEST(commit_of_90_s_is_no_reason_to_be_killed)
{
    ck_assert_int_gt(seconds_of("WatchdogSec=") * 3 / 4, 3 * 90);
    ck_assert_int_gt(seconds_of("TimeoutStartSec="), 3 * 90);
}
END_TEST

/* What the unit lets through: by number, or by the name of the driver. */
static struct {
    bool majors[512];
    char names[32][32];
    size_t name_count;
} allowed;

static void read_unit(void)
{
    FILE *unit = fopen(UNIT, "re");
    char line[300];

    ck_assert_ptr_nonnull(unit);
    while (fgets(line, sizeof(line), unit) != NULL) {
        if (strncmp(line, "DeviceAllow=", 12) != 0)
            continue;
        ck_assert_msg(strncmp(line, "DeviceAllow=char-", 17) == 0, "%s", line);
        if (isdigit((unsigned char)line[17])) {
            allowed.majors[atoi(line + 17) % 512] = true;
            continue;
        }
        ck_assert_uint_lt(allowed.name_count, 32);
        ck_assert_int_eq(sscanf(line, "DeviceAllow=char-%31s rw", allowed.names[allowed.name_count++]), 1);
    }
    (void)fclose(unit);
}

/* systemd looks a name up once, when the unit starts, and skips what it does not find: the driver of an adapter that is
 * plugged in later. A number it takes as it is. So a name stands only for a driver that has no number of its own. */
START_TEST(line_whose_driver_comes_later_is_let_through)
{
    static const int majors[] = {4,   136, 166, 188,
                                 204, 207, 216}; /* ttyS, pts, ttyACM, ttyUSB, ttyAMA, ttymxc, rfcomm */
    static const char *const numbered[] = {"ttyS", "pts", "ttyACM", "ttyUSB", "ttyAMA", "ttymxc", "rfcomm"};

    read_unit();
    for (size_t i = 0; i < sizeof(majors) / sizeof(majors[0]); i++)
        ck_assert_msg(allowed.majors[majors[i]], "devices of major %d are kept out", majors[i]);
    for (size_t i = 0; i < allowed.name_count; i++)
        for (size_t j = 0; j < sizeof(numbered) / sizeof(numbered[0]); j++)
            ck_assert_msg(fnmatch(allowed.names[i], numbered[j], 0) != 0, "by name: %s", allowed.names[i]);
}
END_TEST

START_TEST(line_of_a_driver_without_a_number_is_let_through)
{
    static const char *const drivers[] = {"ttySC", "ttyGS", "ttyXRUSB"};

    read_unit();
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        bool found = false;
        for (size_t j = 0; j < allowed.name_count; j++)
            found = found || fnmatch(allowed.names[j], drivers[i], 0) == 0;
        ck_assert_msg(found, "lines of %s are kept out", drivers[i]);
    }
}
END_TEST

static bool lets_through(const char *device)
{
    struct stat status;
    const char *name = strrchr(device, '/') + 1;
    char driver[64];

    ck_assert_msg(stat(device, &status) == 0, "%s", device);
    (void)snprintf(driver, sizeof(driver), "%.*s", (int)strcspn(name, "0123456789"), name);
    for (size_t i = 0; i < allowed.name_count; i++)
        if (fnmatch(allowed.names[i], driver, 0) == 0)
            return true;
    return major(status.st_rdev) < 512 && allowed.majors[major(status.st_rdev)];
}

START_TEST(lines_that_this_machine_lists_are_let_through)
{
    const char *argv[] = {harness_program("selkie-gateway"), "--list-ports", NULL};
    char *output, *rest = NULL;

    read_unit();
    ck_assert_int_eq(harness_run("list", argv, &output), 0);
    for (char *line = strtok_r(output, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        line[strcspn(line, "\t")] = '\0';
        ck_assert_msg(line[0] != '/' || lets_through(line), "%s is kept out", line);
    }
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
    tcase_add_test(tcase, commit_of_90_s_is_no_reason_to_be_killed);
    tcase_add_test(tcase, line_whose_driver_comes_later_is_let_through);
    tcase_add_test(tcase, line_of_a_driver_without_a_number_is_let_through);
    tcase_add_test(tcase, lines_that_this_machine_lists_are_let_through);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
