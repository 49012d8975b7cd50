/* SPDX-License-Identifier: Apache-2.0 */
#include "doorbell.h"

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

struct selkie_doorbell {
    timer_t timer;
    atomic_bool rung; /* the timer is to be stopped */
    struct sigaction before;
};

static void heard(int number)
{
    (void)number;
}

int selkie_doorbell_open(struct selkie_doorbell **doorbell)
{
    struct selkie_doorbell *made = calloc(1, sizeof *made);
    struct sigaction action = {.sa_handler = heard, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};

    *doorbell = NULL;
    if (made == NULL)
        return SELKIE_ENOMEM;
    atomic_init(&made->rung, false);
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
    *doorbell = made;
    return 0;
}

void selkie_doorbell_close(struct selkie_doorbell *doorbell)
{
    if (doorbell == NULL)
        return;
    (void)timer_delete(doorbell->timer);
    (void)sigaction(SIGURG, &doorbell->before, NULL);
    free(doorbell);
}

void selkie_doorbell_ring(struct selkie_doorbell *doorbell)
{
    /* A first delay of 0 would mean "never". */
    struct itimerspec now = {.it_value = {.tv_nsec = 1}, .it_interval = {.tv_nsec = AGAIN_NS}};

    (void)timer_settime(doorbell->timer, 0, &now, NULL);
    atomic_store(&doorbell->rung, true); /* after it: a timer is never left ringing that nobody knows of */
}

void selkie_doorbell_answer(struct selkie_doorbell *doorbell)
{
    struct itimerspec never = {{0, 0}, {0, 0}};

    if (atomic_exchange(&doorbell->rung, false))
        (void)timer_settime(doorbell->timer, 0, &never, NULL);
}
