/* SPDX-License-Identifier: Apache-2.0 */
#include "ports.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/selkie-ports-XXXXXX"; /* made and removed by main, so also after a test that fails */
static char link_path[64];
static char by_id[64];
static char by_id_path[96];

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

/* As /dev of a Raspberry Pi, whose UART on the pins is serial0 and, by the model, ttyAMA0 or ttyS0. */
START_TEST(a_link_beside_the_device_is_a_name_and_the_device_itself_and_the_terminal_are_not)
{
    char uart[96], serial0[96], terminal[96], name[PATH_MAX];

    (void)snprintf(uart, sizeof uart, "%s/ttyAMA0", folder);
    (void)snprintf(serial0, sizeof serial0, "%s/serial0", folder);
    (void)snprintf(terminal, sizeof terminal, "%s/stdin", folder);
    FILE *device = fopen(uart, "w");
    ck_assert_ptr_nonnull(device);
    (void)fclose(device);
    ck_assert_int_eq(symlink(uart, terminal), 0);
    bool alone = selkie_ports_find_link(folder, uart, name);
    ck_assert_int_eq(symlink("ttyAMA0", serial0), 0);
    bool linked = selkie_ports_find_link(folder, uart, name);
    (void)unlink(serial0);
    (void)unlink(terminal);
    (void)unlink(uart);
    ck_assert(!alone);
    ck_assert(linked);
    ck_assert_str_eq(name, serial0);
}
END_TEST

START_TEST(line_shows_each_stable_name_then_the_kernels)
{
    const char *const folders[] = {folder, by_id, "/nowhere/at/all"};
    char expected[400];
    char *printed = NULL;
    size_t len;
    FILE *to = open_memstream(&printed, &len);

    ck_assert_int_eq(symlink("/dev/null", by_id_path), 0);
    selkie_ports_print(to, folders, 3, "/dev/null", NULL);
    ck_assert_int_eq(symlink("/dev/null", link_path), 0);
    selkie_ports_print(to, folders, 3, "/dev/null", "a radio");
    selkie_ports_print(to, folders, 3, "/dev/ttyUSB7", "another");
    (void)fclose(to);
    (void)snprintf(expected, sizeof(expected), "%s\t/dev/null\t\n%s\t%s\t/dev/null\ta radio\n/dev/ttyUSB7\tanother\n",
                   by_id_path, link_path, by_id_path);
    ck_assert_str_eq(printed, expected);
    free(printed);
}
END_TEST

static void remove_links(void)
{
    (void)unlink(link_path);
    (void)unlink(by_id_path);
}

int main(void)
{
    Suite *suite = suite_create("ports");
    TCase *tcase = tcase_create("ports");

    tcase_add_checked_fixture(tcase, remove_links, NULL);
    tcase_add_test(tcase, link_that_leads_to_the_device_is_its_stable_name);
    tcase_add_test(tcase, a_link_beside_the_device_is_a_name_and_the_device_itself_and_the_terminal_are_not);
    tcase_add_test(tcase, line_shows_each_stable_name_then_the_kernels);
    suite_add_tcase(suite, tcase);
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(link_path, sizeof(link_path), "%s/A50285BI", folder);
    (void)snprintf(by_id, sizeof(by_id), "%s/by-id", folder);
    (void)snprintf(by_id_path, sizeof(by_id_path), "%s/usb-A50285BI", by_id);
    if (mkdir(by_id, 0700) != 0)
        return 1;
    int result = run_suite(suite);
    remove_links();
    (void)rmdir(by_id);
    (void)rmdir(folder);
    return result;
}
