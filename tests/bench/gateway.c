/* SPDX-License-Identifier: Apache-2.0 */
/* How small and how quick selkie-gateway is: memory with 100,000 frames waiting, wake-ups while idle, and the time from
 * a frame's last byte on the line to its PUBLISH on the socket, beside the fsync that is part of it. Real parts, as in
 * the integration tests; prints and never judges. */
#define _GNU_SOURCE /* memmem */
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES     200
#define WAITING     100000
#define MORE        200 /* the line holds some when the gateway is stopped */
#define IDLE_MS     30000
#define SEALED_SIZE 522

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int ascending(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double at(double samples[SAMPLES], int percent)
{
    qsort(samples, SAMPLES, sizeof(samples[0]), ascending);
    return samples[(SAMPLES - 1) * percent / 100];
}

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

/* ---- Latency: a relay between gateway and broker sees the PUBLISH pass. ---- */

struct relay {
    int port;
    int listener, gateway, broker;
};

static void relay_open(struct relay *relay, int to_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    relay->gateway = -1;
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(relay->listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(relay->listener, 1), 0);
    ck_assert_int_eq(getsockname(relay->listener, (struct sockaddr *)&address, &len), 0);
    relay->port = ntohs(address.sin_port);
    address.sin_port = htons((uint16_t)to_port);
    relay->broker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(relay->broker, (struct sockaddr *)&address, len), 0);
}

static void pass(int from, int to, const uint8_t *marker, bool *seen)
{
    char data[8192];
    ssize_t len = recv(from, data, sizeof(data), 0);

    ck_assert_int_gt(len, 0);
    if (marker != NULL && memmem(data, (size_t)len, marker, 16) != NULL)
        *seen = true;
    ck_assert_int_eq(send(to, data, (size_t)len, MSG_NOSIGNAL), len);
}

/* Forward until the marker passes towards the broker, or for so long. */
static bool relay_until(struct relay *relay, const uint8_t *marker, int patience_ms)
{
    int64_t limit = harness_now_ms() + patience_ms;
    bool seen = false;

    while (!seen && harness_now_ms() < limit) {
        struct pollfd fds[] = {{.fd = relay->listener, .events = POLLIN},
                               {.fd = relay->gateway, .events = POLLIN},
                               {.fd = relay->broker, .events = POLLIN}};
        if (poll(fds, 3, (int)(limit - harness_now_ms())) <= 0)
            break;
        if (fds[0].revents != 0)
            relay->gateway = accept(relay->listener, NULL, NULL);
        if (fds[1].revents != 0)
            pass(relay->gateway, relay->broker, marker, &seen);
        if (fds[2].revents != 0)
            pass(relay->broker, relay->gateway, NULL, &seen);
    }
    return seen;
}

static double fsync_ms(double samples[SAMPLES])
{
    char page[4096] = {0};
    int fd = open(harness_path("fsync"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    for (int i = -SAMPLES; i < SAMPLES;
         i++) { /* the first round makes the file, as the spool's log is made beforehand */
        double start = now_ms();
        ck_assert_int_eq(pwrite(fd, page, sizeof(page), (off_t)((i + SAMPLES) % SAMPLES) * 4096), sizeof(page));
        ck_assert_int_eq(fdatasync(fd), 0);
        if (i >= 0)
            samples[i] = now_ms() - start;
    }
    (void)close(fd);
    return at(samples, 50);
}

START_TEST(latency)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_pty *pty = harness_pty("tty");
    struct relay relay;
    char uri[40];
    double samples[SAMPLES];

    relay_open(&relay, broker->port);
    (void)snprintf(uri, sizeof(uri), "mqtt://127.0.0.1:%d", relay.port);
    struct harness_process *gateway = rig_gateway_ready(rig_config(uri, pty->path, "\"confirm\":\"broker\""), false);
    while (!harness_log_has(gateway, ": connected"))
        (void)relay_until(&relay, NULL, 20);
    for (int i = -20; i < SAMPLES; i++) { /* the first ones warm up */
        uint8_t body[SEALED_SIZE] = {0x10, 1};
        uint8_t wire[SELKIE_LINK_WIRE_MAX];
        memset(body + 2, i & 0xFF, sizeof(body) - 2);
        memcpy(body + 100, &i, sizeof(i));
        int len = selkie_link_encode(wire, sizeof(wire), body, sizeof(body));
        ck_assert_int_gt(len, 0);
        (void)relay_until(&relay, NULL, 30); /* answers of the frame before */
        harness_pty_write(pty, wire, (size_t)len - 1);
        (void)relay_until(&relay, NULL, 20);
        double start = now_ms();
        harness_pty_write(pty, wire + len - 1, 1);
        ck_assert(relay_until(&relay, body + 100 - 8, 5000));
        if (i >= 0)
            samples[i] = now_ms() - start;
    }
    double median = at(samples, 50);
    double p99 = at(samples, 99);
    double fsync_median = fsync_ms(samples);
    printf("last byte to PUBLISH    median %.2f ms, p99 %.2f ms: %.1f times an fsync here (%.2f ms)\n", median, p99,
           median / fsync_median, fsync_median);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
}
END_TEST

START_TEST(acknowledgement)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_pty *pty = harness_pty("tty");
    double samples[SAMPLES];

    (void)rig_gateway_ready(rig_config(broker->uri, pty->path, "\"confirm\":\"broker\""), true);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        rig_send(pty, i);
        double start = now_ms();
        ck_assert_int_eq(rig_ack(pty, 5000), rig_crc(i));
        samples[i] = now_ms() - start;
    }
    printf("last byte to ACK        median %.1f ms, p99 %.1f ms, of which %d ms are the quiet line\n", at(samples, 50),
           at(samples, 99), 20);
}
END_TEST

/* ---- Memory ---- */

START_TEST(memory)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_pty *pty = harness_pty("tty");
    const char *config = rig_config_text("\"broker\":{\"uri\":\"%s\"},"
                                         "\"serial\":[{\"device\":\"%s\",\"ack\":false}]",
                                         broker->uri, pty->path);

    struct harness_process *gateway = rig_gateway_ready(config, true);
    long empty = kilobytes(gateway->pid, "status", "VmRSS");
    for (uint32_t i = 0; i < WAITING + MORE; i++) {
        uint8_t body[SEALED_SIZE] = {0x10, 1};
        memset(body + 2, (int)(i & 0xFF), sizeof(body) - 2);
        memcpy(body + 20, &i, sizeof(i));
        rig_send_body(pty, body, sizeof(body));
    }
    long full = kilobytes(gateway->pid, "status", "VmRSS");
    printf("resident memory         %.1f MB with none, %.1f MB with %d frames waiting (private: %.1f MB): %.2f times\n",
           (double)empty / 1024, (double)full / 1024, WAITING,
           (double)(kilobytes(gateway->pid, "smaps_rollup", "Private_Dirty") +
                    kilobytes(gateway->pid, "smaps_rollup", "Private_Clean")) /
               1024,
           (double)full / (double)empty);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    printf("                        %ld in the spool at the end\n", rig_waiting());
    gateway = rig_gateway(config);
    rig_wait_log_count(gateway, ": connected", 2);
    printf("                        %.1f MB after a start with them\n",
           (double)kilobytes(gateway->pid, "status", "VmRSS") / 1024);
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
    TCase *tcase = tcase_create("gateway");

    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, latency);
    tcase_add_test(tcase, acknowledgement);
    tcase_add_test(tcase, memory);
    tcase_add_test(tcase, wakeups);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
