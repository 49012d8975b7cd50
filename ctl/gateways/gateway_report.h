/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a gateway, from the plugin's register and from what the gateway published below its own name
 * (PROTOCOL.md, section 8). The latter is the gateway's claim: a gateway that somebody has broken into may write
 * anything. So it is cut to a bounded size, and nothing in it reaches a terminal but printable ASCII. Heap; one thread.
 */
#ifndef SELKIE_CTL_GATEWAY_REPORT_H
#define SELKIE_CTL_GATEWAY_REPORT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_CLAIM_BYTES_MAX 65536 /* a longer payload counts as none */

/* A payload as JSON, cut to what is printed: new. NULL if it is no JSON object, or too long. */
json_t *ctl_gateway_claim(const void *payload, size_t len);

/* One gateway, new: its `registered` entry of listGateways (or NULL) with `state` ("online", "offline", "unknown", or
 * "never seen" without one), `frame_age_s` (absent: not known) and its `stats` (absent: none). Its claims may be NULL.
 */
json_t *ctl_gateway_report(const char *gateway, const json_t *registered, const json_t *state, const json_t *stats,
                           int64_t now_ms);

/* The list of these for people; and one of them, all of it. */
void ctl_gateway_print_list(const json_t *reports);
void ctl_gateway_print(const json_t *report);

#endif
