/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/fleet.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define REBOOT_US   100000u
#define ACK_WALL_MS 300 /* how soon a real gateway answers, on the wall */

void selkie_fleet_address(const struct selkie_fleet *fleet, uint32_t device,
                          uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    address[0] = 0x5e;
    address[1] = 0x1c;
    address[2] = (uint8_t)(fleet->scenario->seed >> 8);
    address[3] = (uint8_t)fleet->scenario->seed;
    for (int i = 0; i < 4; i++)
        address[4 + i] = (uint8_t)(device >> (24 - 8 * i));
}

int64_t selkie_fleet_find(const struct selkie_fleet *fleet, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    uint8_t own[SELKIE_ADDRESS_SIZE];
    uint32_t device = 0;

    for (int i = 0; i < 4; i++)
        device = device << 8 | address[4 + i];
    selkie_fleet_address(fleet, device, own);
    if (memcmp(own, address, sizeof own) != 0 || device >= fleet->count)
        return SELKIE_ENOTFOUND;
    return device;
}

/* What a gateway has of an ID that never reached it inside a seal, nobody can open, and nobody promised to. */
static void drop_unopenable(struct selkie_fleet *fleet, struct selkie_fleet_device *device)
{
    uint32_t count = selkie_verify_count(&fleet->account->verify, device->index);

    if (!device->anchored)
        selkie_verify_unhear(&fleet->account->verify, device->index, device->epoch_number, count,
                             SELKIE_VERIFY_BY_ANYBODY);
}

/* The power is gone: the ID, and what was under way. */
static void lose_power(struct selkie_fleet_device *device)
{
    struct selkie_fleet *fleet = device->fleet;

    drop_unopenable(fleet, device);
    int error = selkie_device_reset(&device->device);
    if (error < 0)
        selkie_run_fail(fleet->run, "device %u does not start again: %s", device->index, selkie_error_text(error));
    device->epoch++;
    device->epoch_number = selkie_verify_count(&fleet->account->verify, device->index);
    device->anchored = false;
    device->handed_us = 0;
}

static void restart(struct selkie_fleet_device *device)
{
    lose_power(device);
    selkie_run_set(device->fleet->run, &device->wake, device->fleet->run->clock.now_us + REBOOT_US);
}

static void send_payload(struct selkie_fleet_device *device);
static uint64_t next_report(struct selkie_fleet_device *device);

/* The main loop of docs/PORTING.md: a payload once the device is ready and the interval is over. */
static void send_due(struct selkie_fleet_device *device)
{
    device->due = false;
    selkie_run_set(device->fleet->run, &device->report, next_report(device));
    send_payload(device);
}

/* Let the library work, and come back when it wants to. */
static void poll_device(struct selkie_fleet_device *device)
{
    struct selkie_device_status status;
    int state = selkie_device_poll(&device->device, device->fleet->run->clock.now_us / SELKIE_MS_US, &status);

    if (state == SELKIE_EENTROPY) {
        /* The health tests alarm by chance, once in some ten thousand boots: then somebody has to press the button. */
        selkie_metrics_count(&device->fleet->account->metrics, NULL, "entropy_alarms");
        restart(device);
    } else if (state < 0) {
        selkie_run_fail(device->fleet->run, "device %u stopped: %s", device->index, selkie_error_text(state));
    } else if (state == SELKIE_DEVICE_READY && device->due && !device->fleet->quiet) {
        send_due(device);
    } else if (status.wake_ms != SELKIE_UPLINK_NEVER) {
        selkie_run_set(device->fleet->run, &device->wake, status.wake_ms * SELKIE_MS_US);
    }
}

static void on_wake(struct selkie_sim_timer *timer)
{
    struct selkie_fleet_device *device = SELKIE_TIMER_OWNER(timer, selkie_fleet_device, wake);

    if (device->dark)
        return;
    if (!device->on) {
        device->on = true;
        int error = selkie_device_init(&device->device, &device->config, &device->port);
        if (error < 0)
            selkie_run_fail(device->fleet->run, "device %u does not start: %s", device->index,
                            selkie_error_text(error));
    }
    if (!device->fleet->run->failed)
        poll_device(device);
}

static void send_payload(struct selkie_fleet_device *device)
{
    struct selkie_fleet *fleet = device->fleet;
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    uint32_t number = selkie_verify_count(&fleet->account->verify, device->index);
    struct selkie_payload_walk walk =
        device->walk; /* taken on only with the payload, so that what is sent is one walk */
    size_t len =
        selkie_payload_make(&fleet->account->plan, &walk, SELKIE_MADE_BY_DEVICE, device->index, number, payload);
    int error = selkie_device_send(&device->device, payload, len);

    if (error == SELKIE_EBUSY || error == SELKIE_ENOTREADY || error == SELKIE_EEXHAUSTED) {
        fleet->skipped++;
        return;
    }
    if (error < 0 || selkie_verify_sent(&fleet->account->verify, device->index) < 0) {
        selkie_run_fail(fleet->run, "device %u cannot send: %s", device->index, selkie_error_text(error));
        return;
    }
    device->walk = walk;
    device->number = number;
    device->handed_us = fleet->run->clock.now_us > 0 ? fleet->run->clock.now_us : 1;
    selkie_series_add(&fleet->account->series, fleet->run->clock.now_us, SELKIE_SERIES_SENT, 1);
    poll_device(device);
}

static uint64_t next_report(struct selkie_fleet_device *device)
{
    const struct selkie_scenario_fleet *plan = &device->fleet->scenario->fleet;
    double swing = plan->jitter * (2 * selkie_prng_unit(&device->timing) - 1);

    return device->fleet->run->clock.now_us + (uint64_t)(plan->interval_s * (1 + swing) * 1e6);
}

static void on_report(struct selkie_sim_timer *timer)
{
    struct selkie_fleet_device *device = SELKIE_TIMER_OWNER(timer, selkie_fleet_device, report);

    if (device->fleet->quiet || device->dark)
        return;
    if (device->fleet->scenario->fleet.together) {
        device->due = true;
        if (device->on)
            poll_device(device);
        return;
    }
    if (device->on)
        send_payload(device);
    selkie_run_set(device->fleet->run, timer, next_report(device));
}

/* On an air of packets another's frame pauses, which a device that sends packets knows by itself; and a gateway's ACK
 * waits for longer. Returns how much longer, in ms. */
static uint32_t configure_packets(struct selkie_uplink_settings *uplink, const struct selkie_fleet_device *device)
{
    const struct selkie_scenario_fleet *plan = &device->fleet->scenario->fleet;
    const struct selkie_channel *channel = selkie_fleet_channel(device->fleet, device->index, 0);
    uint32_t packet_ms =
        (uint32_t)(selkie_sim_radio_duration_us(&channel->radio, channel->group->air.packet.bytes) / SELKIE_MS_US);
    uint32_t pause_ms = (uint32_t)(channel->pause_us / SELKIE_MS_US);

    uplink->packet_max = plan->packet_max;
    uplink->packet_gap_ms = plan->packet_gap_ms;
    uplink->parity = plan->parity;
    if (uplink->packet_max == 0)
        uplink->quiet_ms += pause_ms;
    return packet_ms + pause_ms;
}

static void configure(struct selkie_fleet_device *device)
{
    const struct selkie_fleet *fleet = device->fleet;
    const struct selkie_scenario_fleet *plan = &fleet->scenario->fleet;
    const struct selkie_scenario_channels *group = selkie_fleet_channel(fleet, device->index, 0)->group;
    struct selkie_device_config config = SELKIE_DEVICE_DEFAULTS;

    selkie_fleet_address(fleet, device->index, config.address);
    for (size_t i = 0; i < fleet->broker->key_count; i++)
        config.keys[i] =
            (struct selkie_public_key){.key_id = fleet->broker->keys[i].id, .spki = fleet->broker->keys[i].spki};
    config.form = selkie_scenario_has_session(plan, device->index) ? SELKIE_SESSION : SELKIE_SEALED;
    config.sealed_every = plan->sealed_every;
    config.claim = (const uint8_t *)plan->claim;
    config.claim_len = plan->claim ? strlen(plan->claim) : 0;
    config.firmware = selkie_payload_firmware(&fleet->account->plan);
    config.uplink.bit_rate = group->air.bit_rate;
    config.uplink.register_times = plan->register_times;
    config.uplink.data_times = plan->data_times;
    config.uplink.spread_ms = plan->spread_ms;
    /* Without a radio in between there is no air to share. */
    config.uplink.duty_permille = group->air.bit_rate > 0 ? plan->duty_permille : 0;
    uint32_t longer_ms = configure_packets(&config.uplink, device);
    config.uplink.ack_ms = 0;
    if (group->ack) {
        double wall_ms = fleet->scenario->speed * (ACK_WALL_MS + longer_ms);
        config.ack_rx = &fleet->ack_rx[device->index];
        config.uplink.ack_ms = 500 + longer_ms;
        /* A real gateway does not hurry with virtual time. */
        if (group->link != SELKIE_SIM_LINK_MQTT && wall_ms > config.uplink.ack_ms)
            config.uplink.ack_ms = (uint32_t)wall_ms;
    }
    device->config = config;
    selkie_fleet_device_port(device, group->ack, plan->sense && group->air.bit_rate > 0);
}

static void add_device(struct selkie_fleet *fleet, uint32_t index)
{
    const struct selkie_scenario *scenario = fleet->scenario;
    struct selkie_fleet_device *device = &fleet->devices[index];

    device->fleet = fleet;
    device->index = index;
    device->number = UINT32_MAX;
    device->wake.run = on_wake;
    device->report.run = on_report;
    selkie_prng_init(&device->entropy, scenario->seed + fleet->salt, SELKIE_PRNG_ENTROPY, index);
    selkie_prng_init(&device->timing, scenario->seed, SELKIE_PRNG_TIMING, index);
    selkie_payload_walk_init(&device->walk, scenario->seed, index);
    configure(device);
    const struct selkie_scenario_fleet *plan = &scenario->fleet;
    uint64_t start_us = plan->together ? 0 : (uint64_t)(plan->start_s * 1e6 * selkie_prng_unit(&device->timing));
    uint64_t first_us = start_us;
    if (!plan->together)
        first_us += (uint64_t)(plan->interval_s * 1e6 * selkie_prng_unit(&device->timing));
    selkie_run_set(fleet->run, &device->wake, start_us);
    selkie_run_set(fleet->run, &device->report, first_us);
}

/* Who that gateway is in the account of a device. */
static uint8_t by(const struct selkie_fleet *fleet, uint32_t device, uint32_t channel)
{
    for (uint32_t nth = 0; nth < fleet->heard_by; nth++) {
        if (selkie_fleet_channel(fleet, device, nth)->index == channel)
            return SELKIE_VERIFY_BY(nth);
    }
    return SELKIE_VERIFY_BY_ATTACKERS; /* who else would bring it out of its reach */
}

void selkie_fleet_book(struct selkie_fleet *fleet, const struct selkie_fleet_frame *frame, uint8_t gateway)
{
    struct selkie_fleet_device *device = &fleet->devices[frame->device];

    if (frame->sealed && frame->epoch == device->epoch)
        device->anchored = true;
    if (frame->number == UINT32_MAX)
        return;
    selkie_verify_heard(&fleet->account->verify, frame->device, frame->number, gateway, selkie_wall_us());
    selkie_series_add(&fleet->account->series, fleet->run->clock.now_us, SELKIE_SERIES_HEARD, 1);
}

/* The channels' listener. */

static bool on_heard(void *context, uint32_t channel, const uint8_t *body, size_t len, uint32_t *device,
                     uint32_t *number)
{
    struct selkie_fleet *fleet = context;
    const struct selkie_fleet_frame *frame = selkie_frame_index_find(&fleet->frames, body, len);

    if (!frame)
        return false;
    selkie_fleet_book(fleet, frame, by(fleet, frame->device, channel));
    *device = frame->device;
    *number = frame->number;
    return frame->number != UINT32_MAX;
}

static void on_doubted(void *context, uint32_t channel, uint32_t device, uint32_t number)
{
    struct selkie_fleet *fleet = context;

    selkie_verify_unhear(&fleet->account->verify, device, number, number + 1, by(fleet, device, channel));
}

/* Devices that wait for an ACK on this channel look for it. */
static void on_echo(void *context, uint32_t channel)
{
    struct selkie_fleet *fleet = context;

    for (uint32_t i = channel; i < fleet->count; i += fleet->air->count) {
        struct selkie_fleet_device *device = &fleet->devices[i];
        if (device->on && !device->dark && device->config.ack_rx &&
            device->device.uplink.phase == SELKIE_UPLINK_LISTENING)
            poll_device(device);
    }
}

int selkie_fleet_open(struct selkie_fleet *fleet, struct selkie_run *run, const struct selkie_scenario *scenario,
                      struct selkie_account *account, const struct selkie_sim_broker *broker, struct selkie_air *air)
{
    fleet->run = run;
    fleet->scenario = scenario;
    fleet->account = account;
    fleet->broker = broker;
    fleet->air = air;
    fleet->count = scenario->fleet.devices;
    fleet->heard_by = scenario->fleet.heard_by;
    /* An old ID that begins again at counter 0 is what a clone looks like. */
    if (!broker->own && getrandom(&fleet->salt, sizeof fleet->salt, 0) != sizeof fleet->salt) {
        selkie_say("no random numbers for new IDs");
        return SELKIE_EENTROPY;
    }
    fleet->devices = calloc(fleet->count, sizeof *fleet->devices);
    fleet->ack_rx = calloc(fleet->count, sizeof *fleet->ack_rx);
    if (!fleet->devices || !fleet->ack_rx) {
        selkie_say("%u devices: %s", fleet->count, selkie_error_text(SELKIE_ENOMEM));
        return SELKIE_ENOMEM;
    }
    for (uint32_t i = 0; i < fleet->count; i++)
        add_device(fleet, i);
    air->listener =
        (struct selkie_air_listener){.context = fleet, .heard = on_heard, .doubted = on_doubted, .echo = on_echo};
    return run->failed ? SELKIE_ENOMEM : 0;
}

void selkie_fleet_close(struct selkie_fleet *fleet)
{
    HASH_CLEAR(hh, fleet->frames.by_digest);
    for (uint32_t i = 0; i < fleet->count && fleet->devices; i++) {
        if (fleet->devices[i].on)
            selkie_device_wipe(&fleet->devices[i].device);
    }
    free(fleet->devices);
    free(fleet->ack_rx);
}

void selkie_fleet_reset(struct selkie_fleet *fleet, uint32_t index)
{
    struct selkie_fleet_device *device = &fleet->devices[index];

    if (!device->on || device->dark)
        return;
    fleet->resets++;
    restart(device);
}

void selkie_fleet_power(struct selkie_fleet *fleet, uint32_t index, bool back)
{
    struct selkie_fleet_device *device = &fleet->devices[index];

    if (!device->on || device->dark != back)
        return;
    device->dark = !back;
    if (!back) {
        fleet->resets++;
        lose_power(device);
        return;
    }
    selkie_run_set(fleet->run, &device->wake, fleet->run->clock.now_us);
    selkie_run_set(fleet->run, &device->report, next_report(device));
    device->due = fleet->scenario->fleet.together;
}

void selkie_fleet_next_key(struct selkie_fleet *fleet, uint32_t index)
{
    struct selkie_fleet_device *device = &fleet->devices[index];

    if (device->slot == 1 || fleet->broker->key_count < 2)
        return;
    device->slot = 1;
    fleet->key_changes++;
}

bool selkie_fleet_idle(const struct selkie_fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->count; i++) {
        const struct selkie_fleet_device *device = &fleet->devices[i];
        if (device->on && (selkie_uplink_busy(&device->device.uplink, SELKIE_UPLINK_DATA) ||
                           device->device.uplink.phase != SELKIE_UPLINK_IDLE))
            return false;
    }
    return true;
}

void selkie_fleet_settle(struct selkie_fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->count; i++)
        drop_unopenable(fleet, &fleet->devices[i]);
}
