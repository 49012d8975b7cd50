/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

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

struct selkie_journal {
    pthread_mutex_t lock; /* guards all below */
    struct line lines[SELKIE_JOURNAL_LINES];
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

int selkie_journal_open(struct selkie_journal **journal)
{
    *journal = calloc(1, sizeof **journal);
    if (*journal == NULL)
        return SELKIE_ENOMEM;
    if (pthread_mutex_init(&(*journal)->lock, NULL) != 0) {
        free(*journal);
        *journal = NULL;
        return SELKIE_ENOMEM;
    }
    return 0;
}

void selkie_journal_close(struct selkie_journal *journal)
{
    if (journal == NULL)
        return;
    selkie_journal_flush(journal);
    (void)pthread_mutex_destroy(&journal->lock);
    free(journal);
}

void selkie_journal_write(void *context, int level, const char *line)
{
    struct selkie_journal *journal = context;

    (void)pthread_mutex_lock(&journal->lock);
    if (journal->count == SELKIE_JOURNAL_LINES) {
        journal->dropped++;
    } else {
        struct line *slot = &journal->lines[(journal->first + journal->count++) % SELKIE_JOURNAL_LINES];
        slot->level = level;
        (void)snprintf(slot->text, sizeof slot->text, "%s", line);
    }
    (void)pthread_mutex_unlock(&journal->lock);
}

/* Take the oldest line. False once there is none; then `dropped` says how many did not fit. */
static bool take(struct selkie_journal *journal, struct line *line, unsigned *dropped)
{
    bool found;

    (void)pthread_mutex_lock(&journal->lock);
    found = journal->count > 0;
    if (found) {
        *line = journal->lines[journal->first];
        journal->first = (journal->first + 1) % SELKIE_JOURNAL_LINES;
        journal->count--;
    } else {
        *dropped = journal->dropped;
        journal->dropped = 0;
    }
    (void)pthread_mutex_unlock(&journal->lock);
    return found;
}

void selkie_journal_flush(struct selkie_journal *journal)
{
    struct line line;
    unsigned dropped = 0;

    while (take(journal, &line, &dropped))
        selkie_journal_say(line.level, "%s", line.text);
    if (dropped > 0)
        selkie_journal_say(LOG_WARNING, "%u log lines were dropped", dropped);
}

void selkie_journal_say(int level, const char *format, ...)
{
    char text[LINE_MAX_SIZE * 3];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mosquitto_log_printf(mosquitto_level(level), "selkie: %s", text);
}
