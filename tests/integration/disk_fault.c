/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program: the disk under its files whose name has "spool.db" in it fails as the file says that
 * SELKIE_DISK_FAULT names. "writes N": each write fails with errno N. "slow N": each flush takes N milliseconds. "reads
 * N": each reading does. Else the disk works. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* The number behind this word; 0 if it is not there. */
static long fault(int fd, const char *word)
{
    const char *path = getenv("SELKIE_DISK_FAULT");
    char text[64] = "", link[64], name[512] = "";

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (!path || readlink(link, name, sizeof name - 1) < 0 || !strstr(name, "spool.db"))
        return 0;
    int control = open(path, O_RDONLY | O_CLOEXEC);
    if (control < 0 || read(control, text, sizeof text - 1) < 0)
        text[0] = '\0';
    (void)close(control);
    return strncmp(text, word, strlen(word)) == 0 ? strtol(text + strlen(word), NULL, 10) : 0;
}

static bool fails(int fd)
{
    long error = fault(fd, "writes ");

    if (error > 0)
        errno = (int)error;
    return error > 0;
}

static void wait_for_disk(int fd, const char *word)
{
    long ms = fault(fd, word);
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (ms > 0 && nanosleep(&left, &left) != 0)
        ;
}

#define REAL(name) *(void **)&real = real ? *(void **)&real : dlsym(RTLD_NEXT, #name)

ssize_t pread64(int fd, void *bytes, size_t len, off64_t at)
{
    static ssize_t (*real)(int, void *, size_t, off64_t);

    REAL(pread64);
    wait_for_disk(fd, "reads ");
    return real(fd, bytes, len, at);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t at)
{
    return pread64(fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);

    REAL(pwrite64);
    return fails(fd) ? -1 : real(fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return pwrite64(fd, bytes, len, at);
}

int ftruncate64(int fd, off64_t len)
{
    static int (*real)(int, off64_t);

    REAL(ftruncate64);
    return fails(fd) ? -1 : real(fd, len);
}

int fdatasync(int fd)
{
    static int (*real)(int);

    REAL(fdatasync);
    wait_for_disk(fd, "slow ");
    return fails(fd) ? -1 : real(fd);
}

int fsync(int fd)
{
    static int (*real)(int);

    REAL(fsync);
    wait_for_disk(fd, "slow ");
    return fails(fd) ? -1 : real(fd);
}
