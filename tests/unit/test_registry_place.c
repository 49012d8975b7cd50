/* SPDX-License-Identifier: Apache-2.0 */
/* A registry whose files go away under the broker, or whose disk fills while no frame comes: nothing is stored that
 * would be lost, and the stats and the log say so, as soon as it is so. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <selkie/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static enum { ROOM, FULL, READ_ONLY } disk;

int __real_statvfs(const char *path, struct statvfs *status);
int __wrap_statvfs(const char *path, struct statvfs *status);
int __wrap_statvfs(const char *path, struct statvfs *status)
{
    int result = __real_statvfs(path, status);
    unsigned long flag = __atomic_load_n(&disk, __ATOMIC_SEQ_CST) == READ_ONLY ? ST_RDONLY : 0;

    status->f_blocks = status->f_bfree = status->f_bavail = 1000000;
    if (__atomic_load_n(&disk, __ATOMIC_SEQ_CST) == FULL)
        status->f_bfree = status->f_bavail = 0;
    status->f_flag = (status->f_flag & ~(unsigned long)ST_RDONLY) | flag;
    return result;
}

static const char *dir;
static struct kit_host *host;
static struct kit_device device;

static void setup(void)
{
    __atomic_store_n(&disk, ROOM, __ATOMIC_SEQ_CST);
    dir = kit_dir();
    host = kit_open_dir(dir);
    device = kit_device(1, 1);
    kit_submit_wait(host, kit_register(&device, NULL, NULL));
}

static void teardown(void)
{
    kit_close(host);
}

static bool storage_works(void)
{
    char *text = selkie_unsealer_stats(kit_unsealer(host));
    json_t *stats = json_loads(text, 0, NULL);
    bool works = json_is_true(json_object_get(json_object_get(stats, "storage"), "working"));

    json_decref(stats);
    free(text);
    return works;
}

static void await_storage(bool works)
{
    const struct timespec pause = {0, 10000000};
    int64_t limit_us = selkie_clock_monotonic_us() + 30000000;

    while (storage_works() != works) {
        ck_assert_int_lt(selkie_clock_monotonic_us(), limit_us);
        nanosleep(&pause, NULL);
    }
}

static void move(const char *from, const char *to)
{
    char old[400], new[400];

    (void)snprintf(old, sizeof old, "%s", kit_path(dir, from));
    (void)snprintf(new, sizeof new, "%s", kit_path(dir, to));
    ck_assert_int_eq(rename(old, new), 0);
}

static void expect_refused(const char *why)
{
    json_t *response = kit_command(host, "{\"command\":\"addDevice\",\"address\":\"0200000000000009\"}");
    const char *error = json_string_value(json_object_get(response, "error"));

    ck_assert_msg(error && strstr(error, why), "got \"%s\"", error ? error : "no error");
    json_decref(response);
}

static const char *const files[] = {"registry.db", "registry.db-wal"};

/* An unmounted volume, a clean-up by hand, a backup that was restored while Mosquitto runs. */
START_TEST(nothing_is_stored_into_a_file_that_is_gone)
{
    const char *file = files[_i];

    move(file, "away");
    expect_refused("removed or unmounted while Mosquitto runs");
    await_storage(false);
    struct kit_body body = kit_data(&device, "x");
    uint64_t seq = kit_submit(host, &body, 0);
    kit_write(kit_path(dir, file), "another", 7, 0600);
    expect_refused("replaced while Mosquitto runs");
    ck_assert(!kit_has_receipt(host, seq));
    move("away", file);
    kit_receipt(host, seq);
    await_storage(true);
    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"0200000000000009\"}");
}
END_TEST

/* No frame and no command comes that would show it. */
START_TEST(a_missing_file_shows_by_itself)
{
    move("registry.db", "away");
    await_storage(false);
    ck_assert(kit_log_has(host, "registry.db was removed or unmounted"));
    move("away", "registry.db");
    await_storage(true);
}
END_TEST

START_TEST(an_emptied_file_is_damage)
{
    ck_assert_int_eq(truncate(kit_path(dir, "registry.db"), 0), 0);
    await_storage(false);
    ck_assert(kit_log_has(host, "damaged (it is empty)"));
    expect_refused("damaged (it is empty)");
}
END_TEST

/* The log of the registry may have room for a while, so frames are still decided: but the operator learns of it. */
START_TEST(a_full_disk_shows_while_nothing_comes)
{
    await_storage(true);
    __atomic_store_n(&disk, _i == 0 ? FULL : READ_ONLY, __ATOMIC_SEQ_CST);
    await_storage(false);
    ck_assert(kit_log_has(host, _i == 0 ? "the disk is full" : "the disk is read-only"));
    kit_submit_wait(host, kit_data(&device, "x"));
    __atomic_store_n(&disk, ROOM, __ATOMIC_SEQ_CST);
    await_storage(true);
    ck_assert(kit_log_has(host, "the disk has room again"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registry_place");
    TCase *tcase = tcase_create("registry_place");

    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, nothing_is_stored_into_a_file_that_is_gone, 0, 2);
    tcase_add_test(tcase, a_missing_file_shows_by_itself);
    tcase_add_test(tcase, an_emptied_file_is_damage);
    tcase_add_loop_test(tcase, a_full_disk_shows_while_nothing_comes, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
