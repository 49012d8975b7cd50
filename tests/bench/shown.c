/* SPDX-License-Identifier: Apache-2.0 */
/* What broker-plugin/shown.h takes for a fleet: time to note all devices, to read and write its file at a start, to
 * look at all of them when Home Assistant asks; bytes of the file and of the heap. Usage: shown [devices, 100000].
 * Prints; never fails on a time. */
#include "shown.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void require(bool right, const char *what)
{
    if (right)
        return;
    (void)fprintf(stderr, "shown: %s failed\n", what);
    exit(1);
}

static void note_all(struct selkie_shown *shown, long devices)
{
    for (long i = 0; i < devices; i++) {
        const uint8_t address[SELKIE_ADDRESS_SIZE] = {
            1, 2, 3, 4, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        require(selkie_shown_set(shown, SELKIE_SHOWN_VALUES, address, "acme-th1\n[{\"name\":\"temperature\"}]") == 0 &&
                    selkie_shown_set(shown, SELKIE_SHOWN_HOME, address, "homeassistant\nsensor value_temperature\n") ==
                        0,
                "set");
    }
    selkie_shown_flush(shown);
}

int main(int argc, char *argv[])
{
    long devices = argc > 1 ? strtol(argv[1], NULL, 10) : 100000, owed = 0;
    char dir[] = "/tmp/selkie-shown-XXXXXX", path[64];
    struct selkie_shown *shown;
    struct stat file;

    require(mkdtemp(dir) != NULL, "mkdtemp");
    (void)snprintf(path, sizeof path, "%s/shown", dir);
    size_t heap = mallinfo2().uordblks;
    double at = seconds();
    require(selkie_shown_open(&shown) == 0 && selkie_shown_load(shown, dir, true) == 0, "open");
    note_all(shown, devices);
    (void)printf("%ld devices noted for the first time: %.2f s, heap %.1f MB\n", devices, seconds() - at,
                 (double)(mallinfo2().uordblks - heap) / 1e6);
    at = seconds();
    note_all(shown, devices);
    (void)printf("all the same once more: %.2f s\n", seconds() - at);
    selkie_shown_close(shown);
    require(stat(path, &file) == 0, "stat");
    at = seconds();
    require(selkie_shown_open(&shown) == 0 && selkie_shown_load(shown, dir, false) == 0, "open");
    (void)printf("read and written anew at a start: %.2f s, file %.1f MB\n", seconds() - at,
                 (double)file.st_size / 1e6);
    at = seconds();
    for (struct selkie_shown_device *device = selkie_shown_first(shown); device; device = device->hh.next)
        owed += selkie_shown_is_owed(device, SELKIE_SHOWN_HOME);
    (void)printf("looked at: %.3f s, %ld owed\n", seconds() - at, owed);
    selkie_shown_close(shown);
    (void)unlink(path);
    return rmdir(dir);
}
