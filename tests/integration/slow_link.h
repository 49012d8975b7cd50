/* SPDX-License-Identifier: Apache-2.0 */
/* A slow way between a program and a broker: so many bits a second in each direction, and a delay. What does not fit on
 * the way waits in the sender's socket. Runs on a thread of its own; loopback only. */
#ifndef SELKIE_TESTS_SLOW_LINK_H
#define SELKIE_TESTS_SLOW_LINK_H

struct slow_link;

/* Listen on a free port and forward to `to_port`. 0 bits a second: no limit. The first byte of a connection takes a
 * further round trip: that of the handshake of TCP. Fails the test where it cannot. */
struct slow_link *slow_link_start(int to_port, unsigned bits_per_s, unsigned round_trip_ms);
void slow_link_stop(struct slow_link *link);

int slow_link_port(const struct slow_link *link);

/* Connections accepted so far. */
int slow_link_accepted(const struct slow_link *link);

#endif
