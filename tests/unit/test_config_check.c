/* SPDX-License-Identifier: Apache-2.0 */
/* What --check-config finds of what the service will open, without opening it. */
#include "check/config_check.h"
#include "run_suite.h"

#include <kit/kit.h>
#include <pty.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

static char said[4096];
static const char *folder;

/* The faults; what was printed is in `said`. */
static unsigned check(const char *device, const char *spool)
{
    char text[1024];
    int len = snprintf(text, sizeof text,
                       "{\"gateway\":\"roof\",\"broker\":{\"uri\":\"mqtt://h\"},\"spool\":{\"path\":\"%s\"},"
                       "\"serial\":[{\"device\":\"%s\"}]}",
                       spool, device);
    struct selkie_gateway_config *config = selkie_gateway_config_parse("g.json", text, (size_t)len);
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);

    ck_assert_ptr_nonnull(config);
    ck_assert_ptr_nonnull(file);
    (void)fflush(stdout);
    (void)dup2(fileno(file), STDOUT_FILENO);
    unsigned faults = selkie_config_check(config);
    (void)fflush(stdout);
    (void)dup2(saved, STDOUT_FILENO);
    (void)close(saved);
    rewind(file);
    said[fread(said, 1, sizeof said - 1, file)] = '\0';
    (void)fclose(file);
    selkie_gateway_config_close(config);
    return faults;
}

static const char *in_folder(const char *name)
{
    return kit_path(folder, name);
}

static void setup(void)
{
    folder = kit_dir();
}

static void teardown(void)
{
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
}

START_TEST(a_pty_and_a_folder_of_ones_own_are_right)
{
    char name[64];
    int master, slave;

    ck_assert_int_eq(openpty(&master, &slave, name, NULL, NULL), 0);
    ck_assert_uint_eq(check(name, in_folder("spool.db")), 0);
    ck_assert_msg(!strstr(said, "fault"), "%s", said);
    ck_assert_msg(strstr(said, "user     "), "%s", said);
    ck_assert(!strstr(said, "warning") == (geteuid() != 0)); /* root's eyes see more than the service's */
    (void)close(slave);
    (void)close(master);
}
END_TEST

START_TEST(what_is_no_serial_line_is_a_fault_and_one_that_is_not_there_a_warning)
{
    static const char *const devices[] = {"/dev/null", "/dev", "/etc/hostname"};
    char expected[100];

    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        ck_assert_uint_eq(check(devices[i], in_folder("spool.db")), 1);
        (void)snprintf(expected, sizeof expected, "fault    serial line %s: is not a serial line", devices[i]);
        ck_assert_msg(strstr(said, expected), "%s", said);
    }
    ck_assert_uint_eq(check("/dev/nonexistent", in_folder("spool.db")), 0);
    ck_assert_msg(strstr(said, "warning  serial line /dev/nonexistent: not there; is the radio plugged in?"), "%s",
                  said);
    ck_assert_uint_eq(check("tcp://h:1", in_folder("spool.db")), 0);
}
END_TEST

START_TEST(a_spool_that_has_no_place_is_a_fault)
{
    ck_assert_uint_eq(check("tcp://h:1", in_folder("nowhere/spool.db")), 1);
    ck_assert_msg(strstr(said, "/nowhere: No such file or directory"), "%s", said);
    ck_assert_uint_eq(check("tcp://h:1", "/etc/hostname/spool.db"), 1);
    ck_assert_msg(strstr(said, "the spool's folder /etc/hostname: Not a directory"), "%s", said);
    ck_assert_int_eq(mkfifo(in_folder("fifo"), 0600), 0);
    ck_assert_uint_eq(check("tcp://h:1", in_folder("fifo")), 1);
    ck_assert_msg(strstr(said, "/fifo: is not a file"), "%s", said);
}
END_TEST

START_TEST(another_programs_database_is_a_fault)
{
    sqlite3 *db;
    const char *spool = in_folder("other.db");

    ck_assert_int_eq(sqlite3_open(spool, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    ck_assert_uint_eq(check("tcp://h:1", spool), 1);
    ck_assert_msg(strstr(said, "/other.db: the file is another program's database"), "%s", said);
}
END_TEST

/* As the service's user, who is not root. */
START_TEST(what_this_user_may_not_open_is_a_fault)
{
    char name[64];
    int master, slave;

    if (getuid() != 0)
        return; /* whoever else he is, the files are his */
    ck_assert_int_eq(openpty(&master, &slave, name, NULL, NULL), 0);
    ck_assert_int_eq(fchmod(slave, 0600), 0);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(seteuid(NOBODY), 0);
    ck_assert_uint_eq(check(name, "/etc/spool.db"), 2);
    ck_assert_msg(strstr(said, "fault    the spool's folder /etc: this user may not write into it"), "%s", said);
    ck_assert_msg(strstr(said, ": this user may not open it; he must be in its group"), "%s", said);
    ck_assert_msg(strstr(said, "user     nobody"), "%s", said);
    (void)close(slave);
    (void)close(master);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_check");
    TCase *tcase = tcase_create("config_check");

    tcase_set_timeout(tcase, 20);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_pty_and_a_folder_of_ones_own_are_right);
    tcase_add_test(tcase, what_is_no_serial_line_is_a_fault_and_one_that_is_not_there_a_warning);
    tcase_add_test(tcase, a_spool_that_has_no_place_is_a_fault);
    tcase_add_test(tcase, another_programs_database_is_a_fault);
    tcase_add_test(tcase, what_this_user_may_not_open_is_a_fault);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
