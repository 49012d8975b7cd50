/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"

#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static int init(struct selkie_line *line)
{
    memset(line, 0, sizeof *line);
    line->fd = line->listener = -1;
    line->pending = malloc(SELKIE_LINE_PENDING_MAX);
    if (line->pending == NULL)
        selkie_say("%s", selkie_error_text(SELKIE_ENOMEM));
    return line->pending == NULL ? SELKIE_ENOMEM : 0;
}

static int fail(struct selkie_line *line, const char *what)
{
    selkie_say("%s: %s", what, strerror(errno));
    selkie_line_close(line);
    return SELKIE_EIO;
}

int selkie_line_open_pty(struct selkie_line *line, const char *link)
{
    char name[64];
    struct termios raw;
    int slave;

    if (init(line) < 0)
        return SELKIE_ENOMEM;
    if (openpty(&line->fd, &slave, name, NULL, NULL) != 0)
        return fail(line, "pseudo-terminal");
    /* Raw before anybody opens it, or the first bytes are edited as if a person had typed them. */
    int failed = tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    failed = failed != 0 || tcsetattr(slave, TCSANOW, &raw) != 0;
    (void)close(slave);
    if (failed || fcntl(line->fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(line->fd, F_SETFD, FD_CLOEXEC) != 0)
        return fail(line, name);
    (void)unlink(link);
    if (symlink(name, link) != 0)
        return fail(line, link);
    (void)snprintf(line->link, sizeof line->link, "%s", link);
    return 0;
}

static int listen_unix(struct selkie_line *line, const char *address, uint32_t number)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    (void)snprintf(name.sun_path, sizeof name.sun_path, "%.90s%u", address, number);
    (void)unlink(name.sun_path);
    line->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (line->listener < 0 || bind(line->listener, (struct sockaddr *)&name, sizeof name) != 0 ||
        listen(line->listener, 1) != 0)
        return fail(line, name.sun_path);
    (void)snprintf(line->link, sizeof line->link, "%s", name.sun_path);
    return 0;
}

static int listen_tcp(struct selkie_line *line, const char *address, uint32_t number)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char host[128], port[16];
    const int one = 1;
    const char *colon = strrchr(address, ':');

    (void)snprintf(host, sizeof host, "%.*s", colon != NULL ? (int)(colon - address) : 0, address);
    (void)snprintf(port, sizeof port, "%lu", colon != NULL ? strtoul(colon + 1, NULL, 10) + number : 0);
    int error = colon == NULL ? EAI_NONAME : getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found);
    if (error != 0) {
        selkie_say("%s: must be HOST:PORT or a path: %s", address, gai_strerror(error));
        selkie_line_close(line);
        return SELKIE_EINVAL;
    }
    line->listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed = line->listener < 0 || setsockopt(line->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
                 bind(line->listener, found->ai_addr, found->ai_addrlen) != 0 || listen(line->listener, 1) != 0;
    freeaddrinfo(found);
    return failed ? fail(line, address) : 0;
}

int selkie_line_open_socket(struct selkie_line *line, const char *address, uint32_t number)
{
    if (init(line) < 0)
        return SELKIE_ENOMEM;
    return strchr(address, '/') != NULL ? listen_unix(line, address, number) : listen_tcp(line, address, number);
}

void selkie_line_close(struct selkie_line *line)
{
    if (line->fd >= 0)
        (void)close(line->fd);
    if (line->listener >= 0)
        (void)close(line->listener);
    if (line->link[0] != '\0')
        (void)unlink(line->link);
    free(line->pending);
    memset(line, 0, sizeof *line);
    line->fd = line->listener = -1;
}

static void hang_up(struct selkie_line *line)
{
    line->live = false;
    line->pending_len = 0;
    if (line->listener >= 0 && line->fd >= 0) {
        (void)close(line->fd);
        line->fd = -1;
    }
}

static bool check_socket(struct selkie_line *line)
{
    const int one = 1;
    bool was = line->live;
    int fd = accept4(line->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        hang_up(line); /* the newest reader has the line: the one before may be half dead */
        line->fd = fd;
        line->live = true;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
                         sizeof one); /* fails on a Unix socket, where it is not needed */
        return true;
    }
    return was != line->live;
}

bool selkie_line_check(struct selkie_line *line)
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

void selkie_line_flush(struct selkie_line *line)
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

void selkie_line_write(struct selkie_line *line, const uint8_t *bytes, size_t len)
{
    if (!line->live)
        return;
    size_t room = SELKIE_LINE_PENDING_MAX - line->pending_len;
    if (len > room) {
        line->overrun += len - room;
        len = room;
    }
    memcpy(line->pending + line->pending_len, bytes, len);
    line->pending_len += len;
    selkie_line_flush(line);
}

size_t selkie_line_read(struct selkie_line *line, uint8_t *bytes, size_t size)
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

struct pollfd selkie_line_poll(const struct selkie_line *line)
{
    struct pollfd wanted = {.fd = line->live ? line->fd : line->listener, .events = POLLIN};

    if (line->live && line->pending_len > 0)
        wanted.events |= POLLOUT;
    return wanted;
}
