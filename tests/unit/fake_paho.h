/* SPDX-License-Identifier: Apache-2.0 */
/* Paho and the resolver, played by the test: each is wrapped at link time. With the fixture for a client on them. One
 * thread. */
#ifndef SELKIE_TESTS_FAKE_PAHO_H
#define SELKIE_TESTS_FAKE_PAHO_H

#include "mqtt_client.h"
#include "resolver.h"

#include <MQTTAsync.h>
#include <check.h>
#include <stdbool.h>

#define TOKEN         7 /* of each publish */
#define FAKE_PAHO_MAX 12

/* Paho's clients, one for each attempt, and what each was told. */
struct fake_paho {
    char uri[64], address[SELKIE_RESOLVER_TEXT_MAX];
    void *context;
    MQTTAsync_connectionLost *lost;
    MQTTAsync_messageArrived *message;
    MQTTAsync_disconnected *disconnected;
    MQTTAsync_connectOptions connect;
    char password[32];
    bool destroyed;
};
extern struct fake_paho fake_pahos[FAKE_PAHO_MAX];
extern size_t fake_paho_count, fake_paho_living;
extern unsigned fake_paho_expiry_s;               /* of the session */
extern MQTTAsync_responseOptions fake_paho_taken; /* of the last command */
extern MQTTAsync_disconnectOptions fake_paho_leave;

/* How far the clock is set forward. */
extern int64_t fake_paho_clock_us;

/* What Paho says; and whether there is no memory for events. */
extern int fake_paho_connect_result, fake_paho_send_result;
extern bool fake_paho_connected, fake_paho_no_memory;

/* The lookup under way; NULL done: none. */
extern struct fake_lookup {
    selkie_resolver_done *done;
    void *context;
    char host[64];
    int result; /* of the next start */
} fake_lookup;

/* The client under test. */
extern struct selkie_mqtt *client;
extern struct selkie_mqtt_settings settings;
extern struct selkie_mqtt_options options;
extern struct selkie_mqtt_event *event; /* the last one taken */

void setup(void);
void teardown(void);
struct fake_paho *last(void);
void connect_to(const char *uris);
void connect_one(void); /* and be accepted */

/* One turn of the loop, for which it is woken in this time, and which has no event for the owner. */
void turn(int patience_ms);

/* The next event, for which the loop is woken in this time. */
bool next_event(int patience_ms);
void expect(enum selkie_mqtt_event_kind kind);
void expect_nothing(void);
void expect_attempt(size_t count, const char *uri, const char *address);

/* The name server's answer: addresses with spaces between. */
void resolve(const char *host, const char *addresses);

/* Paho's reports about an attempt. */
void report_failure(struct fake_paho *paho, int code, const char *message);
void report_success(struct fake_paho *paho);

#endif
