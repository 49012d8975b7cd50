/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-sim: fleets of real devices on an air that is as bad as the real one, and a verdict. */
#include "attack/acts.h"
#include "core/embedded.h"
#include "core/run.h"
#include "sim.h"

#include <argp.h>
#include <selkie/stdout.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define EXIT_USAGE 2

const char *argp_program_version = "selkie-sim " SELKIE_VERSION;

enum key {
    KEY_REPORT = 1000,
    KEY_JSON,
    KEY_KEEP,
    KEY_CHECK,
    KEY_PRINT,
    KEY_SET,
    KEY_EXPECT,
    KEY_FIRST_PATH /* and from here on: places in `paths` */
};

static const struct path {
    const char *option, *argument, *path, *doc;
} paths[] = {
    {"devices", "N", "fleet/devices", "How many devices [10]"},
    {"channels", "C", "channels/0/count", "How many channels, one gateway each [1]"},
    {"interval", "S", "fleet/interval_s", "Seconds between two payloads of a device [30]"},
    {"jitter", "PART", "fleet/jitter", "More or less by up to this part of it [0.1]"},
    {"start", "S", "fleet/start_s", "Devices start within so many seconds [10]"},
    {"duration", "S", "duration_s", "How long it goes on, in virtual time [60]"},
    {"speed", "N|max", "speed", "Virtual seconds a second [1]"},
    {"seed", "N", "seed", "The same seed, the same frames [1]"},
    {"session", "PART", "fleet/session_share", "Part of the devices that send SESSION frames [0]"},
    {"times", "N", "fleet/times", "Transmissions of each frame without ACK [1]"},
    {"heard-by", "N", "fleet/heard_by", "Gateways that hear each device [1]"},
    {"payload", "KIND", "fleet/payload/kind", "constant, sensor or csv [sensor]"},
    {"payload-size", "BYTES", "fleet/payload/size", "Of a constant payload [16]"},
    {"csv", "FILE", "fleet/payload/file", "Lines to send, with --payload csv"},
    {"link", "KIND", "channels/0/link", "pty, socket or mqtt [pty]"},
    {"line", "NAME", "channels/0/line", "Names of the ptys or sockets, numbered"},
    {"gateways", "WHOSE", "channels/0/gateways", "own: started here; yours: they open the ptys [own]"},
    {"ack", "BOOL", "channels/0/ack", "true: gateways acknowledge [false]"},
    {"bit-rate", "N", "channels/0/air/bit_rate", "Bits a second on the air; 0 = no radio in between [2000]"},
    {"bit-errors", "CHANCE", "channels/0/air/bit_errors", "Chance of a bit to be wrong [0]"},
    {"fade", "PART", "channels/0/air/fade_share", "Part of the time that a path is faded [0]"},
    {"broker", "URI", "broker/uri", "A broker of yours [one is started]"},
    {"username", "NAME", "broker/username", "At the broker"},
    {"password-file", "FILE", "broker/password_file", "Its first line"},
    {"ca", "FILE", "broker/ca", "Certificate authority of mqtts://"},
    {"key-id", "N", "broker/public_keys/0/id", "key_id of the broker's current key"},
    {"public-key", "FILE", "broker/public_keys/0/file", "Its public half, PEM"},
    {"root", "TOPIC", "broker/root", "First level of the topics [selkie]"},
    {"rebind", "POLICY", "broker/rebind", "approve, deny, claim or allow [approve]"},
};

#define PATHS (sizeof paths / sizeof paths[0])

enum command { NONE, RUN, ATTACK, PRINT_CONFIG };

struct arguments {
    enum command command;
    bool check_only;
    const char *file, *attack;
    json_t *over; /* keys to set in the scenario */
    struct selkie_sim_options run;
};

static void set(struct argp_state *state, const char *path, const char *value)
{
    struct arguments *arguments = state->input;
    int error = selkie_command_line_set(arguments->over, path, value);

    if (error < 0)
        argp_error(state, "%s: %s", path, selkie_error_text(error));
}

/* PATH=VALUE; for an expectation "events.clone=1" is "expect/events/clone". */
static void set_pair(struct argp_state *state, const char *prefix, const char *pair)
{
    char path[128];
    const char *equals = strchr(pair, '=');

    if (!equals || equals == pair)
        argp_error(state, "\"%s\": must be NAME=VALUE", pair);
    else {
        int len = snprintf(path, sizeof path, "%s%.*s", prefix, (int)(equals - pair), pair);
        for (char *dot = path; *prefix != '\0' && len > 0 && (dot = strchr(dot, '.')) != NULL;)
            *dot = '/';
        set(state, path, equals + 1);
    }
}

static error_t parse_argument(struct arguments *arguments, const char *value, struct argp_state *state)
{
    if (arguments->command == NONE && strcmp(value, "run") == 0) {
        arguments->command = RUN;
    } else if (arguments->command == NONE && strcmp(value, "attack") == 0) {
        arguments->command = ATTACK;
    } else if (arguments->command == RUN && !arguments->file) {
        arguments->file = value;
    } else if (arguments->command == ATTACK && !arguments->attack) {
        for (size_t i = 0; i < SELKIE_ATTACK_KINDS && !arguments->attack; i++) {
            if (strcmp(selkie_attack_words[i], value) == 0)
                arguments->attack = selkie_attack_words[i];
        }
        if (!arguments->attack)
            argp_error(state, "no attack is called \"%s\"; see --help", value);
    } else {
        argp_error(state, arguments->command == NONE ? "\"%s\" is no command" : "\"%s\" is too much", value);
    }
    return 0;
}

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case 'q':
        arguments->run.quiet = true;
        return 0;
    case KEY_REPORT:
        arguments->run.report = value;
        return 0;
    case KEY_JSON:
        arguments->run.json = value;
        return 0;
    case KEY_KEEP:
        arguments->run.keep = true;
        return 0;
    case KEY_CHECK:
        arguments->check_only = true;
        return 0;
    case KEY_PRINT:
        arguments->command = PRINT_CONFIG;
        return 0;
    case KEY_SET:
        set_pair(state, "", value);
        return 0;
    case KEY_EXPECT:
        set_pair(state, "expect/", value);
        return 0;
    case ARGP_KEY_ARG:
        return parse_argument(arguments, value, state);
    case ARGP_KEY_END:
        if (arguments->command == NONE || (arguments->command == ATTACK && !arguments->attack))
            argp_usage(state);
        arguments->run.stdout_taken = is_stdout(arguments->run.json) || is_stdout(arguments->run.report);
        if (is_stdout(arguments->run.json) && is_stdout(arguments->run.report))
            argp_error(state, "--json and --report cannot both be standard output");
        return 0;
    default:
        if (key < KEY_FIRST_PATH || key >= KEY_FIRST_PATH + (int)PATHS)
            return ARGP_ERR_UNKNOWN;
        set(state, paths[key - KEY_FIRST_PATH].path, value);
        return 0;
    }
}

/* The attacks are listed from their table, so that the help cannot be out of date. */
static char *filter_help(int key, const char *text, void *input)
{
    char *list = NULL;
    size_t size = 0;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    FILE *stream = open_memstream(&list, &size);
    if (!stream)
        return NULL;
    (void)fputs("Attacks:\n", stream);
    for (int i = 0; i < SELKIE_ATTACK_KINDS; i++)
        (void)fprintf(stream, "  %-16s %s\n", selkie_attack_words[i],
                      selkie_attack_of((enum selkie_attack_kind)i)->what);
    (void)fputs("\nExit status: 0 every expectation held, 1 one did not or the run broke, 2 wrong command line, 78 "
                "wrong scenario. See selkie-sim(1).",
                stream);
    (void)fclose(stream);
    return list;
}

static int act(const struct arguments *arguments)
{
    struct selkie_scenario scenario;
    int status = EX_CONFIG;

    if (arguments->command == PRINT_CONFIG)
        return fputs(selkie_embedded_template, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    const char *astray = selkie_command_line_load(arguments->over, &scenario, arguments->file, arguments->attack);
    if (selkie_scenario_error(&scenario)) {
        selkie_say("%s", selkie_scenario_error(&scenario));
    } else if (astray) {
        selkie_say("%s: there is no such place in the scenario", astray);
    } else if (arguments->check_only) {
        status = selkie_command_line_show(&scenario) < 0 ? EX_CONFIG : EXIT_SUCCESS;
    } else {
        status = selkie_sim_run(&scenario, &arguments->run);
    }
    selkie_scenario_close(&scenario);
    return status;
}

int main(int argc, char **argv)
{
    static const struct argp_option own[] = {
        {"report", KEY_REPORT, "FILE", 0, "Write a report with charts (one HTML file); - is standard output", 1},
        {"json", KEY_JSON, "FILE", 0, "Write all figures as JSON; - is standard output", 1},
        {"quiet", 'q', NULL, 0, "No live view and no summary; failed expectations only", 1},
        {"keep", KEY_KEEP, NULL, 0, "Keep the folder with configurations, logs and spools", 1},
        {"check-config", KEY_CHECK, NULL, 0, "Check the scenario, show what would be run, and end", 1},
        {"print-config", KEY_PRINT, NULL, 0, "Print a scenario with every key, and end", 1},
        {"set", KEY_SET, "PATH=VALUE", 0, "Set any key of the scenario, such as fleet/payload/size=32", 2},
        {"expect", KEY_EXPECT, "NAME=RELATION", 0, "Expect a figure, such as delivered_share=\">=0.9\"", 2},
    };
    enum { OWN = sizeof own / sizeof own[0] };
    struct argp_option options[OWN + PATHS + 1] = {0};
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "run [SCENARIO.json]\nattack NAME",
        .doc = "Run a fleet of simulated devices over a simulated radio into real gateways and a real "
               "broker, and report what became of every payload.\v",
        .help_filter = filter_help};
    struct arguments arguments = {.over = json_array()};

    memcpy(options, own, sizeof own);
    for (size_t i = 0; i < PATHS; i++)
        options[OWN + i] = (struct argp_option){.name = paths[i].option,
                                                .key = KEY_FIRST_PATH + (int)i,
                                                .arg = paths[i].argument,
                                                .doc = paths[i].doc,
                                                .group = 3};
    argp_err_exit_status = EXIT_USAGE;
    selkie_stdout_check_at_exit("selkie-sim");
    (void)signal(SIGPIPE, SIG_IGN);
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int status = act(&arguments);
    json_decref(arguments.over);
    return status;
}
