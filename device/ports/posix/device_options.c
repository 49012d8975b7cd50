/* SPDX-License-Identifier: Apache-2.0 */
#include "device_options.h"
#include "device_line.h"
#include <argp.h>
#include <selkie/argument.h>
#include <selkie/tty.h>
#include <stdlib.h>
#include <string.h>

enum key {
    KEY_PORT = 'p',
    KEY_PUBLIC_KEY = 'k',
    KEY_KEY_ID = 'i',
    KEY_ADDRESS = 'a',
    KEY_FORM = 'f',
    KEY_INTERVAL = 's',
    KEY_VERBOSE = 'v',
    KEY_ACK = 0x100,
    KEY_REPEAT,
    KEY_CLAIM,
    KEY_HEX,
    KEY_READINGS,
    KEY_COUNT,
    KEY_BAUD,
    KEY_BIT_RATE,
    KEY_DUTY,
    KEY_PIN,
    KEY_NEXT_PUBLIC_KEY,
    KEY_NEXT_KEY_ID,
    KEY_SEALED_EVERY,
};

static const struct argp_option list[] = {
    {"port", KEY_PORT, "TTY", 0, "Serial line or pseudo-terminal of the radio (required)", 1},
    {"public-key", KEY_PUBLIC_KEY, "FILE", 0, "The cloud's RSA-4096 public key, PEM (required)", 1},
    {"key-id", KEY_KEY_ID, "N", 0, "The number of that key, 1 to 255 (required)", 1},
    {"address", KEY_ADDRESS, "HEX16", 0, "The device's address, 16 hex digits (required)", 1},
    {"form", KEY_FORM, "FORM", 0, "sealed (default), or session: short frames between sealed ones", 2},
    {"interval", KEY_INTERVAL, "SECONDS", 0, "Time between payloads (default 0; 5 with --readings)", 2},
    {"ack", KEY_ACK, NULL, 0, "Wait for the gateway's ACKs, and repeat what is not acknowledged", 2},
    {"repeat", KEY_REPEAT, "N", 0, "Send each frame N times, without --ack (default: REGISTER 3, others 1)", 2},
    {"claim", KEY_CLAIM, "TEXT", 0, "The claim that the operator expects from this device", 2},
    {"hex", KEY_HEX, NULL, 0, "Lines on standard input are hex digits", 3},
    {"readings", KEY_READINGS, NULL, 0, "Send this machine's load, memory, uptime and temperature instead", 3},
    {"count", KEY_COUNT, "N", 0, "End after N payloads (default: at the end of the input, or never)", 3},
    {"baud", KEY_BAUD, "N", 0, "Speed of the line (default 9600)", 4},
    {"bit-rate", KEY_BIT_RATE, "N", 0, "Speed of the air in bit/s: pace frames by it (default: by the line alone)", 4},
    {"duty", KEY_DUTY, "PERMILLE", 0, "Transmit at most this part of the time, 1 to 1000 (default 1000)", 4},
    {"sealed-every", KEY_SEALED_EVERY, "N", 0, "With --form session: seal one of N messages, 1 to 4096 (default 4096)",
     4},
    {"pin", KEY_PIN, "HEX64", 0, "SHA-256 that the public key's DER must have (default: what it has at the start)", 5},
    {"next-public-key", KEY_NEXT_PUBLIC_KEY, "FILE", 0, "A second key; SIGUSR1 switches to it", 5},
    {"next-key-id", KEY_NEXT_KEY_ID, "N", 0, "The number of the second key", 5},
    {"verbose", KEY_VERBOSE, NULL, 0, "Print what happens", 6},
    {0},
};

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
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    if (digits != 2 * SELKIE_PIN_SIZE || text[digits] != '\0')
        argp_error(state, "--pin %s: not 64 hex digits", text);
    for (size_t i = 0; i < SELKIE_PIN_SIZE; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        pin[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
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

static void check(struct argp_state *state, const struct device_options *options)
{
    if (!options->port || !options->public_key || options->key_id == 0 || !options->address_given)
        argp_error(state, "--port, --public-key, --key-id and --address are required");
    if ((!options->next_public_key) != (options->next_key_id == 0))
        argp_error(state, "--next-public-key and --next-key-id need each other");
    if (options->next_key_id != 0 && options->next_key_id == options->key_id)
        argp_error(state, "--next-key-id %u: the first key has that number", options->next_key_id);
    if (options->duty_permille > 0 && options->bit_rate == 0)
        argp_error(state, "--duty needs --bit-rate");
    if (options->claim && strlen(options->claim) > SELKIE_CLAIM_MAX)
        argp_error(state, "--claim: longer than %d bytes", SELKIE_CLAIM_MAX);
    if (!selkie_tty_speed_valid(options->baud))
        argp_error(state, "--baud %u: not a speed of serial lines", options->baud);
    if (options->hex && options->readings)
        argp_error(state, "--hex and --readings exclude each other");
}

static bool set_number(struct argp_state *state, struct device_options *options, int key, const char *arg)
{
    const struct {
        int key;
        unsigned max;
        const char *name;
        unsigned *value;
    } numbers[] = {
        {KEY_COUNT, 1000000000, "count", &options->count},
        {KEY_SEALED_EVERY, SELKIE_SESSION_SEALED_EVERY, "sealed-every", &options->sealed_every},
        {KEY_REPEAT, 100, "repeat", &options->repeat},
        {KEY_BAUD, 4000000, "baud", &options->baud},
        {KEY_BIT_RATE, 1000000000, "bit-rate", &options->bit_rate},
        {KEY_DUTY, 1000, "duty", &options->duty_permille},
        {KEY_KEY_ID, 255, "key-id", &options->key_id},
        {KEY_NEXT_KEY_ID, 255, "next-key-id", &options->next_key_id},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].key != key)
            continue;
        *numbers[i].value = (unsigned)selkie_argument_number(state, numbers[i].name, arg, 1, numbers[i].max);
        return true;
    }
    return false;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct device_options *options = state->input;
    switch (key) {
    case KEY_PORT:
        options->port = arg;
        break;
    case KEY_PUBLIC_KEY:
        options->public_key = arg;
        break;
    case KEY_NEXT_PUBLIC_KEY:
        options->next_public_key = arg;
        break;
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
    case KEY_INTERVAL:
        options->interval = seconds(state, arg);
        break;
    case KEY_CLAIM:
        options->claim = arg;
        break;
    case KEY_ACK:
        options->ack = true;
        break;
    case KEY_HEX:
        options->hex = true;
        break;
    case KEY_READINGS:
        options->readings = true;
        break;
    case KEY_VERBOSE:
        options->verbose = true;
        break;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: no such argument", arg);
        break;
    case ARGP_KEY_END:
        check(state, options);
        break;
    default:
        return set_number(state, options, key, arg) ? 0 : ARGP_ERR_UNKNOWN;
    }
    return 0;
}

void device_options_parse(struct device_options *options, int argc, char **argv)
{
    static const struct argp argp = {
        .options = list,
        .parser = parse,
        .doc = "A Selkie device as a process: seals each line of standard input, or this machine's own readings, and "
               "sends it over a serial line.\v"
               "SIGHUP resets the device (a new ID), SIGUSR1 switches to the second key, SIGINT and SIGTERM end it.",
    };
    *options = (struct device_options){.form = SELKIE_SEALED, .interval = -1, .baud = 9600, .sealed_every = 4096};
    argp_program_version = "selkie-device " SELKIE_VERSION;
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, options);
}
