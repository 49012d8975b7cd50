/* SPDX-License-Identifier: Apache-2.0 */
/* How the unsealer fares with a large registry against a small one, in one run: start-up, memory, SESSION frames a
 * second with all the rules and the durable commit. Usage: registry_scale [devices, 1000000] [frames, 40000] [folder]
 */
#define _GNU_SOURCE /* asprintf */
#include <clock.h>
#include <kit/kit.h>
#include <registry.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <vectors/random.h>

#define SMALL  1000
#define WINDOW 256 /* frames under way */

static double seconds_since(int64_t start_us)
{
    return (double)(selkie_clock_monotonic_us() - start_us) / 1e6;
}

static void require(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, selkie_error_text(result));
        exit(1);
    }
}

/* A number of this process: "VmRSS" (kB) of status, "write_bytes" of io. */
static double own(const char *path, const char *field)
{
    char line[128];
    double number = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            number = atof(line + strlen(field) + 1);
    if (file)
        fclose(file);
    return number;
}

static double memory_mb(void)
{
    return own("/proc/self/status", "VmRSS") / 1024;
}

/* Devices that are bound and have sent their REGISTER: what opening one by RSA would leave. */
static void fill(const char *dir, uint32_t devices)
{
    char error[SELKIE_REGISTRY_ERROR_SIZE];
    struct selkie_registry *registry;

    require(selkie_registry_open(&registry, dir, error), error);
    for (uint32_t i = 0; i < devices; i++) {
        struct kit_device device = kit_device(i, 1);
        struct selkie_device row = {.status = SELKIE_DEVICE_ACTIVE};
        struct selkie_binding binding = {.status = SELKIE_BINDING_ACTIVE, .key_id = 1, .received = 1, .gateway = "g1"};
        const struct selkie_seen seen = {{0}, 0};
        memcpy(row.address, device.address, sizeof row.address);
        memcpy(binding.address, device.address, sizeof binding.address);
        require(selkie_mbedtls_sha256(device.id, sizeof device.id, binding.id_hash, 0), "sha256");
        require(selkie_registry_put_device(registry, &row), "device");
        require(selkie_registry_put_seen(registry, &binding, 0, &seen, 0), "seen");
        require(selkie_registry_add_binding(registry, &binding, &device.session), "binding");
        if (i % 10000 == 9999)
            require(selkie_registry_commit(registry), "commit");
    }
    require(selkie_registry_commit(registry), "commit");
    selkie_registry_close(registry);
}

struct figures {
    double start_s, memory_mb, rate;
    double cpu_us, written_kb; /* a frame */
};

static double cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void drain(struct kit_host *host)
{
    static const enum selkie_output_kind kinds[] = {SELKIE_OUTPUT_PAYLOAD, SELKIE_OUTPUT_STATE, SELKIE_OUTPUT_EVENT};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (unsigned left = kit_waiting(host, kinds[i]); left > 0; left--)
            selkie_output_free(kit_next(host, kinds[i]));
    kit_delivered(host);
}

static struct figures run(const char *dir, uint32_t devices, unsigned frames)
{
    const struct selkie_unsealer_options options = {.state_dir = dir};
    struct figures figures;
    struct test_random random = {1};
    uint32_t *counters = calloc(devices, sizeof *counters);
    struct kit_body *bodies = calloc(frames, sizeof *bodies);

    for (unsigned i = 0; i < frames; i++) {
        uint32_t number = (uint32_t)test_random_below(&random, devices);
        struct kit_device device = kit_device(number, 1);
        device.counter = ++counters[number];
        bodies[i] = kit_session(&device, "a reading of 16!");
    }
    free(counters);
    double before_mb = memory_mb();

    int64_t start_us = selkie_clock_monotonic_us();
    struct kit_host *host = kit_open(&options);
    kit_receipt(host, kit_submit(host, &bodies[0], 0));
    figures.start_s = seconds_since(start_us);

    double cpu = cpu_s(), written = own("/proc/self/io", "write_bytes");
    start_us = selkie_clock_monotonic_us();
    uint64_t last = 0;
    for (unsigned i = 1; i < frames; i++) {
        last = kit_submit(host, &bodies[i], 0);
        if (last > WINDOW) {
            kit_receipt(host, last - WINDOW);
            drain(host);
        }
    }
    kit_receipt(host, last);
    figures.rate = (frames - 1) / seconds_since(start_us);
    figures.memory_mb = memory_mb() - before_mb;
    figures.cpu_us = (cpu_s() - cpu) * 1e6 / frames;
    figures.written_kb = (own("/proc/self/io", "write_bytes") - written) / 1024 / frames;
    char *stats = selkie_unsealer_stats(kit_unsealer(host));
    if (getenv("STATS"))
        printf("%s\n", stats);
    free(stats);
    kit_close(host);
    free(bodies);
    return figures;
}

static void print(uint32_t devices, const struct figures *figures)
{
    printf("%10u %12.2f %12.0f %14.0f %14.1f %14.2f\n", devices, figures->start_s, figures->memory_mb, figures->rate,
           figures->cpu_us, figures->written_kb);
}

int main(int argc, char **argv)
{
    uint32_t large = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    unsigned frames = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 40000;

    if (argc > 3)
        setenv("TMPDIR", argv[3], 1);
    kit_root_make();
    const char *small_dir = kit_dir(), *large_dir = kit_dir();
    fill(small_dir, SMALL);
    int64_t start_us = selkie_clock_monotonic_us();
    fill(large_dir, large);
    printf("filling %u devices: %.0f s\n", large, seconds_since(start_us));

    struct figures small = run(small_dir, SMALL, frames), big = run(large_dir, large, frames);
    printf("%10s %12s %12s %14s %14s %14s\n", "devices", "start-up s", "memory MB", "SESSION/s", "CPU us/frame",
           "kB/frame");
    print(SMALL, &small);
    print(large, &big);
    printf("rate with %u devices / rate with %d: %.2f\n", large, SMALL, big.rate / small.rate);
    kit_root_remove();
    return 0;
}
