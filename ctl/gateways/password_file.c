/* SPDX-License-Identifier: Apache-2.0 */
#include "gateways/password_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWORD_MAX 64
#define ROW_MAX      (SELKIE_GATEWAY_NAME_MAX + 1 + PASSWORD_MAX + 1)

static const char head[] = "gateway,password\n";

enum ctl_exit ctl_password_file_check(const char *path)
{
    if (access(path, F_OK) == 0)
        return ctl_fail("%s: exists already; passwords go into a new file", path);
    return errno == ENOENT ? CTL_DONE : ctl_fail("%s: %s", path, strerror(errno));
}

static enum ctl_exit fail(struct ctl_password_file *file, const char *what)
{
    file->failed = true;
    return ctl_fail("%s: %s: %s", file->path, what, strerror(errno));
}

/* A file system that cannot allocate does without. */
static enum ctl_exit reserve(struct ctl_password_file *file, size_t count)
{
    off_t room = (off_t)(sizeof head + count * ROW_MAX);
    if (fallocate(file->fd, FALLOC_FL_KEEP_SIZE, 0, room) == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
        return CTL_DONE;
    return fail(file, "no room for the passwords; nothing was sent");
}

/* The name is on the disk too. */
static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        (void)close(fd);
    return result;
}

enum ctl_exit ctl_password_file_open(struct ctl_password_file *file, const char *path, size_t count)
{
    file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file->fd < 0)
        return ctl_fail("%s: %s", path,
                        errno == EEXIST ? "exists already; passwords go into a new file" : strerror(errno));
    file->path = path;
    file->size = sizeof head;
    file->pending = malloc(file->size);
    if (!file->pending)
        return ctl_fail("out of memory");
    memcpy(file->pending, head, sizeof head);
    file->fill = sizeof head - 1;
    enum ctl_exit result = reserve(file, count);
    if (result == CTL_DONE)
        result = ctl_password_file_sync(file);
    file->rows = 0;
    return result == CTL_DONE && sync_folder(path) != 0 ? fail(file, "cannot be written") : result;
}

enum ctl_exit ctl_password_file_add(struct ctl_password_file *file, const char *gateway, const char *password)
{
    size_t len = strlen(gateway) + 1 + strlen(password) + 1;
    if (file->fill + len + 1 > file->size) {
        size_t size = 2 * file->size + len;
        char *pending = calloc(1, size);
        if (!pending)
            return ctl_fail("out of memory: the password of %s is lost", gateway);
        memcpy(pending, file->pending, file->fill);
        OPENSSL_cleanse(file->pending, file->size);
        free(file->pending);
        file->pending = pending;
        file->size = size;
    }
    (void)snprintf(file->pending + file->fill, len + 1, "%s,%s\n", gateway, password);
    file->fill += len;
    file->rows++;
    return CTL_DONE;
}

enum ctl_exit ctl_password_file_sync(struct ctl_password_file *file)
{
    size_t done = 0;
    while (done < file->fill && !file->failed) {
        ssize_t put = pwrite(file->fd, file->pending + done, file->fill - done, file->len + (off_t)done);
        if (put > 0)
            done += (size_t)put;
        else if (put == 0 || errno != EINTR)
            (void)fail(file, "cannot be written");
    }
    if (!file->failed && fsync(file->fd) != 0)
        (void)fail(file, "cannot be written");
    if (!file->failed)
        file->len += (off_t)file->fill;
    OPENSSL_cleanse(file->pending, file->size);
    file->fill = 0;
    return file->failed ? CTL_FAILED : CTL_DONE;
}

enum ctl_exit ctl_password_file_close(struct ctl_password_file *file)
{
    if (!file->path)
        return CTL_DONE;
    if (file->pending)
        OPENSSL_cleanse(file->pending, file->size);
    free(file->pending);
    bool closed = ftruncate(file->fd, file->len) == 0; /* gives back the room that was too much */
    closed = fsync(file->fd) == 0 && closed;
    closed = close(file->fd) == 0 && closed;
    if (file->rows == 0)
        (void)unlink(file->path);
    return closed || file->rows == 0 ? CTL_DONE : fail(file, "cannot be written");
}
