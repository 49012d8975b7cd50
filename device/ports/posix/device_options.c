/* SPDX-License-Identifier: Apache-2.0 */
#include "device_options.h"
#include "device_line.h"
#include <argp.h>
#include <limits.h>
#include <selkie/argument.h>
#include <selkie/device/pacing.h>
#include <selkie/fragment.h>
#include <selkie/radio_profile.h>
#include <stdlib.h>
#include <string.h>

enum key {
    KEY_ADDRESS = 'a',
    KEY_FORM = 'f',
    KEY_INTERVAL = 's',
    KEY_PIN = 0x1000,
    KEY_FLOW,
    KEY_RADIO,
    KEY_LIST_RADIOS
};

#define WAIT_MAX_MS 3600000  /* as in device/pacing.c */
#define NOT_GIVEN   UINT_MAX /* no option has this value */

#define OWN      SELKIE_ARGUMENT_OWN
#define OF(name) offsetof(struct device_options, name)

/* Help shows them in the order of their last column. */
static const struct selkie_argument table[] = {
    {"port", "TTY", "Serial line or pseudo-terminal of the radio (required)", OF(port), 0, 'p', 0, 1},
    {"public-key", "FILE", "The cloud's RSA-4096 public key, PEM (required)", OF(public_key), 0, 'k', 0, 1},
    {"key-id", "N", "The number of that key, 1 to 255 (required)", OF(key_id), 255, 'i', 0, 1},
    {"address", "HEX16", "The device's address, 16 hex digits (required)", OWN, 0, KEY_ADDRESS, 0, 1},
    {"form", "FORM", "sealed (default), or session: short frames between sealed ones", OWN, 0, KEY_FORM, 0, 2},
    {"interval", "SECONDS", "Time between payloads (default 0; 5 with --readings)", OWN, 0, KEY_INTERVAL, 0, 2},
    {"ack", NULL, "Wait for the gateway's ACKs, and repeat what is not acknowledged", OF(ack), 0, 0, 0, 2},
    {"repeat", "N", "Send each frame N times, without --ack (default: REGISTER 3, others 1)", OF(repeat), 100, 0, 0, 2},
    {"claim", "TEXT", "The claim that the operator expects from this device", OF(claim), 0, 0, 0, 2},
    {"hex", NULL, "Lines on standard input are hex digits", OF(hex), 0, 0, 0, 4},
    {"readings", NULL, "Send this machine's load, memory, uptime and temperature instead", OF(readings), 0, 0, 0, 4},
    {"exec", "COMMAND", "Take the lines from this program instead, and start it again when it ends", OF(exec), 0, 0, 0,
     4},
    {"count", "N", "End after N payloads (default: at the end of the input, or never)", OF(count), 1000000000, 0, 0, 4},
    {"radio", "NAME",
     "The radio on the line: sets the defaults of --baud, --flow, --open-wait, --bit-rate, --preamble, --quiet, "
     "--packet, --packet-gap and --parity",
     OWN, 0, KEY_RADIO, 0, 8},
    {"list-radios", NULL, "Show the radios that --radio may name, and their settings, and end", OWN, 0, KEY_LIST_RADIOS,
     0, 8},
    {"baud", "N", "Speed of the line (default 9600)", OF(tty.baud), SELKIE_TTY_BAUD_MAX, 0, 0, 8},
    {"flow", "FLOW", "none (default), or rtscts: the radio holds the bytes back by CTS", OWN, 0, KEY_FLOW, 0, 8},
    {"open-wait", "MS", "Leave the radio alone for so long after its line was opened (default 0)", OF(open_wait_ms),
     -SELKIE_LINE_STEP_WAIT_MS_LIMIT, 0, 0, 8},
    {"once", NULL, "End with an error when the line is gone (default: wait until it is back)", OF(once), 0, 0, 0, 8},
    {"bit-rate", "N", "Speed of the air in bit/s (default 2000); 0: no radio, the line alone", OF(air.bit_rate),
     -1000000000, 0, 0, 8},
    {"duty", "PERMILLE", "Transmit at most this part of the time, 1 to 1000 (default 1000)", OF(air.duty_permille),
     1000, 0, 0, 8},
    {"quiet", "MS", "Nobody else on the air for so long before a frame (default 20)", OF(air.quiet_ms), -WAIT_MAX_MS, 0,
     0, 8},
    {"backoff", "MS", "Random wait before a frame, on top of its airtime (default 250)", OF(air.backoff_ms),
     -WAIT_MAX_MS, 0, 0, 8},
    {"spread", "MS", "Random wait before a repeat (default 30000); 0: alone on the channel", OF(air.spread_ms),
     -WAIT_MAX_MS, 0, 0, 8},
    {"ack-ms", "MS", "With --ack: wait so long for the ACK, or longer (default 500)", OF(air.ack_ms), WAIT_MAX_MS, 0, 0,
     8},
    {"tries", "N", "With --ack: transmissions of a frame, 1 to 255 (default 5)", OF(air.tries), UINT8_MAX, 0, 0, 8},
    {"preamble", "MS", "Time that the radio adds to each frame (default 0)", OF(air.preamble_ms), -UINT16_MAX, 0, 0, 8},
    {"packet-overhead", "BYTES", "Bytes that the radio adds to each frame (default 0)", OF(air.packet_overhead),
     -UINT16_MAX, 0, 0, 8},
    {"packet", "BYTES", "The radio's longest packet, 19 to 261: longer frames go in pieces (default 0: any length)",
     OF(air.packet), -SELKIE_PACKET_MAX, 0, 0, 8},
    {"packet-gap", "MS", "Pause between two packets of a frame (default 0)", OF(air.packet_gap_ms), -UINT16_MAX, 0, 0,
     8},
    {"parity", "N", "Packets of a frame that may be lost, 0 to 64 (default 2)", OF(air.parity),
     -SELKIE_FRAGMENT_CHUNKS_MAX, 0, 0, 8},
    {"patience", "SECONDS", "How long a line may stay busy, or a radio take no byte (default: by the bit rate)",
     OF(air.patience_s), WAIT_MAX_MS / 1000, 0, 0, 8},
    {"sealed-every", "N", "With --form session: seal one of N messages, 1 to 4096 (default 4096)", OF(sealed_every),
     SELKIE_SESSION_SEALED_EVERY, 0, 0, 8},
    {"pin", "HEX64", "SHA-256 that the public key's DER must have (default: what it has at the start)", OWN, 0, KEY_PIN,
     0, 16},
    {"next-public-key", "FILE", "A second key; SIGUSR1 switches to it", OF(next_public_key), 0, 0, 0, 16},
    {"next-key-id", "N", "The number of the second key", OF(next_key_id), 255, 0, 0, 16},
    {"verbose", NULL, "Print what happens", OF(verbose), 0, 'v', 0, 32},
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

static double seconds(struct argp_state *state, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 1e6))
        argp_error(state, "--interval %s: not a number of seconds from 0 to 1000000", text);
    return value;
}

static void parse_pin(struct argp_state *state, uint8_t pin[static SELKIE_PIN_SIZE], const char *text)
{
    if (strlen(text) != 2 * SELKIE_PIN_SIZE || selkie_hex_decode(pin, SELKIE_PIN_SIZE, text) < 0)
        argp_error(state, "--pin %s: not 64 hex digits", text);
}

static void parse_form(struct argp_state *state, struct device_options *options, const char *text)
{
    if (strcmp(text, "session") == 0)
        options->form = SELKIE_SESSION;
    else if (strcmp(text, "sealed") == 0)
        options->form = SELKIE_SEALED;
    else
        argp_error(state, "--form %s: must be sealed or session", text);
}

static void parse_flow(struct argp_state *state, struct device_options *options, const char *text)
{
    size_t i = 0;

    while (selkie_tty_flow_names[i] && strcmp(selkie_tty_flow_names[i], text) != 0)
        i++;
    if (!selkie_tty_flow_names[i])
        argp_error(state, "--flow %s: must be none or rtscts", text);
    options->tty.flow = (enum selkie_tty_flow)i;
    options->flow_given = true;
}

static const struct selkie_radio_profile *parse_radio(struct argp_state *state, const char *name)
{
    const struct selkie_radio_profile *radio = selkie_radio_profile_find(name);
    char names[SELKIE_RADIO_NAMES_SIZE];

    selkie_radio_profile_names(names);
    if (!radio)
        argp_error(state, "--radio %s: not one of %s", name, names);
    return radio;
}

/* The defaults come last, so that an option wins over --radio wherever it stands. */
static void fill_in(struct device_options *options)
{
    static const struct selkie_device_config library = SELKIE_DEVICE_DEFAULTS;
    const struct selkie_radio_profile plain = {.baud = 9600,
                                               .bit_rate = library.uplink.bit_rate,
                                               .quiet_ms = library.uplink.quiet_ms,
                                               .parity = library.uplink.parity};
    const struct selkie_radio_profile *radio = options->radio ? options->radio : &plain;
    const struct {
        unsigned *value;
        unsigned standard;
    } members[] = {
        {&options->tty.baud, radio->baud},
        {&options->open_wait_ms, radio->open_wait_ms},
        {&options->air.bit_rate, radio->bit_rate},
        {&options->air.quiet_ms, radio->quiet_ms},
        {&options->air.preamble_ms, radio->preamble_ms},
        {&options->air.packet, radio->packet},
        {&options->air.packet_gap_ms, options->air.packet == 0 ? 0 : radio->packet_gap_ms},
        {&options->air.parity, radio->parity},
    };

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (*members[i].value == NOT_GIVEN)
            *members[i].value = members[i].standard;
    if (!options->flow_given)
        options->tty.flow = radio->flow;
}

/* From the beginning of a packet to that of the next one. */
static unsigned packet_pace_ms(const struct device_options *options)
{
    const struct selkie_uplink_settings settings = {.bit_rate = options->air.bit_rate,
                                                    .preamble_ms = (uint16_t)options->air.preamble_ms,
                                                    .packet_overhead = (uint16_t)options->air.packet_overhead,
                                                    .packet_max = (uint16_t)options->air.packet,
                                                    .packet_gap_ms = (uint16_t)options->air.packet_gap_ms};

    return selkie_pacing_pace_ms(&settings);
}

static void check(struct argp_state *state, const struct device_options *options)
{
    if (!options->port || !options->public_key || options->key_id == 0 || !options->address_given)
        argp_error(state, "--port, --public-key, --key-id and --address are required");
    if ((!options->next_public_key) != (options->next_key_id == 0))
        argp_error(state, "--next-public-key and --next-key-id need each other");
    if (options->next_key_id != 0 && options->next_key_id == options->key_id)
        argp_error(state, "--next-key-id %u: the first key has that number", options->next_key_id);
    if (options->air.duty_permille > 0 && options->air.duty_permille < 1000 && options->air.bit_rate == 0)
        argp_error(state, "--duty needs a --bit-rate above 0");
    if (options->air.packet > 0 && options->air.packet < SELKIE_PACKET_MIN)
        argp_error(state, "--packet %u: must be 0, or %d to %d", options->air.packet, SELKIE_PACKET_MIN,
                   SELKIE_PACKET_MAX);
    if (options->air.packet_gap_ms > 0 && options->air.packet == 0)
        argp_error(state, "--packet-gap needs a --packet above 0");
    unsigned pace_ms = options->air.packet == 0 ? 0 : packet_pace_ms(options);
    if (pace_ms > SELKIE_FRAGMENT_PACE_MAX_MS)
        argp_error(state,
                   "--packet %u: a packet and --packet-gap take %u ms, and a gateway knows no more than %d: give a "
                   "smaller --packet or --packet-gap",
                   options->air.packet, pace_ms, SELKIE_FRAGMENT_PACE_MAX_MS);
    if (options->claim && strlen(options->claim) > SELKIE_CLAIM_MAX)
        argp_error(state, "--claim: longer than %d bytes", SELKIE_CLAIM_MAX);
    if (!selkie_tty_baud_valid(options->tty.baud))
        argp_error(state, "--baud %u: must be %d to %d", options->tty.baud, SELKIE_TTY_BAUD_MIN, SELKIE_TTY_BAUD_MAX);
    if (options->hex && options->readings)
        argp_error(state, "--hex and --readings exclude each other");
    if (options->exec && options->exec[0] == '\0')
        argp_error(state, "--exec: the command is empty");
    if (options->exec && options->readings)
        argp_error(state, "--exec and --readings exclude each other");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct device_options *options = state->input;
    switch (key) {
    case KEY_ADDRESS:
        if (selkie_address_parse(options->address, arg) < 0)
            argp_error(state, "--address %s: not 16 hex digits", arg);
        options->address_given = true;
        break;
    case KEY_PIN:
        parse_pin(state, options->pin, arg);
        options->pin_given = true;
        break;
    case KEY_FORM:
        parse_form(state, options, arg);
        break;
    case KEY_FLOW:
        parse_flow(state, options, arg);
        break;
    case KEY_INTERVAL:
        options->interval = seconds(state, arg);
        break;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: no such argument", arg);
        break;
    case KEY_RADIO:
        options->radio = parse_radio(state, arg);
        break;
    case KEY_LIST_RADIOS:
        exit(selkie_radio_profile_print(stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
    case ARGP_KEY_END:
        fill_in(options);
        check(state, options);
        break;
    default:
        return selkie_argument_take(options, table, TABLE_COUNT, key, arg, state) ? 0 : ARGP_ERR_UNKNOWN;
    }
    return 0;
}

void device_options_parse(struct device_options *options, int argc, char **argv)
{
    struct argp_option list[TABLE_COUNT + 1];
    const struct argp argp = {
        .options = list,
        .parser = parse,
        .doc = "A Selkie device as a process: seals each line of standard input, or this machine's own readings, and "
               "sends it over a serial line.\v"
               "SIGHUP resets the device (a new ID), SIGUSR1 switches to the second key, SIGINT and SIGTERM end it.",
    };
    static const struct selkie_device_config defaults = SELKIE_DEVICE_DEFAULTS;
    *options = (struct device_options){.form = SELKIE_SEALED,
                                       .interval = -1,
                                       .tty = {.baud = NOT_GIVEN},
                                       .open_wait_ms = NOT_GIVEN,
                                       .sealed_every = defaults.sealed_every,
                                       .air = {.bit_rate = NOT_GIVEN,
                                               .quiet_ms = NOT_GIVEN,
                                               .preamble_ms = NOT_GIVEN,
                                               .ack_ms = defaults.uplink.ack_ms,
                                               .backoff_ms = defaults.uplink.backoff_ms,
                                               .spread_ms = defaults.uplink.spread_ms,
                                               .packet = NOT_GIVEN,
                                               .packet_gap_ms = NOT_GIVEN,
                                               .parity = NOT_GIVEN,
                                               .tries = defaults.uplink.ack_tries}};
    selkie_argument_list(list, table, TABLE_COUNT, ~0u);
    argp_program_version = "selkie-device " SELKIE_VERSION;
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, options);
}
