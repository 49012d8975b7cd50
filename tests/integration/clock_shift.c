/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program: its time of day is off by the seconds in the file that SELKIE_CLOCK_SHIFT names, as when an
 * operator or NTP sets the clock. A second number there is for the time since the boot, which nobody can set: so much
 * time has passed. The other steady clocks stay as they are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long shift(bool of_boot)
{
    const char *path = getenv("SELKIE_CLOCK_SHIFT");
    char text[64] = "", *end;
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (read(fd, text, sizeof(text) - 1) < 0)
            text[0] = '\0';
        (void)close(fd);
    }
    long long seconds = strtoll(text, &end, 10);
    return of_boot ? strtoll(end, NULL, 10) : seconds;
}

time_t time(time_t *stored)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (stored != NULL)
        *stored = now.tv_sec;
    return now.tv_sec;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME)
        now->tv_sec += (time_t)shift(clock == CLOCK_BOOTTIME);
    return result;
}
