/* SPDX-License-Identifier: Apache-2.0 */
/* A Mosquitto for unit tests of the plugin: the functions that a broker has for its plugins. It keeps what is published
 * and logged, and refuses when told to. One thread. */
#ifndef SELKIE_TESTS_FAKE_MOSQUITTO_H
#define SELKIE_TESTS_FAKE_MOSQUITTO_H

#include <mosquitto_broker.h>
#include <stdbool.h>
#include <stddef.h>

#define FAKE_MESSAGES_MAX 2048
#define FAKE_LINES_MAX    256

struct fake_message {
    char client_id[24]; /* whom it is for; "" = for whoever has subscribed */
    char topic[128];
    char payload[256]; /* its beginning, with a NUL */
    size_t len;
    int qos;
    bool retain;
    char properties[160]; /* "name=value " for each user property */
};

struct fake_line {
    int level;
    char text[1300];
};

extern struct fake_message fake_messages[FAKE_MESSAGES_MAX];
extern unsigned fake_message_count;
extern struct fake_line fake_lines[FAKE_LINES_MAX];
extern unsigned fake_line_count;

/* How many messages it takes, and how many allocations succeed, before it has no memory. */
extern unsigned fake_publish_room, fake_malloc_room;
/* Of mosquitto_malloc, not yet given back or published. */
extern unsigned fake_allocated;
/* The certificate of the client that is asked next; it goes to whoever asks. */
extern void *fake_certificate;

/* No messages, no lines, and room for everything. */
void fake_reset(void);

#endif
