/* SPDX-License-Identifier: Apache-2.0 */
/* What a large registry costs the whole broker, against a small one in the same run: start-up, memory, SESSION and
 * SEALED frames a second with all the rules and the durable commit. Twice for the large one, once it has been read
 * through: by as many senders as the small one has, which shows what its size costs; and by all of its devices, where
 * nearly each frame also brings a retained state of its own.
 * Usage: [TMPDIR=folder] scale [devices, 1000000]. Prints; passes no judgement. */
#include "frames.h"
#include "pump.h"

#include "registry/registry.h"
#include <selkie/mbedtls.h>
#include <selkie/session.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <vectors/test_random.h>

#define RULES "\"gateways\":\"any\",\"workers\":2"

enum {
    SMALL = 1000,
    ROUNDS = 9,
    FRAMES = 6000, /* SESSION, in a round */
    SEALED = 250,
    WINDOW = 160 * PUMP_GATEWAYS,
    PAYLOAD = 16,
    BODY = SELKIE_SESSION_OVERHEAD + PAYLOAD
};

static uint32_t large = 1000000;

/* One broker and its fleet. */
struct side {
    uint32_t devices;
    uint32_t *counters; /* of each one's last message */
    struct test_random random;
    char state[256];
    struct harness_broker *broker;
    struct pump *pump;
    double start_s, examined_s, memory_mb;
};

/* What is sent to a broker: by so many of its devices, spread evenly over the registry. */
struct load {
    const char *name;
    struct side *side;
    uint32_t senders;
    double session_rate[ROUNDS], sealed_rate[ROUNDS];
};

/* Devices that are bound and have sent their REGISTER: what opening one by RSA would leave. */
static void fill(const struct side *side)
{
    char error[SELKIE_REGISTRY_ERROR_SIZE];
    struct selkie_registry *registry;

    ck_assert_msg(selkie_registry_open(&registry, side->state, true, error) == 0, "%s", error);
    for (uint32_t i = 0; i < side->devices; i++) {
        struct frames_device device = frames_device(i);
        struct selkie_session session;
        struct selkie_device_record row = {.status = SELKIE_DEVICE_ACTIVE};
        struct selkie_binding binding = {.status = SELKIE_BINDING_ACTIVE, .key_id = 1, .received = 1, .gateway = "gw1"};
        const struct selkie_seen seen = {.digest = {0}};
        memcpy(row.address, device.address, sizeof row.address);
        memcpy(binding.address, device.address, sizeof binding.address);
        ck_assert_int_eq(selkie_session_derive(&session, device.address, device.id), 0);
        ck_assert_int_eq(selkie_mbedtls_sha256(device.id, sizeof device.id, binding.id_hash, 0), 0);
        ck_assert_int_eq(selkie_registry_put_device(registry, &row), 0);
        ck_assert_int_eq(selkie_registry_put_seen(registry, &binding, 0, &seen, 0), 0);
        ck_assert_int_eq(selkie_registry_add_binding(registry, &binding, &session), 0);
        if (i % 10000 == 9999)
            ck_assert_int_eq(selkie_registry_commit(registry), 0);
    }
    ck_assert_int_eq(selkie_registry_commit(registry), 0);
    selkie_registry_close(registry);
}

/* A number in kB of a process's status. */
static double memory_mb(pid_t pid, const char *field)
{
    char path[64], line[128];
    double kb = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            kb = atof(line + strlen(field) + 1);
    if (file)
        (void)fclose(file);
    return kb / 1024;
}

/* The time that a process has used, in clock ticks. */
static unsigned long used_ticks(pid_t pid)
{
    char path[64], line[1024];
    unsigned long user = 0, kernel = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    if (fgets(line, sizeof line, file))
        (void)sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
    (void)fclose(file);
    return user + kernel;
}

/* A broker that nobody is connected to works as long as it reads its registry through. */
static void await_examined(pid_t pid)
{
    unsigned long before = 0, now = used_ticks(pid);

    while (now - before > 10) {
        (void)poll(NULL, 0, 1000);
        before = now;
        now = used_ticks(pid);
    }
}

static void open_side(struct side *side, const char *name)
{
    char lines[1024];

    (void)snprintf(side->state, sizeof side->state, "%s", harness_path(name));
    ck_assert_int_eq(mkdir(side->state, 0700), 0);
    side->counters = calloc(side->devices, sizeof *side->counters);
    ck_assert_ptr_nonnull(side->counters);
    side->random = (struct test_random){side->devices};
    fill(side);
    (void)snprintf(lines, sizeof lines, "%splugin %s\nplugin_opt_config_file %s\n", PUMP_BROKER,
                   harness_program("mosquitto_selkie.so"),
                   harness_write("scale.json", 0600,
                                 "{\"state_dir\":\"%s\",\"create\":true,\"keys\":[{\"id\":1,\"file\":\"%s\"}],%s}",
                                 side->state, harness_private_key(), RULES));
    int64_t start = pump_now_us();
    side->broker = harness_broker(lines);
    side->start_s = (double)(pump_now_us() - start) / 1e6;
    await_examined(side->broker->process->pid);
    side->examined_s = (double)(pump_now_us() - start) / 1e6;
    side->pump = pump_open(side->broker, "selkie/device/+/up", true);
}

/* The next message of a sender drawn at random among those that the gateway of a round's i-th frame hears. */
static struct frames_device draw(const struct load *load, size_t i)
{
    struct side *side = load->side;
    uint32_t sender = (uint32_t)test_random_below(&side->random, load->senders / PUMP_GATEWAYS) * PUMP_GATEWAYS +
                      (uint32_t)(i % PUMP_GATEWAYS);
    uint32_t number = sender * (side->devices / load->senders);
    struct frames_device device = frames_device(number);

    device.counter = ++side->counters[number];
    return device;
}

static void round_of(struct load *load, size_t round)
{
    static uint8_t sessions[FRAMES][BODY], sealed[SEALED][SELKIE_SEALED_SIZE];
    const uint8_t payload[PAYLOAD] = "0123456789abcde";

    for (size_t i = 0; i < FRAMES; i++) {
        struct frames_device device = draw(load, i);
        struct selkie_session session;
        ck_assert_int_eq(selkie_session_derive(&session, device.address, device.id), 0);
        ck_assert_int_eq(selkie_session_seal(sessions[i], BODY, &session, device.counter, payload, PAYLOAD), BODY);
    }
    load->session_rate[round] = FRAMES * 1e6 / (double)pump_run(load->side->pump, sessions[0], BODY, FRAMES, WINDOW);
    for (size_t i = 0; i < SEALED; i++) {
        struct frames_device device = draw(load, i);
        harness_seal_data(sealed[i], device.address, device.id, device.counter, "0123456789abcde");
    }
    load->sealed_rate[round] =
        SEALED * 1e6 / (double)pump_run(load->side->pump, sealed[0], SELKIE_SEALED_SIZE, SEALED, WINDOW);
}

static int compare(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof values[0], compare);
    return values[ROUNDS / 2];
}

static void print_ratio(const char *form, const struct load *load, const double *rates, const double *base)
{
    double ratios[ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++)
        ratios[i] = rates[i] / base[i];
    double middle = median(ratios); /* which sorts them */
    printf("%s, %s, against %d devices: median %.2f of %d rounds (%.2f to %.2f)\n", form, load->name, SMALL, middle,
           ROUNDS, ratios[0], ratios[ROUNDS - 1]);
}

START_TEST(figures)
{
    struct side small = {.devices = SMALL}, big = {.devices = large};
    struct side *sides[] = {&small, &big};
    struct load loads[] = {{.name = "the small registry", .side = &small, .senders = SMALL},
                           {.name = "as many senders in the large registry", .side = &big, .senders = SMALL},
                           {.name = "all of the large registry sending", .side = &big, .senders = large}};

    open_side(&small, "small");
    open_side(&big, "large");
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
            round_of(&loads[i], round);

    for (size_t i = 1; i < sizeof loads / sizeof *loads; i++) {
        print_ratio("SESSION", &loads[i], loads[i].session_rate, loads[0].session_rate);
        print_ratio("SEALED", &loads[i], loads[i].sealed_rate, loads[0].sealed_rate);
    }
    printf("%10s %12s %12s %20s\n", "devices", "start-up s", "examined s", "broker's memory MB");
    for (size_t i = 0; i < 2; i++) {
        struct side *side = sides[i];
        side->memory_mb = memory_mb(side->broker->process->pid, "VmHWM:");
        printf("%10u %12.2f %12.1f %20.0f\n", side->devices, side->start_s, side->examined_s, side->memory_mb);
        pump_close(side->pump);
        ck_assert_int_eq(harness_stop(side->broker->process, SIGTERM), 0);
        free(side->counters);
    }
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("scale");
    TCase *tcase = tcase_create("scale");

    if (argc > 1)
        large = (uint32_t)strtoul(argv[1], NULL, 10);
    tcase_set_timeout(tcase, 3600);
    tcase_add_test(tcase, figures);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
