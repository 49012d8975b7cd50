/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include "harness_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static void wait_link(struct harness_process *process, const char *path)
{
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
    struct stat status;

    while (stat(path, &status) != 0) {
        ck_assert_msg(harness_alive(process) && harness_now_ms() < limit, "no pty %s:\n%s", path,
                      harness_log_tail(process));
        harness_breathe();
    }
}

struct harness_line *harness_line(const char *name)
{
    struct harness_line *line = harness_keep(sizeof *line);
    char part[64], a[300], b[300];

    (void)snprintf(part, sizeof part, "%s-a", name);
    (void)snprintf(line->a, sizeof line->a, "%s", harness_path(part));
    (void)snprintf(part, sizeof part, "%s-b", name);
    (void)snprintf(line->b, sizeof line->b, "%s", harness_path(part));
    (void)snprintf(a, sizeof a, "pty,rawer,link=%s", line->a);
    (void)snprintf(b, sizeof b, "pty,rawer,link=%s", line->b);
    const char *argv[] = {"socat", a, b, NULL};
    line->process = harness_spawn(name, argv, false);
    wait_link(line->process, line->a);
    wait_link(line->process, line->b);
    return line;
}

void harness_pty_plug(struct harness_pty *pty)
{
    struct termios raw;
    char name[64];
    int slave;

    ck_assert_int_eq(openpty(&pty->master, &slave, name, NULL, NULL), 0);
    ck_assert_int_eq(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    ck_assert_int_eq(tcsetattr(slave, TCSANOW, &raw), 0);
    (void)close(slave);
    (void)fcntl(pty->master, F_SETFD, FD_CLOEXEC);
    (void)unlink(pty->path);
    ck_assert_msg(symlink(name, pty->path) == 0, "%s: %s", pty->path, strerror(errno));
}

void harness_pty_unplug(struct harness_pty *pty)
{
    (void)unlink(pty->path);
    (void)close(pty->master);
    pty->master = -1;
}

struct harness_pty *harness_pty(const char *name)
{
    struct harness_pty *pty = harness_keep(sizeof *pty);

    (void)snprintf(pty->path, sizeof pty->path, "%s", harness_path(name));
    harness_pty_plug(pty);
    return pty;
}

void harness_pty_write(struct harness_pty *pty, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(pty->master, bytes, len);
        ck_assert_msg(wrote > 0, "%s: %s", pty->path, strerror(errno));
        bytes += wrote;
        len -= (size_t)wrote;
    }
}

size_t harness_pty_read(struct harness_pty *pty, uint8_t *bytes, size_t len, int patience_ms)
{
    int64_t limit = harness_now_ms() + patience_ms;
    size_t fill = 0;

    while (fill < len) {
        struct pollfd pollfd = {.fd = pty->master, .events = POLLIN};
        int64_t left = limit - harness_now_ms();
        if (left <= 0 || poll(&pollfd, 1, (int)left) <= 0)
            break;
        ssize_t got = read(pty->master, bytes + fill, len - fill);
        if (got <= 0) { /* EIO: nobody has the other end open just now */
            harness_breathe();
            continue;
        }
        fill += (size_t)got;
    }
    return fill;
}
