/* SPDX-License-Identifier: Apache-2.0 */
/* The events that Paho's threads report to the simulator's one loop: a queue and an eventfd. All MQTT clients of a run
 * share one.
 *
 * Bounded at SELKIE_SIM_EVENT_QUEUE_MAX events: beyond that, events are dropped and counted, and the run's verdict is
 * "failed", since an account with gaps is none. (A callback must not wait: Paho holds a lock meanwhile that publishing
 * takes.) put: any thread; the rest: the loop's. */
#ifndef SELKIE_SIM_EVENT_QUEUE_H
#define SELKIE_SIM_EVENT_QUEUE_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_SIM_EVENT_QUEUE_MAX 1000000u

enum selkie_sim_event_kind {
    SELKIE_SIM_EVENT_CONNECTED,  /* also after each reconnection */
    SELKIE_SIM_EVENT_REFUSED,    /* code: the broker's reason, or negative */
    SELKIE_SIM_EVENT_LOST,       /* the connection; Paho connects again by itself */
    SELKIE_SIM_EVENT_SUBSCRIBED, /* code: granted QoS or reason */
    SELKIE_SIM_EVENT_PUBLISHED,  /* code: the reason in the PUBACK; negative: never acknowledged */
    SELKIE_SIM_EVENT_MESSAGE
};

struct selkie_sim_event {
    enum selkie_sim_event_kind kind;
    struct selkie_mqtt *client;
    uint64_t wall_us; /* when it came in */
    int code;
    struct selkie_sim_event *next;
    size_t len;
    char topic[256];
    uint8_t payload[]; /* len bytes and a NUL */
};

struct selkie_sim_event_queue;

SELKIE_USE_RESULT int selkie_sim_event_queue_open(struct selkie_sim_event_queue **queue);
void selkie_sim_event_queue_close(struct selkie_sim_event_queue *queue);

/* A new event to fill in and put; NULL without memory. */
struct selkie_sim_event *selkie_sim_event_new(enum selkie_sim_event_kind kind, struct selkie_mqtt *client, size_t len);
void selkie_sim_event_queue_put_take(struct selkie_sim_event_queue *queue, struct selkie_sim_event *event);

/* The oldest event, or NULL; the caller frees it with free(). */
struct selkie_sim_event *selkie_sim_event_queue_take(struct selkie_sim_event_queue *queue);

/* Drop all events of a client that is about to go. */
void selkie_sim_event_queue_forget(struct selkie_sim_event_queue *queue, const struct selkie_mqtt *client);

int selkie_sim_event_queue_fd(const struct selkie_sim_event_queue *queue); /* readable while there are events */
uint64_t selkie_sim_event_queue_dropped(struct selkie_sim_event_queue *queue);

#endif
