/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* statx, O_PATH */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <linux/openat2.h>
#include <selkie/tty_user.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PROC_TEXT_MAX 4096 /* of a file in /proc; what follows is not looked at */
#define ANCESTORS_MAX 64
#define DEV           "/dev/"
#define PTS           "pts/"

static bool is_pseudo_terminal(dev_t device)
{
    return major(device) >= UNIX98_PTY_SLAVE_MAJOR && major(device) < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT;
}

/* Both ask no server of a network or user's file system: this runs on the thread that feeds the watchdog. */
static bool is_device(int folder, const char *path, int flags, dev_t device)
{
    struct statx status;

    return statx(folder, path, flags | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE, &status) == 0 &&
           S_ISCHR(status.stx_mode) && makedev(status.stx_rdev_major, status.stx_rdev_minor) == device;
}

/* A name below /dev, looked up without ever leaving that file system: anybody may mount his own, or place a link, in
 * /dev/shm. */
static bool names_device(const char *name, dev_t device)
{
    bool pts = strncmp(name, PTS, strlen(PTS)) == 0;
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
    int folder = open(pts ? DEV PTS : DEV, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0)
        return false;
    int fd = (int)syscall(SYS_openat2, folder, pts ? name + strlen(PTS) : name, &how, sizeof how);
    bool found = fd >= 0 && is_device(fd, "", AT_EMPTY_PATH, device);
    if (fd >= 0)
        (void)close(fd);
    (void)close(folder);
    return found;
}

/* A small file of a process, NUL-terminated; its length. */
static size_t read_file(int process, const char *name, char text[static PROC_TEXT_MAX])
{
    int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, text, PROC_TEXT_MAX - 1);

    if (fd >= 0)
        (void)close(fd);
    text[len > 0 ? len : 0] = '\0';
    return len > 0 ? (size_t)len : 0;
}

/* Whether an open file is the other end of this pseudo-terminal. */
static bool is_master(int process, const char *file, dev_t device)
{
    char name[32], text[PROC_TEXT_MAX];
    unsigned index;

    (void)snprintf(name, sizeof name, "fdinfo/%.20s", file);
    (void)read_file(process, name, text);
    const char *line = strstr(text, "tty-index:");
    return line && sscanf(line, "tty-index: %u", &index) == 1 &&
           index == minor(device) + 256 * (major(device) - UNIX98_PTY_SLAVE_MAJOR);
}

/* 1: one of its open files is the device, 0: none is, -1: they cannot be seen. A process that has both ends of a
 * pseudo-terminal does not use it: it is the cable, such as socat, and keeps our end open so that the other one lasts.
 */
static int has_open(int process, dev_t device)
{
    const dev_t multiplexer = makedev(TTYAUX_MAJOR, 2);
    int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *file;
    bool found = false, hidden = false, cable = false;
    char target[sizeof DEV];

    if (!files) {
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    while (!cable && (!found || is_pseudo_terminal(device)) && (file = readdir(files))) {
        if (!isdigit((unsigned char)file->d_name[0]))
            continue;
        ssize_t len = readlinkat(dirfd(files), file->d_name, target, sizeof target);
        hidden = hidden || (len < 0 && (errno == EACCES || errno == EPERM));
        if (len != (ssize_t)sizeof target || memcmp(target, DEV, strlen(DEV)) != 0)
            continue;
        found = found || is_device(dirfd(files), file->d_name, 0, device);
        cable = is_pseudo_terminal(device) && is_device(dirfd(files), file->d_name, 0, multiplexer) &&
                is_master(process, file->d_name, device);
    }
    (void)closedir(files);
    return cable ? 0 : found ? 1 : hidden ? -1 : 0;
}

/* From /proc/PID/stat: its parent is field 4, its terminal field 7. The name in field 2 may contain anything but ends
 * at the last bracket. False: the process is gone. */
static bool read_stat(int process, int *parent, int *terminal)
{
    char text[PROC_TEXT_MAX];

    (void)read_file(process, "stat", text);
    const char *behind = strrchr(text, ')');
    return behind && sscanf(behind + 1, " %*c %d %*d %*d %d", parent, terminal) == 2;
}

static bool is_its_terminal(int process, dev_t device)
{
    int parent, terminal;

    if (!read_stat(process, &parent, &terminal) || terminal == 0)
        return false;
    unsigned number = (unsigned)terminal;
    return makedev(number >> 8 & 0xFFF, (number & 0xFF) | (number >> 12 & 0xFFF00)) == device;
}

/* agetty has "ttyAMA0" there, others the path. */
static bool is_in_command(int process, dev_t device)
{
    char text[PROC_TEXT_MAX];
    size_t len = read_file(process, "cmdline", text);

    for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
        const char *name = text + at;
        if (strncmp(name, DEV, strlen(DEV)) == 0)
            name += strlen(DEV);
        if (name[0] != '\0' && name[0] != '/' && names_device(name, device))
            return true;
    }
    return false;
}

/* The processes that started this one, up to the first. */
struct ancestors {
    size_t count;
    long list[ANCESTORS_MAX];
};

static void find_ancestors(struct ancestors *ancestors, int processes)
{
    int terminal, pid = (int)getppid();

    for (ancestors->count = 0; pid > 0 && ancestors->count < ANCESTORS_MAX;) {
        char name[16];
        ancestors->list[ancestors->count++] = pid;
        (void)snprintf(name, sizeof name, "%d", pid);
        int process = openat(processes, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (process < 0 || !read_stat(process, &pid, &terminal))
            pid = 0;
        if (process >= 0)
            (void)close(process);
    }
}

static bool has(const struct ancestors *ancestors, long pid)
{
    size_t i = 0;

    while (i < ancestors->count && ancestors->list[i] != pid)
        i++;
    return i < ancestors->count;
}

static enum selkie_tty_use use_of(int process, bool is_ancestor, dev_t device)
{
    int open = has_open(process, device);

    if (open == 1 || (open < 0 && is_its_terminal(process, device)))
        return SELKIE_TTY_USED;
    return open < 0 && !is_ancestor && is_in_command(process, device) ? SELKIE_TTY_NAMED : SELKIE_TTY_UNUSED;
}

static void format(char text[static SELKIE_TTY_USER_MAX], int process, long pid)
{
    char name[PROC_TEXT_MAX];

    (void)read_file(process, "comm", name);
    name[strcspn(name, "\n")] = '\0';
    for (char *at = name; *at; at++) /* a name may be any bytes */
        if (*at < ' ' || *at > '~')
            *at = '?';
    (void)snprintf(text, SELKIE_TTY_USER_MAX, "%.32s (process %ld)", name, pid);
}

enum selkie_tty_use selkie_tty_find_user(char text[static SELKIE_TTY_USER_MAX], dev_t device)
{
    enum selkie_tty_use found = SELKIE_TTY_UNUSED;
    DIR *processes = opendir("/proc");
    struct ancestors ancestors;
    struct dirent *entry;

    if (!processes)
        return found;
    find_ancestors(&ancestors, dirfd(processes));
    while (found != SELKIE_TTY_USED && (entry = readdir(processes))) {
        long pid = strtol(entry->d_name, NULL, 10);
        int process = pid > 0 && pid != getpid()
                          ? openat(dirfd(processes), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                          : -1;
        if (process < 0)
            continue;
        enum selkie_tty_use use = use_of(process, has(&ancestors, pid), device);
        if (use > found) {
            format(text, process, pid);
            found = use;
        }
        (void)close(process);
    }
    (void)closedir(processes);
    return found;
}
