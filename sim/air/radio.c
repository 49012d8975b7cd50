/* SPDX-License-Identifier: Apache-2.0 */
#include "air/radio.h"

#include <stdlib.h>
#include <string.h>

#define BITS_A_BYTE 8

struct selkie_signal {
    struct selkie_signal *next;
    uint32_t source;
    bool collided;
    bool lost; /* a packet that no receiver gets */
    uint64_t start_us, end_us;
    uint64_t fade_block; /* for which `faded` holds; UINT64_MAX = none yet */
    bool faded;
    size_t at;      /* the first byte that the gateway has not received yet */
    size_t echo_at; /* of a gateway's: the first that devices have not */
    size_t len;
    uint8_t bytes[];
};

void selkie_sim_radio_init(struct selkie_sim_radio *radio, const struct selkie_sim_radio_options *options,
                           uint64_t seed, uint32_t index)
{
    memset(radio, 0, sizeof *radio);
    radio->options = *options;
    radio->seed = seed;
    radio->index = index;
    radio->last_source = SELKIE_SIM_RADIO_GATEWAY;
    selkie_noise_init(&radio->noise, &options->noise, seed, 3 * (uint64_t)index);
    selkie_noise_init(&radio->echo_noise, &options->noise, seed, 3 * (uint64_t)index + 1);
    selkie_prng_init(&radio->garble, seed, SELKIE_PRNG_AIR, 3 * (uint64_t)index + 2);
}

void selkie_sim_radio_wipe(struct selkie_sim_radio *radio)
{
    while (radio->signals) {
        struct selkie_signal *signal = radio->signals;
        radio->signals = signal->next;
        free(signal);
    }
    radio->heard = NULL;
}

uint64_t selkie_sim_radio_duration_us(const struct selkie_sim_radio *radio, size_t len)
{
    return radio->options.bit_rate == 0 ? 0 : len * BITS_A_BYTE * 1000000u / radio->options.bit_rate;
}

/* When byte `at` begins; that of `len` is the end. */
static uint64_t byte_us(const struct selkie_sim_radio *radio, const struct selkie_signal *signal, size_t at)
{
    return signal->start_us + selkie_sim_radio_duration_us(radio, at);
}

static bool from_gateway(const struct selkie_signal *signal)
{
    return signal->source == SELKIE_SIM_RADIO_GATEWAY || signal->source == SELKIE_SIM_RADIO_NEIGHBOUR;
}

/* Whether this source cannot be heard at that time. A path's state is drawn again for each stretch of fade_s, from the
 * seed and the stretch's number alone, so it costs no memory. */
static bool faded_at(const struct selkie_sim_radio *radio, struct selkie_signal *signal, uint64_t time_us)
{
    const struct selkie_sim_radio_options *options = &radio->options;
    struct selkie_prng random;

    if (options->fade_share <= 0 || options->fade_s <= 0 || from_gateway(signal))
        return false;
    uint64_t block = (uint64_t)((double)time_us / (options->fade_s * 1e6));
    if (block != signal->fade_block) {
        selkie_prng_init(&random, radio->seed + block, SELKIE_PRNG_FADE, (uint64_t)radio->index << 32 | signal->source);
        signal->faded = selkie_prng_unit(&random) < options->fade_share;
        signal->fade_block = block;
    }
    return signal->faded;
}

static bool overlaps(const struct selkie_signal *signal, uint64_t from_us, uint64_t to_us)
{
    return signal->start_us < to_us && signal->end_us > from_us;
}

/* Whether another signal that this receiver can hear is on the air within from..to. For a device that hears a gateway,
 * another gateway is one too. */
static bool disturbed(const struct selkie_sim_radio *radio, const struct selkie_signal *signal, uint64_t from_us,
                      uint64_t to_us)
{
    for (struct selkie_signal *other = radio->signals; other; other = other->next) {
        if (other != signal && (other->source != SELKIE_SIM_RADIO_GATEWAY || from_gateway(signal)) &&
            overlaps(other, from_us, to_us) && !faded_at(radio, other, from_us))
            return true;
    }
    return false;
}

static bool gateway_sends(const struct selkie_sim_radio *radio, uint64_t from_us, uint64_t to_us)
{
    for (const struct selkie_signal *other = radio->signals; other; other = other->next) {
        if (other->source == SELKIE_SIM_RADIO_GATEWAY && overlaps(other, from_us, to_us))
            return true;
    }
    return false;
}

static bool has_packets(const struct selkie_sim_radio *radio)
{
    return radio->options.packet.bytes > 0;
}

/* Pass over what this receiver cannot hear any more: bytes that went by while it heard another, or in a fade; and with
 * them the rest of a packet. */
static void skip(struct selkie_sim_radio *radio, struct selkie_signal *signal)
{
    while (signal->at < signal->len) {
        uint64_t from_us = byte_us(radio, signal, signal->at);
        bool gone = from_us < radio->free_us ||
                    (byte_us(radio, signal, signal->at + 1) <= radio->now_us && faded_at(radio, signal, from_us));
        if (!gone)
            return;
        signal->at = has_packets(radio) ? signal->len : signal->at + 1;
        radio->counts.packets_lost += has_packets(radio);
    }
}

/* The signal that the receiver turns to once it is free: the earliest that it can hear. */
static struct selkie_signal *choose(struct selkie_sim_radio *radio)
{
    for (struct selkie_signal *signal = radio->signals; signal; signal = signal->next) {
        if (signal->source == SELKIE_SIM_RADIO_GATEWAY)
            continue;
        skip(radio, signal);
        if (signal->at < signal->len && !faded_at(radio, signal, byte_us(radio, signal, signal->at)))
            return signal;
    }
    return NULL;
}

/* What the gateway's receiver makes of the signal's next byte, which is on the air from..to. False: nothing. */
static bool hear_byte(struct selkie_sim_radio *radio, struct selkie_signal *signal, uint64_t from_us, uint64_t to_us,
                      uint8_t *byte)
{
    *byte = signal->bytes[signal->at++];
    radio->free_us = to_us;
    if (faded_at(radio, signal, from_us) || gateway_sends(radio, from_us, to_us))
        return false;
    if (disturbed(radio, signal, from_us, to_us))
        *byte = (uint8_t)selkie_prng_next(&radio->garble);
    return selkie_noise_pass(&radio->noise, from_us, to_us, byte);
}

/* Bytes of the signal heard, up to now. */
static void hear(struct selkie_sim_radio *radio, struct selkie_signal *signal)
{
    uint8_t bytes[256];
    size_t count = 0;
    uint64_t from_us = byte_us(radio, signal, signal->at);

    while (signal->at < signal->len) {
        uint64_t to_us = byte_us(radio, signal, signal->at + 1);
        if (to_us > radio->now_us)
            break;
        count += hear_byte(radio, signal, from_us, to_us, &bytes[count]);
        from_us = to_us;
        if (count == sizeof bytes || (count > 0 && signal->at == signal->len)) {
            radio->on_heard(radio->context, bytes, count);
            count = 0;
        }
    }
    if (count > 0)
        radio->on_heard(radio->context, bytes, count);
}

/* A packet comes out at its end, if its checksum is right. */
static void hear_packet(struct selkie_sim_radio *radio, struct selkie_signal *signal)
{
    bool whole = !signal->lost;

    if (signal->end_us > radio->now_us)
        return;
    while (signal->at < signal->len) {
        size_t at = signal->at;
        uint8_t byte;
        whole &= hear_byte(radio, signal, byte_us(radio, signal, at), byte_us(radio, signal, at + 1), &byte) &&
                 byte == signal->bytes[at];
    }
    radio->counts.packets_lost += !whole;
    if (whole)
        radio->on_heard(radio->context, signal->bytes, signal->len);
}

/* Bytes from the gateway that devices can hear by now. */
static void echo(struct selkie_sim_radio *radio, struct selkie_signal *signal)
{
    uint64_t before = radio->echo_end;
    bool whole = !signal->lost;

    if (has_packets(radio) && signal->end_us > radio->now_us)
        return;
    while (signal->echo_at < signal->len && byte_us(radio, signal, signal->echo_at + 1) <= radio->now_us) {
        uint64_t from_us = byte_us(radio, signal, signal->echo_at);
        uint64_t to_us = byte_us(radio, signal, signal->echo_at + 1);
        uint8_t sent = signal->bytes[signal->echo_at++], byte = sent;
        if (disturbed(radio, signal, from_us, to_us))
            byte = (uint8_t)selkie_prng_next(&radio->garble);
        bool passed = selkie_noise_pass(&radio->echo_noise, from_us, to_us, &byte);
        if (passed)
            radio->echo[radio->echo_end++ % SELKIE_SIM_RADIO_ECHO_SIZE] = byte;
        whole &= passed && byte == sent;
    }
    if (has_packets(radio) && !whole)
        radio->echo_end = before;
    if (radio->echo_end != before && radio->on_echo)
        radio->on_echo(radio->context);
}

/* Signals are kept until all bytes that they may have disturbed are out. */
static void forget_ended(struct selkie_sim_radio *radio)
{
    uint64_t needed_us = radio->now_us;
    for (const struct selkie_signal *signal = radio->signals; signal; signal = signal->next) {
        size_t at = from_gateway(signal) ? signal->echo_at : signal->len;
        if (signal == radio->heard && signal->at < at)
            at = signal->at;
        if (at < signal->len && byte_us(radio, signal, at) < needed_us)
            needed_us = byte_us(radio, signal, at);
    }
    for (struct selkie_signal **link = &radio->signals; *link;) {
        struct selkie_signal *signal = *link;
        if (signal->end_us > needed_us) {
            link = &signal->next;
            continue;
        }
        *link = signal->next;
        radio->counts.collided += signal->collided;
        free(signal);
    }
}

void selkie_sim_radio_advance(struct selkie_sim_radio *radio, uint64_t now_us)
{
    if (now_us <= radio->now_us)
        return;
    radio->now_us = now_us;
    if (!radio->signals)
        return;
    for (;;) {
        if (!radio->heard && (radio->heard = choose(radio)) == NULL)
            break;
        if (has_packets(radio))
            hear_packet(radio, radio->heard);
        else
            hear(radio, radio->heard);
        if (radio->heard->at < radio->heard->len)
            break;
        radio->heard = NULL;
    }
    for (struct selkie_signal *signal = radio->signals; signal; signal = signal->next) {
        if (from_gateway(signal))
            echo(radio, signal);
    }
    forget_ended(radio);
}

uint64_t selkie_sim_radio_next_us(const struct selkie_sim_radio *radio)
{
    uint64_t next_us = UINT64_MAX;
    const struct selkie_signal *heard = radio->heard;

    for (const struct selkie_signal *signal = radio->signals; signal; signal = signal->next) {
        if (signal->end_us > radio->now_us && signal->end_us < next_us)
            next_us = signal->end_us;
    }
    if (radio->options.chunk == 0 || !radio->signals)
        return next_us;
    /* Where nothing is heard just now, a signal may still become audible: look again a chunk later. */
    uint64_t chunk_us = heard && heard->at + radio->options.chunk < heard->len
                            ? byte_us(radio, heard, heard->at + radio->options.chunk)
                            : radio->now_us + selkie_sim_radio_duration_us(radio, radio->options.chunk);
    return chunk_us < next_us ? chunk_us : next_us;
}

static void note_activity(struct selkie_sim_radio *radio, const struct selkie_signal *signal)
{
    if (signal->source != radio->last_source) {
        radio->quiet_from_other_us = radio->quiet_from_us;
        radio->last_source = signal->source;
    }
    if (signal->end_us > radio->quiet_from_us)
        radio->quiet_from_us = signal->end_us;
    uint64_t from_us = signal->start_us > radio->busy_until_us ? signal->start_us : radio->busy_until_us;
    if (signal->end_us > from_us) {
        radio->counts.busy_us += signal->end_us - from_us;
        radio->busy_until_us = signal->end_us;
    }
    radio->counts.signals++;
}

static int send_without_radio(struct selkie_sim_radio *radio, uint32_t source, const uint8_t *bytes, size_t len)
{
    radio->counts.signals++;
    if (source == SELKIE_SIM_RADIO_GATEWAY) {
        for (size_t i = 0; i < len; i++)
            radio->echo[radio->echo_end++ % SELKIE_SIM_RADIO_ECHO_SIZE] = bytes[i];
        if (radio->on_echo)
            radio->on_echo(radio->context);
        return 0;
    }
    uint8_t passed[256];
    size_t count = 0;
    radio->counts.bytes_sent += len;
    for (size_t i = 0; i < len; i++) {
        passed[count] = bytes[i];
        count += selkie_noise_pass(&radio->noise, radio->now_us, radio->now_us, &passed[count]);
        if (count == sizeof passed || (count > 0 && i + 1 == len)) {
            radio->on_heard(radio->context, passed, count);
            count = 0;
        }
    }
    return 0;
}

int selkie_sim_radio_send(struct selkie_sim_radio *radio, uint32_t source, const uint8_t *bytes, size_t len)
{
    if (radio->options.bit_rate == 0)
        return send_without_radio(radio, source, bytes, len);
    struct selkie_signal *signal = malloc(sizeof *signal + len);
    if (!signal)
        return SELKIE_ENOMEM;
    *signal = (struct selkie_signal){.source = source, .start_us = radio->now_us, .fade_block = UINT64_MAX, .len = len};
    signal->end_us = byte_us(radio, signal, len);
    memcpy(signal->bytes, bytes, len);
    signal->lost = has_packets(radio) && selkie_prng_unit(&radio->garble) < radio->options.packet.loss;

    struct selkie_signal **link = &radio->signals;
    for (; *link; link = &(*link)->next) {
        if ((*link)->end_us > signal->start_us)
            (*link)->collided = signal->collided = true;
    }
    *link = signal;
    note_activity(radio, signal);
    if (!from_gateway(signal))
        radio->counts.bytes_sent += len;
    return 0;
}

uint64_t selkie_sim_radio_quiet_us(const struct selkie_sim_radio *radio, uint32_t source, uint64_t now_us)
{
    uint64_t from_us = 0;

    for (const struct selkie_signal *signal = radio->signals; signal; signal = signal->next) {
        if (signal->source == source || signal->start_us + radio->options.sense_us > now_us)
            continue;
        if (signal->end_us > now_us)
            return 0;
        if (signal->end_us > from_us)
            from_us = signal->end_us;
    }
    uint64_t last_us = radio->last_source != source ? radio->quiet_from_us : radio->quiet_from_other_us;
    if (last_us <= now_us && last_us > from_us)
        from_us = last_us;
    return now_us - from_us;
}

uint64_t selkie_sim_radio_busy_us(const struct selkie_sim_radio *radio, uint64_t now_us)
{
    uint64_t ahead_us = radio->busy_until_us > now_us ? radio->busy_until_us - now_us : 0;

    return radio->counts.busy_us - ahead_us;
}

size_t selkie_sim_radio_listen(const struct selkie_sim_radio *radio, uint64_t *cursor, uint8_t *bytes, size_t size)
{
    size_t count = 0;

    if (radio->echo_end - *cursor > SELKIE_SIM_RADIO_ECHO_SIZE)
        *cursor = radio->echo_end - SELKIE_SIM_RADIO_ECHO_SIZE;
    while (count < size && *cursor < radio->echo_end)
        bytes[count++] = radio->echo[(*cursor)++ % SELKIE_SIM_RADIO_ECHO_SIZE];
    return count;
}
