/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/device/uplink.h>
#include <string.h>

#define BACKOFF_DOUBLINGS 4
#define RADIO_RETRY_MS    100 /* after a failure of the radio, at least */
#define RADIO_FULL_MS     1   /* the radio's buffer was full: ask again after */
#define READS_A_POLL      32  /* further received bytes wait for the next poll */
#define WAIT_MAX_MS       3600000u

static bool duty_limited(const struct selkie_uplink_settings *settings)
{
    return settings->duty_permille > 0 && settings->duty_permille < 1000;
}

bool selkie_uplink_settings_valid(const struct selkie_uplink_settings *settings)
{
    return settings->quiet_ms <= WAIT_MAX_MS && settings->backoff_ms <= WAIT_MAX_MS &&
           settings->spread_ms <= WAIT_MAX_MS && settings->ack_ms <= WAIT_MAX_MS && settings->duty_permille <= 1000 &&
           (settings->bit_rate > 0 || !duty_limited(settings));
}

void selkie_uplink_init(struct selkie_uplink *uplink, const struct selkie_uplink_settings *settings,
                        struct selkie_link_rx *rx)
{
    memset(uplink, 0, sizeof *uplink);
    uplink->settings = settings;
    uplink->rx = rx;
    if (rx)
        selkie_link_rx_init(rx);
}

bool selkie_uplink_expects_ack(const struct selkie_uplink *uplink)
{
    return uplink->rx && uplink->settings->ack_ms > 0;
}

static uint8_t times(const struct selkie_uplink *uplink, enum selkie_uplink_slot_name slot)
{
    const struct selkie_uplink_settings *settings = uplink->settings;
    uint8_t wanted = slot == SELKIE_UPLINK_REGISTER ? settings->register_times : settings->data_times;
    if (selkie_uplink_expects_ack(uplink))
        wanted = settings->ack_tries;
    return wanted > 0 ? wanted : 1;
}

int selkie_uplink_put(struct selkie_uplink *uplink, enum selkie_uplink_slot_name name, const uint8_t *body, size_t len)
{
    struct selkie_uplink_slot *slot = &uplink->slots[name];
    if (slot->left > 0)
        return SELKIE_EBUSY;
    int wire_len = selkie_link_encode(slot->wire, sizeof slot->wire, body, len);
    if (wire_len < 0)
        return wire_len;
    slot->len = (uint16_t)wire_len;
    slot->crc = selkie_crc16(body, len);
    slot->left = times(uplink, name);
    slot->sent = 0;
    slot->setbacks = 0;
    slot->scheduled = false;
    slot->unheard = false;
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

/* The random wait before a slot's next transmission. */
static uint32_t backoff(const struct selkie_uplink *uplink, const struct selkie_uplink_slot *slot,
                        struct selkie_drbg *drbg)
{
    uint8_t doublings = slot->setbacks < BACKOFF_DOUBLINGS ? slot->setbacks : BACKOFF_DOUBLINGS;
    return selkie_drbg_delay(drbg, uplink->settings->backoff_ms << doublings);
}

static void set_back(struct selkie_uplink *uplink, struct selkie_uplink_slot *slot, struct selkie_drbg *drbg,
                     uint64_t from_ms)
{
    if (slot->setbacks < BACKOFF_DOUBLINGS)
        slot->setbacks++;
    slot->due_ms = from_ms + backoff(uplink, slot, drbg);
    uplink->phase = SELKIE_UPLINK_IDLE;
}

/* A transmission of `air` ms that ends at until_ms is paid for at a duty cycle of d permille with air * (1000 - d) / d
 * ms of silence. */
static void pay_duty(struct selkie_uplink *uplink)
{
    uint16_t duty = uplink->settings->duty_permille;
    uplink->silent_ms = uplink->until_ms;
    if (duty_limited(uplink->settings))
        uplink->silent_ms += ((uplink->until_ms - uplink->began_ms) * (1000u - duty) + duty - 1) / duty;
}

static void acknowledge(struct selkie_uplink *uplink, uint16_t crc)
{
    for (unsigned i = 0; i < SELKIE_UPLINK_SLOTS; i++) {
        struct selkie_uplink_slot *slot = &uplink->slots[i];
        bool under_way = uplink->phase == SELKIE_UPLINK_WRITING && uplink->current == i;
        if (slot->left == 0 || slot->sent == 0 || slot->crc != crc || under_way)
            continue;
        slot->left = 0;
        uplink->counts.acknowledged++;
        if (uplink->phase == SELKIE_UPLINK_IDLE || uplink->current != i)
            return;
        /* If the frame should still be on the air, nothing goes before its end, and the duty cycle counts all of it. */
        if (uplink->phase == SELKIE_UPLINK_ON_AIR)
            pay_duty(uplink);
        uplink->phase = SELKIE_UPLINK_IDLE;
        return;
    }
}

/* Returns true if there may be more to receive at once. */
static bool receive(struct selkie_uplink *uplink, const struct selkie_port *port)
{
    uint8_t bytes[32];
    if (!port->radio_read)
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
            if (len > 0 && selkie_frame_decode(&frame, uplink->rx->body, (size_t)len) == 0 && frame.type == SELKIE_ACK)
                acknowledge(uplink, frame.ack.crc);
        }
        if (count < (int)sizeof bytes)
            return false;
    }
    return true;
}

/* Note when what the radio has taken so far is over on the air. */
static void set_air_end(struct selkie_uplink *uplink, uint64_t now_ms)
{
    uint32_t bit_rate = uplink->settings->bit_rate;
    uint64_t air_ms = bit_rate > 0 ? ((uint64_t)uplink->written * 8000 + bit_rate - 1) / bit_rate : 0;
    uplink->until_ms = uplink->began_ms + air_ms > now_ms ? uplink->began_ms + air_ms : now_ms;
}

void selkie_uplink_forget(struct selkie_uplink *uplink)
{
    bool begun = uplink->phase == SELKIE_UPLINK_WRITING && uplink->written > 0;
    if (begun || uplink->phase == SELKIE_UPLINK_ON_AIR)
        pay_duty(uplink);
    uplink->phase = SELKIE_UPLINK_IDLE;
    memset(uplink->slots, 0, sizeof uplink->slots);
    if (uplink->rx)
        selkie_link_rx_init(uplink->rx);
}

static void write_some(struct selkie_uplink *uplink, const struct selkie_port *port, struct selkie_drbg *drbg,
                       uint64_t now_ms)
{
    struct selkie_uplink_slot *slot = &uplink->slots[uplink->current];
    size_t left = (size_t)slot->len - uplink->written;
    int taken = port->radio_write(port->context, slot->wire + uplink->written, left);
    if (taken < 0 || (size_t)taken > left) {
        /* Half a frame may be out. The 0x00 at the start of the next one synchronises the receiver again. */
        uplink->counts.radio_errors++;
        if (uplink->written > 0)
            pay_duty(uplink);
        set_back(uplink, slot, drbg, now_ms + RADIO_RETRY_MS);
        return;
    }
    uplink->written = (uint16_t)(uplink->written + taken);
    set_air_end(uplink, now_ms);
    if (uplink->written < slot->len)
        return;

    uplink->phase = SELKIE_UPLINK_ON_AIR;
    uplink->counts.transmissions++;
    if (slot->sent < UINT8_MAX)
        slot->sent++;
}

static void end_transmission(struct selkie_uplink *uplink, struct selkie_drbg *drbg)
{
    struct selkie_uplink_slot *slot = &uplink->slots[uplink->current];
    pay_duty(uplink);
    uplink->phase = SELKIE_UPLINK_IDLE;
    if (selkie_uplink_expects_ack(uplink)) {
        uplink->phase = SELKIE_UPLINK_LISTENING;
        uplink->until_ms += uplink->settings->ack_ms;
        return;
    }
    slot->left--;
    slot->due_ms = uplink->until_ms + selkie_drbg_delay(drbg, uplink->settings->spread_ms);
}

static void end_listening(struct selkie_uplink *uplink, struct selkie_drbg *drbg)
{
    struct selkie_uplink_slot *slot = &uplink->slots[uplink->current];
    slot->left--;
    slot->unheard = slot->left == 0;
    if (slot->unheard)
        uplink->counts.given_up++;
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
        if (!slot->scheduled) {
            slot->due_ms = now_ms + backoff(uplink, slot, drbg);
            slot->scheduled = true;
        }
        if (!next || slot->due_ms < next->due_ms)
            next = slot;
    }
    return next;
}

/* Milliseconds until the line has been quiet for long enough; 0: it is. */
static uint32_t quiet_in(const struct selkie_uplink *uplink, const struct selkie_port *port)
{
    uint32_t wanted = uplink->settings->quiet_ms;
    if (!port->radio_quiet_ms)
        return 0;
    int quiet = port->radio_quiet_ms(port->context);
    if (quiet < 0)
        return wanted > 0 ? wanted : 1;
    return (uint32_t)quiet >= wanted ? 0 : wanted - (uint32_t)quiet;
}

/* Begin the next transmission if one may begin. Returns when to look again. */
static uint64_t begin(struct selkie_uplink *uplink, const struct selkie_port *port, struct selkie_drbg *drbg,
                      uint64_t now_ms)
{
    struct selkie_uplink_slot *next = next_slot(uplink, drbg, now_ms);
    if (!next)
        return SELKIE_UPLINK_NEVER;
    uint64_t due_ms = next->due_ms > uplink->silent_ms ? next->due_ms : uplink->silent_ms;
    if (due_ms > now_ms)
        return due_ms;
    uint32_t wait = quiet_in(uplink, port);
    if (wait > 0) {
        set_back(uplink, next, drbg, now_ms + wait);
        return next->due_ms;
    }
    uplink->phase = SELKIE_UPLINK_WRITING;
    uplink->current = (enum selkie_uplink_slot_name)(next - uplink->slots);
    uplink->written = 0;
    uplink->began_ms = now_ms;
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
    if (uplink->phase == SELKIE_UPLINK_WRITING || uplink->phase == SELKIE_UPLINK_IDLE)
        return now_ms + RADIO_FULL_MS;
    return uplink->until_ms;
}

uint64_t selkie_uplink_poll(struct selkie_uplink *uplink, const struct selkie_port *port, struct selkie_drbg *drbg,
                            uint64_t now_ms)
{
    bool more = receive(uplink, port);
    uint64_t wake_ms = advance(uplink, port, drbg, now_ms);
    return more && wake_ms > now_ms + RADIO_FULL_MS ? now_ms + RADIO_FULL_MS : wake_ms;
}
