/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of selkie-device. */
#ifndef SELKIE_DEVICE_DEVICE_OPTIONS_H
#define SELKIE_DEVICE_DEVICE_OPTIONS_H

#include <selkie/device.h>
#include <selkie/radio_profile.h>
#include <selkie/tty.h>
#include <stdbool.h>

struct device_options {
    const char *port;
    const char *public_key;
    const char *next_public_key;
    const char *claim;
    const char *exec; /* a command whose output has the payloads, in place of standard input */
    uint8_t address[SELKIE_ADDRESS_SIZE];
    uint8_t pin[SELKIE_PIN_SIZE];
    const struct selkie_radio_profile *radio; /* NULL: none was named */
    enum selkie_frame_type form;
    double interval; /* seconds between payloads; negative: as the source of payloads has it */
    unsigned count;
    unsigned key_id;
    unsigned next_key_id;
    struct selkie_tty_settings tty;
    unsigned open_wait_ms; /* nothing is sent for so long after the line was opened */
    struct {
        unsigned bit_rate; /* 0: no radio in between */
        unsigned duty_permille, quiet_ms, ack_ms, backoff_ms, spread_ms, tries, preamble_ms, packet_overhead;
        unsigned packet, packet_gap_ms, parity;
        unsigned patience_s; /* 0: the library's default */
    } air;                   /* as in device/pacing.h */
    unsigned repeat;         /* 0: the library's defaults */
    unsigned sealed_every;
    bool address_given;
    bool flow_given;
    bool pin_given;
    bool ack;
    bool once; /* end when the line is gone */
    bool hex;
    bool readings;
    bool verbose;
};

/* Ends the process (2) for a wrong command line. */
void device_options_parse(struct device_options *options, int argc, char **argv);

#endif
