/* SPDX-License-Identifier: Apache-2.0 */
/* How soon the gateway publishes and acknowledges a frame: with nothing else to do, and while a backlog drains. */
#define _GNU_SOURCE /* memmem */
#include "gateway_bench.h"
#include "rig.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES       200
#define DRAIN_SAMPLES 2000
#define RECEIPT_MAX   256                                         /* numbers in one receipt */
#define QUIET_MS      20                                          /* the gateway's default */
#define SLOTS_MS      (QUIET_MS + 4 * (8 * 8 * 1000 / 2000 + 10)) /* PROTOCOL.md, section 2: an ACK of 8 bytes */

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

static double at(double samples[], size_t count, size_t percent)
{
    qsort(samples, count, sizeof(samples[0]), ascending);
    return samples[(count - 1) * percent / 100];
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
    return at(samples, SAMPLES, 50);
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
        uint8_t body[BENCH_SEALED_SIZE] = {0x10, 1};
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
    double median = at(samples, SAMPLES, 50);
    double p99 = at(samples, SAMPLES, 99);
    double fsync_median = fsync_ms(samples);
    printf("last byte to PUBLISH    median %.2f ms, p99 %.2f ms: %.1f times an fsync here (%.2f ms)\n", median, p99,
           median / fsync_median, fsync_median);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
}
END_TEST

static void print_acks(const char *when, double samples[], size_t count)
{
    size_t soon = 0;

    for (size_t i = 0; i < count; i++)
        soon += samples[i] <= SLOTS_MS;
    printf("last byte to ACK        %s: median %.1f ms, p99 %.1f ms, max %.1f ms, of which %d ms are the quiet line; "
           "%.1f %% of %zu within %d ms, the quiet line and four slots\n",
           when, at(samples, count, 50), at(samples, count, 99), at(samples, count, 100), QUIET_MS,
           100.0 * (double)soon / (double)count, count, SLOTS_MS);
}

START_TEST(acknowledgement)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_pty *pty = harness_pty("tty");
    double samples[SAMPLES];

    (void)rig_gateway_ready(rig_config(broker->uri, pty->path, "\"confirm\":\"broker\""), true);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        rig_send(pty, i);
        double start = now_ms();
        ck_assert_int_eq(rig_ack(pty, HARNESS_PATIENCE), rig_crc(i));
        samples[i] = now_ms() - start;
    }
    print_acks("idle", samples, SAMPLES);
}
END_TEST

/* ---- ACKs while a backlog drains ---- */

/* The plugin's part in a process of its own: a receipt for all that has come, as soon as it has. Ends with `total`. */
static void give_receipts(const struct harness_broker *broker, atomic_uint *received, unsigned total)
{
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_message *message;

    atomic_store(received, 1); /* it is ready */
    while (atomic_load(received) < total) {
        char receipt[16 + RECEIPT_MAX * 20] = "{\"seq\":[";
        size_t len = strlen(receipt);
        int count = 0;
        while (count < RECEIPT_MAX &&
               (message = harness_receive_try(plugin, RIG_UP, count == 0 ? HARNESS_PATIENCE : 0)) != NULL) {
            len += (size_t)snprintf(receipt + len, sizeof(receipt) - len, "%s%s", count > 0 ? "," : "",
                                    harness_message_property(message, "seq"));
            count++;
            harness_message_free(message);
        }
        len += (size_t)snprintf(receipt + len, sizeof(receipt) - len, "]}");
        harness_publish_async(plugin, RIG_RECEIPT, receipt, len, 1, NULL);
        atomic_fetch_add(received, (unsigned)count);
    }
    harness_disconnect(plugin);
}

static void measure_drain(int window)
{
    struct harness_broker *broker = harness_broker("max_queued_messages 0\nmax_inflight_messages 1000\n");
    struct harness_pty *pty = harness_pty("tty");
    atomic_uint *received = mmap(NULL, sizeof(*received), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static double samples[DRAIN_SAMPLES];
    size_t count = 0;
    char when[64];
    int status;

    ck_assert(received != MAP_FAILED);
    bench_fill_spool();
    pid_t child = fork();
    if (child == 0) {
        give_receipts(broker, received, BENCH_WAITING);
        _exit(0);
    }
    while (atomic_load(received) == 0)
        (void)rig_ack(pty, 20);
    (void)snprintf(when, sizeof(when), "\"window\":%d", window);
    struct harness_process *gateway = rig_gateway_ready(rig_config(broker->uri, pty->path, when), true);
    double begin = now_ms();
    for (uint32_t i = 0; i < DRAIN_SAMPLES && atomic_load(received) < BENCH_WAITING - BENCH_WAITING / 20; i++) {
        rig_send(pty, i);
        double start = now_ms();
        ck_assert_int_eq(rig_ack(pty, HARNESS_PATIENCE), rig_crc(i));
        samples[count++] = now_ms() - start;
    }
    double rate = (double)atomic_load(received) / (now_ms() - begin) * 1000;
    (void)snprintf(when, sizeof(when), "while %d drain, window %d, %.0f a second", BENCH_WAITING, window, rate);
    print_acks(when, samples, count);
    (void)kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    (void)harness_stop(gateway, SIGKILL);
}

START_TEST(acknowledgement_while_a_backlog_drains)
{
    measure_drain(_i == 0 ? 16 : 1000);
}
END_TEST

void bench_add_latency(Suite *suite)
{
    TCase *latency_case = tcase_create("latency");
    TCase *drain_case = tcase_create("drain");

    tcase_set_timeout(latency_case, 600);
    tcase_add_test(latency_case, latency);
    tcase_add_test(latency_case, acknowledgement);
    suite_add_tcase(suite, latency_case);
    tcase_set_timeout(drain_case, 600);
    tcase_add_loop_test(drain_case, acknowledgement_while_a_backlog_drains, 0, 2);
    suite_add_tcase(suite, drain_case);
}
