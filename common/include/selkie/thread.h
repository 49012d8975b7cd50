/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that receive no signals, and conditions that wait by the monotonic clock. Any thread. */
#ifndef SELKIE_THREAD_H
#define SELKIE_THREAD_H

#include <pthread.h>
#include <selkie/error.h>
#include <stdbool.h>
#include <stdint.h>

#define SELKIE_FOREVER INT64_MAX

/* Start a thread with all signals blocked: they are for the program's own threads. SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_thread_start(pthread_t *thread, void *(*run)(void *), void *context);

/* A condition to be waited on with selkie_thread_wait_until. */
void selkie_thread_cond_init(pthread_cond_t *condition);

/* Wait for the condition, at most until a monotonic time in us. False once that has come. */
bool selkie_thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);

#endif
