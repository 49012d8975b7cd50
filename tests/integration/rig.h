/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the gateway share: its configuration, frames into its line, ACKs out of it, and the plugin's part
 * played on a plain Mosquitto (so that a receipt comes when the test says so). One thread. */
#ifndef SELKIE_TESTS_RIG_H
#define SELKIE_TESTS_RIG_H

#include "harness.h"

#include <selkie/link.h>

#define RIG_NAME    "roof"
#define RIG_UP      "selkie/gateway/" RIG_NAME "/up"
#define RIG_STATE   "selkie/gateway/" RIG_NAME "/state"
#define RIG_STATS   "selkie/gateway/" RIG_NAME "/stats"
#define RIG_RECEIPT "selkie/gateway/" RIG_NAME "/receipt"

#define RIG_BODY_SIZE 40

/* Write gateway.json for one line; `extra` are more keys ("\"window\":2", or ""). Returns its path,
 * which is always the same one. */
const char *rig_config(const char *broker_uri, const char *device, const char *extra);

/* The same with the whole text after the gateway's name and the spool. */
const char *rig_config_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The spool of configurations written from now on lies there, and not in the test's folder. */
void rig_spool_in(const char *folder);

struct harness_process *rig_gateway(const char *config);

/* Start it and wait until its line is open; with a broker, until it is connected. */
struct harness_process *rig_gateway_ready(const char *config, bool with_broker);

/* All that a test needs, and what most of them begin with. */
struct rig {
    struct harness_broker *broker;
    struct harness_client *plugin;
    struct harness_pty *pty;
    const char *config;
    struct harness_process *gateway;
};

/* Start a broker with these lines of configuration, the plugin's client, a line, and a gateway with these `extra` keys;
 * the gateway is connected. */
struct rig rig_start(const char *broker_config, const char *extra);

/* End a gateway with SIGTERM, and check that so many frames wait in its spool. */
void rig_stop(struct harness_process *gateway, long waiting);

/* The plugin's client: sees all that the gateway publishes. */
struct harness_client *rig_plugin(const struct harness_broker *broker);

/* A SESSION body that no other number has. */
void rig_body(uint8_t body[static RIG_BODY_SIZE], uint32_t number);
uint32_t rig_number(const uint8_t *body);

/* Put the frame of a body onto the line. */
void rig_send_body(struct harness_pty *pty, const uint8_t *body, size_t len);
void rig_send(struct harness_pty *pty, uint32_t number);

/* Read the line until an ACK comes; its CRC, or -1 after so many milliseconds. */
int rig_ack(struct harness_pty *pty, int patience_ms);
uint16_t rig_crc(uint32_t number);

/* Send a frame and wait for its ACK. */
void rig_send_body_acked(struct harness_pty *pty, const uint8_t *body, size_t len);
void rig_send_acked(struct harness_pty *pty, uint32_t number);

/* The next frame that the gateway published: its number, and with `seq` not NULL its seq. */
uint32_t rig_receive(struct harness_client *plugin, int64_t *seq);

/* None comes for so long. */
void rig_receive_none(struct harness_client *plugin, int patience_ms);

void rig_receipt(struct harness_client *plugin, int64_t seq);

/* Frames waiting in the spool of a gateway that has ended. */
long rig_waiting(void);

/* Each body that waits in the spool of a gateway that was killed. Read from a copy, so that the gateway's next start
 * finds the files as its death left them. None where there is no spool yet. */
void rig_each_waiting(void (*each)(const uint8_t *body, size_t len));

/* Wait for a retained or fresh state; fails on another. */
void rig_expect_state(struct harness_client *plugin, const char *state);

/* How often a text stands in a log. */
unsigned rig_log_count(const struct harness_process *process, const char *text);
void rig_wait_log_count(const struct harness_process *process, const char *text, unsigned count);

#endif
