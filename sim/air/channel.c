/* SPDX-License-Identifier: Apache-2.0 */
#include "air/channel.h"

#include <jansson.h>
#include <selkie/frame.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PTY_CHUNK     4      /* bytes: what a serial chip hands on together */
#define KILL_DOUBT_US 500000 /* a gateway killed so soon after it had a frame may not have it on its disk yet */
#define STOP_DOUBT_US 200000 /* one that is asked to stop may not have read it yet */
#define ACK_QUIET_US  20000
#define ACK_SLOTS     4     /* PROTOCOL.md, section 2 */
#define ACK_SLOT_US   10000 /* of a slot, beside the ACK */
#define STOP_PATIENCE 10000 /* ms */

/* How long an ACK of a virtual gateway waits for a quiet air: with a slot at random, as a real one does. */
static uint64_t ack_wait_us(struct selkie_channel *channel)
{
    uint64_t slot_us = selkie_sim_radio_duration_us(&channel->radio, channel->ack_len) + ACK_SLOT_US;

    return ACK_QUIET_US + channel->pause_us + selkie_prng_below(&channel->ack_random, ACK_SLOTS * slot_us);
}

/* When the air will have been quiet for long enough, if nobody sends; not before the next fragment may come. */
static uint64_t ack_due_us(const struct selkie_channel *channel, uint64_t quiet_us)
{
    uint64_t due_us = channel->air->run->clock.now_us - quiet_us + channel->ack_wait_us;
    uint64_t expects_us = channel->fragments.expects_ms * SELKIE_MS_US;

    return due_us > expects_us ? due_us : expects_us;
}

/* A virtual gateway acknowledges like a real one, once the air is quiet. */
static void on_ack_turn(struct selkie_sim_timer *timer)
{
    struct selkie_channel *channel = SELKIE_TIMER_OWNER(timer, selkie_channel, ack_turn);
    uint64_t now_us = channel->air->run->clock.now_us;
    uint64_t quiet_us = selkie_channel_quiet_us(channel, SELKIE_SIM_RADIO_GATEWAY);

    if (channel->ack_count == 0)
        return;
    if (ack_due_us(channel, quiet_us) <= now_us) {
        int error = selkie_channel_send(channel, SELKIE_SIM_RADIO_GATEWAY, channel->acks[0], channel->ack_len);
        channel->ack_count--;
        memmove(channel->acks[0], channel->acks[1], channel->ack_count * sizeof channel->acks[0]);
        if (error < 0)
            selkie_run_fail(channel->air->run, "%s", selkie_error_text(error));
        channel->ack_wait_us = ack_wait_us(channel);
        quiet_us = 0;
    }
    if (channel->ack_count > 0)
        selkie_run_set(channel->air->run, timer, ack_due_us(channel, quiet_us));
}

static void acknowledge(struct selkie_channel *channel, const uint8_t *body, size_t len)
{
    uint8_t ack[SELKIE_ACK_SIZE];

    if (channel->ack_count == SELKIE_CHANNEL_ACKS)
        return;
    selkie_frame_put_ack(ack, body, len);
    int wire_len = selkie_link_encode(channel->acks[channel->ack_count], sizeof channel->acks[0], ack, sizeof ack);
    if (wire_len < 0)
        return;
    channel->ack_len = (uint8_t)wire_len;
    if (channel->ack_count++ > 0)
        return;
    channel->ack_wait_us = ack_wait_us(channel);
    selkie_run_set(channel->air->run, &channel->ack_turn, channel->air->run->clock.now_us + channel->ack_wait_us);
}

/* Another gateway was first: its ACK serves. */
static void overhear(struct selkie_channel *channel, const uint8_t *ack)
{
    uint8_t wire[SELKIE_LINK_WIRE_SIZE(SELKIE_ACK_SIZE)];
    int len = selkie_link_encode(wire, sizeof wire, ack, SELKIE_ACK_SIZE);

    for (unsigned i = channel->ack_count; len > 0 && i-- > 0;)
        if (memcmp(channel->acks[i], wire, (size_t)len) == 0)
            memmove(channel->acks[i], channel->acks[i + 1], (--channel->ack_count - i) * sizeof channel->acks[0]);
}

static void on_message(struct selkie_channel *channel, const uint8_t *body, size_t len)
{
    struct selkie_air *air = channel->air;
    uint32_t device, number;

    if (channel->virtual && selkie_vgateway_put(channel->virtual, body, len, selkie_run_rx_ms(air->run)) < 0)
        channel->dropped++;
    if (channel->virtual && channel->group->ack)
        acknowledge(channel, body, len);
    selkie_attribution_heard(&air->account->attribution, channel->index, channel->virtual ? channel->name : NULL, body,
                             len);
    if (!air->listener.heard(air->listener.context, channel->index, body, len, &device, &number))
        return;
    unsigned place = channel->recent_at++ % SELKIE_CHANNEL_RECENT;
    channel->recent[place].device = device;
    channel->recent[place].number = number;
    channel->recent[place].wall_us = selkie_wall_us();
}

static void on_body(struct selkie_channel *channel, const uint8_t *body, size_t len)
{
    struct selkie_frame frame;

    if (selkie_frame_decode(&frame, body, len) < 0)
        return; /* no gateway hands these on */
    if (frame.type == SELKIE_ACK)
        overhear(channel, body);
    else
        on_message(channel, body, len);
}

/* As in a real gateway, the first fragment of a repeat stands for the body. */
static void on_frame(struct selkie_channel *channel, const uint8_t *frame, size_t len)
{
    struct selkie_fragment_body body;
    uint64_t now_ms = channel->air->run->clock.now_us / SELKIE_MS_US;
    int result = selkie_fragment_rx_put(&channel->fragments, frame, len, now_ms, &body);

    if (result == SELKIE_EMALFORMED) {
        on_body(channel, frame, len);
        return;
    }
    selkie_attribution_heard(&channel->air->account->attribution, channel->index, NULL, frame, len);
    if (result > 0)
        on_body(channel, body.bytes, body.len);
}

static void deafen(struct selkie_channel *channel)
{
    selkie_link_rx_init(&channel->rx);
    selkie_fragment_rx_init(&channel->fragments);
}

static void on_heard(void *context, const uint8_t *bytes, size_t len)
{
    struct selkie_channel *channel = context;

    if (!channel->virtual && !channel->line.live)
        (void)selkie_sim_line_check(&channel->line);
    if (channel->down || !(channel->virtual || channel->line.live)) {
        deafen(channel);
        return;
    }
    if (!channel->virtual)
        selkie_sim_line_write(&channel->line, bytes, len);
    for (size_t i = 0; i < len; i++) {
        int body_len = selkie_link_rx_byte(&channel->rx, bytes[i]);
        if (body_len > 0)
            on_frame(channel, channel->rx.body, (size_t)body_len);
    }
    if (channel->virtual)
        selkie_vgateway_pump(channel->virtual, selkie_wall_us());
}

static void on_echo(void *context)
{
    struct selkie_channel *channel = context;

    channel->air->listener.echo(channel->air->listener.context, channel->index);
}

void selkie_channel_serve(struct selkie_channel *channel)
{
    uint8_t bytes[256];
    size_t len;

    if (channel->virtual) {
        selkie_vgateway_pump(channel->virtual, selkie_wall_us());
        return;
    }
    if (selkie_sim_line_check(&channel->line))
        deafen(channel);
    selkie_sim_line_flush(&channel->line);
    while ((len = selkie_sim_line_read(&channel->line, bytes, sizeof bytes)) > 0) {
        int error = channel->group->ack ? selkie_channel_send(channel, SELKIE_SIM_RADIO_GATEWAY, bytes, len) : 0;
        if (error < 0)
            selkie_run_fail(channel->air->run, "%s", selkie_error_text(error));
    }
    if (channel->process.pid != 0 && selkie_process_ended(&channel->process)) {
        selkie_process_show_log(&channel->process);
        selkie_run_fail(channel->air->run, "gateway %s ended by itself", channel->name);
    }
}

bool selkie_channel_congested(const struct selkie_channel *channel)
{
    return channel->line.pending_len > SELKIE_SIM_LINE_PENDING_MAX / 4;
}

bool selkie_channel_comes_back(const struct selkie_channel *channel)
{
    return channel->process.pid != 0 && !channel->down && !channel->line.live;
}

/* What it had for a moment only is not held against anybody: a gateway promises what is on its disk. */
static void doubt_recent(struct selkie_channel *channel, uint64_t doubt_us)
{
    const struct selkie_air_listener *listener = &channel->air->listener;
    uint64_t wall_us = selkie_wall_us();

    for (unsigned i = 0; i < SELKIE_CHANNEL_RECENT; i++) {
        if (channel->recent[i].wall_us + doubt_us >= wall_us && channel->recent[i].wall_us != 0)
            listener->doubted(listener->context, channel->index, channel->recent[i].device, channel->recent[i].number);
    }
}

static int write_configuration(const struct selkie_channel *channel)
{
    const struct selkie_sim_broker *broker = channel->air->broker;
    const struct selkie_scenario_broker *options = broker->options;
    char file[48], spool[SELKIE_PATH_MAX];

    selkie_folder_path(broker->folder, spool, channel->name, "spool");
    (void)snprintf(file, sizeof file, "%s.json", channel->name);
    /* s* and a NULL: the member is left out. */
    json_t *json = json_pack("{s:s, s:s, s:{s:s, s:s, s:s*, s:s*, s:s*, s:s*}, s:[{s:s, s:b}], s:{s:s}}", "root",
                             options->root, "gateway", channel->name, "broker", "uri", broker->settings.uris[0].text,
                             "username", channel->name, "password_file", options->password_file, "ca", options->ca,
                             "cert", options->cert, "key", options->key, "serial", "device", channel->line.name, "ack",
                             (int)channel->group->ack, "spool", "path", spool);
    return selkie_folder_write_json(broker->folder, file, json);
}

/* Start the channel's selkie-gateway, with the spool that it had. */
static int start_gateway(struct selkie_channel *channel)
{
    const struct selkie_folder *folder = channel->air->broker->folder;
    char program[SELKIE_PATH_MAX], config[SELKIE_PATH_MAX];

    selkie_process_find(program, "selkie-gateway", SELKIE_GATEWAY_INSTALLED);
    selkie_folder_path(folder, config, channel->name, "json");
    const char *const argv[] = {program, "--config", config, NULL};
    return selkie_process_start(&channel->process, folder, channel->name, argv);
}

void selkie_channel_stop(struct selkie_channel *channel, bool kill)
{
    channel->down = true;
    channel->online = false;
    deafen(channel);
    if (channel->virtual) {
        selkie_vgateway_pause(channel->virtual, true);
        return;
    }
    doubt_recent(channel, kill ? KILL_DOUBT_US : STOP_DOUBT_US);
    selkie_process_stop(&channel->process, kill ? SIGKILL : SIGTERM, STOP_PATIENCE);
    (void)selkie_sim_line_check(&channel->line);
}

int selkie_channel_start(struct selkie_channel *channel)
{
    channel->down = false;
    if (channel->virtual) {
        selkie_vgateway_pause(channel->virtual, false);
        return 0;
    }
    selkie_metrics_count(&channel->air->account->metrics, NULL, "gateway_starts");
    return start_gateway(channel);
}

static int open_line(struct selkie_channel *channel)
{
    const char *line = channel->group->line;
    char link[SELKIE_PATH_MAX];

    if (channel->group->link == SELKIE_SIM_LINK_SOCKET)
        return selkie_sim_line_open_socket(&channel->line, line, channel->index);
    if (line)
        (void)snprintf(link, sizeof link, "%.200s%u", line, channel->index);
    else
        selkie_folder_path(channel->air->broker->folder, link, channel->name, NULL);
    int error = selkie_sim_line_open_pty(&channel->line, link);
    if (error == 0 && channel->group->own_gateways)
        error = write_configuration(channel);
    if (error == 0 && channel->group->own_gateways)
        error = start_gateway(channel);
    return error;
}

/* For how long the air may be silent within one sender's frame: its module pauses between two packets, or the device
 * does. */
static uint64_t pause_us(const struct selkie_scenario *scenario, const struct selkie_packet_options *packet)
{
    uint64_t gap_us = scenario->fleet.packet_gap_ms * (uint64_t)SELKIE_MS_US;

    if (packet->bytes == 0)
        return 0;
    return SELKIE_SIM_MODEM_PAUSE_US + (gap_us > packet->gap_us ? gap_us : packet->gap_us);
}

static int open_channel(struct selkie_channel *channel, struct selkie_air *air, const struct selkie_scenario *scenario,
                        const struct selkie_scenario_channels *group)
{
    const struct selkie_sim_broker *broker = air->broker;

    channel->air = air;
    channel->index = (uint32_t)(channel - air->channels);
    channel->group = group;
    channel->line.fd = channel->line.listener = channel->process.pidfd = -1;
    selkie_prng_init(&channel->ack_random, scenario->seed, SELKIE_PRNG_ACK, channel->index);
    channel->turn.run = selkie_channel_on_turn;
    channel->ack_turn.run = on_ack_turn;
    (void)snprintf(channel->name, sizeof channel->name, "sim-%u", channel->index);
    selkie_sim_radio_init(&channel->radio, &group->air, scenario->seed, channel->index);
    channel->pause_us = pause_us(scenario, &group->air.packet);
    if (group->link != SELKIE_SIM_LINK_MQTT && group->air.packet.bytes == 0)
        channel->radio.options.chunk = PTY_CHUNK;
    channel->radio.on_heard = on_heard;
    channel->radio.on_echo = on_echo;
    channel->radio.context = channel;
    deafen(channel);
    if (group->link != SELKIE_SIM_LINK_MQTT)
        return open_line(channel);
    int error = selkie_vgateway_open(&channel->virtual, broker, channel->name, broker->password);
    if (error == 0 && group->has_clock)
        selkie_vgateway_set_clock(channel->virtual, group->clock_ms);
    return error;
}

int selkie_air_open(struct selkie_air *air, struct selkie_run *run, const struct selkie_scenario *scenario,
                    struct selkie_account *account, const struct selkie_sim_broker *broker)
{
    air->run = run;
    air->account = account;
    air->broker = broker;
    air->channels = calloc(scenario->channel_count, sizeof *air->channels);
    if (!air->channels)
        return SELKIE_ENOMEM;
    for (size_t group = 0; group < scenario->group_count; group++) {
        for (uint32_t i = 0; i < scenario->groups[group].count; i++) {
            /* A half opened one is closed as well. */
            int error = open_channel(&air->channels[air->count++], air, scenario, &scenario->groups[group]);
            if (error < 0)
                return error;
        }
    }
    return 0;
}

void selkie_air_close(struct selkie_air *air)
{
    for (uint32_t i = 0; i < air->count; i++) {
        struct selkie_channel *channel = &air->channels[i];
        selkie_process_stop(&channel->process, SIGTERM, STOP_PATIENCE);
        selkie_vgateway_close(channel->virtual);
        selkie_sim_line_close(&channel->line);
        selkie_channel_hush(channel);
        selkie_sim_radio_wipe(&channel->radio);
    }
    free(air->channels);
}

bool selkie_channel_is_yours(const struct selkie_channel *channel)
{
    return !channel->virtual && !channel->group->own_gateways;
}

bool selkie_channel_ready(struct selkie_channel *channel)
{
    selkie_channel_serve(channel);
    if (channel->virtual)
        return selkie_vgateway_ready(channel->virtual);
    return channel->line.live && (!channel->group->own_gateways || channel->online);
}
