/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of events of one or more MQTT clients, from Paho's threads to an event loop. Paho calls back while it holds
 * a lock that publishing takes too, so its callbacks only put an event here and wake the loop.
 *
 * Bounded: one event for each publish with `answer`, a few for each connection, and as many messages as the owner
 * allows. Further messages, and longer ones, are dropped and counted.
 *
 * The loop polls the descriptor and calls selkie_mqtt_take (mqtt_client.h). Heap. Open, take and close: the loop's
 * thread. */
#ifndef SELKIE_MQTT_QUEUE_H
#define SELKIE_MQTT_QUEUE_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_MQTT_PROPERTIES_MAX 8
#define SELKIE_MQTT_VALUE_MAX      71 /* bytes that are kept of a property's value */

enum selkie_mqtt_event_kind {
    SELKIE_MQTT_CONNECTED, /* code: how many publishes the broker takes without an answer; packet_max; text: a warning,
                              or NULL */
    SELKIE_MQTT_REFUSED,   /* the broker refused. code: MQTT reason; text: that reason in words, with the address */
    SELKIE_MQTT_UNREACHABLE,  /* no connection or no answer. text: the reason, for each address if there are several */
    SELKIE_MQTT_LOST,         /* the connection ended. code: MQTT reason where the broker gave one, else 0 */
    SELKIE_MQTT_DISCONNECTED, /* the connection was ended by selkie_mqtt_disconnect */
    SELKIE_MQTT_SUBSCRIBED,   /* code: granted QoS or MQTT reason; 0x80 and above: refused */
    SELKIE_MQTT_PUBLISHED,    /* token; code: MQTT reason of the PUBACK; 0x80 and above: refused */
    SELKIE_MQTT_MESSAGE,      /* topic, payload, retained, properties */
    SELKIE_MQTT_RESOLVED      /* inside the room: payload is a struct selkie_resolver_addresses */
};

#define SELKIE_MQTT_REFUSAL 0x80 /* MQTT reasons from here on are refusals */

struct selkie_mqtt;

struct selkie_mqtt_property {
    const char *name, *value;
};

/* All pointers but `client` and `context` point into the event's own memory. */
struct selkie_mqtt_event {
    enum selkie_mqtt_event_kind kind;
    struct selkie_mqtt *client;
    void *context;    /* the client's owner */
    unsigned attempt; /* inside the room: which Paho client it is about */
    int64_t came_us;  /* monotonic */
    int code;
    int token;
    size_t packet_max; /* SIZE_MAX: no limit */
    bool retained;
    size_t len;
    const char *topic;      /* NULL where there is none, as those below */
    const uint8_t *payload; /* `len` bytes and a NUL */
    const char *text;
    size_t property_count;
    struct selkie_mqtt_property properties[SELKIE_MQTT_PROPERTIES_MAX];
    struct selkie_mqtt_event *next;
};

/* A message to publish. */
struct selkie_mqtt_message {
    const char *topic;
    const void *payload;
    size_t len;
    int qos;
    bool retain;
    bool answer; /* PUBLISHED follows */
    bool json;   /* and says so: payload format indicator, content type */
    size_t property_count;
    struct selkie_mqtt_property properties[SELKIE_MQTT_PROPERTIES_MAX];
};

struct selkie_mqtt_queue;

struct selkie_mqtt_limits {
    size_t messages;      /* that wait at one time */
    size_t message_bytes; /* of one message's payload */
};

/* SELKIE_ENOMEM, or SELKIE_EIO with errno set. */
SELKIE_USE_RESULT int selkie_mqtt_queue_open(struct selkie_mqtt_queue **opened, struct selkie_mqtt_limits limits);
void selkie_mqtt_queue_close(struct selkie_mqtt_queue *queue); /* after its clients */

int selkie_mqtt_queue_fd(const struct selkie_mqtt_queue *queue); /* readable while there is something to take */

/* Any thread. Puts a copy. False: there is no memory, or no room for a message. */
bool selkie_mqtt_queue_put(struct selkie_mqtt_queue *queue, const struct selkie_mqtt_event *event);

/* The oldest event, for free(); NULL where there is none. */
struct selkie_mqtt_event *selkie_mqtt_queue_pop(struct selkie_mqtt_queue *queue);

/* Messages dropped since the last call. */
size_t selkie_mqtt_queue_dropped(struct selkie_mqtt_queue *queue);

/* The value of a property that was kept; NULL where the message has none of that name. */
const char *selkie_mqtt_event_property(const struct selkie_mqtt_event *event, const char *name);

/* ---- Inside the room ---- */

/* A copy of the event and all that it points to, in one piece for free(). NULL without memory. Any thread. */
struct selkie_mqtt_event *selkie_mqtt_event_copy(const struct selkie_mqtt_event *event);

/* Whether an event other than a message found no memory since the last call; the descriptor is readable then, too. */
bool selkie_mqtt_queue_missed(struct selkie_mqtt_queue *queue);

/* Drop all events of a client that is about to go. */
void selkie_mqtt_queue_forget(struct selkie_mqtt_queue *queue, const struct selkie_mqtt *client);

/* Wake the loop at this monotonic time as well; INT64_MAX: at none. The loop's thread, as what follows. */
void selkie_mqtt_queue_wake_at(struct selkie_mqtt_queue *queue, int64_t due_us);
int64_t selkie_mqtt_queue_due(const struct selkie_mqtt_queue *queue);

/* The clients of the queue, linked by the client's own member. */
struct selkie_mqtt **selkie_mqtt_queue_clients(struct selkie_mqtt_queue *queue);

#endif
