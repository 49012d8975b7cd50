/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways that publish as fast as a broker takes it, with a gateway's properties and its receipts, and a subscriber
 * that counts what comes out: MQTT 5, QoS 1, libmosquitto's clients on one thread, so that they cost the measured
 * broker as little as clients can. */
#ifndef SELKIE_BENCH_PUMP_H
#define SELKIE_BENCH_PUMP_H

#include "harness.h"

#define PUMP_GATEWAYS 10                    /* named gw0 to gw9 */
#define PUMP_TOPICS   "selkie/gateway/+/up" /* what they publish on */
/* The broker's configuration: nothing in its way, and no log of packets. */
#define PUMP_BROKER                                                                                                    \
    "max_inflight_messages 0\nmax_queued_messages 0\nlog_type none\nlog_type error\nset_tcp_nodelay true\n"

struct pump;

/* Connect to the broker and subscribe to `filter` and to the gateways' receipts, which only a broker with the plugin
 * gives: with `receipts`, a run waits for them. */
struct pump *pump_open(const struct harness_broker *broker, const char *filter, bool receipts);
void pump_close(struct pump *pump);

/* Publish `count` bodies of `size` bytes, `window` of them under way at a time; microseconds until the last has come
 * out and has its receipt. Body number i goes through gateway i % PUMP_GATEWAYS: a device's bodies keep their order if
 * all of them have the same remainder. */
int64_t pump_run(struct pump *pump, const uint8_t *bodies, size_t size, size_t count, size_t window);

int64_t pump_now_us(void); /* monotonic */

#endif
