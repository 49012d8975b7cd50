/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/fleet_port.h"

#include "air/channel.h"
#include "attack/attacker.h"

#include <selkie/link.h>
#include <string.h>

uint64_t selkie_fleet_digest(const uint8_t *body, size_t len)
{
    uint64_t digest = 0xcbf29ce484222325u;

    for (size_t i = 0; i < len; i++)
        digest = (digest ^ body[i]) * 0x100000001b3u;
    return digest != 0 ? digest : 1;
}

/* Remember a frame that goes on the air, so that it is known when a gateway hears it. A repeat is there already. */
static void remember(struct selkie_fleet_device *device, const uint8_t *body, size_t len, bool is_payload)
{
    struct selkie_fleet *fleet = device->world->fleet;
    uint64_t digest = selkie_fleet_digest(body, len);
    struct selkie_fleet_frame *frame;

    HASH_FIND(hh, fleet->by_digest, &digest, sizeof digest, frame);
    if (frame != NULL)
        return;
    frame = &device->frames[device->frame_at++ % SELKIE_FLEET_FRAMES];
    if (frame->digest != 0)
        HASH_DEL(fleet->by_digest, frame);
    frame->digest = digest;
    frame->device = device->index;
    frame->number = is_payload ? device->number : UINT32_MAX;
    frame->epoch = device->epoch;
    frame->sealed = body[0] == (SELKIE_VERSION_1 << 4 | SELKIE_SEALED);
    HASH_ADD(hh, fleet->by_digest, digest, sizeof frame->digest, frame);
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

/* The library hands over a whole frame at once, and the radio takes all of it. */
static int radio_write(void *context, const uint8_t *bytes, size_t len)
{
    struct selkie_fleet_device *device = context;
    struct selkie_world *world = device->world;
    struct selkie_link_rx rx;
    /* Which of its two frames this is, the library alone knows. */
    bool is_payload = device->device.uplink.current == SELKIE_UPLINK_DATA;
    size_t body_len = unwrap(&rx, bytes, len);
    uint64_t now_us = world->clock.now_us;

    remember(device, rx.body, body_len, is_payload);
    if (is_payload && device->handed_us != 0) {
        uint64_t end_us = now_us + selkie_sim_radio_duration_us(
                                       &world->channels[selkie_fleet_channel(world, device->index, 0)].radio, len);
        selkie_sim_histogram_add(&world->wait, end_us - device->handed_us);
        device->handed_us = 0;
    }
    world->frames_digest = (world->frames_digest ^ selkie_fleet_digest(rx.body, body_len)) * 0x100000001b3u + now_us;
    bool jammed = selkie_attackers_tap(world, device, rx.body, body_len);
    for (uint32_t i = 0; i < world->fleet->heard_by; i++) {
        struct selkie_channel *channel = &world->channels[selkie_fleet_channel(world, device->index, i)];
        if (!jammed && selkie_channel_send(channel, device->index, bytes, len) < 0)
            return SELKIE_EIO;
    }
    return (int)len;
}

static int radio_read(void *context, uint8_t *bytes, size_t size)
{
    struct selkie_fleet_device *device = context;
    struct selkie_world *world = device->world;
    const struct selkie_channel *channel = &world->channels[selkie_fleet_channel(world, device->index, 0)];

    return (int)selkie_sim_radio_listen(&channel->radio, &device->echo_cursor, bytes, size);
}

static int radio_quiet_ms(void *context)
{
    const struct selkie_fleet_device *device = context;
    const struct selkie_world *world = device->world;
    uint64_t quiet_us = INT32_MAX * 1000ull;

    for (uint32_t i = 0; i < world->fleet->heard_by; i++) {
        const struct selkie_channel *channel = &world->channels[selkie_fleet_channel(world, device->index, i)];
        uint64_t here_us = selkie_sim_radio_quiet_us(&channel->radio, device->index, world->clock.now_us);
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

    if (slot >= device->world->key_count)
        return SELKIE_ENOTFOUND;
    memcpy(pin, device->world->keys[slot].pin, SELKIE_PIN_SIZE);
    return 0;
}

static int key_slot(void *context)
{
    const struct selkie_fleet_device *device = context;

    return device->slot;
}

static const struct selkie_source source = {
    .kind = SELKIE_SOURCE_TRNG, .claim = 32, .width = 8, .dead_ms = 1000, .read = read_entropy};

void selkie_fleet_port(struct selkie_fleet_device *device, bool listens, bool senses)
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
