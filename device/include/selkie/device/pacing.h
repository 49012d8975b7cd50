/* SPDX-License-Identifier: Apache-2.0 */
/* How long an uplink waits, and for what: its settings, and the arithmetic and random draws over them. PROTOCOL.md,
 * section 2; docs/DESIGN.md, "The air". Pure but for the generator: no I/O, no heap, no clock of its own. Times are in
 * milliseconds. */
#ifndef SELKIE_DEVICE_PACING_H
#define SELKIE_DEVICE_PACING_H

#include <selkie/device/drbg.h>
#include <selkie/device/options.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

SELKIE_C_BEGIN

/* Times are up to an hour. */
struct selkie_uplink_settings {
    uint32_t bit_rate;   /* of the air, bits a second, eight a byte; 0: a frame is sent once the radio has taken it */
    uint32_t quiet_ms;   /* no other sender on the air for so long before a transmission; with packets,
                            SELKIE_FRAGMENT_PAUSE_MS comes on top */
    uint32_t backoff_ms; /* a random wait up to this and the frame's airtime before each; doubled for each busy line or
                            lost ACK, up to 256 times */
    uint32_t spread_ms;  /* repeats without ACK follow after a random time up to this; those of a REGISTER more slowly.
                            0: this device is alone on its channel, and nothing parts it from others */
    uint32_t ack_ms;     /* how long to wait for an ACK, at least as long as a gateway may take; 0: none expected */
    uint16_t duty_permille; /* at most this part of the time on the air; 0 or 1000: no limit. After each transmission
                               the device is silent for as long as it takes. A limit needs a bit rate */
    uint32_t
        patience_ms; /* a line that is busy for longer is sent on all the same, and a frame of which the radio takes
                        no byte for longer is begun anew; 0: 64 times the airtime of a sealed frame, or a minute */
    uint16_t preamble_ms;     /* what the radio adds to each transmission or packet: time, */
    uint16_t packet_overhead; /* and bytes */
    uint16_t packet_max;      /* a body whose link frame is longer travels in FRAGMENTs of at most so many bytes on the
                                 line; 0: radios that stream */
    uint16_t packet_gap_ms;   /* a pause behind each packet but the last, for the radio to send it */
    uint8_t parity;           /* FRAGMENTs of parity in each transmission: so many may be lost */
    uint8_t register_times;   /* transmissions of the first REGISTER without ACK; of each later one, two at most */
    uint8_t data_times;       /* of any other message without ACK */
    uint8_t ack_tries; /* transmissions of a frame that is not acknowledged; halved for each one given up before */
};

/* What is known of the interval between messages. All zero at first. */
struct selkie_pacing_phase {
    uint32_t message_ms, interval_ms; /* when the last message came, and how long after the one before, modulo 2^32 */
    uint32_t wait_ms;                 /* what a regular message waits */
    bool known;                       /* there was a message */
    bool repeated;                    /* an ACK for the last message did not come at once: set by the uplink */
};

bool selkie_uplink_settings_valid(const struct selkie_uplink_settings *settings);

/* How long so many bytes take on the air, with what the radio adds; 0 without a bit rate. */
uint32_t selkie_pacing_air_ms(const struct selkie_uplink_settings *settings, size_t len);
/* From the beginning of a full packet to that of the next one: at most SELKIE_FRAGMENT_PACE_MAX_MS. */
uint32_t selkie_pacing_pace_ms(const struct selkie_uplink_settings *settings);
/* How long so many full packets take, with the pauses between them. */
uint32_t selkie_pacing_set_ms(const struct selkie_uplink_settings *settings, unsigned packets);
/* The same for the longest frame, at most. */
uint32_t selkie_pacing_longest_ms(const struct selkie_uplink_settings *settings);

/* A part of the air that nobody may take for longer than the duty cycle allows: the silence after so long on the air.
 */
uint64_t selkie_pacing_silence_ms(const struct selkie_uplink_settings *settings, uint64_t on_air_ms);

/* How long the line must be quiet. Packet radios are silent on their line while a packet is on the air and in the pause
 * behind it; nobody may break into a set there, and a gateway does not either. */
uint32_t selkie_pacing_quiet_ms(const struct selkie_uplink_settings *settings);

/* Below, `lasts_ms` is what the transmission takes: selkie_pacing_set_ms. */

/* The random wait before a transmission, doubled so many times. It is in proportion to what the frame takes of the air,
 * because another frame that begins within that time collides with it. */
uint32_t selkie_pacing_backoff_ms(const struct selkie_uplink_settings *settings, struct selkie_drbg *drbg,
                                  uint32_t lasts_ms, unsigned doublings);

/* A random wait that parts devices which are in step: after a power cut, or at the end of a duty cycle's silence. */
uint32_t selkie_pacing_spread_ms(const struct selkie_uplink_settings *settings, struct selkie_drbg *drbg,
                                 uint32_t lasts_ms);

/* How long a message waits that comes at a regular interval: a random part of the interval; nothing for any other
 * message but the second one. Applications measure by their clock, so devices that were started together would send
 * together for ever. Where ACKs are expected, a device keeps its part for as long as its frames are acknowledged at
 * once, and begins with none. Call it once for each message, in their order. */
uint32_t selkie_pacing_phase_ms(struct selkie_pacing_phase *phase, const struct selkie_uplink_settings *settings,
                                struct selkie_drbg *drbg, uint32_t lasts_ms, bool expects_ack, uint64_t now_ms);

/* The random wait before a repeat on a link without ACKs, at most left_ms. That of a REGISTER, which all devices send
 * after a power cut, grows fourfold with each one `sent`. */
uint32_t selkie_pacing_repeat_ms(const struct selkie_uplink_settings *settings, struct selkie_drbg *drbg,
                                 uint32_t lasts_ms, bool registers, unsigned sent, uint64_t left_ms);

/* How long to wait for an ACK: at least as long as a gateway may take, which waits for a quiet line and then for one of
 * its slots. */
uint32_t selkie_pacing_ack_ms(const struct selkie_uplink_settings *settings);

/* How long a line may stay busy, or a radio may take no byte. */
uint32_t selkie_pacing_patience_ms(const struct selkie_uplink_settings *settings);

SELKIE_C_END

#endif
