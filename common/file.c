/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/file.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <selkie/error_text.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_fault(mode_t mode)
{
    if (S_ISREG(mode))
        return NULL;
    if (S_ISDIR(mode))
        return strerror(EISDIR);
    if (S_ISSOCK(mode))
        return "is a socket, not a file";
    return S_ISFIFO(mode) ? "is a FIFO, not a file" : "is a device, not a file";
}

int selkie_file_open(const char *path, const char **fault)
{
    struct stat info;
    /* O_NOCTTY: a terminal that is opened by mistake does not become ours. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) /* a socket cannot be opened at all */
        *fault = errno == ENXIO && stat(path, &info) == 0 && S_ISSOCK(info.st_mode) ? kind_fault(info.st_mode)
                                                                                    : strerror(errno);
    else
        *fault = fstat(fd, &info) != 0 ? strerror(errno) : kind_fault(info.st_mode);
    if (!*fault)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* Names of users and groups; a number where there is none. */
#define NAME_SIZE 64

static const char *user_name(uid_t uid, char name[static NAME_SIZE])
{
    struct passwd entry, *found = NULL;
    char buffer[1024];

    (void)snprintf(name, NAME_SIZE, "%u", (unsigned)uid);
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
        (void)snprintf(name, NAME_SIZE, "%s", entry.pw_name);
    return name;
}

static const char *group_name(gid_t gid, char name[static NAME_SIZE])
{
    struct group entry, *found = NULL;
    char buffer[4096];

    (void)snprintf(name, NAME_SIZE, "%u", (unsigned)gid);
    if (getgrgid_r(gid, &entry, buffer, sizeof buffer, &found) == 0 && found)
        (void)snprintf(name, NAME_SIZE, "%s", entry.gr_name);
    return name;
}

static bool find_writer_of(const char *path, char text[static SELKIE_FILE_WRITER_MAX])
{
    struct stat info;
    char name[NAME_SIZE];

    if (stat(path, &info) != 0)
        return false;
    /* In a sticky folder, such as /tmp, nobody puts his file in the place of another's. */
    bool shared = S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
    if ((info.st_mode & S_IWOTH) != 0 && !shared)
        selkie_error_text_format(text, SELKIE_FILE_WRITER_MAX, "%s: everybody may write it; chmod o-w it", path);
    else if ((info.st_mode & S_IWGRP) != 0 && !shared && info.st_gid != 0)
        selkie_error_text_format(text, SELKIE_FILE_WRITER_MAX, "%s: group %s may write it; chmod g-w it", path,
                                 group_name(info.st_gid, name));
    else if (info.st_uid != 0 && info.st_uid != geteuid())
        selkie_error_text_format(text, SELKIE_FILE_WRITER_MAX,
                                 "%s: belongs to user %s, who may change it; chown it, unless the service runs as %s",
                                 path, user_name(info.st_uid, name), name);
    else
        return false;
    return true;
}

bool selkie_file_find_writer(const char *path, char text[static SELKIE_FILE_WRITER_MAX])
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = !slash ? 1 : slash == path ? 1 : (int)(slash - path);

    if (find_writer_of(path, text))
        return true;
    (void)snprintf(folder, sizeof folder, "%.*s", len, slash ? path : ".");
    return find_writer_of(folder, text);
}
