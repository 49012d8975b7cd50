/* SPDX-License-Identifier: Apache-2.0 */
/* What the air delivers of a fleet whose devices boot in the same instant, against the same fleet with boots spread
 * over one interval: the real device library under the main loop of docs/PORTING.md, on the simulator's radio, with a
 * receiver in place of gateway and broker. A SESSION frame counts once its ID is known, as the broker does it: a seal
 * must come within the hour for which it waits. Usage: together [row, 0 = all] [seed]. Prints; passes
 * no judgement. */
#include "air/radio.h"
#include "core/embedded.h"
#include "core/virtual_clock.h"

#include <math.h>
#include <mbedtls/pk.h>
#include <selkie/device.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_US   3600000000ull
#define READINGS  512 /* of a device in a run, at most */
#define READING   16  /* bytes: 31 as a SESSION body, 36 on the air */
#define PARKED_US HOUR_US

struct row {
    const char *name;
    uint32_t devices;
    enum selkie_frame_type form;
    double interval_s, hours;
    double pace_s; /* what the duty limit makes of the interval */
    bool listens;
    uint32_t sense_ms;
    uint16_t duty_permille;
};

static const struct row rows[] = {
    {"20 SEALED, each 10 min, cannot listen", 20, SELKIE_SEALED, 600, 24, 0, false, 0, 0},
    {"100 SESSION, each 10 min, cannot listen", 100, SELKIE_SESSION, 600, 24, 0, false, 0, 0},
    {"100 SESSION, each 10 min, senses after 300 ms", 100, SELKIE_SESSION, 600, 6, 0, true, 300, 0},
    {"20 SEALED at 1 % duty, each 10 s, cannot listen", 20, SELKIE_SEALED, 10, 24, 210, false, 0, 10},
    {"1,000 SESSION, each hour, senses after 5 ms", 1000, SELKIE_SESSION, 3600, 6, 0, true, 5, 0},
};

struct unit {
    struct selkie_sim_timer wake;
    struct world *world;
    struct selkie_device device;
    struct selkie_device_config config;
    struct selkie_port port;
    struct selkie_prng entropy;
    bool on, anchored;
    uint64_t next_ms; /* of the loop in docs/PORTING.md */
    unsigned sent;
    uint64_t sent_us[READINGS];
    bool delivered[READINGS];
    uint32_t crc; /* of the newest reading's body */
    /* SESSION frames that arrived before any seal. */
    unsigned early_count;
    struct {
        uint64_t heard_us;
        unsigned number;
    } early[READINGS];
};

struct world {
    const struct row *row;
    struct selkie_sim_clock clock;
    struct selkie_sim_radio radio;
    struct selkie_sim_timer turn;
    struct selkie_link_rx rx;
    uint8_t spki[SELKIE_PUBLIC_KEY_SIZE], pin[SELKIE_PIN_SIZE]; /* of the broker's key, 1 */
    struct unit *units;
    uint64_t registers;  /* on the air */
    size_t reading_wire; /* bytes of a reading on the air */
};

static void schedule(struct world *world)
{
    uint64_t next_us = selkie_sim_radio_next_us(&world->radio);

    if (next_us != UINT64_MAX && selkie_sim_clock_set(&world->clock, &world->turn, next_us) < 0)
        abort();
}

static void on_turn(struct selkie_sim_timer *timer)
{
    struct world *world = SELKIE_TIMER_OWNER(timer, world, turn);

    selkie_sim_radio_advance(&world->radio, world->clock.now_us);
    schedule(world);
}

static int radio_write(void *context, const uint8_t *bytes, size_t len)
{
    struct unit *unit = context;
    struct world *world = unit->world;

    selkie_sim_radio_advance(&world->radio, world->clock.now_us);
    if (unit->device.uplink.current == SELKIE_UPLINK_REGISTER)
        world->registers++;
    else
        world->reading_wire = len;
    if (selkie_sim_radio_send(&world->radio, (uint32_t)(unit - world->units), bytes, len) < 0)
        abort();
    schedule(world);
    return (int)len;
}

static int radio_quiet_ms(void *context)
{
    struct unit *unit = context;
    struct world *world = unit->world;
    uint64_t quiet_us = selkie_sim_radio_quiet_us(&world->radio, (uint32_t)(unit - world->units), world->clock.now_us);

    return quiet_us / 1000 > INT32_MAX ? INT32_MAX : (int)(quiet_us / 1000);
}

static int read_entropy(void *context, uint32_t *samples, size_t max)
{
    struct unit *unit = context;

    for (size_t i = 0; i < max; i++)
        samples[i] = (uint32_t)(selkie_prng_next(&unit->entropy) & 0xff);
    return (int)max;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[static SELKIE_PIN_SIZE])
{
    const struct unit *unit = context;

    memcpy(pin, unit->world->pin, SELKIE_PIN_SIZE);
    return slot == 0 ? 0 : SELKIE_ENOTFOUND;
}

static const struct selkie_source source = {
    .kind = SELKIE_SOURCE_TRNG, .claim = 32, .width = 8, .dead_ms = 1000, .read = read_entropy};

static void anchor(struct unit *unit)
{
    uint64_t now_us = unit->world->clock.now_us;

    unit->anchored = true;
    for (unsigned i = 0; i < unit->early_count; i++)
        if (unit->early[i].heard_us + PARKED_US >= now_us)
            unit->delivered[unit->early[i].number] = true;
    unit->early_count = 0;
}

static struct unit *sender(struct world *world, const struct selkie_frame *frame)
{
    for (uint32_t i = 0; i < world->row->devices; i++) {
        struct unit *unit = &world->units[i];
        bool match =
            frame->type == SELKIE_SEALED
                ? memcmp(frame->sealed.address, unit->config.address, SELKIE_ADDRESS_SIZE) == 0
                : memcmp(frame->session.session_tag, unit->device.identity.session.tag, SELKIE_SESSION_TAG_SIZE) == 0;
        if (match)
            return unit;
    }
    return NULL;
}

static void on_heard(void *context, const uint8_t *bytes, size_t len)
{
    struct world *world = context;

    for (size_t i = 0; i < len; i++) {
        struct selkie_frame frame;
        int body_len = selkie_link_rx_byte(&world->rx, bytes[i]);
        if (body_len <= 0 || selkie_frame_decode(&frame, world->rx.body, (size_t)body_len) < 0)
            continue;
        struct unit *unit = sender(world, &frame);
        if (!unit)
            continue;
        bool reading = unit->sent > 0 && unit->crc == selkie_crc16(world->rx.body, (size_t)body_len);
        if (frame.type == SELKIE_SEALED && !unit->anchored)
            anchor(unit);
        if (reading && unit->anchored) {
            unit->delivered[unit->sent - 1] = true;
        } else if (reading) {
            unit->early[unit->early_count].heard_us = world->clock.now_us;
            unit->early[unit->early_count++].number = unit->sent - 1;
        }
    }
}

/* The CRC that its ACK would name. */
static void note_sent(struct unit *unit)
{
    unit->crc = unit->device.uplink.slots[SELKIE_UPLINK_DATA].crc;
    unit->sent_us[unit->sent++] = unit->world->clock.now_us;
}

/* The main loop of docs/PORTING.md. */
static void on_wake(struct selkie_sim_timer *timer)
{
    struct unit *unit = SELKIE_TIMER_OWNER(timer, unit, wake);
    struct world *world = unit->world;
    static const uint8_t reading[READING];

    if (!unit->on && selkie_device_init(&unit->device, &unit->config, &unit->port) < 0)
        abort();
    unit->on = true;
    for (;;) {
        struct selkie_device_status status;
        uint64_t now_ms = world->clock.now_us / 1000;
        int state = selkie_device_poll(&unit->device, now_ms, &status);
        if (state < 0) { /* the health tests alarm by chance */
            if (selkie_device_reset(&unit->device) < 0)
                abort();
            continue;
        }
        if (state == SELKIE_DEVICE_READY && now_ms >= unit->next_ms && unit->sent < READINGS &&
            selkie_device_send(&unit->device, reading, sizeof reading) == 0) {
            note_sent(unit);
            unit->next_ms = now_ms + (uint64_t)(world->row->interval_s * 1000);
        } else if (status.wake_ms > now_ms) {
            uint64_t wake_ms = status.wake_ms;
            if (unit->next_ms > now_ms && unit->next_ms < wake_ms)
                wake_ms = unit->next_ms;
            if (wake_ms != SELKIE_UPLINK_NEVER && selkie_sim_clock_set(&world->clock, timer, wake_ms * 1000) < 0)
                abort();
            return;
        }
    }
}

static void add_unit(struct world *world, uint32_t index, uint64_t seed, bool together, struct selkie_prng *boots)
{
    struct unit *unit = &world->units[index];
    struct selkie_device_config config = SELKIE_DEVICE_DEFAULTS;
    const struct row *row = world->row;

    config.address[0] = 0x5e;
    config.address[6] = (uint8_t)(index >> 8);
    config.address[7] = (uint8_t)index;
    config.keys[0] = (struct selkie_public_key){.key_id = 1, .spki = world->spki};
    config.form = row->form;
    config.uplink.duty_permille = row->duty_permille;
    unit->world = world;
    unit->wake.run = on_wake;
    unit->config = config;
    unit->port = (struct selkie_port){.context = unit,
                                      .radio_write = radio_write,
                                      .radio_quiet_ms = row->listens ? radio_quiet_ms : NULL,
                                      .sources = &source,
                                      .source_count = 1,
                                      .read_pin = read_pin};
    selkie_prng_init(&unit->entropy, seed, SELKIE_PRNG_ENTROPY, index);
    uint64_t boot_us = together ? 0 : (uint64_t)(fmax(row->interval_s, 600) * 1e6 * selkie_prng_unit(boots));
    if (selkie_sim_clock_set(&world->clock, &unit->wake, boot_us) < 0)
        abort();
}

struct outcome {
    double all, later; /* readings delivered, of those that were due: in all, and from the second hour on */
    double load;       /* time on the air, of all senders together */
    double aloha;      /* what pure ALOHA would deliver at that load: senders that neither listen nor know each other */
    uint32_t never;    /* devices of which nothing came */
};

/* A reading gets through where nothing else begins within its own time or the other's. */
static double aloha(const struct world *world, double hours)
{
    double reading_s = (double)selkie_sim_radio_duration_us(&world->radio, world->reading_wire) / 1e6;
    double seal_s =
        (double)selkie_sim_radio_duration_us(&world->radio, SELKIE_LINK_WIRE_SIZE(SELKIE_SEALED_SIZE)) / 1e6;
    double others = 1 - 1.0 / world->row->devices;
    double readings_s = (double)(world->radio.counts.signals - world->registers) / (hours * 3600) * others;
    double registers_s = (double)world->registers / (hours * 3600) * others;

    return exp(-(readings_s * 2 * reading_s + registers_s * (reading_s + seal_s)));
}

static struct outcome count(const struct world *world, uint64_t end_us)
{
    const struct row *row = world->row;
    double interval_s = fmax(row->interval_s, row->pace_s), each = interval_s / (row->devices * 3600);
    double hours = (double)world->clock.now_us / (double)HOUR_US;
    struct outcome outcome = {.load =
                                  (double)selkie_sim_radio_busy_us(&world->radio, world->clock.now_us) / 3.6e9 / hours,
                              .aloha = aloha(world, hours)};

    for (uint32_t i = 0; i < row->devices; i++) {
        const struct unit *unit = &world->units[i];
        double delivered = 0;
        for (unsigned n = 0; n < unit->sent; n++) {
            if (unit->sent_us[n] >= end_us || !unit->delivered[n])
                continue;
            delivered += each / row->hours;
            outcome.later += unit->sent_us[n] >= HOUR_US ? each / (row->hours - 1) : 0;
        }
        outcome.all += delivered;
        outcome.never += delivered == 0;
    }
    return outcome;
}

/* The simulator's own key: DER is written to the buffer's end. */
static bool read_key(struct world *world)
{
    static const char *const pem = selkie_embedded_pub_1;
    uint8_t der[2 * SELKIE_PUBLIC_KEY_SIZE];
    mbedtls_pk_context pk;

    mbedtls_pk_init(&pk);
    bool good = mbedtls_pk_parse_public_key(&pk, (const uint8_t *)pem, strlen(pem) + 1) == 0 &&
                mbedtls_pk_write_pubkey_der(&pk, der, sizeof der) == SELKIE_PUBLIC_KEY_SIZE;
    mbedtls_pk_free(&pk);
    memcpy(world->spki, der + sizeof der - SELKIE_PUBLIC_KEY_SIZE, SELKIE_PUBLIC_KEY_SIZE);
    return good && selkie_mbedtls_sha256(world->spki, sizeof world->spki, world->pin, 0) == 0;
}

static struct outcome run(const struct row *row, uint64_t seed, bool together)
{
    struct world world = {.row = row};
    struct selkie_sim_radio_options options = {.bit_rate = 2000, .sense_us = row->sense_ms * 1000};
    struct selkie_prng boots;
    uint64_t end_us = (uint64_t)(row->hours * (double)HOUR_US);

    selkie_sim_clock_init(&world.clock, 0, selkie_wall_us());
    selkie_sim_radio_init(&world.radio, &options, seed, 0);
    world.radio.on_heard = on_heard;
    world.radio.context = &world;
    world.turn.run = on_turn;
    selkie_link_rx_init(&world.rx);
    world.units = calloc(row->devices, sizeof *world.units);
    if (!world.units || !read_key(&world))
        abort();
    selkie_prng_init(&boots, seed, SELKIE_PRNG_TIMING, 0);
    for (uint32_t i = 0; i < row->devices; i++)
        add_unit(&world, i, seed, together, &boots);
    world.clock.end_us = end_us + (uint64_t)(row->interval_s * 1e6); /* the last readings come out */
    while (selkie_sim_clock_turn(&world.clock, selkie_wall_us(), 10000) == 0)
        ;
    struct outcome outcome = count(&world, end_us);
    for (uint32_t i = 0; i < row->devices; i++)
        selkie_device_wipe(&world.units[i].device);
    selkie_sim_radio_wipe(&world.radio);
    selkie_sim_clock_wipe(&world.clock);
    free(world.units);
    return outcome;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

    printf("%-52s %8s %6s  %8s %6s  %5s %6s\n", "delivered, %", "together", "hour 2", "spread", "hour 2", "load",
           "ALOHA");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (argc > 1 && strtoul(argv[1], NULL, 10) != 0 && strtoul(argv[1], NULL, 10) != i + 1)
            continue;
        struct outcome together = run(&rows[i], seed, true), spread = run(&rows[i], seed, false);
        printf("%-52s %8.1f %6.1f  %8.1f %6.1f  %5.1f %6.1f\n", rows[i].name, 100 * together.all, 100 * together.later,
               100 * spread.all, 100 * spread.later, 100 * spread.load, 100 * spread.aloha);
        printf("%-52s %8.2f %6.2f\n", "  together against spread", together.all / spread.all,
               together.later / spread.later);
        if (together.never > 0)
            printf("  %u devices never heard after a boot together\n", together.never);
        (void)fflush(stdout);
    }
    return 0;
}
