/* SPDX-License-Identifier: Apache-2.0 */
#include "transmission.h"
#include <string.h>

int selkie_transmission_load(struct selkie_uplink_slot *slot, const struct selkie_uplink_settings *settings,
                             const uint8_t *body, size_t len)
{
    int wire_len = selkie_link_encode(slot->wire, sizeof slot->wire, body, len);

    if (wire_len < 0)
        return wire_len;
    slot->len = (uint16_t)wire_len;
    if (!SELKIE_DEVICE_FRAGMENTS || settings->packet_max == 0 || wire_len <= settings->packet_max)
        return 0;
    int error = selkie_fragment_make_plan(&slot->set.plan, body, len, settings->packet_max);
    if (error < 0)
        return error;
    memcpy(slot->set.body, body, len);
    slot->len = (uint16_t)len;
    return 0;
}

_Static_assert(offsetof(struct selkie_fragment_plan, k) == 0, "0 there tells a link frame from a plan");

static bool in_fragments(const struct selkie_uplink_slot *slot)
{
    return SELKIE_DEVICE_FRAGMENTS && slot->set.plan.k > 0;
}

/* FRAGMENTs of each transmission. */
static unsigned fragments(const struct selkie_uplink_settings *settings, const struct selkie_uplink_slot *slot)
{
    return slot->set.plan.k + (unsigned)settings->parity;
}

uint32_t selkie_transmission_ms(const struct selkie_uplink_settings *settings, const struct selkie_uplink_slot *slot)
{
    return in_fragments(slot) ? selkie_pacing_set_ms(settings, fragments(settings, slot))
                              : selkie_pacing_air_ms(settings, slot->len);
}

void selkie_transmission_begin(struct selkie_uplink *uplink, uint64_t now_ms)
{
    const struct selkie_uplink_slot *slot = &uplink->slots[uplink->current];

    uplink->phase = SELKIE_UPLINK_WRITING;
    uplink->packets = in_fragments(slot) ? (uint8_t)fragments(uplink->settings, slot) : 1;
    uplink->written = 0;
    uplink->on_air_ms = 0;
    uplink->until_ms = now_ms;
}

/* Each repeat goes on where the one before it ended: all that was heard counts. */
static uint8_t fragment_index(const struct selkie_uplink *uplink, const struct selkie_uplink_slot *slot)
{
    unsigned ends = slot->sent;

    if (uplink->packets > uplink->settings->parity) /* or else `sent` counts this one */
        ends++;
    return (uint8_t)(ends * fragments(uplink->settings, slot) - uplink->packets);
}

/* The link frame of the FRAGMENT under way, made anew each time: RAM is dearer than cycles. */
static int write_fragment(uint8_t *wire, size_t size, const struct selkie_uplink *uplink,
                          const struct selkie_uplink_slot *slot)
{
    uint8_t fragment[SELKIE_FRAGMENT_SIZE_MAX];
    size_t len =
        selkie_fragment_write(fragment, &slot->set.plan, slot->set.body, slot->len, fragment_index(uplink, slot));

    return selkie_link_encode(wire, size, fragment, len);
}

/* Note when what the radio has taken so far is over on the air. */
static void set_air_end(struct selkie_uplink *uplink, uint64_t now_ms)
{
    uint32_t lasts_ms = selkie_pacing_air_ms(uplink->settings, uplink->written);
    uint32_t took_ms = (uint32_t)(now_ms - uplink->began_ms);

    uint64_t until_ms = uplink->began_ms + (lasts_ms > took_ms ? lasts_ms : took_ms);
    uplink->on_air_ms += (uint32_t)(until_ms - uplink->until_ms);
    uplink->until_ms = until_ms;
}

static void end_packet(struct selkie_uplink *uplink, struct selkie_uplink_slot *slot, uint64_t now_ms)
{
    uplink->packets--;
    if (uplink->packets > 0) {
        uplink->until_ms += uplink->settings->packet_gap_ms;
        uplink->written = 0;
    } else {
        uplink->phase = SELKIE_UPLINK_ON_AIR;
    }
    if (uplink->packets != (in_fragments(slot) ? uplink->settings->parity : 0))
        return;
    /* From here on a receiver may have the body. */
    uplink->counts.transmissions++;
    if (slot->sent == 0)
        slot->first_ms = (uint32_t)now_ms;
    if (slot->sent < UINT8_MAX)
        slot->sent++;
}

int selkie_transmission_write(struct selkie_uplink *uplink, const struct selkie_port *port, uint64_t now_ms)
{
    struct selkie_uplink_slot *slot = &uplink->slots[uplink->current];
    uint8_t packet[SELKIE_LINK_WIRE_SIZE(SELKIE_FRAGMENT_SIZE_MAX)];
    const uint8_t *wire = slot->wire;
    int len = slot->len;

    if (in_fragments(slot)) {
        len = write_fragment(packet, sizeof packet, uplink, slot);
        wire = packet;
    }
    if (len < uplink->written)
        return SELKIE_EINVAL;
    if (uplink->written == 0) {
        uplink->began_ms = now_ms;
        uplink->until_ms = now_ms;
    }
    size_t left = (size_t)len - uplink->written;
    int taken = port->radio_write(port->context, wire + uplink->written, left);
    if (taken < 0 || (size_t)taken > left)
        return -1;
    uplink->written = (uint16_t)(uplink->written + taken);
    set_air_end(uplink, now_ms);
    if (uplink->written == len)
        end_packet(uplink, slot, now_ms);
    return taken;
}

void selkie_transmission_end(struct selkie_uplink *uplink)
{
    if (uplink->on_air_ms > 0)
        uplink->silent_ms = uplink->until_ms + selkie_pacing_silence_ms(uplink->settings, uplink->on_air_ms);
    uplink->phase = SELKIE_UPLINK_IDLE;
    uplink->watch_ms = 0;
}
