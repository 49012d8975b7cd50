/* SPDX-License-Identifier: Apache-2.0 */
/* A device's board: its port, and the frames that are recognised. */
#include "fleet/fleet.h"

#include <string.h>

struct selkie_channel *selkie_fleet_channel(const struct selkie_fleet *fleet, uint32_t device, uint32_t nth)
{
    return &fleet->air->channels[(device + nth) % fleet->air->count];
}

struct selkie_fleet_frame *selkie_frame_index_find(const struct selkie_frame_index *frames, const uint8_t *body,
                                                   size_t len)
{
    uint64_t digest = selkie_attribution_digest(body, len);
    struct selkie_fleet_frame *frame;

    HASH_FIND(hh, frames->by_digest, &digest, sizeof digest, frame);
    return frame;
}

void selkie_frame_index_add(struct selkie_frame_index *frames, struct selkie_fleet_frame *frame)
{
    struct selkie_fleet_frame *known;

    HASH_FIND(hh, frames->by_digest, &frame->digest, sizeof frame->digest, known);
    if (!known && frame->digest != 0)
        HASH_ADD(hh, frames->by_digest, digest, sizeof frame->digest, frame);
}

void selkie_frame_index_remove(struct selkie_frame_index *frames, struct selkie_fleet_frame *frame)
{
    if (frame->hh.tbl)
        HASH_DEL(frames->by_digest, frame);
    memset(frame, 0, sizeof *frame);
}

/* Remember a frame that goes on the air, so that it is recognised when a gateway hears it. A repeat is in already. */
static void remember(struct selkie_fleet_device *device, const uint8_t *body, size_t len, bool is_payload)
{
    struct selkie_frame_index *frames = &device->fleet->frames;

    if (selkie_frame_index_find(frames, body, len))
        return;
    struct selkie_fleet_frame *frame = &device->frames[device->frame_at++ % SELKIE_FLEET_FRAMES];
    selkie_frame_index_remove(frames, frame);
    frame->digest = selkie_attribution_digest(body, len);
    frame->device = device->index;
    frame->number = is_payload ? device->number : UINT32_MAX;
    frame->epoch = device->epoch;
    frame->sealed = body[0] == (SELKIE_VERSION_1 << 4 | SELKIE_SEALED);
    selkie_frame_index_add(frames, frame);
}

/* The body of a whole frame on the wire. Returns its length. */
static size_t unwrap(struct selkie_link_rx *rx, const uint8_t *wire, size_t len)
{
    int body_len = 0;

    selkie_link_rx_init(rx);
    for (size_t i = 0; i < len && body_len <= 0; i++)
        body_len = selkie_link_rx_byte(rx, wire[i]);
    return body_len > 0 ? (size_t)body_len : 0;
}

/* A transmission begins. Which of its two frames it is, the library alone knows. */
static void begin_transmission(struct selkie_fleet_device *device, const uint8_t *body, size_t len, bool is_payload)
{
    struct selkie_fleet *fleet = device->fleet;
    struct selkie_account *account = fleet->account;

    remember(device, body, len, is_payload);
    account->frames_digest =
        (account->frames_digest ^ selkie_attribution_digest(body, len)) * 0x100000001b3u + fleet->run->clock.now_us;
    device->jammed = fleet->tap.frame && fleet->tap.frame(fleet->tap.context, device, body, len);
}

/* The last packet of a payload's first transmission goes on the air. */
static void note_wait(struct selkie_fleet_device *device, size_t len)
{
    const struct selkie_sim_radio *radio = &selkie_fleet_channel(device->fleet, device->index, 0)->radio;
    uint64_t end_us = device->fleet->run->clock.now_us + selkie_sim_radio_duration_us(radio, len);

    selkie_histogram_add(&device->fleet->account->wait, (int64_t)(end_us - device->handed_us));
    device->handed_us = 0;
}

/* The library hands over a whole frame or fragment at once, and the radio takes all of it. */
static int radio_write(void *context, const uint8_t *bytes, size_t len)
{
    struct selkie_fleet_device *device = context;
    const struct selkie_uplink *uplink = &device->device.uplink;
    const struct selkie_uplink_slot *slot = &uplink->slots[uplink->current];
    bool is_payload = uplink->current == SELKIE_UPLINK_DATA;
    struct selkie_link_rx rx;
    size_t body_len = unwrap(&rx, bytes, len);
    bool whole = body_len == 0 || rx.body[0] != SELKIE_FRAGMENT_HEAD;
    unsigned packets = whole ? 1u : slot->set.plan.k + uplink->settings->parity;

    if (uplink->packets == packets)
        begin_transmission(device, whole ? rx.body : slot->set.body, whole ? body_len : slot->len, is_payload);
    if (is_payload && device->handed_us != 0 && uplink->packets == 1)
        note_wait(device, len);
    for (uint32_t i = 0; i < device->fleet->heard_by && !device->jammed; i++) {
        if (selkie_channel_send(selkie_fleet_channel(device->fleet, device->index, i), device->index, bytes, len) < 0)
            return SELKIE_EIO;
    }
    return (int)len;
}

static int radio_read(void *context, uint8_t *bytes, size_t size)
{
    struct selkie_fleet_device *device = context;
    const struct selkie_channel *channel = selkie_fleet_channel(device->fleet, device->index, 0);

    return (int)selkie_sim_radio_listen(&channel->radio, &device->echo_cursor, bytes, size);
}

static int radio_quiet_ms(void *context)
{
    const struct selkie_fleet_device *device = context;
    uint64_t quiet_us = INT32_MAX * 1000ull;

    for (uint32_t i = 0; i < device->fleet->heard_by; i++) {
        const struct selkie_channel *channel = selkie_fleet_channel(device->fleet, device->index, i);
        uint64_t here_us = selkie_channel_quiet_us(channel, device->index);
        if (here_us < quiet_us)
            quiet_us = here_us;
    }
    return (int)(quiet_us / 1000);
}

static int read_entropy(void *context, uint32_t *samples, size_t max)
{
    struct selkie_fleet_device *device = context;

    for (size_t i = 0; i < max; i++)
        samples[i] = (uint32_t)(selkie_prng_next(&device->entropy) & 0xff);
    return (int)max;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[static SELKIE_PIN_SIZE])
{
    const struct selkie_fleet_device *device = context;

    if (slot >= device->fleet->broker->key_count)
        return SELKIE_ENOTFOUND;
    memcpy(pin, device->fleet->broker->keys[slot].pin, SELKIE_PIN_SIZE);
    return 0;
}

static int key_slot(void *context)
{
    const struct selkie_fleet_device *device = context;

    return device->slot;
}

static const struct selkie_source source = {
    .kind = SELKIE_SOURCE_TRNG, .claim = 32, .width = 8, .dead_ms = 1000, .read = read_entropy};

void selkie_fleet_device_port(struct selkie_fleet_device *device, bool listens, bool senses)
{
    device->port = (struct selkie_port){.context = device,
                                        .radio_write = radio_write,
                                        .radio_read = listens ? radio_read : NULL,
                                        .radio_quiet_ms = senses ? radio_quiet_ms : NULL,
                                        .sources = &source,
                                        .source_count = 1,
                                        .read_pin = read_pin,
                                        .key_slot = key_slot};
}
