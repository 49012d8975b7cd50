/* SPDX-License-Identifier: Apache-2.0 */
/* What a fleet costs the simulator, against what it may cost: N devices that boot, register and then send SESSION
 * frames, over virtual gateways into a real Mosquitto with the plugin. Up to 10,000 devices run in real time, a message
 * a minute each, on one core and in 100 MB; a larger one must come to its verdict, as fast as the broker can open its
 * frames, with no more memory a device. Prints each figure as a share of its bound, and ends with 1 where one is beyond
 * it or the run's own verdict is "failed".
 *
 *   sim_scale [DEVICES [SECONDS [SPEED]]]     10000, 120, 1; above 10,000 devices 300 and max */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REAL_TIME_MAX 10000
#define INTERVAL_S    60.0

/* The bounds, all of the simulator's process alone. */
#define MEMORY_MB 100.0  /* resident, in real time, with 10,000 devices */
#define CORES     1.0    /* in real time */
#define LAG_MS    1000.0 /* virtual time may fall behind so far, or it is not real time */

static int simulate(const char *devices, const char *seconds, const char *start, const char *interval,
                    const char *speed, const char *json)
{
    const char *const argv[] = {SELKIE_BIN_DIR "/selkie-sim",
                                "run",
                                "--devices",
                                devices,
                                "--duration",
                                seconds,
                                "--start",
                                start,
                                "--speed",
                                speed,
                                "--interval",
                                interval,
                                "--session",
                                "1",
                                "--set",
                                "fleet/register_times=1",
                                "--set",
                                "backlog=256",
                                "--set",
                                "settle_s=60",
                                "--link",
                                "mqtt",
                                "--channels",
                                "16",
                                "--bit-rate",
                                "0",
                                "--expect",
                                "lost_elsewhere=0",
                                "--expect",
                                "delivered_share=1",
                                "--json",
                                json,
                                NULL};
    pid_t pid = fork();
    int status = 1;

    if (pid == 0) {
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        perror(argv[0]);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static double get(const json_t *figures, const char *name)
{
    return json_number_value(json_object_get(figures, name));
}

/* Print a figure beside its bound. Returns whether it is within. */
static bool compare(const char *what, double is, double bound, const char *unit)
{
    printf("%-9s %9.2f of %7.2f %-22s %.2f  %s\n", what, is, bound, unit, is / bound, is <= bound ? "ok" : "BEYOND");
    return is <= bound;
}

static bool report(const json_t *figures, double devices, bool real_time)
{
    double wall_s = get(figures, "wall_s"), cpu_s = get(figures, "cpu_s"), memory_mb = get(figures, "memory_mb");
    bool within;

    printf("%.0f devices, %.0f payloads, %.0f transmissions, %.0f s of virtual time in %.0f s\n", devices,
           get(figures, "sent"), get(figures, "transmissions"), get(figures, "duration_s"), wall_s);
    printf("%.2f KB a device, %.3f ms of CPU a transmission\n", 1024 * memory_mb / devices,
           1e3 * cpu_s / get(figures, "transmissions"));
    if (real_time) {
        within = compare("memory", memory_mb, MEMORY_MB, "MB resident");
        within = compare("CPU", cpu_s / wall_s, CORES, "cores") && within;
        return compare("lag", get(figures, "clock_lag_ms"), LAG_MS, "ms behind the wall") && within;
    }
    return compare("memory", memory_mb, MEMORY_MB * devices / REAL_TIME_MAX, "MB resident");
}

int main(int argc, char **argv)
{
    const char *devices = argc > 1 ? argv[1] : "10000";
    bool large = atof(devices) > REAL_TIME_MAX;
    const char *seconds = argc > 2 ? argv[2] : large ? "300" : "120";
    const char *speed = argc > 3 ? argv[3] : large ? "max" : "1";
    char json_path[] = "/tmp/selkie-sim-scale-XXXXXX", start[32], interval[32];
    int fd = mkstemp(json_path);

    if (fd < 0) {
        perror(json_path);
        return EXIT_FAILURE;
    }
    (void)close(fd);
    /* All are on for the last third of the run; a large fleet speaks less often, since each REGISTER is one RSA
     * operation of the broker's anyway. */
    (void)snprintf(start, sizeof start, "%.0f", atof(seconds) * 2 / 3);
    (void)snprintf(interval, sizeof interval, "%.0f", large ? atof(seconds) : INTERVAL_S);
    int status = simulate(devices, seconds, start, interval, speed, json_path);
    json_t *root = json_load_file(json_path, 0, NULL), *figures = json_object_get(root, "figures");
    (void)unlink(json_path);
    if (figures == NULL) {
        fprintf(stderr, "sim_scale: the run left no figures\n");
        json_decref(root);
        return EXIT_FAILURE;
    }
    bool within = report(figures, atof(devices), strcmp(speed, "1") == 0);
    json_decref(root);
    return status == 0 && within ? EXIT_SUCCESS : EXIT_FAILURE;
}
