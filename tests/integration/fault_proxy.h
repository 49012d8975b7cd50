/* SPDX-License-Identifier: Apache-2.0 */
/* A bad network between a program and a broker: TCP connections that are cut in the middle of a packet, that go silent
 * without ending, or that lead to something which accepts and never answers. Runs on a thread of its own; the calls may
 * come from another. Loopback only. */
#ifndef SELKIE_TESTS_FAULT_PROXY_H
#define SELKIE_TESTS_FAULT_PROXY_H

struct fault_proxy;

enum fault_proxy_mode {
    FAULT_PROXY_PASS, /* forward both ways */
    FAULT_PROXY_MUTE  /* accept, and neither forward nor answer, nor end anything */
};

/* Listen on a free port and forward to `to_port`. Fails the test where it cannot. */
struct fault_proxy *fault_proxy_start(int to_port);
void fault_proxy_stop(struct fault_proxy *proxy);

int fault_proxy_port(const struct fault_proxy *proxy);

/* What becomes of connections made from now on. */
void fault_proxy_mode(struct fault_proxy *proxy, enum fault_proxy_mode mode);

/* The connections that stand go silent: half open, as after a router lost its tables. */
void fault_proxy_silence(struct fault_proxy *proxy);

/* The connections that stand forward nothing but MQTT's pings and their answers from now on: a broker that lives and
 * does nothing. Between packets: call it while none is under way. */
void fault_proxy_only_pings(struct fault_proxy *proxy);

/* Forward so many more bytes towards the broker, then reset the connection on both sides. */
void fault_proxy_cut_after(struct fault_proxy *proxy, int bytes);

/* Connections accepted so far. */
int fault_proxy_accepted(const struct fault_proxy *proxy);

#endif
