/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/key.h"
#include <selkie/error_text.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *fault_of(const struct stat *status, size_t size)
{
    if (!S_ISREG(status->st_mode))
        return "is not a regular file";
    if (status->st_mode & (S_IRWXG | S_IRWXO))
        return "others than its owner can reach it; make it mode 0600";
    if (status->st_size < 1)
        return "is empty";
    if ((size_t)status->st_size >= size)
        return "is too big to be what it should be";
    return NULL;
}

int selkie_key_read_file(const char *path, uint8_t *bytes, size_t size, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    struct stat status;
    size_t fill = 0;
    int result = SELKIE_ECONFIG;
    /* O_NONBLOCK: opening a fifo must not hang before it is refused. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &status) != 0) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: %s", path, strerror(errno));
        goto out;
    }
    const char *fault = fault_of(&status, size);
    if (fault) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: %s", path, fault);
        goto out;
    }
    while (fill < size - 1) {
        ssize_t got = read(fd, bytes + fill, size - 1 - fill);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: %s", path, strerror(errno));
            goto out;
        }
        if (got == 0)
            break;
        fill += (size_t)got;
    }
    bytes[fill] = 0;
    result = (int)fill;
out:
    if (fd >= 0)
        close(fd);
    return result;
}
