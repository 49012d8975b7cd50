/* SPDX-License-Identifier: Apache-2.0 */
#include "air/serial_line.h"

#include "core/run.h"
#include "scenario/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

/* A pty's link is known by where it points: any other symbolic link is somebody's. */
static bool points_at_pty(const char *path)
{
    static const char folder[] = "/dev/pts/";
    char target[64];

    return readlink(path, target, sizeof target) > (ssize_t)strlen(folder) &&
           memcmp(target, folder, strlen(folder)) == 0;
}

/* Take away what an earlier run left under this name, and nothing else. */
static int make_room(const char *path, mode_t kind)
{
    struct stat found;

    if (lstat(path, &found) != 0)
        return 0; /* there is nothing, or what comes next says why not */
    if ((found.st_mode & S_IFMT) != kind || (kind == S_IFLNK && !points_at_pty(path))) {
        selkie_say("%s: exists and is not a line of an earlier run; remove it or choose another name", path);
        return SELKIE_EIO;
    }
    (void)unlink(path);
    return 0;
}

static int fail(const char *what)
{
    selkie_say("%s: %s", what, strerror(errno));
    return SELKIE_EIO;
}

int selkie_sim_line_open_pty(struct selkie_sim_line *line, const char *link)
{
    char name[64];
    struct termios raw;
    int slave;

    if (openpty(&line->fd, &slave, name, NULL, NULL) != 0)
        return fail("pseudo-terminal");
    /* Raw before anybody opens it, or the first bytes are edited as if a person had typed them. */
    int failed = tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    failed = failed != 0 || tcsetattr(slave, TCSANOW, &raw) != 0;
    (void)close(slave);
    if (failed || fcntl(line->fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(line->fd, F_SETFD, FD_CLOEXEC) != 0)
        return fail(name);
    if (make_room(link, S_IFLNK) < 0)
        return SELKIE_EIO;
    if (symlink(name, link) != 0)
        return fail(link);
    (void)snprintf(line->name, sizeof line->name, "%s", link);
    line->file = S_IFLNK;
    return 0;
}

static int listen_unix(struct selkie_sim_line *line, const struct selkie_endpoint *endpoint)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    memcpy(name.sun_path, endpoint->path, sizeof name.sun_path);
    if (make_room(name.sun_path, S_IFSOCK) < 0)
        return SELKIE_EIO;
    line->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (line->listener < 0 || bind(line->listener, (struct sockaddr *)&name, sizeof name) != 0)
        return fail(name.sun_path);
    (void)snprintf(line->name, sizeof line->name, "%s", name.sun_path);
    line->file = S_IFSOCK;
    return listen(line->listener, 1) == 0 ? 0 : fail(line->name);
}

static int listen_tcp(struct selkie_sim_line *line, const struct selkie_endpoint *endpoint)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    const int one = 1;

    (void)snprintf(line->name, sizeof line->name, "%.240s:%s", endpoint->host, endpoint->port);
    int error = getaddrinfo(endpoint->host[0] != '\0' ? endpoint->host : NULL, endpoint->port, &hints, &found);
    if (error != 0) {
        selkie_say("%s: %s", line->name, gai_strerror(error));
        return SELKIE_EIO;
    }
    line->listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed = line->listener < 0 || setsockopt(line->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
                 bind(line->listener, found->ai_addr, found->ai_addrlen) != 0 || listen(line->listener, 1) != 0;
    freeaddrinfo(found);
    return failed ? fail(line->name) : 0;
}

int selkie_sim_line_open_socket(struct selkie_sim_line *line, const char *address, uint32_t number)
{
    struct selkie_endpoint endpoint;
    const char *mistake;

    if (selkie_endpoint_parse(&endpoint, address, number, &mistake) < 0) {
        selkie_say("%s: %s", address, mistake);
        return SELKIE_EINVAL;
    }
    return endpoint.is_path ? listen_unix(line, &endpoint) : listen_tcp(line, &endpoint);
}

void selkie_sim_line_close(struct selkie_sim_line *line)
{
    if (line->fd >= 0)
        (void)close(line->fd);
    if (line->listener >= 0)
        (void)close(line->listener);
    if (line->file != 0)
        (void)make_room(line->name, line->file);
}

static void hang_up(struct selkie_sim_line *line)
{
    line->live = false;
    line->pending_len = 0;
    if (line->listener >= 0 && line->fd >= 0) {
        (void)close(line->fd);
        line->fd = -1;
    }
}

static bool check_socket(struct selkie_sim_line *line)
{
    const int one = 1;
    int fd = accept4(line->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return false;
    hang_up(line); /* the newest reader has the line: the one before may be half dead */
    line->fd = fd;
    line->live = true;
    /* Fails on a Unix socket, where it is not needed. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return true;
}

bool selkie_sim_line_check(struct selkie_sim_line *line)
{
    if (line->listener >= 0)
        return check_socket(line);
    if (line->fd < 0)
        return false;
    struct pollfd poll_fd = {.fd = line->fd};
    bool live = poll(&poll_fd, 1, 0) <= 0 || (poll_fd.revents & POLLHUP) == 0;
    if (live == line->live)
        return false;
    if (live) /* what an earlier reader left unread is no news */
        (void)tcflush(line->fd, TCIOFLUSH);
    else
        hang_up(line);
    line->live = live;
    return true;
}

void selkie_sim_line_flush(struct selkie_sim_line *line)
{
    if (!line->live || line->pending_len == 0)
        return;
    ssize_t wrote = write(line->fd, line->pending, line->pending_len);
    if (wrote > 0) {
        line->pending_len -= (size_t)wrote;
        memmove(line->pending, line->pending + wrote, line->pending_len);
    } else if (wrote < 0 && errno != EAGAIN && errno != EINTR) {
        hang_up(line);
    }
}

void selkie_sim_line_write(struct selkie_sim_line *line, const uint8_t *bytes, size_t len)
{
    if (!line->live)
        return;
    size_t room = SELKIE_SIM_LINE_PENDING_MAX - line->pending_len;
    if (len > room) {
        line->overrun += len - room;
        len = room;
    }
    memcpy(line->pending + line->pending_len, bytes, len);
    line->pending_len += len;
    selkie_sim_line_flush(line);
}

size_t selkie_sim_line_read(struct selkie_sim_line *line, uint8_t *bytes, size_t size)
{
    if (!line->live)
        return 0;
    ssize_t got = read(line->fd, bytes, size);
    if (got > 0)
        return (size_t)got;
    if (line->listener >= 0 && (got == 0 || (errno != EAGAIN && errno != EINTR)))
        hang_up(line);
    return 0;
}

struct pollfd selkie_sim_line_poll(const struct selkie_sim_line *line)
{
    struct pollfd wanted = {.fd = line->live ? line->fd : line->listener, .events = POLLIN};

    if (line->live && line->pending_len > 0)
        wanted.events |= POLLOUT;
    return wanted;
}
