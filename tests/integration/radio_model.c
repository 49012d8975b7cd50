/* SPDX-License-Identifier: Apache-2.0 */
#include "radio_model.h"

#include "harness_internal.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_MAX   4096
#define PACKET_MAX   256
#define GUARD_MS     1000 /* silence on both sides of +++ */
#define SILENT_BYTES 3    /* that end a packet */
#define STEP_MS      2
#define LOSE_ONE_IN  11
#define LOSE_THE     5

/* What the maker says of the module (docs/RADIOS.md), whatever the profile says. */
struct kind {
    const char *name;
    unsigned baud, packet, buffer; /* of the line; bytes that it sends at once, and holds, at most */
    unsigned bit_rate, preamble_ms;
    unsigned window_ms; /* the two modules take turns of this length; 0: each sends when it wants */
    const char *set_up; /* the command without which the module passes nothing; NULL: it always does */
    const char *leave;  /* ends the command mode, */
    const char *leave_answer;
};

static const struct kind kinds[] = {
    {.name = "e32", .baud = 9600, .packet = 58, .buffer = 512, .bit_rate = 2000, .preamble_ms = 100},
    {.name = "e220", .baud = 9600, .packet = 200, .buffer = 400, .bit_rate = 600, .preamble_ms = 150},
    {.name = "hc-12", .baud = 9600, .packet = 60, .buffer = 60, .bit_rate = 15000, .preamble_ms = 20},
    {.name = "xbee",
     .baud = 9600,
     .packet = 100,
     .buffer = 202,
     .bit_rate = 250000,
     .preamble_ms = 5,
     .set_up = "ATAP0",
     .leave = "ATCN",
     .leave_answer = "OK\r\n"},
    {.name = "sik",
     .baud = 57600,
     .packet = 252,
     .buffer = 1850,
     .bit_rate = 64000,
     .preamble_ms = 10,
     .window_ms = 131,
     .set_up = "ATS6=0",
     .leave = "ATO",
     .leave_answer = ""},
    {.name = "rfm69-stick", .baud = 115200, .packet = 61, .buffer = 66, .bit_rate = 55555, .preamble_ms = 2},
};

struct module {
    struct harness_pty *pty;
    uint8_t in[BUFFER_MAX], out[BUFFER_MAX], packet[PACKET_MAX];
    size_t in_len, out_len, packet_len;
    double in_credit, out_credit; /* bytes that its line may carry now */
    int64_t heard_ms;             /* the last byte of the line */
    int64_t sends_until_ms;       /* 0: it does not send */
    bool spoilt;                  /* what it sends arrives nowhere */
    bool passes, commanded, set_up;
};

struct radio_model {
    const struct kind *kind;
    struct module modules[2]; /* the device's, the gateway's */
    int64_t now_ms;
    struct radio_model_counts counts;
};

struct radio_model *radio_model(const char *name, struct harness_pty *device, struct harness_pty *gateway)
{
    struct radio_model *model = harness_keep(sizeof *model);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            model->kind = &kinds[i];
    ck_assert_msg(model->kind != NULL, "there is no model of the radio %s", name);
    model->now_ms = harness_now_ms();
    model->modules[0] = (struct module){.pty = device, .heard_ms = model->now_ms, .passes = true};
    model->modules[1] =
        (struct module){.pty = gateway, .heard_ms = model->now_ms, .passes = model->kind->set_up == NULL};
    return model;
}

const struct radio_model_counts *radio_model_counts(const struct radio_model *model)
{
    return &model->counts;
}

static void say(struct module *module, const char *text)
{
    size_t len = strlen(text);

    ck_assert_uint_le(module->out_len + len, sizeof module->out);
    memcpy(module->out + module->out_len, text, len);
    module->out_len += len;
}

static void command(struct radio_model *model, struct module *module, const char *line)
{
    const struct kind *kind = model->kind;
    bool known = strcmp(line, kind->set_up) == 0 || strcmp(line, kind->leave) == 0 || strcmp(line, "ATD71") == 0;

    say(module, !known ? "ERROR\r\n" : strcmp(line, kind->leave) == 0 ? kind->leave_answer : "OK\r\n");
    if (known)
        model->counts.commands++;
    else
        model->counts.refused++;
    if (strcmp(line, kind->set_up) == 0)
        module->set_up = true;
    if (strcmp(line, kind->leave) == 0) {
        module->commanded = false;
        module->passes = module->set_up;
    }
}

/* Whole lines in the buffer are commands. */
static void obey(struct radio_model *model, struct module *module)
{
    uint8_t *end;

    while (module->commanded && (end = memchr(module->in, '\r', module->in_len))) {
        char line[64];
        size_t len = (size_t)(end - module->in), start = 0;
        while (start < len && module->in[start] == '\n')
            start++;
        (void)snprintf(line, sizeof line, "%.*s", (int)(len - start), (const char *)module->in + start);
        module->in_len -= len + 1;
        memmove(module->in, end + 1, module->in_len);
        command(model, module, line);
    }
}

/* +++ between two silences. The one before was there if nothing else is in the buffer: that would have been sent. */
static bool takes_attention(const struct radio_model *model, const struct module *module)
{
    return model->kind->set_up && module->in_len == 3 && memcmp(module->in, "+++", 3) == 0 &&
           model->now_ms - module->heard_ms >= GUARD_MS;
}

static double line_bytes(const struct radio_model *model, int64_t ms)
{
    return (double)ms * model->kind->baud / 10000;
}

/* Take what the line carries in this step. */
static void take(struct radio_model *model, struct module *module, int64_t passed_ms)
{
    struct pollfd input = {.fd = module->pty->master, .events = POLLIN};
    uint8_t bytes[BUFFER_MAX];

    module->in_credit += line_bytes(model, passed_ms);
    size_t want = module->in_credit < sizeof bytes ? (size_t)module->in_credit : sizeof bytes;
    if (want == 0 || poll(&input, 1, 0) <= 0)
        return;
    ssize_t got = read(module->pty->master, bytes, want);
    if (got <= 0) {
        module->in_credit = 0;
        return;
    }
    module->in_credit = (size_t)got < want ? 0 : module->in_credit - (double)got;
    module->heard_ms = model->now_ms;
    for (ssize_t i = 0; i < got; i++)
        if (module->in_len < model->kind->buffer)
            module->in[module->in_len++] = bytes[i];
        else
            model->counts.overflow++;
}

/* Give the line what it carries in this step. */
static void give(struct radio_model *model, struct module *module, int64_t passed_ms)
{
    if (module->out_len == 0) {
        module->out_credit = 0;
        return;
    }
    module->out_credit += line_bytes(model, passed_ms);
    size_t len = module->out_credit < (double)module->out_len ? (size_t)module->out_credit : module->out_len;
    harness_pty_write(module->pty, module->out, len);
    module->out_credit -= (double)len;
    module->out_len -= len;
    memmove(module->out, module->out + len, module->out_len);
}

static int64_t air_ms(const struct radio_model *model, size_t len)
{
    return model->kind->preamble_ms + (int64_t)len * 8000 / model->kind->bit_rate;
}

/* Whether it is this module's turn for so long. */
static bool has_turn(const struct radio_model *model, const struct module *module, int64_t for_ms)
{
    int64_t window_ms = model->kind->window_ms;
    int64_t mine = module == &model->modules[0] ? 0 : 1;

    return window_ms == 0 || (model->now_ms / window_ms % 2 == mine && model->now_ms % window_ms + for_ms <= window_ms);
}

static void begin_packet(struct radio_model *model, struct module *module)
{
    struct module *other = module == &model->modules[0] ? &model->modules[1] : &model->modules[0];
    unsigned most = model->kind->packet;
    int64_t silent_ms = model->now_ms - module->heard_ms;
    size_t len = module->in_len < most ? module->in_len : most;

    if (len == 0 || (len < most && silent_ms < 1 + SILENT_BYTES * 10000 / (int64_t)model->kind->baud) ||
        (model->kind->set_up && module->in_len <= 3 && silent_ms < GUARD_MS) ||
        !has_turn(model, module, air_ms(model, len)))
        return;
    memcpy(module->packet, module->in, len);
    module->packet_len = len;
    module->in_len -= len;
    memmove(module->in, module->in + len, module->in_len);
    module->sends_until_ms = model->now_ms + air_ms(model, len);
    module->spoilt = model->counts.packets++ % LOSE_ONE_IN == LOSE_THE;
    model->counts.lost += module->spoilt;
    if (len > model->counts.longest)
        model->counts.longest = (unsigned)len;
    if (other->sends_until_ms > 0) {
        model->counts.collisions += 2;
        other->spoilt = module->spoilt = true;
    }
}

static void end_packet(struct radio_model *model, struct module *module)
{
    struct module *other = module == &model->modules[0] ? &model->modules[1] : &model->modules[0];

    module->sends_until_ms = 0;
    if (module->spoilt || !other->passes)
        return;
    ck_assert_uint_le(other->out_len + module->packet_len, sizeof other->out);
    memcpy(other->out + other->out_len, module->packet, module->packet_len);
    other->out_len += module->packet_len;
}

static void step(struct radio_model *model, struct module *module, int64_t passed_ms)
{
    take(model, module, passed_ms);
    give(model, module, passed_ms);
    if (takes_attention(model, module)) {
        module->commanded = true;
        module->passes = false;
        module->in_len = 0;
        say(module, "OK\r\n");
    }
    obey(model, module);
    if (module->sends_until_ms > 0 && model->now_ms >= module->sends_until_ms)
        end_packet(model, module);
    if (!module->commanded && !module->passes && !takes_attention(model, module) && module->in_len > 3)
        module->in_len = 0; /* bytes before it is set up go nowhere */
    if (module->passes && module->sends_until_ms == 0)
        begin_packet(model, module);
}

void radio_model_step(struct radio_model *model)
{
    (void)poll(NULL, 0, 1);
    int64_t now_ms = harness_now_ms(), late_ms = now_ms - model->now_ms;

    if (late_ms > model->counts.held_up_ms)
        model->counts.held_up_ms = (unsigned)late_ms;
    while (model->now_ms < now_ms) { /* what was missed goes at the line's speed and the air's, too */
        int64_t passed_ms = now_ms - model->now_ms < STEP_MS ? now_ms - model->now_ms : STEP_MS;
        model->now_ms += passed_ms;
        for (size_t i = 0; i < 2; i++)
            step(model, &model->modules[i], passed_ms);
    }
}
