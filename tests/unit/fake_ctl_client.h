/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl's connection to a broker whose plugin answers what the test says; configuration and failures are noted. For
 * tests that link selkie_ctl: what is here takes the place of ctl_config.h, ctl_client.h and ctl_fail(). One thread. */
#ifndef SELKIE_TESTS_FAKE_CTL_CLIENT_H
#define SELKIE_TESTS_FAKE_CTL_CLIENT_H

#include "ctl_client.h"

#include <jansson.h>

extern int fake_open_count;    /* connections and configurations that are open */
extern const char *fake_user;  /* the user name in the configuration, or NULL */
extern char fake_said[1024];   /* the last failure */
extern json_t *fake_published; /* the last message */
extern size_t fake_published_len;
extern unsigned fake_message_count;

/* What the broker says to a subscription and to a message, and what it takes. */
extern int fake_subscribe_reason, fake_publish_reason;
extern size_t fake_packet_max;

/* Further subscriptions, each with a blank behind it, and what the broker says to them. */
extern char fake_filters[1024];
extern int fake_filter_reason;

/* The answers that are to come, up to a NULL, and what comes after them. "@" in an answer stands for the correlation
 * of the last message. One that begins with "selkie/" is a message of the topic before its first blank. */
extern const char *const *fake_answers;
extern enum ctl_wait fake_then;

/* A command of the last message. */
const json_t *fake_command(size_t index);

#endif
