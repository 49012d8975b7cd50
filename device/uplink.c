/* SPDX-License-Identifier: Apache-2.0 */
#include "transmission.h"
#include <selkie/device/uplink.h>
#include <string.h>

#define BACKOFF_DOUBLINGS  8
#define REPEAT_MS          480000 /* PROTOCOL.md, section 2: no repeat later than this after the first transmission */
#define WATCH_EVERY_MS     5      /* how often to look at a line that may be busy without an end */
#define RADIO_RETRY_MS     100    /* after a failure of the radio, at least */
#define RADIO_FULL_MS      1      /* the radio's buffer was full: ask again after */
#define READS_A_POLL       32     /* further received bytes wait for the next poll */
#define ACK_TRIES_HALVINGS 7

void selkie_uplink_init(struct selkie_uplink *uplink, const struct selkie_uplink_settings *settings,
                        struct selkie_link_rx *rx)
{
    memset(uplink, 0, sizeof *uplink);
    uplink->settings = settings;
    uplink->rx = rx;
    if (SELKIE_DEVICE_ACKS && rx)
        selkie_link_rx_init(rx);
}

bool selkie_uplink_expects_ack(const struct selkie_uplink *uplink)
{
    return SELKIE_DEVICE_ACKS && uplink->rx && uplink->settings->ack_ms > 0;
}

static uint8_t times(const struct selkie_uplink *uplink, enum selkie_uplink_slot_name slot)
{
    const struct selkie_uplink_settings *settings = uplink->settings;
    uint8_t wanted = settings->data_times;
    if (slot == SELKIE_UPLINK_REGISTER) /* the first one; the later ones are repeats themselves */
        wanted = uplink->registered && settings->register_times > 2 ? 2 : settings->register_times;
    if (selkie_uplink_expects_ack(uplink)) /* where no gateway is in reach, tries only take the air from others */
        wanted = (uint8_t)(settings->ack_tries >> uplink->unheard);
    return wanted > 0 ? wanted : 1;
}

int selkie_uplink_put(struct selkie_uplink *uplink, enum selkie_uplink_slot_name name, const uint8_t *body, size_t len)
{
    struct selkie_uplink_slot *slot = &uplink->slots[name];
    if (slot->left > 0) {
        /* It may wait for its part of the interval: another message hurries it, but parts it from others all the same.
         */
        if (slot->sent == 0 && slot->setbacks == 0 && !slot->hurried) {
            slot->hurried = true;
            slot->scheduled = false;
        }
        return SELKIE_EBUSY;
    }
    int error = selkie_transmission_load(slot, uplink->settings, body, len);
    if (error < 0)
        return error;
    slot->crc = selkie_crc16(body, len);
    slot->left = times(uplink, name);
    slot->sent = 0;
    slot->setbacks = 0;
    slot->scheduled = false;
    slot->hurried = false;
    slot->unheard = false;
    uplink->registered = uplink->registered || name == SELKIE_UPLINK_REGISTER;
    return 0;
}

bool selkie_uplink_busy(const struct selkie_uplink *uplink, enum selkie_uplink_slot_name slot)
{
    return uplink->slots[slot].left > 0;
}

bool selkie_uplink_unheard(const struct selkie_uplink *uplink, enum selkie_uplink_slot_name slot)
{
    return uplink->slots[slot].unheard;
}

static uint32_t backoff_ms(const struct selkie_uplink *uplink, const struct selkie_uplink_slot *slot,
                           struct selkie_drbg *drbg)
{
    return selkie_pacing_backoff_ms(uplink->settings, drbg, selkie_transmission_ms(uplink->settings, slot),
                                    slot->setbacks);
}

static uint32_t spread_ms(const struct selkie_uplink *uplink, const struct selkie_uplink_slot *slot,
                          struct selkie_drbg *drbg)
{
    return selkie_pacing_spread_ms(uplink->settings, drbg, selkie_transmission_ms(uplink->settings, slot));
}

/* The first wait of a body. */
static void schedule(struct selkie_uplink *uplink, struct selkie_uplink_slot *slot, struct selkie_drbg *drbg,
                     uint64_t now_ms)
{
    uint32_t wait_ms = backoff_ms(uplink, slot, drbg);
    if (slot == &uplink->slots[SELKIE_UPLINK_REGISTER]) {
        wait_ms += spread_ms(uplink, slot, drbg);
    } else if (!slot->hurried) {
        uint32_t phase_ms = selkie_pacing_phase_ms(&uplink->pacing, uplink->settings, drbg,
                                                   selkie_transmission_ms(uplink->settings, slot),
                                                   selkie_uplink_expects_ack(uplink), now_ms);
        wait_ms = phase_ms > wait_ms ? phase_ms : wait_ms;
    }
    slot->due_ms = now_ms + wait_ms;
    slot->scheduled = true;
}

static void set_back(struct selkie_uplink *uplink, struct selkie_uplink_slot *slot, struct selkie_drbg *drbg,
                     uint64_t from_ms)
{
    if (slot->setbacks < BACKOFF_DOUBLINGS)
        slot->setbacks++;
    slot->due_ms = from_ms + backoff_ms(uplink, slot, drbg);
    uplink->phase = SELKIE_UPLINK_IDLE;
    uplink->watch_ms = 0;
}

static void acknowledge(struct selkie_uplink *uplink, uint16_t crc)
{
    for (unsigned i = 0; i < SELKIE_UPLINK_SLOTS; i++) {
        struct selkie_uplink_slot *slot = &uplink->slots[i];
        bool under_way = uplink->phase == SELKIE_UPLINK_WRITING && uplink->current == i && uplink->written > 0;
        if (slot->left == 0 || slot->sent == 0 || slot->crc != crc || under_way)
            continue;
        slot->left = 0;
        uplink->unheard = 0;
        uplink->counts.acknowledged++;
        if (uplink->trouble == SELKIE_UPLINK_LINE_BUSY)
            uplink->trouble = SELKIE_UPLINK_CLEAR;
        if (uplink->phase == SELKIE_UPLINK_IDLE || uplink->current != i)
            return;
        /* If the frame should still be on the air, nothing goes before its end, and the duty cycle counts all of it. */
        if (uplink->phase != SELKIE_UPLINK_LISTENING)
            selkie_transmission_end(uplink);
        uplink->phase = SELKIE_UPLINK_IDLE;
        return;
    }
}

/* A time that is not 0, to the millisecond or one earlier. */
static uint32_t mark(uint64_t now_ms)
{
    return (uint32_t)now_ms > 0 ? (uint32_t)now_ms : UINT32_MAX;
}

/* Note since when the receiver is inside a frame. */
static void note_inside(struct selkie_uplink *uplink, uint64_t now_ms)
{
    if (!SELKIE_DEVICE_ACKS || !uplink->rx || !selkie_link_rx_inside(uplink->rx))
        uplink->inside_ms = 0;
    else if (uplink->inside_ms == 0)
        uplink->inside_ms = mark(now_ms);
}

/* Returns true if there may be more to receive at once. */
static bool receive(struct selkie_uplink *uplink, const struct selkie_port *port)
{
    uint8_t bytes[32];
    if (!SELKIE_DEVICE_ACKS || !port->radio_read)
        return false;
    for (int reads = 0; reads < READS_A_POLL; reads++) {
        int count = port->radio_read(port->context, bytes, sizeof bytes);
        if (count < 0 || count > (int)sizeof bytes) {
            uplink->counts.radio_errors++;
            return false;
        }
        for (int i = 0; uplink->rx && i < count; i++) {
            struct selkie_frame frame;
            int len = selkie_link_rx_byte(uplink->rx, bytes[i]);
            if (!selkie_link_rx_inside(uplink->rx))
                uplink->inside_ms = 0; /* what follows is another frame */
            if (len > 0 && selkie_frame_decode(&frame, uplink->rx->body, (size_t)len) == 0 && frame.type == SELKIE_ACK)
                acknowledge(uplink, frame.ack.crc);
        }
        if (count < (int)sizeof bytes)
            return false;
    }
    return true;
}

void selkie_uplink_forget(struct selkie_uplink *uplink)
{
    if (uplink->phase == SELKIE_UPLINK_WRITING || uplink->phase == SELKIE_UPLINK_ON_AIR)
        selkie_transmission_end(uplink);
    uplink->phase = SELKIE_UPLINK_IDLE;
    uplink->watch_ms = 0;
    memset(uplink->slots, 0, sizeof uplink->slots);
    uplink->registered = false;
    if (SELKIE_DEVICE_ACKS && uplink->rx)
        selkie_link_rx_init(uplink->rx);
}

/* Note that the radio takes no byte; true once it has done so for longer than the patience lasts. A line that stays
 * busy remains the trouble until then: a radio that pauses within a frame does not end it. */
static bool stalls(struct selkie_uplink *uplink, uint64_t now_ms)
{
    if (uplink->watch_ms == 0)
        uplink->watch_ms = mark(now_ms);
    bool stalled = (uint32_t)now_ms - uplink->watch_ms >= selkie_pacing_patience_ms(uplink->settings);
    if (uplink->trouble == SELKIE_UPLINK_CLEAR || (stalled && uplink->trouble == SELKIE_UPLINK_LINE_BUSY)) {
        uplink->trouble = SELKIE_UPLINK_STALLED;
        uplink->trouble_ms = uplink->watch_ms;
    }
    return stalled;
}

/* A repeat that comes too late would look like a replay: nobody may have polled for a while, or the radio takes its
 * time. */
static bool too_old(const struct selkie_uplink_slot *slot, uint64_t at_ms)
{
    return slot->sent > 0 && (uint32_t)at_ms - slot->first_ms > REPEAT_MS;
}

/* Between two packets of a transmission. */
static bool in_pause(const struct selkie_uplink *uplink, uint64_t now_ms)
{
    return SELKIE_DEVICE_FRAGMENTS && uplink->written == 0 && now_ms < uplink->until_ms;
}

static void write_some(struct selkie_uplink *uplink, const struct selkie_port *port, struct selkie_drbg *drbg,
                       uint64_t now_ms)
{
    struct selkie_uplink_slot *slot = &uplink->slots[uplink->current];
    if (in_pause(uplink, now_ms))
        return;
    if (uplink->written == 0 && too_old(slot, now_ms)) {
        selkie_transmission_end(uplink);
        return;
    }
    int taken = selkie_transmission_write(uplink, port, now_ms);
    bool stalled = taken == 0 && stalls(uplink, now_ms);
    if (taken < 0 || stalled) {
        /* Half a frame may be out. The 0x00 at the start of the next one synchronises the receiver again. */
        uplink->counts.radio_errors++;
        selkie_transmission_end(uplink);
        set_back(uplink, slot, drbg, now_ms + RADIO_RETRY_MS);
        return;
    }
    if (taken > 0)
        uplink->watch_ms = 0;
    if (taken > 0 && uplink->trouble == SELKIE_UPLINK_STALLED)
        uplink->trouble = SELKIE_UPLINK_CLEAR;
}

static void end_transmission(struct selkie_uplink *uplink, struct selkie_drbg *drbg)
{
    struct selkie_uplink_slot *slot = &uplink->slots[uplink->current];
    selkie_transmission_end(uplink);
    if (selkie_uplink_expects_ack(uplink)) {
        uplink->phase = SELKIE_UPLINK_LISTENING;
        uplink->until_ms += selkie_pacing_ack_ms(uplink->settings);
        return;
    }
    slot->left--;
    uint32_t elapsed_ms = (uint32_t)uplink->until_ms - slot->first_ms;
    slot->due_ms = uplink->until_ms + selkie_pacing_repeat_ms(uplink->settings, drbg,
                                                              selkie_transmission_ms(uplink->settings, slot),
                                                              uplink->current == SELKIE_UPLINK_REGISTER, slot->sent,
                                                              elapsed_ms < REPEAT_MS ? REPEAT_MS - elapsed_ms : 0);
}

/* All tries are made, and no ACK came. */
static void give_up(struct selkie_uplink *uplink, struct selkie_uplink_slot *slot)
{
    slot->left = 0;
    slot->unheard = true;
    uplink->counts.given_up++;
    if (uplink->unheard < ACK_TRIES_HALVINGS)
        uplink->unheard++;
}

static void drop_if_old(struct selkie_uplink *uplink, struct selkie_uplink_slot *slot, uint64_t now_ms)
{
    if (slot->left == 0 || !too_old(slot, slot->due_ms > now_ms ? slot->due_ms : now_ms))
        return;
    slot->left = 0;
    if (selkie_uplink_expects_ack(uplink))
        give_up(uplink, slot);
}

static void end_listening(struct selkie_uplink *uplink, struct selkie_drbg *drbg)
{
    struct selkie_uplink_slot *slot = &uplink->slots[uplink->current];
    slot->left--;
    uplink->pacing.repeated = uplink->pacing.repeated || uplink->current == SELKIE_UPLINK_DATA;
    if (slot->left == 0)
        give_up(uplink, slot);
    set_back(uplink, slot, drbg, uplink->until_ms);
}

/* A message waits until the REGISTER before it was sent, and, where ACKs are expected, acknowledged or given up. */
static bool may_go(const struct selkie_uplink *uplink, enum selkie_uplink_slot_name name)
{
    const struct selkie_uplink_slot *registration = &uplink->slots[SELKIE_UPLINK_REGISTER];
    if (uplink->slots[name].left == 0)
        return false;
    return name == SELKIE_UPLINK_REGISTER || registration->left == 0 ||
           (registration->sent > 0 && !selkie_uplink_expects_ack(uplink));
}

/* The slot that may go first, or NULL if none waits. */
static struct selkie_uplink_slot *next_slot(struct selkie_uplink *uplink, struct selkie_drbg *drbg, uint64_t now_ms)
{
    struct selkie_uplink_slot *next = NULL;
    for (unsigned i = 0; i < SELKIE_UPLINK_SLOTS; i++) {
        struct selkie_uplink_slot *slot = &uplink->slots[i];
        if (!may_go(uplink, (enum selkie_uplink_slot_name)i))
            continue;
        if (!slot->scheduled)
            schedule(uplink, slot, drbg, now_ms);
        if (slot->due_ms < uplink->silent_ms) /* a wait that ends within the silence would part nobody */
            slot->due_ms = uplink->silent_ms + spread_ms(uplink, slot, drbg);
        drop_if_old(uplink, slot, now_ms);
        if (slot->left > 0 && (!next || slot->due_ms < next->due_ms))
            next = slot;
    }
    return next;
}

/* Milliseconds until the line has been quiet for long enough; 0: it is. Inside a frame it is not, even if the radio
 * pauses there, as packet radios do. */
static uint32_t quiet_in(const struct selkie_uplink *uplink, const struct selkie_port *port, uint64_t now_ms)
{
    uint32_t wanted = selkie_pacing_quiet_ms(uplink->settings);
    if (uplink->inside_ms > 0 && (uint32_t)now_ms - uplink->inside_ms < 2 * selkie_pacing_longest_ms(uplink->settings))
        return wanted > 0 ? wanted : 1;
    if (!port->radio_quiet_ms)
        return 0;
    int quiet = port->radio_quiet_ms(port->context);
    if (quiet < 0)
        return wanted > 0 ? wanted : 1;
    return (uint32_t)quiet >= wanted ? 0 : wanted - (uint32_t)quiet;
}

/* Whether a busy line is no traffic but noise without an end. A full channel is busy almost whenever a device looks, so
 * once its patience is over it watches: between two frames there is a gap, nearly as long as the quiet that each sender
 * waits for. Between two bytes of noise there is none. */
static bool stays_busy(struct selkie_uplink *uplink, bool gap, uint64_t now_ms)
{
    if (gap)
        uplink->trouble = SELKIE_UPLINK_CLEAR;
    if (uplink->trouble != SELKIE_UPLINK_LINE_BUSY)
        uplink->trouble_ms = (uint32_t)now_ms;
    uplink->trouble = SELKIE_UPLINK_LINE_BUSY;
    if ((uint32_t)now_ms - uplink->trouble_ms < selkie_pacing_patience_ms(uplink->settings)) {
        uplink->watch_ms = 0;
        return false;
    }
    if (uplink->watch_ms == 0)
        uplink->watch_ms = mark(now_ms);
    return (uint32_t)now_ms - uplink->watch_ms >= 2 * selkie_pacing_longest_ms(uplink->settings);
}

/* Begin the next transmission if one may begin. Returns when to look again. */
static uint64_t begin(struct selkie_uplink *uplink, const struct selkie_port *port, struct selkie_drbg *drbg,
                      uint64_t now_ms)
{
    struct selkie_uplink_slot *next = next_slot(uplink, drbg, now_ms);
    if (!next)
        return SELKIE_UPLINK_NEVER;
    if (next->due_ms > now_ms)
        return next->due_ms;
    uint32_t wait = quiet_in(uplink, port, now_ms);
    if (wait == 0 && uplink->watch_ms > 0) { /* a gap after all: all who watch see it at the same time */
        uplink->watch_ms = 0;
        uplink->trouble = SELKIE_UPLINK_CLEAR;
        set_back(uplink, next, drbg, now_ms);
        return next->due_ms;
    }
    if (wait > 0 && !stays_busy(uplink, wait <= selkie_pacing_quiet_ms(uplink->settings) / 8, now_ms)) {
        if (uplink->watch_ms > 0)
            next->due_ms = now_ms + WATCH_EVERY_MS;
        else
            set_back(uplink, next, drbg, now_ms + wait);
        return next->due_ms;
    }
    if (wait == 0 && uplink->trouble == SELKIE_UPLINK_LINE_BUSY)
        uplink->trouble = SELKIE_UPLINK_CLEAR;
    uplink->watch_ms = 0;
    uplink->current = (enum selkie_uplink_slot_name)(next - uplink->slots);
    selkie_transmission_begin(uplink, now_ms);
    return now_ms;
}

/* Take what is due one step further. Returns when to look again. */
static uint64_t advance(struct selkie_uplink *uplink, const struct selkie_port *port, struct selkie_drbg *drbg,
                        uint64_t now_ms)
{
    if (uplink->phase == SELKIE_UPLINK_WRITING)
        write_some(uplink, port, drbg, now_ms);
    if (uplink->phase == SELKIE_UPLINK_ON_AIR && now_ms >= uplink->until_ms)
        end_transmission(uplink, drbg);
    if (uplink->phase == SELKIE_UPLINK_LISTENING && now_ms >= uplink->until_ms)
        end_listening(uplink, drbg);
    if (uplink->phase == SELKIE_UPLINK_IDLE) {
        uint64_t wake_ms = begin(uplink, port, drbg, now_ms);
        if (uplink->phase == SELKIE_UPLINK_IDLE)
            return wake_ms;
        write_some(uplink, port, drbg, now_ms);
    }
    bool pauses = uplink->phase != SELKIE_UPLINK_WRITING || in_pause(uplink, now_ms);
    return uplink->phase == SELKIE_UPLINK_IDLE || !pauses ? now_ms + RADIO_FULL_MS : uplink->until_ms;
}

uint64_t selkie_uplink_poll(struct selkie_uplink *uplink, const struct selkie_port *port, struct selkie_drbg *drbg,
                            uint64_t now_ms)
{
    bool more = receive(uplink, port);
    note_inside(uplink, now_ms);
    uint64_t wake_ms = advance(uplink, port, drbg, now_ms);
    return more && wake_ms > now_ms + RADIO_FULL_MS ? now_ms + RADIO_FULL_MS : wake_ms;
}
