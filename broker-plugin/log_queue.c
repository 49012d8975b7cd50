/* SPDX-License-Identifier: Apache-2.0 */
#include "log_queue.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#define LINE_MAX_SIZE 400

struct line {
    int level;
    char text[LINE_MAX_SIZE];
};

struct selkie_log_queue {
    pthread_mutex_t lock; /* guards all below */
    struct line lines[SELKIE_LOG_QUEUE_LINES];
    unsigned first, count, dropped;
};

static int mosquitto_level(int level)
{
    if (level <= LOG_ERR)
        return MOSQ_LOG_ERR;
    switch (level) {
    case LOG_WARNING:
        return MOSQ_LOG_WARNING;
    case LOG_NOTICE:
        return MOSQ_LOG_NOTICE;
    case LOG_INFO:
        return MOSQ_LOG_INFO;
    default:
        return MOSQ_LOG_DEBUG;
    }
}

int selkie_log_queue_open(struct selkie_log_queue **log_queue)
{
    *log_queue = calloc(1, sizeof **log_queue);
    if (!*log_queue)
        return SELKIE_ENOMEM;
    if (pthread_mutex_init(&(*log_queue)->lock, NULL) != 0) {
        free(*log_queue);
        *log_queue = NULL;
        return SELKIE_ENOMEM;
    }
    return 0;
}

void selkie_log_queue_close(struct selkie_log_queue *log_queue)
{
    if (!log_queue)
        return;
    selkie_log_queue_flush(log_queue);
    (void)pthread_mutex_destroy(&log_queue->lock);
    free(log_queue);
}

void selkie_log_queue_write(void *context, int level, const char *line)
{
    struct selkie_log_queue *log_queue = context;

    (void)pthread_mutex_lock(&log_queue->lock);
    if (log_queue->count == SELKIE_LOG_QUEUE_LINES) {
        log_queue->dropped++;
    } else {
        struct line *slot = &log_queue->lines[(log_queue->first + log_queue->count++) % SELKIE_LOG_QUEUE_LINES];
        slot->level = level;
        (void)snprintf(slot->text, sizeof slot->text, "%s", line);
    }
    (void)pthread_mutex_unlock(&log_queue->lock);
}

/* Take the oldest line. False once there is none; then `dropped` says how many did not fit. */
static bool take(struct selkie_log_queue *log_queue, struct line *line, unsigned *dropped)
{
    bool found;

    (void)pthread_mutex_lock(&log_queue->lock);
    found = log_queue->count > 0;
    if (found) {
        *line = log_queue->lines[log_queue->first];
        log_queue->first = (log_queue->first + 1) % SELKIE_LOG_QUEUE_LINES;
        log_queue->count--;
    } else {
        *dropped = log_queue->dropped;
        log_queue->dropped = 0;
    }
    (void)pthread_mutex_unlock(&log_queue->lock);
    return found;
}

void selkie_log_queue_flush(struct selkie_log_queue *log_queue)
{
    struct line line;
    unsigned dropped = 0;

    while (take(log_queue, &line, &dropped))
        selkie_plugin_log(line.level, "%s", line.text);
    if (dropped > 0)
        selkie_plugin_log(LOG_WARNING, "%u log lines were dropped", dropped);
}

void selkie_plugin_log(int level, const char *format, ...)
{
    char text[LINE_MAX_SIZE * 3];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mosquitto_log_printf(mosquitto_level(level), "selkie: %s", text);
}
