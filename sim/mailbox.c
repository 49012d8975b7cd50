/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox.h"

#include "wall.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct selkie_mailbox {
    pthread_mutex_t lock; /* over all below */
    struct selkie_letter *first, **last;
    size_t count;
    uint64_t dropped;
    int bell;
};

int selkie_mailbox_open(struct selkie_mailbox **mailbox)
{
    struct selkie_mailbox *opened = calloc(1, sizeof *opened);

    *mailbox = NULL;
    if (opened == NULL)
        return SELKIE_ENOMEM;
    opened->last = &opened->first;
    opened->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (opened->bell < 0 || pthread_mutex_init(&opened->lock, NULL) != 0) {
        if (opened->bell >= 0)
            (void)close(opened->bell);
        free(opened);
        return SELKIE_EIO;
    }
    *mailbox = opened;
    return 0;
}

void selkie_mailbox_close(struct selkie_mailbox *mailbox)
{
    if (mailbox == NULL)
        return;
    for (struct selkie_letter *letter; (letter = selkie_mailbox_take(mailbox)) != NULL;)
        free(letter);
    (void)pthread_mutex_destroy(&mailbox->lock);
    (void)close(mailbox->bell);
    free(mailbox);
}

struct selkie_letter *selkie_letter_new(enum selkie_letter_kind kind, struct selkie_mqtt *client, size_t len)
{
    struct selkie_letter *letter = malloc(sizeof *letter + len + 1);

    if (letter == NULL)
        return NULL;
    *letter = (struct selkie_letter){.kind = kind, .client = client, .wall_us = selkie_wall_us(), .len = len};
    letter->payload[len] = '\0';
    return letter;
}

void selkie_mailbox_put_take(struct selkie_mailbox *mailbox, struct selkie_letter *letter)
{
    const uint64_t one = 1;

    (void)pthread_mutex_lock(&mailbox->lock);
    bool full = mailbox->count == SELKIE_MAILBOX_MAX;
    bool was_empty = mailbox->count == 0;
    if (full) {
        mailbox->dropped++;
    } else {
        *mailbox->last = letter;
        mailbox->last = &letter->next;
        mailbox->count++;
    }
    /* Under the lock, so that the bell never rings late for a queue that was emptied meanwhile. */
    if (was_empty && write(mailbox->bell, &one, sizeof one) < 0)
        mailbox->dropped++; /* cannot happen: the counter of an eventfd does not overflow by ones */
    (void)pthread_mutex_unlock(&mailbox->lock);
    if (full)
        free(letter);
}

/* Under the lock: the bell rings while, and only while, there are letters. */
static void unlink_letter(struct selkie_mailbox *mailbox, struct selkie_letter **link)
{
    uint64_t rings;

    if ((*link)->next == NULL)
        mailbox->last = link;
    *link = (*link)->next;
    if (--mailbox->count == 0)
        (void)!read(mailbox->bell, &rings, sizeof rings);
}

struct selkie_letter *selkie_mailbox_take(struct selkie_mailbox *mailbox)
{
    (void)pthread_mutex_lock(&mailbox->lock);
    struct selkie_letter *letter = mailbox->first;
    if (letter != NULL)
        unlink_letter(mailbox, &mailbox->first);
    (void)pthread_mutex_unlock(&mailbox->lock);
    return letter;
}

void selkie_mailbox_forget(struct selkie_mailbox *mailbox, const struct selkie_mqtt *client)
{
    (void)pthread_mutex_lock(&mailbox->lock);
    for (struct selkie_letter **link = &mailbox->first; *link != NULL;) {
        struct selkie_letter *letter = *link;
        if (letter->client != client) {
            link = &letter->next;
            continue;
        }
        unlink_letter(mailbox, link);
        free(letter);
    }
    (void)pthread_mutex_unlock(&mailbox->lock);
}

int selkie_mailbox_fd(const struct selkie_mailbox *mailbox)
{
    return mailbox->bell;
}

uint64_t selkie_mailbox_dropped(struct selkie_mailbox *mailbox)
{
    (void)pthread_mutex_lock(&mailbox->lock);
    uint64_t dropped = mailbox->dropped;
    (void)pthread_mutex_unlock(&mailbox->lock);
    return dropped;
}
