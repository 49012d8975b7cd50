/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into Mosquitto: its loop waits for the network for as long as it takes, not for its next tick, which comes
 * each 100 ms in 2.0. What then happens without network traffic, something else has woken it for. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/epoll.h>

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout)
{
    static int (*real)(int, struct epoll_event *, int, int);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "epoll_wait");
    return real(fd, events, count, timeout > 0 ? -1 : timeout);
}
