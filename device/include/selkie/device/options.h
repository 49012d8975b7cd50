/* SPDX-License-Identifier: Apache-2.0 */
/* What may be left out of the library to save flash. Compile the library and the application with the same macros;
 * docs/PORTING.md says what each saves. A configuration that needs what was left out is refused with SELKIE_EINVAL. */
#ifndef SELKIE_DEVICE_OPTIONS_H
#define SELKIE_DEVICE_OPTIONS_H

/* SESSION frames: `form` must be SELKIE_SEALED. mbedTLS then needs no CCM, no HKDF and no cipher layer. */
#ifdef SELKIE_NO_SESSION
#define SELKIE_DEVICE_SESSION 0
#else
#define SELKIE_DEVICE_SESSION 1
#endif

/* FRAGMENTs, for radios that send packets: `packet_max` must be 0. */
#ifdef SELKIE_NO_FRAGMENTS
#define SELKIE_DEVICE_FRAGMENTS 0
#else
#define SELKIE_DEVICE_FRAGMENTS 1
#endif

/* ACKs: the radio is never read, and `ack_rx` must be NULL. */
#ifdef SELKIE_NO_ACK
#define SELKIE_DEVICE_ACKS 0
#else
#define SELKIE_DEVICE_ACKS 1
#endif

/* Buttons as a source of entropy: no source may be SELKIE_SOURCE_EDGES. */
#ifdef SELKIE_NO_BUTTONS
#define SELKIE_DEVICE_BUTTONS 0
#else
#define SELKIE_DEVICE_BUTTONS 1
#endif

#endif
