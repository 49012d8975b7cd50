/* SPDX-License-Identifier: Apache-2.0 */
#include "ports.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/selkie-ports-XXXXXX"; /* made and removed by main, so also after a test that fails */
static char link_path[64];

START_TEST(link_that_leads_to_the_device_is_its_stable_name)
{
    char device[PATH_MAX];
    char name[PATH_MAX];

    ck_assert_ptr_nonnull(realpath("/dev/null", device));
    ck_assert(!selkie_ports_find_link(folder, device, name));
    ck_assert_int_eq(symlink(device, link_path), 0);
    ck_assert(selkie_ports_find_link(folder, device, name));
    ck_assert_str_eq(name, link_path);
    ck_assert(!selkie_ports_find_link(folder, "/dev/ttyUSB0", name));
    ck_assert(!selkie_ports_find_link("/nowhere/at/all", device, name));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ports");
    TCase *tcase = tcase_create("ports");

    tcase_add_test(tcase, link_that_leads_to_the_device_is_its_stable_name);
    suite_add_tcase(suite, tcase);
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(link_path, sizeof(link_path), "%s/A50285BI", folder);
    int result = run_suite(suite);
    (void)unlink(link_path);
    (void)rmdir(folder);
    return result;
}
