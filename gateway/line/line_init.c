/* SPDX-License-Identifier: Apache-2.0 */
#include "line/line_init.h"

#include <selkie/clock.h>
#include <stdio.h>
#include <string.h>

/* After an answer: its rest ("\r\n") is still on its way, and some modules are deaf just then. */
#define SETTLE_MS  50
#define SHOWN_MAX  24 /* bytes of an answer in a failure */
#define SHOWN_TEXT (4 * SHOWN_MAX + 8)

void selkie_line_init_init(struct selkie_line_init *init, sd_event *event,
                           const struct selkie_line_init_handler *handler)
{
    memset(init, 0, sizeof *init);
    init->event = event;
    init->handler = *handler;
}

void selkie_line_init_wipe(struct selkie_line_init *init)
{
    init->timer = sd_event_source_disable_unref(init->timer);
}

void selkie_line_init_stop(struct selkie_line_init *init)
{
    init->answering = false;
    selkie_line_init_wipe(init);
}

bool selkie_line_init_needed(const struct selkie_line_settings *settings)
{
    return settings->open_wait_ms > 0 || settings->step_count > 0;
}

/* Bytes as C would write them; the last ones if there are many. */
static void show(char text[static SHOWN_TEXT], const uint8_t *bytes, size_t len)
{
    char *at = text;
    size_t skipped = len > SHOWN_MAX ? len - SHOWN_MAX : 0;

    at += sprintf(at, "%s\"", skipped > 0 ? "..." : "");
    for (size_t i = skipped; i < len; i++)
        if (bytes[i] == '\r' || bytes[i] == '\n')
            at += sprintf(at, "\\%c", bytes[i] == '\r' ? 'r' : 'n');
        else if (bytes[i] < ' ' || bytes[i] > '~' || bytes[i] == '"' || bytes[i] == '\\')
            at += sprintf(at, "\\x%02X", bytes[i]);
        else
            *at++ = (char)bytes[i];
    (void)strcpy(at, "\"");
}

static void finish(struct selkie_line_init *init, const char *fault)
{
    selkie_line_init_stop(init);
    init->handler.done(init->handler.context, fault);
}

/* Some modules repeat what they are told before they answer; that may be a key, and is not shown. */
static size_t skip_echo(const struct selkie_line_init *init)
{
    const struct selkie_line_step *step = &init->settings->steps[init->step];
    size_t len = init->heard_len < step->send_len ? init->heard_len : step->send_len;

    return memcmp(init->heard, step->send, len) == 0 ? len : 0;
}

static void fail(struct selkie_line_init *init, const char *how)
{
    const struct selkie_line_step *step = &init->settings->steps[init->step];
    char text[SELKIE_LINE_FAULT_MAX], expected[SHOWN_TEXT], got[SHOWN_TEXT];
    size_t echo = skip_echo(init);

    show(expected, step->expect, step->expect_len);
    show(got, init->heard + echo, init->heard_len - echo);
    if (how)
        (void)snprintf(text, sizeof text, "init step %zu of %zu: %s", init->step + 1, init->settings->step_count, how);
    else
        (void)snprintf(text, sizeof text, "init step %zu of %zu: expected %s within %u ms, %s%s", init->step + 1,
                       init->settings->step_count, expected, step->wait_ms,
                       init->heard_len > echo ? "got " : "nothing came", init->heard_len > echo ? got : "");
    finish(init, text);
}

static int on_time(sd_event_source *source, uint64_t usec, void *context);

static int wait_for(struct selkie_line_init *init, unsigned ms)
{
    uint64_t at = (uint64_t)selkie_clock_monotonic_us() + UINT64_C(1000) * ms;

    init->timer = sd_event_source_disable_unref(init->timer);
    return sd_event_add_time(init->event, &init->timer, CLOCK_MONOTONIC, at, 1000, on_time, init);
}

static void send_step(struct selkie_line_init *init)
{
    const struct selkie_line_step *step = &init->settings->steps[init->step];

    init->heard_len = 0;
    init->answering = true;
    if (init->handler.write(init->handler.context, step->send, step->send_len) < 0)
        fail(init, "the line does not take it");
    else if (wait_for(init, step->wait_ms) < 0)
        fail(init, selkie_error_text(SELKIE_ENOMEM));
}

static int on_time(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_line_init *init = context;

    (void)source;
    (void)usec;
    if (init->answering && init->settings->steps[init->step].expect_len > 0) {
        fail(init, NULL);
        return 0;
    }
    if (init->answering) /* it was a pause */
        init->step++;
    if (init->step == init->settings->step_count)
        finish(init, NULL);
    else
        send_step(init);
    return 0;
}

int selkie_line_init_start(struct selkie_line_init *init, const struct selkie_line_settings *settings)
{
    init->settings = settings;
    init->step = 0;
    init->answering = false;
    return wait_for(init, settings->open_wait_ms) < 0 ? SELKIE_EIO : 0;
}

static void keep(struct selkie_line_init *init, const uint8_t *data, size_t len)
{
    size_t half = sizeof init->heard / 2;

    if (len > half) {
        data += len - half;
        len = half;
    }
    if (init->heard_len + len > sizeof init->heard) {
        memmove(init->heard, init->heard + init->heard_len - half, half);
        init->heard_len = half;
    }
    memcpy(init->heard + init->heard_len, data, len);
    init->heard_len += len;
}

void selkie_line_init_heard(struct selkie_line_init *init, const uint8_t *data, size_t len)
{
    if (!init->answering)
        return;
    const struct selkie_line_step *step = &init->settings->steps[init->step];
    keep(init, data, len);
    if (step->expect_len == 0 || !memmem(init->heard, init->heard_len, step->expect, step->expect_len))
        return;
    init->answering = false;
    init->step++;
    if (wait_for(init, SETTLE_MS) < 0)
        finish(init, selkie_error_text(SELKIE_ENOMEM));
}
