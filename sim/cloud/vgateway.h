/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual gateway: what selkie-gateway does between radio and broker, inside the simulator, for loads that neither a
 * radio nor a hundred processes could carry. PROTOCOL.md, sections 8 and 9: a frame is kept until its receipt, sent
 * again where none comes, and `rx` is the virtual time. It has no `age`, unless its clock was set: then a frame is
 * named by the virtual time alone, which is how attacks are told apart (attribution.h). The spool is memory,
 * SELKIE_VGATEWAY_MAX frames; when it is full the newest is dropped and counted (it shows as lost elsewhere). One
 * thread. */
#ifndef SELKIE_SIM_VGATEWAY_H
#define SELKIE_SIM_VGATEWAY_H

#include "cloud/mosquitto.h"

#define SELKIE_VGATEWAY_MAX    100000u
#define SELKIE_VGATEWAY_WINDOW 256u

struct selkie_vgateway;

/* Begin to connect, as the gateway of this name. An error: close it then, too. */
SELKIE_USE_RESULT int selkie_vgateway_open(struct selkie_vgateway **gateway, const struct selkie_sim_broker *broker,
                                           const char *name, const char *password);
void selkie_vgateway_close(struct selkie_vgateway *gateway);

bool selkie_vgateway_ready(const struct selkie_vgateway *gateway); /* connected, and hears receipts */

/* The reason for which the broker refused its connection, or its receipts; 0 = it did not. */
int selkie_vgateway_refused(const struct selkie_vgateway *gateway);

/* From now on the gateway's clock is wrong by so much, and it publishes the `age` of its frames. */
void selkie_vgateway_set_clock(struct selkie_vgateway *gateway, int64_t off_ms);

/* Take a frame. SELKIE_EFULL: dropped. */
SELKIE_USE_RESULT int selkie_vgateway_put(struct selkie_vgateway *gateway, const uint8_t *body, size_t len,
                                          int64_t rx_ms);

/* Publish what is due: frames that were never sent, and those whose receipt is overdue. Call now and then. */
void selkie_vgateway_pump(struct selkie_vgateway *gateway, uint64_t wall_us);

/* Frames without a receipt. */
size_t selkie_vgateway_waiting(const struct selkie_vgateway *gateway);

/* A power cut: what is on the "disk" stays, the connection breaks; and its end. */
void selkie_vgateway_pause(struct selkie_vgateway *gateway, bool paused);

#endif
