/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl device import and export of a fleet, through a real Mosquitto with the plugin: how long, and how much
 * faster than one device after the other.
 *
 *   fleet [DEVICES]     100,000 without an argument */
#include <integration/harness.h>
#include <stdio.h>
#include <stdlib.h>

#define SINGLES 10

static const char *devices = "100000";

/* Seconds that a line of a shell takes, in which "ctl" is selkiectl. */
static double seconds(const struct harness_broker *broker, const char *line)
{
    char script[1024], *output;
    snprintf(script, sizeof script, "cd '%s'; ctl() { '%s' --broker %s --username root \"$@\"; }; %s",
             harness_path("."), harness_program("selkiectl"), broker->uri, line);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    int64_t begin = harness_now_ms();
    int status = harness_run("selkiectl", argv, &output);
    double taken = (double)(harness_now_ms() - begin) / 1000;
    ck_assert_msg(status == 0, "%s: %s", line, output);
    free(output);
    return taken;
}

START_TEST(measure)
{
    char line[256];
    double count = atof(devices);
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\",\"admins\":[\"root\"]");
    snprintf(line, sizeof line,
             "awk 'BEGIN { print \"address,name,claim\"; for (i = 1; i <= %s; i++) "
             "printf \"%%016x,Device %%d,claim-%%d\\n\", i, i, i }' >fleet.csv",
             devices);
    (void)seconds(broker, line);
    double import = seconds(broker, "ctl device import fleet.csv --timeout 600");
    double export = seconds(broker, "ctl device export --timeout 600 >out.csv");
    snprintf(line, sizeof line, "for i in $(seq %d); do ctl device add ffffffffffffff$((10 + i)); done", SINGLES);
    double single = seconds(broker, line) / SINGLES;
    printf("%.0f devices: import %.1f s, export %.1f s\n", count, import, export);
    printf("import, against as many calls of device add: %.0f times as fast\n", single * count / import);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1)
        devices = argv[1];
    Suite *suite = suite_create("fleet");
    TCase *tcase = tcase_create("fleet");
    tcase_set_timeout(tcase, 1200);
    tcase_add_test(tcase, measure);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
