/* SPDX-License-Identifier: Apache-2.0 */
#include "line/line_init.h"

#include <ctype.h>
#include <selkie/clock.h>
#include <stdio.h>
#include <string.h>

/* After an answer: its rest ("\r\n") is still on its way, and some modules are deaf just then. */
#define SETTLE_MS  50
#define SHOWN_MAX  24 /* bytes of an answer in a failure */
#define SHOWN_TEXT (4 * SHOWN_MAX + 8)
#define HIDDEN     "***" /* stands for bytes that were sent */
#define SHARED_MIN 4     /* so many bytes in a row, as they were sent, are no accident */

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
static void show(char text[static SHOWN_TEXT], const uint8_t *bytes, const bool *hidden, size_t len)
{
    char *at = text;
    size_t skipped = len > SHOWN_MAX ? len - SHOWN_MAX : 0;

    at += sprintf(at, "%s\"", skipped > 0 ? "..." : "");
    for (size_t i = skipped; i < len; i++)
        if (hidden[i])
            at += sprintf(at, "%s", i > skipped && hidden[i - 1] ? "" : HIDDEN);
        else if (bytes[i] == '\r' || bytes[i] == '\n')
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

static size_t count_same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t count = 0;

    while (count < a_len && count < b_len && tolower(a[count]) == tolower(b[count]))
        count++;
    return count;
}

/* Modules repeat what they are told: behind a line end, with another one, in capitals, in the middle of an error, late.
 * That may be a key. So whatever is like a part of a step is hidden. At an edge of what came, less is enough: the rest
 * may have come before or may be still to come. */
static void hide_step(bool *hidden, const uint8_t *bytes, size_t len, const struct selkie_line_step *step)
{
    size_t enough = step->send_len < SHARED_MIN ? step->send_len : SHARED_MIN;

    for (size_t i = 0; i < len; i++)
        for (size_t j = 0; j < step->send_len; j++) {
            size_t count = count_same(bytes + i, len - i, step->send + j, step->send_len - j);
            bool at_edge = (i == 0 && j + count == step->send_len) || (i + count == len && j == 0);
            if (count >= enough || (at_edge && count >= SHARED_MIN / 2))
                memset(hidden + i, true, count);
        }
}

static void hide(bool *hidden, const struct selkie_line_init *init, const uint8_t *bytes, size_t len)
{
    memset(hidden, false, len);
    for (size_t i = 0; i < init->settings->step_count; i++)
        hide_step(hidden, bytes, len, &init->settings->steps[i]);
}

static void explain(char *text, size_t size, const struct selkie_line_init *init)
{
    const struct selkie_line_step *step = &init->settings->steps[init->step];
    char expected[SHOWN_TEXT], got[SHOWN_TEXT];
    bool hidden[sizeof init->heard];
    size_t echo = 0;

    hide(hidden, init, step->expect, step->expect_len);
    show(expected, step->expect, hidden, step->expect_len);
    hide(hidden, init, init->heard, init->heard_len);
    while (echo < init->heard_len && hidden[echo])
        echo++;
    show(got, init->heard + echo, hidden + echo, init->heard_len - echo);
    (void)snprintf(text, size, "init step %zu of %zu: expected %s within %u ms, %s%s", init->step + 1,
                   init->settings->step_count, expected, step->wait_ms,
                   init->heard_len == 0      ? "nothing came"
                   : echo == init->heard_len ? "only what was sent came back"
                                             : "got ",
                   echo < init->heard_len ? got : "");
}

/* NULL: the answer did not come. */
static void fail(struct selkie_line_init *init, const char *how)
{
    char text[SELKIE_LINE_FAULT_MAX];

    if (how)
        (void)snprintf(text, sizeof text, "init step %zu of %zu: %s", init->step + 1, init->settings->step_count, how);
    else
        explain(text, sizeof text, init);
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

/* At most half of what there is room for. */
static void keep(struct selkie_line_init *init, const uint8_t *data, size_t len)
{
    size_t half = sizeof init->heard / 2;

    if (init->heard_len + len > sizeof init->heard) {
        memmove(init->heard, init->heard + init->heard_len - half, half);
        init->heard_len = half;
    }
    memcpy(init->heard + init->heard_len, data, len);
    init->heard_len += len;
}

void selkie_line_init_heard(struct selkie_line_init *init, const uint8_t *data, size_t len)
{
    while (init->answering && len > 0) {
        const struct selkie_line_step *step = &init->settings->steps[init->step];
        size_t count = len < sizeof init->heard / 2 ? len : sizeof init->heard / 2;
        keep(init, data, count);
        data += count;
        len -= count;
        if (step->expect_len == 0 || !memmem(init->heard, init->heard_len, step->expect, step->expect_len))
            continue;
        init->answering = false;
        init->step++;
        if (wait_for(init, SETTLE_MS) < 0)
            finish(init, selkie_error_text(SELKIE_ENOMEM));
    }
}
