/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the gateway's bench. */
#ifndef SELKIE_TESTS_BENCH_GATEWAY_BENCH_H
#define SELKIE_TESTS_BENCH_GATEWAY_BENCH_H

#include <check.h>

#define BENCH_WAITING     100000
#define BENCH_SEALED_SIZE 522

/* A spool with so many sealed frames, where the next gateway of this test looks for it. */
void bench_fill_spool(void);

/* How soon a frame is acknowledged and published. */
void bench_add_latency(Suite *suite);

#endif
