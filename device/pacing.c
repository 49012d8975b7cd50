/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/device/pacing.h>
#include <selkie/fragment.h>
#include <selkie/frame.h>
#include <selkie/link.h>

#define WAIT_MAX_MS       3600000u /* no wait is longer */
#define SPREAD_AIR        16       /* what parts devices in step: a wait up to so many times the frame's airtime */
#define PHASE_AIR         4096     /* a regular message waits no longer than so many times its airtime */
#define PATIENCE_AIR      64       /* so many times the longest frame's airtime, */
#define PATIENCE_MIN_MS   60000
#define ACK_WIRE          8   /* bytes of an ACK on the line */
#define ACK_SLOTS         4   /* PROTOCOL.md, section 2: a gateway draws one of so many, */
#define ACK_SLOT_MS       10  /* each so much longer than the ACK */
#define FRAGMENT_OVERHEAD 11u /* of a packet, at most */

static bool duty_limited(const struct selkie_uplink_settings *settings)
{
    return settings->duty_permille > 0 && settings->duty_permille < 1000;
}

bool selkie_uplink_settings_valid(const struct selkie_uplink_settings *settings)
{
    return settings->quiet_ms <= WAIT_MAX_MS && settings->backoff_ms <= WAIT_MAX_MS &&
           settings->spread_ms <= WAIT_MAX_MS && settings->ack_ms <= WAIT_MAX_MS &&
           settings->patience_ms <= WAIT_MAX_MS && settings->duty_permille <= 1000 &&
           (settings->bit_rate > 0 || !duty_limited(settings)) &&
           (settings->packet_max == 0 || (SELKIE_DEVICE_FRAGMENTS && settings->packet_max >= SELKIE_PACKET_MIN &&
                                          settings->packet_max <= SELKIE_PACKET_MAX &&
                                          selkie_pacing_pace_ms(settings) <= SELKIE_FRAGMENT_PACE_MAX_MS)) &&
           settings->parity <= SELKIE_FRAGMENT_CHUNKS_MAX;
}

uint32_t selkie_pacing_air_ms(const struct selkie_uplink_settings *settings, size_t len)
{
    uint64_t bits = ((uint64_t)len + settings->packet_overhead) * 8;

    if (settings->bit_rate == 0 || len == 0)
        return 0;
    return settings->preamble_ms + (uint32_t)((bits * 1000 + settings->bit_rate - 1) / settings->bit_rate);
}

uint32_t selkie_pacing_pace_ms(const struct selkie_uplink_settings *settings)
{
    return selkie_pacing_air_ms(settings, settings->packet_max) + settings->packet_gap_ms;
}

uint32_t selkie_pacing_set_ms(const struct selkie_uplink_settings *settings, unsigned packets)
{
    return packets * selkie_pacing_pace_ms(settings) - settings->packet_gap_ms;
}

uint32_t selkie_pacing_longest_ms(const struct selkie_uplink_settings *settings)
{
    unsigned packet = settings->packet_max;

    if (packet == 0)
        return selkie_pacing_air_ms(settings, SELKIE_LINK_WIRE_SIZE(SELKIE_SEALED_SIZE));
    unsigned chunks = SELKIE_SEALED_SIZE / (packet - FRAGMENT_OVERHEAD) + 1;
    return selkie_pacing_set_ms(settings, chunks + settings->parity);
}

uint32_t selkie_pacing_quiet_ms(const struct selkie_uplink_settings *settings)
{
    uint32_t step_ms = selkie_pacing_pace_ms(settings);

    return settings->quiet_ms + (settings->packet_max > 0 ? SELKIE_FRAGMENT_PAUSE_MS(step_ms) : 0);
}

uint64_t selkie_pacing_silence_ms(const struct selkie_uplink_settings *settings, uint64_t on_air_ms)
{
    uint16_t duty = settings->duty_permille;

    return duty_limited(settings) ? (on_air_ms * (1000u - duty) + duty - 1) / duty : 0;
}

static uint32_t random_wait(struct selkie_drbg *drbg, uint64_t limit_ms)
{
    return selkie_drbg_delay(drbg, limit_ms < WAIT_MAX_MS ? (uint32_t)limit_ms : WAIT_MAX_MS);
}

uint32_t selkie_pacing_backoff_ms(const struct selkie_uplink_settings *settings, struct selkie_drbg *drbg,
                                  uint32_t lasts_ms, unsigned doublings)
{
    return random_wait(drbg, ((uint64_t)settings->backoff_ms + lasts_ms) << doublings);
}

uint32_t selkie_pacing_spread_ms(const struct selkie_uplink_settings *settings, struct selkie_drbg *drbg,
                                 uint32_t lasts_ms)
{
    return settings->spread_ms > 0 ? random_wait(drbg, (uint64_t)SPREAD_AIR * lasts_ms) : 0;
}

/* Whether two intervals are the same, but for what a main loop adds. */
static bool regular(uint32_t interval_ms, uint32_t before_ms)
{
    return interval_ms >= before_ms - before_ms / 8 && interval_ms - interval_ms / 8 <= before_ms;
}

/* What a message may wait of its interval and still be out, with its repeats, when the next one comes. */
static uint32_t room_ms(const struct selkie_uplink_settings *settings, uint32_t lasts_ms, bool expects_ack,
                        uint32_t interval_ms)
{
    uint32_t taken_ms = interval_ms / 16 + lasts_ms;

    if (expects_ack)
        taken_ms += selkie_pacing_ack_ms(settings);
    if (taken_ms >= interval_ms)
        return 0;
    interval_ms -= taken_ms;
    return !expects_ack && settings->data_times > 1 ? interval_ms / settings->data_times : interval_ms;
}

uint32_t selkie_pacing_phase_ms(struct selkie_pacing_phase *phase, const struct selkie_uplink_settings *settings,
                                struct selkie_drbg *drbg, uint32_t lasts_ms, bool expects_ack, uint64_t now_ms)
{
    uint32_t interval_ms = phase->known ? (uint32_t)now_ms - phase->message_ms : 0, before_ms = phase->interval_ms;
    bool again = !expects_ack || phase->repeated, second = interval_ms > 0 && before_ms == 0;
    uint64_t most_ms =
        second ? (uint64_t)SPREAD_AIR * selkie_pacing_longest_ms(settings) : (uint64_t)PHASE_AIR * lasts_ms;

    phase->known = true;
    phase->message_ms = (uint32_t)now_ms;
    phase->interval_ms = interval_ms;
    phase->repeated = false;
    if (settings->spread_ms == 0 || (!second && !regular(interval_ms, before_ms)))
        return 0;
    uint32_t room =
        room_ms(settings, lasts_ms, expects_ack, second || interval_ms < before_ms ? interval_ms : before_ms);
    if (room < most_ms)
        most_ms = room;
    if (second) /* the interval may be one */
        return random_wait(drbg, most_ms);
    if (again)
        phase->wait_ms = random_wait(drbg, most_ms);
    return phase->wait_ms < room ? phase->wait_ms : 0;
}

uint32_t selkie_pacing_repeat_ms(const struct selkie_uplink_settings *settings, struct selkie_drbg *drbg,
                                 uint32_t lasts_ms, bool registers, unsigned sent, uint64_t left_ms)
{
    uint64_t limit_ms = registers ? (uint64_t)SPREAD_AIR * lasts_ms : 0;

    if (limit_ms < settings->spread_ms)
        limit_ms = settings->spread_ms;
    if (registers)
        limit_ms <<= sent < 8 ? 2 * sent : 16;
    return random_wait(drbg, limit_ms < left_ms ? limit_ms : left_ms);
}

uint32_t selkie_pacing_ack_ms(const struct selkie_uplink_settings *settings)
{
    uint32_t slot_ms = selkie_pacing_air_ms(settings, ACK_WIRE) + ACK_SLOT_MS;
    uint32_t least_ms = selkie_pacing_quiet_ms(settings) + (ACK_SLOTS + 1) * slot_ms;

    if (settings->packet_max > 0) /* what takes packets whole, and gives them whole, is late by up to a pause each */
        least_ms += 2u * settings->packet_gap_ms;
    return settings->ack_ms > least_ms ? settings->ack_ms : least_ms;
}

uint32_t selkie_pacing_patience_ms(const struct selkie_uplink_settings *settings)
{
    uint64_t wait_ms = (uint64_t)PATIENCE_AIR * selkie_pacing_longest_ms(settings);

    if (settings->patience_ms > 0)
        return settings->patience_ms;
    if (wait_ms > WAIT_MAX_MS)
        return WAIT_MAX_MS;
    return wait_ms > PATIENCE_MIN_MS ? (uint32_t)wait_ms : PATIENCE_MIN_MS;
}
