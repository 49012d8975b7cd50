/* SPDX-License-Identifier: Apache-2.0 */
/* How small and how quick selkie-gateway is: the time from a frame's last byte on the line to its PUBLISH on the socket
 * and to its ACK, memory with 100,000 frames waiting, and wake-ups while idle. Real parts, as in the integration tests;
 * prints and never judges. CK_RUN_CASE=latency, drain, memory or idle in the environment runs a part. */
#include "gateway_bench.h"

#include "rig.h"
#include "spool.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH   1000
#define MORE    1000 /* written to the line, so that the buffers for that are there, too */
#define IDLE_MS 30000

/* Kilobytes of this line in /proc/PID/FILE. */
static long kilobytes(pid_t pid, const char *file, const char *name)
{
    char path[64];
    char format[32];
    char line[256];
    long value = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *status = fopen(path, "re");
    ck_assert_ptr_nonnull(status);
    (void)snprintf(format, sizeof(format), "%s: ", name);
    while (value < 0 && fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, format, strlen(format) - 1) == 0)
            value = strtol(line + strlen(format) - 1, NULL, 10);
    (void)fclose(status);
    return value;
}

void bench_fill_spool(void)
{
    struct selkie_spool_frame *frames = calloc(BATCH, sizeof(*frames));
    struct selkie_spool *spool = selkie_spool_open(harness_path("spool.db"), BENCH_WAITING * 2);

    ck_assert(frames != NULL && spool != NULL);
    for (uint32_t i = 0; i < BENCH_WAITING; i++) {
        struct selkie_spool_frame *frame = &frames[i % BATCH];
        *frame = (struct selkie_spool_frame){.rx = 1, .port = "/dev/ttyUSB0", .len = BENCH_SEALED_SIZE};
        memset(frame->body, (int)(i & 0xFF), BENCH_SEALED_SIZE);
        frame->body[0] = 0x10;
        frame->body[1] = 1;
        memcpy(frame->body + 20, &i, sizeof(i));
        if (i % BATCH == BATCH - 1)
            ck_assert_int_eq(selkie_spool_put(spool, frames, BATCH), 0);
    }
    selkie_spool_close(spool);
    free(frames);
}

/* ---- Memory ---- */

/* A Mosquitto that also listens for TLS, with a certificate signed by itself as docs/DEPLOY.md makes it. Returns the
 * port. */
static int tls_broker(const char *ca)
{
    char configuration[1000];
    int port = harness_free_port();
    const char *key = harness_path("key.pem");
    const char *argv[] = {"openssl",  "req",
                          "-x509",    "-newkey",
                          "rsa:3072", "-nodes",
                          "-days",    "2",
                          "-subj",    "/CN=localhost",
                          "-addext",  "subjectAltName=DNS:localhost",
                          "-keyout",  key,
                          "-out",     ca,
                          NULL};
    char *output;

    ck_assert_int_eq(harness_run("openssl", argv, &output), 0);
    free(output);
    (void)snprintf(configuration, sizeof(configuration), "listener %d 127.0.0.1\ncertfile %s\nkeyfile %s\n", port, ca,
                   key);
    (void)harness_broker(configuration);
    return port;
}

static void print_memory(const char *when, pid_t pid)
{
    printf("resident memory         %.1f MB %s (private: %.1f MB)\n", (double)kilobytes(pid, "status", "VmRSS") / 1024,
           when,
           (double)(kilobytes(pid, "smaps_rollup", "Private_Dirty") + kilobytes(pid, "smaps_rollup", "Private_Clean")) /
               1024);
}

/* Nobody gives receipts, so all stay. */
static void measure_memory(const char *broker, const char *how)
{
    struct harness_pty *pty = harness_pty("tty");
    const char *config =
        rig_config_text("\"broker\":{%s},\"serial\":[{\"device\":\"%s\",\"ack\":false}]", broker, pty->path);
    char when[100];

    struct harness_process *gateway = rig_gateway_ready(config, true);
    (void)snprintf(when, sizeof(when), "%s, none waiting", how);
    print_memory(when, gateway->pid);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    (void)unlink(harness_path("spool.db"));
    (void)unlink(harness_path("spool.db-wal"));
    bench_fill_spool();
    gateway = rig_gateway(config);
    rig_wait_log_count(gateway, ": connected", 2);
    rig_wait_log_count(gateway, "open, ", 2);
    (void)snprintf(when, sizeof(when), "%s, after a start with %d waiting", how, BENCH_WAITING);
    print_memory(when, gateway->pid);
    for (uint32_t i = 0; i < MORE; i++) {
        uint8_t body[BENCH_SEALED_SIZE] = {0x10, 1};
        memset(body + 2, (int)(i & 0xFF), sizeof(body) - 2);
        memcpy(body + 30, &i, sizeof(i));
        rig_send_body(pty, body, sizeof(body));
    }
    (void)snprintf(when, sizeof(when), "%s, after %d more", how, MORE);
    print_memory(when, gateway->pid);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    ck_assert_int_gt(rig_waiting(), BENCH_WAITING);
}

START_TEST(memory)
{
    char broker[100];

    (void)snprintf(broker, sizeof(broker), "\"uri\":\"%s\"", harness_broker("")->uri);
    measure_memory(broker, "without TLS");
}
END_TEST

START_TEST(memory_with_tls)
{
    char ca[256];
    char broker[400];

    (void)snprintf(ca, sizeof(ca), "%s", harness_path("ca.pem"));
    (void)snprintf(broker, sizeof(broker), "\"uri\":\"mqtts://localhost:%d\",\"ca\":\"%s\"", tls_broker(ca), ca);
    measure_memory(broker, "over TLS");
}
END_TEST

/* ---- Wake-ups ---- */

static void count_wakeups(pid_t pid, long counts[8], char names[8][32])
{
    char path[64];
    struct dirent *entry;
    size_t threads = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    ck_assert_ptr_nonnull(tasks);
    while ((entry = readdir(tasks)) != NULL && threads < 8) {
        int thread = atoi(entry->d_name);
        if (thread == 0)
            continue;
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)pid, thread);
        FILE *comm = fopen(path, "re");
        if (comm == NULL || fscanf(comm, "%31s", names[threads]) != 1)
            names[threads][0] = '\0';
        if (comm != NULL)
            (void)fclose(comm);
        counts[threads++] = kilobytes(thread, "status", "voluntary_ctxt_switches");
    }
    (void)closedir(tasks);
}

START_TEST(wakeups)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *gateway = rig_gateway_ready(rig_config(broker->uri, pty->path, ""), true);
    struct harness_client *plugin = rig_plugin(broker);
    long before[8] = {0}, after[8] = {0};
    char names[8][32] = {""};

    (void)harness_receive_try(plugin, RIG_UP, 3000); /* settled */
    count_wakeups(gateway->pid, before, names);
    (void)harness_receive_try(plugin, RIG_UP, IDLE_MS);
    count_wakeups(gateway->pid, after, names);
    printf("wake-ups while idle     ");
    for (int i = 0; i < 8 && names[i][0] != '\0'; i++)
        printf("%s%s %.2f/s", i > 0 ? ", " : "", names[i], (double)(after[i] - before[i]) * 1000 / IDLE_MS);
    printf("\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway");
    TCase *memory_case = tcase_create("memory");
    TCase *idle_case = tcase_create("idle");

    bench_add_latency(suite);
    tcase_set_timeout(memory_case, 600);
    tcase_add_test(memory_case, memory);
    tcase_add_test(memory_case, memory_with_tls);
    suite_add_tcase(suite, memory_case);
    tcase_set_timeout(idle_case, 600);
    tcase_add_test(idle_case, wakeups);
    suite_add_tcase(suite, idle_case);
    return harness_main(suite);
}
