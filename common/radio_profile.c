/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/fragment.h>
#include <selkie/link.h>
#include <selkie/radio_profile.h>
#include <string.h>

#define BITS_A_BYTE 10 /* on a serial line, 8N1 */

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The answer to +++ comes after a second of silence. */
#define ATTENTION                                                                                                      \
    {                                                                                                                  \
        .send = "+++", .send_len = 3, .expect = "OK", .expect_len = 2, .wait_ms = 3000                                 \
    }
#define COMMAND(text)                                                                                                  \
    {                                                                                                                  \
        .send = text "\r", .send_len = sizeof(text), .expect = "OK", .expect_len = 2,                                  \
        .wait_ms = SELKIE_LINE_STEP_WAIT_MS                                                                            \
    }

/* A command that no module answers. */
#define SILENT_COMMAND(text)                                                                                           \
    {                                                                                                                  \
        .send = text "\r", .send_len = sizeof(text), .wait_ms = SELKIE_LINE_STEP_PAUSE_MS                              \
    }

/* Nothing is saved in the module. */
static const struct selkie_line_step xbee_init[] = {ATTENTION, COMMAND("ATAP0") /* transparent, no API */,
                                                    COMMAND("ATD71") /* CTS */, COMMAND("ATCN") /* go on */};
static const struct selkie_line_step sik_init[] = {ATTENTION, COMMAND("ATS6=0") /* no MAVLink framing */,
                                                   SILENT_COMMAND("ATO") /* go on */};

/* A gap is what the packet takes on the line, where that is less than on the air, and something to spare: a module
 * sends once it has the whole packet. */
const struct selkie_radio_profile selkie_radio_profiles[] = {
    {.name = "e32",
     .baud = 9600,
     .bit_rate = 2000,
     .preamble_ms = 100,
     .quiet_ms = 100,
     .packet = 58,
     .packet_gap_ms = 80,
     .parity = 2,
     .buffer = 512,
     .note = "EBYTE E32, LoRa at 2.4k; M0 and M1 low"},
    {.name = "e220",
     .baud = 9600,
     .bit_rate = 600,
     .preamble_ms = 150,
     .quiet_ms = 100,
     .packet = 100,
     .packet_gap_ms = 150,
     .parity = 2,
     .buffer = 400,
     .note = "EBYTE E220, LoRa at 2.4k; M0 and M1 low"},
    {.name = "hc-12",
     .baud = 9600,
     .bit_rate = 15000,
     .preamble_ms = 20,
     .quiet_ms = 80,
     .packet = 60,
     .packet_gap_ms = 60,
     .parity = 2,
     .buffer = 60,
     .note = "HC-12 in mode FU3; SET open or high"},
    {.name = "xbee",
     .baud = 9600,
     .bit_rate = 250000,
     .preamble_ms = 5,
     .quiet_ms = 50,
     .packet = 100,
     .packet_gap_ms = 30,
     .parity = 2,
     .buffer = 202,
     .flow = SELKIE_TTY_FLOW_RTSCTS,
     .open_wait_ms = 1100, /* silence before +++ */
     .init = xbee_init,
     .init_count = COUNT(xbee_init),
     .note = "Digi XBee 802.15.4 (S1) or 900HP, transparent mode"},
    {.name = "sik",
     .baud = 57600,
     .bit_rate = 64000,
     .preamble_ms = 10,
     .quiet_ms = 150,
     .packet = 250,
     .packet_gap_ms = 120,
     .parity = 2,
     .buffer = 1850,
     .open_wait_ms = 1100,
     .init = sik_init,
     .init_count = COUNT(sik_init),
     .note = "SiK telemetry radio; two of them make a link"},
    {.name = "rfm69-stick",
     .baud = 115200,
     .bit_rate = 55555,
     .preamble_ms = 2,
     .quiet_ms = 30,
     .packet = 61,
     .packet_gap_ms = 20,
     .parity = 2,
     .buffer = 66,
     .open_wait_ms = 2000,
     .note = "RFM69 on a USB stick whose firmware passes bytes on"},
};

const size_t selkie_radio_profile_count = sizeof selkie_radio_profiles / sizeof selkie_radio_profiles[0];

const struct selkie_radio_profile *selkie_radio_profile_find(const char *name)
{
    for (size_t i = 0; i < selkie_radio_profile_count; i++)
        if (strcmp(selkie_radio_profiles[i].name, name) == 0)
            return &selkie_radio_profiles[i];
    return NULL;
}

void selkie_radio_profile_names(char names[static SELKIE_RADIO_NAMES_SIZE])
{
    size_t len = 0;

    names[0] = '\0';
    for (size_t i = 0; i < selkie_radio_profile_count && len < SELKIE_RADIO_NAMES_SIZE; i++)
        len += (size_t)snprintf(names + len, SELKIE_RADIO_NAMES_SIZE - len, "%s%s", i == 0 ? "" : ", ",
                                selkie_radio_profiles[i].name);
}

/* How a SEALED frame is cut; only the lengths matter. */
static struct selkie_fragment_plan plan_of(const struct selkie_radio_profile *profile)
{
    static const uint8_t body[SELKIE_SEALED_SIZE];
    struct selkie_fragment_plan plan;

    if (selkie_fragment_make_plan(&plan, body, sizeof body, profile->packet) < 0)
        memset(&plan, 0, sizeof plan);
    return plan;
}

static unsigned air_ms(const struct selkie_radio_profile *profile, size_t len)
{
    return profile->preamble_ms + ((unsigned)len * 8 * 1000 + profile->bit_rate - 1) / profile->bit_rate;
}

unsigned selkie_radio_profile_quiet_ms(const struct selkie_radio_profile *profile)
{
    if (profile->packet == 0)
        return profile->quiet_ms;
    return profile->quiet_ms + SELKIE_FRAGMENT_PAUSE_MS(profile->packet_gap_ms + air_ms(profile, profile->packet));
}

unsigned selkie_radio_profile_packets(const struct selkie_radio_profile *profile)
{
    return plan_of(profile).k + profile->parity;
}

unsigned selkie_radio_profile_sealed_ms(const struct selkie_radio_profile *profile)
{
    struct selkie_fragment_plan plan = plan_of(profile);
    size_t bytes = SELKIE_LINK_WIRE_SIZE(SELKIE_FRAGMENT_HEADER_SIZE + (size_t)plan.chunk);
    unsigned line_ms = ((unsigned)bytes * BITS_A_BYTE * 1000 + profile->baud - 1) / profile->baud;
    unsigned lasts_ms = air_ms(profile, bytes) > line_ms ? air_ms(profile, bytes) : line_ms;

    return (plan.k + profile->parity) * (lasts_ms + profile->packet_gap_ms) - profile->packet_gap_ms;
}

int selkie_radio_profile_print(FILE *to)
{
    int result = fprintf(to, "%-11s %6s %6s %5s %6s %6s %6s %-6s %12s  %s\n", "name", "baud", "bit/s", "quiet",
                         "packet", "gap", "parity", "flow", "SEALED", "radio");

    for (size_t i = 0; i < selkie_radio_profile_count && result >= 0; i++) {
        const struct selkie_radio_profile *row = &selkie_radio_profiles[i];
        result = fprintf(to, "%-11s %6u %6u %5u %6u %6u %6u %-6s %3u in %4.1f s  %s\n", row->name, row->baud,
                         row->bit_rate, selkie_radio_profile_quiet_ms(row), row->packet, row->packet_gap_ms,
                         row->parity, selkie_tty_flow_names[row->flow], selkie_radio_profile_packets(row),
                         selkie_radio_profile_sealed_ms(row) / 1000.0, row->note);
    }
    return result < 0 || fflush(to) != 0 ? SELKIE_EIO : 0;
}
