/* SPDX-License-Identifier: Apache-2.0 */
/* The way from a sender to the air of a channel: through its module, where radios send packets. channel.h has the
 * declarations. */
#include "air/channel.h"

#include <stdlib.h>

static void schedule(struct selkie_channel *channel)
{
    uint64_t next_us = selkie_sim_radio_next_us(&channel->radio);

    if (next_us != UINT64_MAX)
        selkie_run_set(channel->air->run, &channel->turn, next_us);
}

void selkie_channel_on_turn(struct selkie_sim_timer *timer)
{
    struct selkie_channel *channel = SELKIE_TIMER_OWNER(timer, selkie_channel, turn);

    selkie_sim_radio_advance(&channel->radio, channel->air->run->clock.now_us);
    schedule(channel);
}

static int put_on_air(struct selkie_channel *channel, uint32_t source, const uint8_t *bytes, size_t len)
{
    uint64_t now_us = channel->air->run->clock.now_us;

    selkie_sim_radio_advance(&channel->radio, now_us);
    int error = selkie_sim_radio_send(&channel->radio, source, bytes, len);
    if (error < 0)
        return error;
    selkie_series_add(&channel->air->account->series, now_us, SELKIE_SERIES_AIR_MS,
                      (double)selkie_sim_radio_duration_us(&channel->radio, len) / 1e3);
    schedule(channel);
    return 0;
}

/* Bytes from a gateway: other gateways on the same air hear them too, and so do their devices. */
static int transmit(struct selkie_channel *channel, uint32_t source, const uint8_t *bytes, size_t len)
{
    struct selkie_air *air = channel->air;
    bool shared = source == SELKIE_SIM_RADIO_GATEWAY && channel->group->one_air;
    int error = put_on_air(channel, source, bytes, len);

    for (uint32_t i = 0; i < air->count && shared && error == 0; i++)
        if (i != channel->index && air->channels[i].group == channel->group)
            error = put_on_air(&air->channels[i], SELKIE_SIM_RADIO_NEIGHBOUR, bytes, len);
    return error;
}

static int on_packet(void *context, const uint8_t *packet, size_t len)
{
    struct selkie_channel_sender *sender = context;

    return transmit(sender->channel, sender->source, packet, len);
}

static void schedule_sender(struct selkie_channel_sender *sender)
{
    uint64_t next_us = selkie_sim_modem_next_us(&sender->modem);

    if (next_us != UINT64_MAX)
        selkie_run_set(sender->channel->air->run, &sender->turn, next_us);
}

static void on_sender_turn(struct selkie_sim_timer *timer)
{
    struct selkie_channel_sender *sender = SELKIE_TIMER_OWNER(timer, selkie_channel_sender, turn);
    struct selkie_run *run = sender->channel->air->run;
    int error = selkie_sim_modem_advance(&sender->modem, run->clock.now_us);

    if (error < 0)
        selkie_run_fail(run, "%s", selkie_error_text(error));
    schedule_sender(sender);
}

/* The module of a sender, new if need be; NULL: no memory. */
static struct selkie_channel_sender *sender_of(struct selkie_channel *channel, uint32_t source)
{
    struct selkie_channel_sender *sender;

    HASH_FIND(hh, channel->senders, &source, sizeof source, sender);
    if (sender)
        return sender;
    sender = calloc(1, sizeof *sender);
    if (!sender || selkie_sim_modem_open(&sender->modem, &channel->radio.options) < 0) {
        free(sender);
        return NULL;
    }
    sender->modem.transmit = on_packet;
    sender->modem.context = sender;
    sender->source = source;
    sender->channel = channel;
    sender->turn.run = on_sender_turn;
    HASH_ADD(hh, channel->senders, source, sizeof sender->source, sender);
    return sender;
}

int selkie_channel_send(struct selkie_channel *channel, uint32_t source, const uint8_t *wire, size_t len)
{
    if (channel->radio.options.packet.bytes == 0)
        return transmit(channel, source, wire, len);
    struct selkie_channel_sender *sender = sender_of(channel, source);
    if (!sender)
        return SELKIE_ENOMEM;
    int error = selkie_sim_modem_write(&sender->modem, wire, len, channel->air->run->clock.now_us);
    schedule_sender(sender);
    return error;
}

uint64_t selkie_channel_quiet_us(const struct selkie_channel *channel, uint32_t source)
{
    return selkie_sim_radio_quiet_us(&channel->radio, source, channel->air->run->clock.now_us);
}

uint64_t selkie_channel_overflow(const struct selkie_channel *channel)
{
    uint64_t dropped = 0;

    for (const struct selkie_channel_sender *sender = channel->senders; sender; sender = sender->hh.next)
        dropped += sender->modem.dropped;
    return dropped;
}

void selkie_channel_hush(struct selkie_channel *channel)
{
    struct selkie_channel_sender *sender, *next;

    HASH_ITER (hh, channel->senders, sender, next) {
        HASH_DEL(channel->senders, sender);
        selkie_sim_modem_close(&sender->modem);
        free(sender);
    }
}
