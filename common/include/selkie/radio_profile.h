/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of serial radios that people buy, by name: the defaults of a gateway's line ("radio" in gateway.json)
 * and of selkie-device (--radio). Each figure can be set beside the name. docs/RADIOS.md says where each comes from.
 * Constant data; any thread. */
#ifndef SELKIE_RADIO_PROFILE_H
#define SELKIE_RADIO_PROFILE_H

#include <selkie/error.h>
#include <selkie/line_step.h>
#include <selkie/tty.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* As the module leaves the factory. */
struct selkie_radio_profile {
    const char *name;
    unsigned baud;          /* of the serial line */
    unsigned bit_rate;      /* of the air, bits a second, counted low */
    unsigned preamble_ms;   /* what the radio adds to each packet */
    unsigned quiet_ms;      /* beyond a packet and the pause behind it: see selkie_radio_profile_quiet_ms */
    unsigned packet;        /* bytes that travel in one packet; within the limits of selkie/fragment.h. 0: it streams */
    unsigned packet_gap_ms; /* a pause behind each packet, so that the next one finds the radio idle */
    unsigned parity;        /* packets of a frame that may be lost */
    unsigned buffer;        /* bytes that the module holds */
    enum selkie_tty_flow flow;
    unsigned open_wait_ms;               /* how long to leave it alone after its line was opened: a stick restarts */
    const struct selkie_line_step *init; /* what sets it up at the gateway; DTR and RTS are left as they are */
    size_t init_count;
    const char *note;
};

/* One of `selkie_radio_profile_count` rows. */
extern const struct selkie_radio_profile selkie_radio_profiles[];
extern const size_t selkie_radio_profile_count;

/* The profile of this name, or NULL. */
const struct selkie_radio_profile *selkie_radio_profile_find(const char *name);

/* All names with commas between them, for the message about a wrong one. */
#define SELKIE_RADIO_NAMES_SIZE 128
void selkie_radio_profile_names(char names[static SELKIE_RADIO_NAMES_SIZE]);

/* The quiet time that keeps an ACK, or another device, out of the pause between two packets of a frame: while a packet
 * is on the air and in the pause behind it, nothing comes out of a receiver. The device library adds the same to its
 * own quiet_ms. */
unsigned selkie_radio_profile_quiet_ms(const struct selkie_radio_profile *profile);

/* How many packets a SEALED frame takes with this profile, parity included, and how many ms from the beginning of the
 * first to the end of the last. */
unsigned selkie_radio_profile_packets(const struct selkie_radio_profile *profile);
unsigned selkie_radio_profile_sealed_ms(const struct selkie_radio_profile *profile);

/* Print the table: what --list-radios shows. SELKIE_EIO: it could not be written. */
SELKIE_USE_RESULT int selkie_radio_profile_print(FILE *to);

#endif
