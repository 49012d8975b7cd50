/* SPDX-License-Identifier: Apache-2.0 */
#include "wakeup.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define AGAIN_NS 1000000L

/* glibc before 2.39 has the field, but not its name. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct selkie_wakeup {
    timer_t timer;
    atomic_bool running; /* the timer */
    struct sigaction before;
};

static void ignore(int number)
{
    (void)number;
}

int selkie_wakeup_open(struct selkie_wakeup **wakeup)
{
    struct selkie_wakeup *made = calloc(1, sizeof *made);
    struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};

    *wakeup = NULL;
    if (!made)
        return SELKIE_ENOMEM;
    atomic_init(&made->running, false);
    event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
    if (timer_create(CLOCK_MONOTONIC, &event, &made->timer) != 0) {
        free(made);
        return SELKIE_EIO;
    }
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGURG, &action, &made->before) != 0) {
        (void)timer_delete(made->timer);
        free(made);
        return SELKIE_EIO;
    }
    *wakeup = made;
    return 0;
}

void selkie_wakeup_close(struct selkie_wakeup *wakeup)
{
    if (!wakeup)
        return;
    (void)timer_delete(wakeup->timer);
    (void)sigaction(SIGURG, &wakeup->before, NULL);
    free(wakeup);
}

void selkie_wakeup_request(struct selkie_wakeup *wakeup)
{
    /* A first delay of 0 would mean "never". */
    struct itimerspec now = {.it_value = {.tv_nsec = 1}, .it_interval = {.tv_nsec = AGAIN_NS}};

    (void)timer_settime(wakeup->timer, 0, &now, NULL);
    atomic_store(&wakeup->running, true); /* after it: so no running timer is forgotten */
}

void selkie_wakeup_done(struct selkie_wakeup *wakeup)
{
    struct itimerspec never = {{0, 0}, {0, 0}};

    if (atomic_exchange(&wakeup->running, false))
        (void)timer_settime(wakeup->timer, 0, &never, NULL);
}
