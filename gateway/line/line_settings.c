/* SPDX-License-Identifier: Apache-2.0 */
#include "line/line_settings.h"

#include <selkie/frame.h>
#include <stdlib.h>
#include <string.h>

void selkie_line_settings_init(struct selkie_line_settings *settings)
{
    memset(settings, 0, sizeof *settings);
    settings->tty = (struct selkie_tty_settings){.baud = 9600, .data = 8, .stop = 1};
}

void selkie_line_settings_wipe(struct selkie_line_settings *settings)
{
    free(settings->steps);
    memset(settings, 0, sizeof *settings);
}

int selkie_line_settings_set_steps(struct selkie_line_settings *settings, const struct selkie_line_step *steps,
                                   size_t count)
{
    struct selkie_line_step *copy = NULL;

    if (count > SELKIE_LINE_STEPS_MAX)
        return SELKIE_ELENGTH;
    if (count > 0) {
        copy = malloc(count * sizeof *copy);
        if (!copy)
            return SELKIE_ENOMEM;
        memcpy(copy, steps, count * sizeof *copy);
    }
    free(settings->steps);
    settings->steps = copy;
    settings->step_count = count;
    return 0;
}

bool selkie_line_settings_is_tcp(const char *device)
{
    return strncmp(device, SELKIE_LINE_TCP, strlen(SELKIE_LINE_TCP)) == 0;
}

/* Bytes as text (`text`) or as hex digits (`hex`); not both. Returns how many. */
static uint8_t read_bytes(struct selkie_settings_object *object, const char *text, const char *hex, uint8_t *bytes,
                          size_t max)
{
    const char *key = selkie_settings_has(object, hex) ? hex : text;
    bool both = selkie_settings_has(object, hex) && selkie_settings_has(object, text);
    const char *value = selkie_settings_string(object, key, NULL);

    if (both)
        selkie_settings_reject(object, text, "excludes %s", hex);
    if (!value)
        return 0;
    size_t len = key == hex ? strlen(value) / 2 : strlen(value);
    if (len == 0 || len > max) {
        selkie_settings_reject(object, key, "must be 1 to %zu bytes", max);
        return 0;
    }
    if (key == text)
        memcpy(bytes, value, len);
    else if (strlen(value) % 2 != 0 || selkie_hex_decode(bytes, len, value) < 0)
        selkie_settings_reject(object, key, "must be pairs of hex digits");
    return (uint8_t)len;
}

static void read_step(struct selkie_line_step *step, struct selkie_settings_object *object)
{
    memset(step, 0, sizeof *step);
    step->send_len = read_bytes(object, "send", "hex", step->send, sizeof step->send);
    step->expect_len = read_bytes(object, "expect", "expect_hex", step->expect, sizeof step->expect);
    step->wait_ms =
        (unsigned)selkie_settings_integer(object, "wait_ms", 1, SELKIE_LINE_STEP_WAIT_MS_LIMIT,
                                          step->expect_len > 0 ? SELKIE_LINE_STEP_WAIT_MS : SELKIE_LINE_STEP_PAUSE_MS);
    selkie_settings_end(object);
    if (step->send_len == 0)
        selkie_settings_reject(object, "send", "is required, or hex");
}

static void read_steps(struct selkie_line_settings *settings, struct selkie_settings_object *object)
{
    struct selkie_line_step steps[SELKIE_LINE_STEPS_MAX];

    if (!selkie_settings_has(object, "init"))
        return;
    size_t count = selkie_settings_list(object, "init", false);
    if (count > SELKIE_LINE_STEPS_MAX) {
        selkie_settings_reject(object, "init", "must have at most %d steps", SELKIE_LINE_STEPS_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++)
        read_step(&steps[i], selkie_settings_list_object(object, "init", i));
    if (selkie_line_settings_set_steps(settings, steps, count) < 0)
        selkie_settings_reject(object, "init", "%s", selkie_error_text(SELKIE_ENOMEM));
}

static void read_tty(struct selkie_tty_settings *tty, struct selkie_settings_object *object)
{
    tty->baud = (unsigned)selkie_settings_integer(object, "baud", SELKIE_TTY_BAUD_MIN, SELKIE_TTY_BAUD_MAX, tty->baud);
    tty->data = (unsigned)selkie_settings_integer(object, "data", 5, 8, tty->data);
    tty->stop = (unsigned)selkie_settings_integer(object, "stop", 1, 2, tty->stop);
    tty->parity =
        (enum selkie_tty_parity)selkie_settings_choice(object, "parity", selkie_tty_parity_names, (int)tty->parity);
    tty->flow = (enum selkie_tty_flow)selkie_settings_choice(object, "flow", selkie_tty_flow_names, (int)tty->flow);
    tty->dtr = (enum selkie_tty_signal)selkie_settings_choice(object, "dtr", selkie_tty_signal_names, (int)tty->dtr);
    tty->rts = (enum selkie_tty_signal)selkie_settings_choice(object, "rts", selkie_tty_signal_names, (int)tty->rts);
    tty->rs485 = selkie_settings_boolean(object, "rs485", tty->rs485);
    if (tty->rts != SELKIE_TTY_KEEP && (tty->flow != SELKIE_TTY_FLOW_NONE || tty->rs485))
        selkie_settings_reject(object, "rts", "must be \"keep\": %s switches this signal",
                               tty->rs485 ? "rs485" : "flow");
    if (tty->rs485 && tty->flow != SELKIE_TTY_FLOW_NONE)
        selkie_settings_reject(object, "rs485", "excludes flow: both need RTS");
}

void selkie_line_settings_read(struct selkie_line_settings *settings, struct selkie_settings_object *object,
                               const char *device)
{
    static const char *const of_tty[] = {"baud", "data", "stop", "parity", "flow", "dtr", "rts", "rs485"};

    for (size_t i = 0; device && selkie_line_settings_is_tcp(device) && i < sizeof of_tty / sizeof of_tty[0]; i++)
        if (selkie_settings_has(object, of_tty[i]))
            selkie_settings_reject(object, of_tty[i], "is a setting of the serial server: %s passes only bytes",
                                   device);
    read_tty(&settings->tty, object);
    settings->open_wait_ms = (unsigned)selkie_settings_integer(object, "open_wait_ms", 0, SELKIE_LINE_OPEN_WAIT_MS_MAX,
                                                               settings->open_wait_ms);
    read_steps(settings, object);
}

bool selkie_line_settings_same(const struct selkie_line_settings *a, const struct selkie_line_settings *b)
{
    return a->tty.baud == b->tty.baud && a->tty.data == b->tty.data && a->tty.stop == b->tty.stop &&
           a->tty.parity == b->tty.parity && a->tty.flow == b->tty.flow && a->tty.dtr == b->tty.dtr &&
           a->tty.rts == b->tty.rts && a->tty.rs485 == b->tty.rs485 && a->open_wait_ms == b->open_wait_ms &&
           a->step_count == b->step_count &&
           (a->step_count == 0 || memcmp(a->steps, b->steps, a->step_count * sizeof *a->steps) == 0);
}

void selkie_line_settings_print(FILE *to, const char *device, const struct selkie_line_settings *settings)
{
    char text[SELKIE_TTY_TEXT_MAX];

    selkie_tty_format(text, &settings->tty);
    if (!selkie_line_settings_is_tcp(device))
        (void)fprintf(to, ", %s", text);
    if (settings->open_wait_ms > 0)
        (void)fprintf(to, ", after %u ms", settings->open_wait_ms);
    if (settings->step_count > 0)
        (void)fprintf(to, ", %zu init step%s", settings->step_count, settings->step_count == 1 ? "" : "s");
}
