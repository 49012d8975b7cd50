/* SPDX-License-Identifier: Apache-2.0 */
/* What Paho's threads tell the simulator's one loop: a queue and an eventfd to ring. All MQTT clients of a run share
 * one.
 *
 * Bounded at SELKIE_MAILBOX_MAX letters: beyond that, letters are dropped and counted, and the run's verdict is
 * "failed", since an account with gaps is none. (A callback must not wait: Paho holds a lock meanwhile that publishing
 * takes.) put: any thread; the rest: the loop's. */
#ifndef SELKIE_SIM_MAILBOX_H
#define SELKIE_SIM_MAILBOX_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_MAILBOX_MAX 1000000u

enum selkie_letter_kind {
    SELKIE_LETTER_CONNECTED,  /* also after each reconnection */
    SELKIE_LETTER_REFUSED,    /* code: the broker's reason, or negative */
    SELKIE_LETTER_LOST,       /* the connection; Paho connects again by itself */
    SELKIE_LETTER_SUBSCRIBED, /* code: granted QoS or reason */
    SELKIE_LETTER_PUBLISHED,  /* code: the reason in the PUBACK; negative: never acknowledged */
    SELKIE_LETTER_MESSAGE
};

struct selkie_letter {
    enum selkie_letter_kind kind;
    struct selkie_mqtt *client;
    uint64_t wall_us; /* when it came in */
    int code;
    struct selkie_letter *next;
    size_t len;
    char topic[256];
    uint8_t payload[]; /* len bytes and a NUL */
};

struct selkie_mailbox;

SELKIE_USE_RESULT int selkie_mailbox_open(struct selkie_mailbox **mailbox);
void selkie_mailbox_close(struct selkie_mailbox *mailbox);

/* A new letter to fill in and put; NULL without memory. */
struct selkie_letter *selkie_letter_new(enum selkie_letter_kind kind, struct selkie_mqtt *client, size_t len);
void selkie_mailbox_put_take(struct selkie_mailbox *mailbox, struct selkie_letter *letter);

/* The oldest letter, or NULL; the caller frees it with free(). */
struct selkie_letter *selkie_mailbox_take(struct selkie_mailbox *mailbox);

/* Drop all letters of a client that is about to go. */
void selkie_mailbox_forget(struct selkie_mailbox *mailbox, const struct selkie_mqtt *client);

int selkie_mailbox_fd(const struct selkie_mailbox *mailbox); /* readable while there are letters */
uint64_t selkie_mailbox_dropped(struct selkie_mailbox *mailbox);

#endif
