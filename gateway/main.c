/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-gateway: radio frames from serial lines, through a spool on disk, to an MQTT broker. */
#include "check/config_check.h"
#include "gateway_config.h"
#include "gateway_service.h"
#include "listen/listen.h"
#include "log.h"
#include "ports.h"
#include "spool_file.h"

#include <argp.h>
#include <limits.h>
#include <selkie/clock.h>
#include <selkie/error.h>
#include <selkie/radio_profile.h>
#include <selkie/stdout.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define EXIT_USAGE     2
#define DEFAULT_CONFIG "/etc/selkie/gateway.json"

const char *argp_program_version = "selkie-gateway " SELKIE_VERSION;

enum action { RUN, CHECK_CONFIG, PRINT_CONFIG, LIST_PORTS, LIST_RADIOS, LISTEN }; /* also argp's keys of the options */

#define KEY_BAUD 0x100 /* beside those; as no letter is, no short option */

struct arguments {
    enum action action;
    const char *config; /* NULL: not given */
    const char *port;   /* to listen on */
    unsigned baud;      /* 0: not given */
};

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "Configuration [/etc/selkie/gateway.json]", 0},
    {"check-config", CHECK_CONFIG, NULL, 0, "Check the configuration, show what would be used, and end", 0},
    {"print-config", PRINT_CONFIG, NULL, 0, "Print a complete configuration to start from, and end", 0},
    {"list-ports", LIST_PORTS, NULL, 0, "Show the serial lines with their stable names, and end", 0},
    {"list-radios", LIST_RADIOS, NULL, 0, "Show the radios that \"radio\" may name, and their settings, and end", 0},
    {"listen", LISTEN, "PORT", 0,
     "Show what comes in on a serial line: bytes, frames, broken ones; try the usual speeds. Stop the service first",
     0},
    {"baud", KEY_BAUD, "N", 0, "With --listen: only this speed", 0},
    {0},
};

static unsigned parse_baud(const char *value, struct argp_state *state)
{
    char *end;
    unsigned long baud = strtoul(value, &end, 10);

    if (*end != '\0' || value[0] < '0' || value[0] > '9' || baud > SELKIE_TTY_BAUD_MAX || baud < SELKIE_TTY_BAUD_MIN)
        argp_error(state, "--baud: must be a number from %d to %d", SELKIE_TTY_BAUD_MIN, SELKIE_TTY_BAUD_MAX);
    return (unsigned)baud;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case 'c':
        arguments->config = value;
        return 0;
    case CHECK_CONFIG:
    case PRINT_CONFIG:
    case LIST_PORTS:
    case LIST_RADIOS:
        arguments->action = (enum action)key;
        return 0;
    case LISTEN:
        arguments->action = LISTEN;
        arguments->port = value;
        return 0;
    case KEY_BAUD:
        arguments->baud = parse_baud(value, state);
        return 0;
    case ARGP_KEY_END:
        if (arguments->baud != 0 && arguments->action != LISTEN)
            argp_error(state, "--baud is for --listen; the configuration has the speed of each line");
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "one argument too many: \"%s\"", value);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
    (void)source;
    (void)info;
    selkie_gateway_service_stop(context);
    return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
    (void)source;
    (void)info;
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)selkie_clock_monotonic_us());
    selkie_gateway_service_reload(context);
    (void)sd_notify(0, "READY=1");
    return 0;
}

/* Before the first thread starts, so that no thread of Paho receives a signal. */
static int block_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file-size limit is a full disk, and no reason to end */
    return sigprocmask(SIG_BLOCK, &set, NULL);
}

static int loop(sd_event *event, struct selkie_gateway_service *gateway)
{
    int result = sd_event_add_signal(event, NULL, SIGTERM, on_stop, gateway);

    if (result >= 0)
        result = sd_event_add_signal(event, NULL, SIGINT, on_stop, gateway);
    if (result >= 0)
        result = sd_event_add_signal(event, NULL, SIGHUP, on_reload, gateway);
    /* The loop itself feeds the watchdog, so that systemd restarts a loop that hangs. */
    if (result >= 0)
        result = sd_event_set_watchdog(event, 1);
    if (result >= 0) {
        (void)sd_notify(0, "READY=1");
        result = sd_event_loop(event);
    }
    if (result < 0)
        selkie_log(LOG_ERR, "event loop: %s", strerror(-result));
    return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(const char *path)
{
    struct selkie_gateway_config *config = selkie_gateway_config_load(path);
    char why[SELKIE_SPOOL_WHY_MAX];
    sd_event *event = NULL;
    int status = EXIT_FAILURE;

    if (!config)
        return EX_CONFIG;
    if (selkie_spool_file_look(config->spool_path, why) < 0) {
        selkie_log(LOG_ERR, "spool %s: %s", config->spool_path, why);
        selkie_gateway_config_close(config);
        return EX_CONFIG;
    }
    int result = block_signals() != 0 ? -errno : sd_event_default(&event);
    if (result < 0) {
        selkie_log(LOG_ERR, "event loop: %s", strerror(-result));
        selkie_gateway_config_close(config);
        return EXIT_FAILURE;
    }
    struct selkie_gateway_service *gateway = selkie_gateway_service_open_take(event, path, config);
    if (gateway)
        status = loop(event, gateway);
    selkie_gateway_service_close(gateway);
    (void)sd_event_unref(event);
    return status;
}

static int check(const char *path)
{
    struct selkie_gateway_config *config = selkie_gateway_config_load(path);

    if (!config)
        return EX_CONFIG;
    selkie_gateway_config_show(config);
    unsigned faults = selkie_config_check(config);
    selkie_gateway_config_close(config);
    return faults > 0 ? EX_CONFIG : EXIT_SUCCESS;
}

/* Two names of one line: /dev/serial/by-id/… and /dev/ttyUSB0. */
static bool is_same(const char *device, const char *other)
{
    char path[PATH_MAX], other_path[PATH_MAX];

    return strcmp(device, other) == 0 ||
           (realpath(device, path) && realpath(other, other_path) && strcmp(path, other_path) == 0);
}

/* The settings that a configuration has for this line, if there is one that we may read. False: it was named, and is
 * wrong. */
static bool find_settings(struct selkie_tty_settings *settings, const struct arguments *arguments)
{
    const char *path = arguments->config ? arguments->config : DEFAULT_CONFIG;

    if (!arguments->config && access(path, R_OK) != 0)
        return true;
    struct selkie_gateway_config *config = selkie_gateway_config_load(path);
    for (size_t i = 0; config && i < config->line_count; i++)
        if (is_same(config->lines[i].device, arguments->port)) {
            *settings = config->lines[i].serial.tty;
            selkie_log(LOG_NOTICE, "%s: set as in %s", arguments->port, path);
        }
    bool sound = config;
    selkie_gateway_config_close(config);
    return sound || !arguments->config;
}

static int listen_to_line(const struct arguments *arguments)
{
    struct selkie_tty_settings settings = {.baud = 9600};

    if (!find_settings(&settings, arguments))
        return EX_CONFIG;
    if (arguments->baud != 0)
        settings.baud = arguments->baud;
    return selkie_listen(arguments->port, &settings, arguments->baud != 0);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .doc = "Forward sealed radio frames from serial lines to an MQTT broker.\v"
               "Frames wait in a spool on disk until the broker's plugin has dealt with them. See selkie-gateway(8).",
    };
    struct arguments arguments = {.action = RUN};

    argp_err_exit_status = EXIT_USAGE;
    selkie_stdout_check_at_exit("selkie-gateway");
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    const char *config = arguments.config ? arguments.config : DEFAULT_CONFIG;
    switch (arguments.action) {
    case LISTEN:
        return listen_to_line(&arguments);
    case PRINT_CONFIG:
        return fputs(selkie_gateway_config_template, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    case LIST_PORTS:
        return selkie_ports_list() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    case LIST_RADIOS:
        return selkie_radio_profile_print(stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    case CHECK_CONFIG:
        return check(config);
    case RUN:
        break;
    }
    return run(config);
}
