/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/file.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_fault(mode_t mode)
{
    if (S_ISREG(mode))
        return NULL;
    if (S_ISDIR(mode))
        return strerror(EISDIR);
    return S_ISFIFO(mode) ? "is a FIFO, not a file" : "is a device, not a file";
}

int selkie_file_open(const char *path, const char **fault)
{
    struct stat info;
    /* O_NOCTTY: a terminal that is opened by mistake does not become ours. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    *fault = fd < 0 || fstat(fd, &info) != 0 ? strerror(errno) : kind_fault(info.st_mode);
    if (!*fault)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}
