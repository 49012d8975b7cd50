/* SPDX-License-Identifier: Apache-2.0 */
/* What one more device costs, in a real Mosquitto with the plugin: bytes of registry.db, of the broker's memory and of
 * its own database (mosquitto.db, for the device's retained state); and what stays in registry.db of a retired ID.
 * Each is the difference between two fleets of one run. Usage: device_cost [devices, 4000]. */
#include "frames.h"

#include "registry/registry.h"

#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FIRST = 1000, AT_ONCE = 200 };

static uint32_t devices = 4000;

struct cost {
    double registry, memory, database; /* bytes */
};

/* A number of the registry: pages in use are what further devices need, wherever they lie. */
static double registry_bytes(void)
{
    sqlite3 *db;
    sqlite3_stmt *statement;

    ck_assert_int_eq(sqlite3_open_v2(harness_path("state/registry.db"), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db,
                                        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, "
                                        "pragma_freelist_count, pragma_page_size",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    double bytes = (double)sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return bytes;
}

static double memory_bytes(pid_t pid)
{
    char path[64], line[128];
    double kb = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "RssAnon:", 8) == 0)
            kb = atof(line + 8);
    (void)fclose(file);
    return kb * 1024;
}

/* Mosquitto saves it on SIGUSR1, under another name first. */
static double database_bytes(pid_t pid)
{
    const char *path = harness_path("mosquitto.db");
    struct stat status;

    (void)remove(path);
    ck_assert_int_eq(kill(pid, SIGUSR1), 0);
    while (stat(path, &status) != 0)
        (void)poll(NULL, 0, 20);
    return (double)status.st_size;
}

/* Devices first..last register with a reading; then what they have to wait for has come. */
static void register_all(struct harness_client *gateway, struct harness_client *states, uint32_t first, uint32_t last)
{
    for (uint32_t from = first; from <= last; from += AT_ONCE) {
        uint32_t to = from + AT_ONCE - 1 < last ? from + AT_ONCE - 1 : last;
        for (uint32_t i = from; i <= to; i++) {
            struct frames_device device = frames_device(i);
            frames_send_data(gateway, "gw", &device, "0123456789abcdef", i);
        }
        frames_await_receipts(gateway, from, to);
        for (uint32_t i = from; i <= to; i++)
            harness_message_free(harness_receive(states, "selkie/device/"));
    }
    (void)poll(NULL, 0, 2000); /* the outbox is empty, and nothing is in flight */
}

static struct cost measure(const struct harness_broker *broker)
{
    return (struct cost){registry_bytes(), memory_bytes(broker->process->pid), database_bytes(broker->process->pid)};
}

static double retire_all(void)
{
    char error[SELKIE_REGISTRY_ERROR_SIZE];
    struct selkie_registry *registry;
    struct selkie_binding live[SELKIE_LIVE_MAX];

    ck_assert_msg(selkie_registry_open(&registry, harness_path("state"), true, error) == 0, "%s", error);
    for (uint32_t i = 1; i <= FIRST + devices; i++) {
        struct frames_device device = frames_device(i);
        ck_assert_int_eq(selkie_registry_live(registry, device.address, live), 1);
        live[0].status = SELKIE_BINDING_RETIRED;
        ck_assert_int_eq(selkie_registry_put_binding_status(registry, &live[0]), 0);
        ck_assert_int_eq(selkie_registry_delete_device(registry, device.address), 0);
    }
    ck_assert_int_eq(selkie_registry_commit(registry), 0);
    selkie_registry_close(registry);
    return registry_bytes();
}

START_TEST(figures)
{
    char lines[512];

    (void)snprintf(lines, sizeof lines,
                   "max_queued_messages 0\nmax_inflight_messages 0\npersistence true\npersistence_location %s/\n",
                   harness_path("."));
    struct harness_broker *broker = harness_broker_with_plugin(lines, "\"gateways\":\"any\",\"max_devices\":10000000");
    double empty = registry_bytes();
    struct harness_client *gateway = frames_gateway(broker, "gw", NULL),
                          *states = frames_subscriber(broker, "selkie/device/+/state");
    register_all(gateway, states, 1, FIRST);
    struct cost few = measure(broker);
    register_all(gateway, states, FIRST + 1, FIRST + devices);
    struct cost many = measure(broker);
    harness_disconnect(states);
    harness_disconnect(gateway);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    printf("one more device: %.0f bytes of registry.db, %.0f of the broker's memory, %.0f of mosquitto.db\n",
           (many.registry - few.registry) / devices, (many.memory - few.memory) / devices,
           (many.database - few.database) / devices);
    printf("one more retired ID: %.0f bytes of registry.db\n", (retire_all() - empty) / (FIRST + devices));
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("device_cost");
    TCase *tcase = tcase_create("device_cost");

    if (argc > 1)
        devices = (uint32_t)strtoul(argv[1], NULL, 10);
    tcase_set_timeout(tcase, 3600);
    tcase_add_test(tcase, figures);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
