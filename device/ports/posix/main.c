/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-device: a device as a Linux process. The line is its radio, getrandom its TRNG, --pin its
 * one-time-programmable memory, signals its buttons. */
#define _GNU_SOURCE /* ppoll */
#include "device_line.h"
#include "device_options.h"
#include "exec_source.h"
#include "keyfile.h"
#include "payloads.h"
#include <errno.h>
#include <mbedtls/platform_util.h>
#include <poll.h>
#include <selkie/mbedtls.h>
#include <selkie/stdout.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define READINGS_INTERVAL 5    /* seconds */
#define REOPEN_MS         1000 /* so often a line that is gone is looked for */
#define REFUSED_MS        10   /* after a line that is refused: what floods takes no processor, and no signal waits */

struct process {
    const struct device_options *options;
    struct device_line line;
    struct payloads payloads;
    struct exec_source program; /* with --exec */
    uint8_t keys[SELKIE_TRUST_KEYS][SELKIE_PUBLIC_KEY_SIZE];
    uint8_t pins[SELKIE_TRUST_KEYS][SELKIE_PIN_SIZE];
    struct selkie_link_rx ack_rx;
    struct selkie_device_config config;
    struct selkie_port port;
    struct selkie_device device;
    struct selkie_device_status status;
    uint8_t payload[SELKIE_PAYLOAD_MAX]; /* the one that waits, while payload_waits */
    size_t payload_len;
    bool payload_waits;
    unsigned long taken;                /* payloads that the device took */
    int64_t next_ms;                    /* not before this the next one */
    int64_t reopen_ms;                  /* when to look again for a line that is gone */
    int reopen_error;                   /* why what is there now cannot be opened, as logged; 0: not logged */
    enum selkie_uplink_trouble trouble; /* as logged */
};

static volatile sig_atomic_t stop_asked, reset_asked, next_key_asked;

static void note_signal(int signal)
{
    if (signal == SIGHUP)
        reset_asked = 1;
    else if (signal == SIGUSR1)
        next_key_asked = 1;
    else
        stop_asked = 1;
}

static int write_radio(void *context, const uint8_t *bytes, size_t len)
{
    struct process *process = context;
    return device_line_write(&process->line, bytes, len);
}

static int read_radio(void *context, uint8_t *bytes, size_t size)
{
    struct process *process = context;
    return device_line_read(&process->line, bytes, size);
}

static int quiet_ms(void *context)
{
    struct process *process = context;
    return device_line_quiet_ms(&process->line);
}

static int read_random(void *context, uint32_t *samples, size_t max)
{
    (void)context;
    uint8_t bytes[16];
    size_t count = max < sizeof bytes ? max : sizeof bytes;
    if (getrandom(bytes, count, GRND_NONBLOCK) != (ssize_t)count)
        return errno == EAGAIN ? 0 : -1;
    for (size_t i = 0; i < count; i++)
        samples[i] = bytes[i];
    mbedtls_platform_zeroize(bytes, sizeof bytes);
    return (int)count;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[static SELKIE_PIN_SIZE])
{
    struct process *process = context;
    memcpy(pin, process->pins[slot], SELKIE_PIN_SIZE);
    return 0;
}

static int key_slot(void *context)
{
    struct process *process = context;
    return next_key_asked && process->options->next_public_key ? 1 : 0;
}

/* The kernel's generator, tested and credited like any other source: 7 bits for a byte. */
static const struct selkie_source kernel = {
    .kind = SELKIE_SOURCE_TRNG, .claim = 28, .width = 8, .dead_ms = 60000, .read = read_random};

static int load_key(struct process *process, unsigned slot, const char *path, unsigned key_id)
{
    uint8_t *spki = process->keys[slot];
    if (keyfile_read(spki, path) < 0)
        return -1;
    if (selkie_mbedtls_sha256(spki, SELKIE_PUBLIC_KEY_SIZE, process->pins[slot], 0) != 0)
        return -1;
    process->config.keys[slot] = (struct selkie_public_key){.key_id = (uint8_t)key_id, .spki = spki};
    return 0;
}

static void configure(struct process *process)
{
    const struct device_options *options = process->options;
    struct selkie_device_config *config = &process->config;
    memcpy(config->address, options->address, SELKIE_ADDRESS_SIZE);
    config->form = options->form;
    config->sealed_every = (uint16_t)options->sealed_every;
    config->claim = (const uint8_t *)options->claim;
    config->claim_len = options->claim ? strlen(options->claim) : 0;
    config->firmware = options->readings ? PAYLOADS_READINGS_FIRMWARE : "selkie-device " SELKIE_VERSION;
    config->ack_rx = options->ack ? &process->ack_rx : NULL;
    config->uplink.bit_rate = options->air.bit_rate;
    config->uplink.quiet_ms = options->air.quiet_ms;
    config->uplink.backoff_ms = options->air.backoff_ms;
    config->uplink.spread_ms = options->air.spread_ms;
    config->uplink.ack_ms = options->air.ack_ms;
    config->uplink.duty_permille = (uint16_t)options->air.duty_permille;
    config->uplink.patience_ms = options->air.patience_s * 1000;
    config->uplink.preamble_ms = (uint16_t)options->air.preamble_ms;
    config->uplink.packet_overhead = (uint16_t)options->air.packet_overhead;
    config->uplink.packet_max = (uint16_t)options->air.packet;
    config->uplink.packet_gap_ms = (uint16_t)options->air.packet_gap_ms;
    config->uplink.parity = (uint8_t)options->air.parity;
    config->uplink.ack_tries = (uint8_t)options->air.tries;
    if (options->repeat > 0)
        config->uplink.register_times = config->uplink.data_times = (uint8_t)options->repeat;
    process->port = (struct selkie_port){.context = process,
                                         .radio_write = write_radio,
                                         .radio_read = read_radio,
                                         .radio_quiet_ms = quiet_ms,
                                         .sources = &kernel,
                                         .source_count = 1,
                                         .read_pin = read_pin,
                                         .key_slot = key_slot};
    process->payloads.readings = options->readings;
    process->payloads.hex = options->hex;
    process->program.command = options->exec;
}

static void say(const char *name, const char *what)
{
    fprintf(stderr, "selkie-device: %s: %s\n", name, what);
}

static int fail(const char *name, const char *why)
{
    say(name, why);
    return -1;
}

static void say_refused(const struct process *process)
{
    if (process->line.refused[0] != '\0')
        say(process->options->port, process->line.refused);
}

static int set_up(struct process *process)
{
    const struct device_options *options = process->options;
    if (load_key(process, 0, options->public_key, options->key_id) < 0)
        return -1;
    if (options->next_public_key && load_key(process, 1, options->next_public_key, options->next_key_id) < 0)
        return -1;
    if (options->pin_given)
        memcpy(process->pins[0], options->pin, SELKIE_PIN_SIZE);
    configure(process);
    if (device_line_open(&process->line, options->port, &options->tty, options->open_wait_ms) < 0)
        return fail(options->port, strerror(errno));
    say_refused(process);
    int error = selkie_device_init(&process->device, &process->config, &process->port);
    if (error == SELKIE_ETRUST)
        return fail(options->public_key, selkie_error_text(error));
    return error < 0 ? fail("cannot start the device", selkie_error_text(error)) : 0;
}

static bool all_taken(const struct process *process)
{
    if (process->payload_waits)
        return false;
    if (process->options->count > 0 && process->taken >= process->options->count)
        return true;
    return process->payloads.ended && !process->options->exec;
}

static bool program_ended(const struct process *process)
{
    return process->payloads.ended && process->payloads.fill == 0;
}

/* With --exec: a program that has ended is started again, and its output is the next input. */
static void run_program(struct process *process, int64_t now_ms)
{
    struct payloads *payloads = &process->payloads;
    if (!process->options->exec || !exec_source_run(&process->program, program_ended(process), now_ms))
        return;
    payloads->ended = false;
    payloads->skipping = false;
    payloads->fill = 0;
}

/* Give the device the next payload once it is time. Returns 0 or -1. */
static int feed(struct process *process, int state, int64_t now_ms)
{
    const struct device_options *options = process->options;
    double interval = options->interval >= 0 ? options->interval : options->readings ? READINGS_INTERVAL : 0;
    if (state != SELKIE_DEVICE_READY || now_ms < process->next_ms || (!process->payload_waits && all_taken(process)))
        return 0;
    if (!process->payload_waits) {
        int got = payloads_next(&process->payloads, process->payload, &process->payload_len);
        if (got == 0 && all_taken(process))
            process->status.wake_ms = (uint64_t)now_ms; /* that was the end: nothing to wait for */
        if (process->payloads.skipping || (got < 0 && !process->payloads.readings)) {
            process->next_ms = now_ms + REFUSED_MS; /* the next line may be good */
            return 0;
        }
        if (got <= 0)
            return got;
        process->payload_waits = true;
    }
    int error = selkie_device_send(&process->device, process->payload, process->payload_len);
    if (error == SELKIE_EBUSY || error == SELKIE_ENOTREADY || error == SELKIE_EEXHAUSTED)
        return 0;
    process->payload_waits = false;
    mbedtls_platform_zeroize(process->payload, sizeof process->payload);
    if (error < 0)
        return fail("cannot seal a payload", selkie_error_text(error));
    process->taken++;
    process->next_ms = now_ms + (int64_t)(interval * 1000);
    process->status.wake_ms = (uint64_t)now_ms;
    if (options->verbose)
        fprintf(stderr, "selkie-device: payload %lu of %zu bytes is sealed\n", process->taken, process->payload_len);
    return 0;
}

static void wait_for_news(const struct process *process, int state, int64_t now_ms, const sigset_t *unblocked)
{
    bool wants_input = state == SELKIE_DEVICE_READY && !process->payload_waits && !process->payloads.readings &&
                       !process->payloads.ended && !all_taken(process) && now_ms >= process->next_ms;
    struct pollfd fds[] = {
        {.fd = process->line.fd, .events = (short)(process->line.full ? POLLIN | POLLOUT : POLLIN)},
        {.fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN},
    };
    int64_t wake_ms = process->status.wake_ms > INT64_MAX ? INT64_MAX : (int64_t)process->status.wake_ms;
    bool has_next = state == SELKIE_DEVICE_READY && !all_taken(process) && now_ms < process->next_ms;
    if (has_next && process->next_ms < wake_ms)
        wake_ms = process->next_ms;
    if (process->options->exec && exec_source_wake_ms(&process->program, program_ended(process)) < wake_ms)
        wake_ms = exec_source_wake_ms(&process->program, program_ended(process));
    int64_t left = wake_ms == INT64_MAX ? 3600000 : wake_ms > now_ms ? wake_ms - now_ms : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / 1000), .tv_nsec = (long)(left % 1000 * 1000000)};
    (void)ppoll(fds, 2, &timeout, unblocked); /* the loop looks at everything, whatever ended the wait */
}

static int end_of_run(const struct process *process)
{
    const struct selkie_uplink_counts *counts = &process->status.uplink;
    printf("payloads %lu, transmissions %lu, acknowledged %lu, given up %lu\n", process->taken,
           (unsigned long)counts->transmissions, (unsigned long)counts->acknowledged, (unsigned long)counts->given_up);
    if (counts->given_up > 0)
        fprintf(stderr, "selkie-device: %lu frames were not acknowledged\n", (unsigned long)counts->given_up);
    return counts->given_up > 0 || process->payloads.refused > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Close a line that is gone, so that the kernel can give its name to the adapter that is plugged in again. */
static void lose_line(struct process *process, int64_t now_ms)
{
    say(process->options->port, "the line is gone: was the radio unplugged? Waiting until it is back");
    device_line_close(&process->line);
    process->reopen_ms = now_ms + REOPEN_MS;
}

/* Whether there is a line. While it is gone, opens what is at its path, once there is something. */
static bool line_there(struct process *process, int64_t now_ms)
{
    if (!process->line.gone)
        return true;
    if (now_ms < process->reopen_ms)
        return false;
    if (device_line_reopen(&process->line, &process->options->tty, process->options->open_wait_ms) == 0) {
        say(process->options->port, "the line is back");
        say_refused(process);
        process->reopen_error = 0;
        return true;
    }
    int error = errno;
    bool missing = error == ENOENT || error == ENODEV || error == ENXIO || error == EIO;
    if (!missing && error != process->reopen_error)
        say(process->options->port, strerror(error));
    process->reopen_error = missing ? process->reopen_error : error;
    process->reopen_ms = now_ms + REOPEN_MS;
    return false;
}

/* Log once what has kept the device from sending for longer than the patience lasts, and once that it is over. */
static void log_trouble(struct process *process, int64_t now_ms)
{
    static const char *const begun[] = {
        [SELKIE_UPLINK_LINE_BUSY] = "the line is busy without an end; frames are sent all the same",
        [SELKIE_UPLINK_STALLED] = "the radio takes no bytes",
    };
    static const char *const over[] = {
        [SELKIE_UPLINK_LINE_BUSY] = "the line is quiet again",
        [SELKIE_UPLINK_STALLED] = "the radio takes bytes again",
    };
    const struct selkie_device_status *status = &process->status;
    int64_t lasted_ms = now_ms - (int64_t)status->trouble_ms;

    if (process->trouble != SELKIE_UPLINK_CLEAR && process->trouble != status->trouble) {
        if (status->trouble == SELKIE_UPLINK_CLEAR)
            say(process->options->port, over[process->trouble]);
        process->trouble = SELKIE_UPLINK_CLEAR;
    }
    if (process->trouble != SELKIE_UPLINK_CLEAR || status->trouble == SELKIE_UPLINK_CLEAR ||
        lasted_ms < (int64_t)selkie_pacing_patience_ms(&process->config.uplink))
        return;
    char since[sizeof "2000-01-01 00:00:00"] = "";
    time_t began = time(NULL) - (time_t)(lasted_ms / 1000);
    struct tm local;
    if (localtime_r(&began, &local))
        (void)strftime(since, sizeof since, "%F %T", &local);
    fprintf(stderr, "selkie-device: %s: %s, since %s\n", process->options->port, begun[status->trouble], since);
    process->trouble = status->trouble;
}

/* Let the device do what is due. The line's lock is held for as long as a frame is under way, its ACK included. */
static int poll_device(struct process *process, int64_t now_ms)
{
    int state = selkie_device_poll(&process->device, (uint64_t)now_ms, &process->status);
    if (process->device.uplink.phase == SELKIE_UPLINK_IDLE)
        device_line_release(&process->line);
    log_trouble(process, now_ms);
    return state;
}

/* One turn of the loop. Returns the exit status, or -1: go on. */
static int turn(struct process *process, const sigset_t *unblocked)
{
    int64_t now_ms = device_line_now_ms();
    int state = SELKIE_DEVICE_SENDING;
    if (line_there(process, now_ms)) {
        state = poll_device(process, now_ms);
        if (process->line.gone && process->options->once)
            return fail(process->options->port, "the line is gone: was the radio unplugged?"), EXIT_FAILURE;
        if (state < 0)
            return fail("the device sends nothing any more", selkie_error_text(state)), EXIT_FAILURE;
        if (process->line.gone)
            lose_line(process, now_ms);
    }
    if (process->line.gone)
        process->status.wake_ms = (uint64_t)process->reopen_ms;
    bool out = state == SELKIE_DEVICE_READY && process->status.uplink.transmissions > 0;
    if (stop_asked || (out && all_taken(process)))
        return end_of_run(process);
    run_program(process, now_ms);
    if (feed(process, state, now_ms) < 0)
        return EXIT_FAILURE;
    wait_for_news(process, state, now_ms, unblocked);
    return -1;
}

static int run(struct process *process, const sigset_t *unblocked)
{
    int status = -1;
    while (status < 0) {
        if (reset_asked) {
            reset_asked = 0;
            int error = selkie_device_reset(&process->device);
            device_line_release(&process->line);
            if (error < 0)
                return fail("cannot reset the device", selkie_error_text(error)), EXIT_FAILURE;
        }
        status = turn(process, unblocked);
    }
    return status;
}

/* Signals are only taken while waiting, so none is missed between looking and waiting. */
static void catch_signals(sigset_t *unblocked)
{
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = note_signal};
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) {
        sigaddset(&blocked, caught[i]);
        sigaction(caught[i], &action, NULL);
    }
    sigprocmask(SIG_BLOCK, &blocked, unblocked);
}

/* All of it: besides the device itself, stack and heap hold the ID while it is sealed. */
static void protect_memory(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0); /* the ID belongs in no core dump */
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        fprintf(stderr,
                "selkie-device: memory cannot be locked, so the ID may get into the swap: %s; raise the limit (ulimit "
                "-l)\n",
                strerror(errno));
}

int main(int argc, char **argv)
{
    struct device_options options;
    struct process process = {.options = &options, .line = {.fd = -1}, .config = SELKIE_DEVICE_DEFAULTS};
    sigset_t unblocked;
    selkie_stdout_check_at_exit("selkie-device");
    device_options_parse(&options, argc, argv);
    protect_memory();
    catch_signals(&unblocked);

    int status = set_up(&process) < 0 ? EXIT_FAILURE : run(&process, &unblocked);
    exec_source_stop(&process.program);
    device_line_close(&process.line);
    selkie_device_wipe(&process.device);
    mbedtls_platform_zeroize(&process, sizeof process);
    return status;
}
