/* SPDX-License-Identifier: Apache-2.0 */
/* Administrators, an unsealer that notes their commands (selkie_unsealer_command and selkie_unsealer_gateway are
 * wrapped), and what a fake Mosquitto
 * has beyond fake_mosquitto.h for the control topic. One thread. */
#ifndef SELKIE_TESTS_CONTROL_FIXTURE_H
#define SELKIE_TESTS_CONTROL_FIXTURE_H

#include "control.h"
#include "fake_mosquitto.h"

struct mosquitto {
    const char *id, *username;
};

extern struct mosquitto root, ops; /* two administrators, with the client ids "c1" and "c2" */
extern struct selkie_control *control;
extern unsigned commands; /* that reached the unsealer */
extern uint64_t token;    /* of the last one */
extern char taken[256];   /* its beginning, with a NUL */
extern size_t taken_len;
extern const char *registered; /* the gateways, each with a space behind it */
extern int refusal;            /* what the unsealer says to a command; 0 = it takes it */
extern char kicked[256];       /* "name " for each user whose connections were closed */

/* A checked fixture. */
void control_setup(void);
void control_teardown(void);

void control_ask_bytes(struct mosquitto *client, void *payload, size_t len);
/* A text that must reach the unsealer; its token. */
uint64_t control_ask(struct mosquitto *client, const char *text);

/* The unsealer's answer; what selkie_control_answer returns. */
int control_answer(uint64_t to, const char *text);

/* The message at this place is an answer to this client. */
void control_expect(unsigned index, const char *client_id, const char *payload);
/* It is an error that is about no one command. */
void control_expect_error_at(unsigned index, const char *client_id, const char *says);
/* So is the last one. */
void control_expect_error(const char *client_id, const char *says);

#endif
