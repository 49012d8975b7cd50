/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <selkie/tty_user.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FILE_MAX 4096 /* of a file in /proc; what follows is not looked at */

static bool is_device(int folder, const char *path, dev_t device)
{
    struct stat status;

    errno = 0;
    return fstatat(folder, path, &status, 0) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == device;
}

/* A small file of a process, NUL-terminated; its length. */
static size_t read_file(int process, const char *name, char text[static FILE_MAX])
{
    int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, text, FILE_MAX - 1);

    if (fd >= 0)
        (void)close(fd);
    text[len > 0 ? len : 0] = '\0';
    return len > 0 ? (size_t)len : 0;
}

/* 1: one of its open files is the device, 0: none is, -1: they cannot be seen. */
static int has_open(int process, dev_t device)
{
    int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *file;
    bool found = false, hidden = false;

    if (!files) {
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    while (!found && (file = readdir(files)))
        if (isdigit((unsigned char)file->d_name[0])) {
            found = is_device(dirfd(files), file->d_name, device);
            hidden = hidden || errno == EACCES || errno == EPERM;
        }
    (void)closedir(files);
    return found ? 1 : hidden ? -1 : 0;
}

/* Field 7 of /proc/PID/stat; the name in field 2 may contain anything but ends at the last bracket. */
static bool is_its_terminal(int process, dev_t device)
{
    char text[FILE_MAX];
    int terminal = 0;

    (void)read_file(process, "stat", text);
    const char *behind = strrchr(text, ')');
    if (!behind || sscanf(behind + 1, " %*c %*d %*d %*d %d", &terminal) != 1 || terminal == 0)
        return false;
    unsigned number = (unsigned)terminal;
    return makedev(number >> 8 & 0xFFF, (number & 0xFF) | (number >> 12 & 0xFFF00)) == device;
}

/* agetty has "ttyAMA0" there, others the path. */
static bool is_in_command(int process, dev_t device)
{
    char text[FILE_MAX], path[FILE_MAX + 8];
    size_t len = read_file(process, "cmdline", text);

    for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
        (void)snprintf(path, sizeof path, "%s%s", text[at] == '/' ? "" : "/dev/", text + at);
        if (text[at] != '\0' && is_device(AT_FDCWD, path, device))
            return true;
    }
    return false;
}

static bool uses(int process, dev_t device)
{
    int open = has_open(process, device);

    return open >= 0 ? open == 1 : is_its_terminal(process, device) || is_in_command(process, device);
}

bool selkie_tty_find_user(char text[static SELKIE_TTY_USER_MAX], dev_t device)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    bool found = false;

    while (processes && !found && (entry = readdir(processes))) {
        long pid = strtol(entry->d_name, NULL, 10);
        int process = pid > 0 && pid != getpid()
                          ? openat(dirfd(processes), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                          : -1;
        if (process < 0)
            continue;
        found = uses(process, device);
        if (found) {
            char name[FILE_MAX];
            (void)read_file(process, "comm", name);
            name[strcspn(name, "\n")] = '\0';
            for (char *at = name; *at; at++) /* a name may be any bytes */
                if (*at < ' ' || *at > '~')
                    *at = '?';
            (void)snprintf(text, SELKIE_TTY_USER_MAX, "%.32s (process %ld)", name, pid);
        }
        (void)close(process);
    }
    if (processes)
        (void)closedir(processes);
    return found;
}
