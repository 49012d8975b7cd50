/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program: its time of day is off by the seconds in the file that SELKIE_CLOCK_SHIFT names, as when an
 * operator or NTP sets the clock. The steady clocks stay as they are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long shift(void)
{
    const char *path = getenv("SELKIE_CLOCK_SHIFT");
    char text[32] = "";
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (read(fd, text, sizeof(text) - 1) < 0)
            text[0] = '\0';
        (void)close(fd);
    }
    return strtoll(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME)
        now->tv_sec += (time_t)shift();
    return result;
}
