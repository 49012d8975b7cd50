/* SPDX-License-Identifier: Apache-2.0 */
/* What a fleet costs the simulator: N devices that boot, register and then send a SESSION frame a minute each, in real
 * time, over virtual gateways into a real Mosquitto with the plugin. Prints the simulator's own memory and CPU time as
 * a share of one core, so that the figures do not depend on how long it ran.
 *
 *   sim_scale [DEVICES [SECONDS [SPEED]]]     10000, 120, 1 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int simulate(const char *devices, const char *seconds, const char *start, const char *speed, const char *json)
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
                                "60",
                                "--session",
                                "1",
                                "--set",
                                "fleet/register_times=1",
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

int main(int argc, char **argv)
{
    const char *devices = argc > 1 ? argv[1] : "10000", *seconds = argc > 2 ? argv[2] : "120";
    const char *speed = argc > 3 ? argv[3] : "1";
    char json_path[] = "/tmp/selkie-sim-scale-XXXXXX", start[32];
    int fd = mkstemp(json_path);

    if (fd < 0) {
        perror(json_path);
        return EXIT_FAILURE;
    }
    (void)close(fd);
    /* All are on for the last third of the run. */
    (void)snprintf(start, sizeof start, "%.0f", atof(seconds) * 2 / 3);
    int status = simulate(devices, seconds, start, speed, json_path);
    json_t *root = json_load_file(json_path, 0, NULL), *figures = json_object_get(root, "figures");
    (void)unlink(json_path);
    if (figures == NULL) {
        fprintf(stderr, "sim_scale: the run left no figures\n");
        json_decref(root);
        return EXIT_FAILURE;
    }
    double memory_mb = json_number_value(json_object_get(figures, "memory_mb"));
    double cpu_s = json_number_value(json_object_get(figures, "cpu_s"));
    double virtual_s = json_number_value(json_object_get(figures, "duration_s"));
    printf("%s devices, %.0f payloads, %.0f transmissions\n", devices,
           json_number_value(json_object_get(figures, "sent")),
           json_number_value(json_object_get(figures, "transmissions")));
    printf("memory %.1f MB, %.2f KB a device\n", memory_mb, 1024 * memory_mb / atof(devices));
    printf("CPU %.2f s for a second of virtual time, %.3f ms a transmission\n", cpu_s / virtual_s,
           1e3 * cpu_s / json_number_value(json_object_get(figures, "transmissions")));
    printf("virtual time fell behind its speed by %.1f ms at most\n",
           json_number_value(json_object_get(figures, "clock_lag_ms")));
    json_decref(root);
    return status;
}
