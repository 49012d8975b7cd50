/* SPDX-License-Identifier: Apache-2.0 */
/* A device on any target: it registers and sends readings, SEALED in FRAGMENTs and as SESSION frames. What its radio
 * takes is printed as lines "radio HEX". The program ends with 1 if it is silent. */
#ifndef SELKIE_TESTS_VECTORS_LONE_DEVICE_H
#define SELKIE_TESTS_VECTORS_LONE_DEVICE_H

#include <stdint.h>

/* Under this public key, as SubjectPublicKeyInfo. */
void lone_device_run(const uint8_t *spki, uint8_t key_id);

#endif
