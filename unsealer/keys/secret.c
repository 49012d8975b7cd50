/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MADV_DONTDUMP */
#include "keys/secret.h"
#include <selkie/error_text.h>

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/platform_util.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void *selkie_secret_alloc(size_t size)
{
    /* Pages of its own: the system locks and excludes whole pages. */
    void *secret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (secret == MAP_FAILED)
        return NULL;
    /* A limit on locked memory is no reason not to start. */
    (void)mlock(secret, size);
    (void)madvise(secret, size, MADV_DONTDUMP);
    return secret;
}

void selkie_secret_free(void *secret, size_t size)
{
    if (!secret)
        return;
    mbedtls_platform_zeroize(secret, size);
    (void)munmap(secret, size);
}

/* Why the file is refused, or NULL. */
static const char *file_fault(const struct stat *status, size_t size)
{
    if (!S_ISREG(status->st_mode))
        return "is not a regular file";
    if (status->st_mode & (S_IRWXG | S_IRWXO))
        return "group or others can access the file; make its mode 0600";
    if (status->st_size < 1)
        return "is empty";
    return (size_t)status->st_size >= size ? "is too big" : NULL;
}

int selkie_secret_read_file(const char *path, uint8_t *bytes, size_t size, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    struct stat status;
    size_t fill = 0;
    ssize_t got = 1;
    /* O_NONBLOCK: opening a FIFO must not block before it is refused. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *fault = fd < 0 || fstat(fd, &status) != 0 ? strerror(errno) : file_fault(&status, size);

    while (!fault && got != 0 && fill < size - 1) {
        got = read(fd, bytes + fill, size - 1 - fill);
        if (got > 0)
            fill += (size_t)got;
        else if (got < 0 && errno != EINTR)
            fault = strerror(errno);
    }
    bytes[fill] = 0;
    if (fd >= 0)
        (void)close(fd);
    if (fault)
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: %s", path, fault);
    return fault ? SELKIE_ECONFIG : (int)fill;
}
