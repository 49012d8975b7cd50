/* SPDX-License-Identifier: Apache-2.0 */
/* A message from the broker, and the bounded queue in which Paho's thread leaves messages for ours. Heap. The queue has
 * no lock: its user holds one around each call. */
#ifndef SELKIE_CTL_MESSAGE_H
#define SELKIE_CTL_MESSAGE_H

#include <MQTTAsync.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_PROPERTIES_MAX 4

struct ctl_message {
    char *topic;
    uint8_t *payload; /* len bytes and a NUL */
    size_t len;
    bool retained;
    struct ctl_property {
        const char *name;
        char value[72];
    } properties[CTL_PROPERTIES_MAX]; /* the plugin's: counter, gateway, rx, form */
    size_t property_count;
    struct ctl_message *next; /* for the queue */
};

/* A copy of Paho's, NULL without memory. */
struct ctl_message *ctl_message_new(const char *topic, MQTTAsync_message *from);
void ctl_message_free(struct ctl_message *message);
const char *ctl_message_property(const struct ctl_message *message, const char *name); /* NULL where absent */

/* While so many wait, a further one is dropped and counted. */
#define CTL_INBOX_MAX 10000

struct ctl_inbox {
    struct ctl_message *first, **last;
    size_t waiting, dropped;
};

void ctl_inbox_init(struct ctl_inbox *inbox);
void ctl_inbox_wipe(struct ctl_inbox *inbox);
/* Takes the message; NULL counts as one that was dropped. */
void ctl_inbox_put_take(struct ctl_inbox *inbox, struct ctl_message *message);
struct ctl_message *ctl_inbox_next(struct ctl_inbox *inbox); /* NULL where it is empty */

#endif
