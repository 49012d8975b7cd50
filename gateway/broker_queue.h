/* SPDX-License-Identifier: Apache-2.0 */
/* What Paho's threads tell the event loop. Any thread puts; the loop takes, in order, one in a turn and at a low
 * rank: a backlog that drains must not let a device wait for its ACK.
 *
 * Bounded: one event for each publish under way (the uplink's window), a few for each connection, and at most
 * SELKIE_BROKER_MESSAGES_MAX messages; further messages are dropped: a receipt that is lost comes again when the frame
 * is sent again. */
#ifndef SELKIE_GATEWAY_BROKER_QUEUE_H
#define SELKIE_GATEWAY_BROKER_QUEUE_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#define SELKIE_BROKER_MESSAGES_MAX 256
#define SELKIE_BROKER_MESSAGE_MAX  65536 /* bytes; a longer message is dropped */
#define SELKIE_BROKER_TEXT_MAX     200
#define SELKIE_BROKER_QUEUE_RANK   20 /* sd-event's priority; behind reading the lines and storing what came */

enum selkie_broker_event_kind {
    SELKIE_BROKER_CONNECTED,  /* code: how many publishes the broker takes without an answer */
    SELKIE_BROKER_REFUSED,    /* the broker answered, and said no. code: MQTT reason */
    SELKIE_BROKER_ABSENT,     /* no connection or no answer. text: what is known */
    SELKIE_BROKER_LOST,       /* the connection ended. code: MQTT reason where the broker gave one, else 0 */
    SELKIE_BROKER_GONE,       /* the connection was ended by selkie_broker_leave */
    SELKIE_BROKER_SUBSCRIBED, /* code: MQTT reason; 0x80 and above: refused */
    SELKIE_BROKER_PUBLISHED,  /* token; code: MQTT reason of the PUBACK; 0x80 and above: refused */
    SELKIE_BROKER_MESSAGE     /* payload of len bytes on the topic that was subscribed to */
};

struct selkie_broker_event {
    enum selkie_broker_event_kind kind;
    unsigned connection; /* which one it is about: events of an earlier one are not handed on */
    int code;
    int token;
    size_t len;
    const char *payload; /* valid during the call */
    char text[SELKIE_BROKER_TEXT_MAX];
};

/* False: hand the same event on again in a later turn, there is more to do with it. */
typedef bool selkie_broker_handler(void *context, const struct selkie_broker_event *event);

struct selkie_broker_queue;

/* `handler` is called on the loop for each event. NULL after a line in the log. */
struct selkie_broker_queue *selkie_broker_queue_open(sd_event *event, selkie_broker_handler *handler, void *context);
void selkie_broker_queue_close(struct selkie_broker_queue *queue);

/* Copies the event and its payload. Without memory the event is lost: what it was about runs into its deadline. */
void selkie_broker_queue_put(struct selkie_broker_queue *queue, const struct selkie_broker_event *event);

#endif
