/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/stdout.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *name;

/* The reader of our pipe has ended: "| head" has enough. Who ignores SIGPIPE, as Paho does, lives on. */
static bool nobody_reads(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

static void check(void)
{
    bool failed = ferror(stdout) != 0, used = failed || __fpending(stdout) > 0, gone = nobody_reads();

    errno = 0;
    /* Without a stdout (">&-") there is nothing to close, which matters only if there was something to write. */
    if (fclose(stdout) != 0 && (used || errno != EBADF))
        failed = true;
    if (!failed)
        return;
    if (gone)
        _exit(128 + SIGPIPE);
    (void)fprintf(stderr, "%s: cannot write the result: %s\n", name,
                  errno != 0 ? strerror(errno) : "standard output failed");
    _exit(EXIT_FAILURE);
}

void selkie_stdout_check_at_exit(const char *program)
{
    name = program;
    (void)atexit(check);
}
