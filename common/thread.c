/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/thread.h>

#include <errno.h>
#include <signal.h>
#include <time.h>

int selkie_thread_start(pthread_t *thread, void *(*run)(void *), void *context)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread inherits the mask */
    int failure = pthread_create(thread, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure ? SELKIE_ENOMEM : 0;
}

void selkie_thread_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool selkie_thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us)
{
    if (until_us == SELKIE_FOREVER)
        return pthread_cond_wait(condition, lock) == 0;
    struct timespec until = {.tv_sec = (time_t)(until_us / 1000000), .tv_nsec = (long)(until_us % 1000000 * 1000)};
    return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
}
