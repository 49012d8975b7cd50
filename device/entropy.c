/* SPDX-License-Identifier: Apache-2.0 */
#include <mbedtls/platform_util.h>
#include <selkie/device/entropy.h>
#include <selkie/device/options.h>
#include <selkie/mbedtls.h>
#include <string.h>

#define STARTUP_SAMPLES 1024 /* SP 800-90B, 4.3, item 4 */
#define STARTUP_EDGES   16   /* a person does not press a thousand times */
#define SAMPLES_A_READ  16
#define READS_A_GATHER  32
#define EDGE_HZ_MIN     1000000u

/* A rule predicts a person's interval within 4 ms less than half of the time. Were it as much as half, 31 in a row, or
 * 56 of 64, would come by chance once in 2^30: the cutoffs of SP 800-90B for one bit. */
#define RHYTHM_TOLERANCE_MS 4
#define RHYTHM_RUN          31
#define RHYTHM_WINDOW       64
#define RHYTHM_WINDOW_LIMIT 56

/* What each bit of a set of predictors stands for. One of the first lags or the last difference takes an interval's
 * credit; the others foretell by chance too often for that. */
#define DIFFERENCES               15u
#define PREDICTOR_LAG(lag)        (UINT64_C(1) << ((lag)-1))
#define PREDICTOR_DIFFERENCE(lag) (UINT64_C(1) << (SELKIE_ENTROPY_INTERVALS + (lag)-1))
#define PREDICTOR_RECENT          (UINT64_C(1) << (SELKIE_ENTROPY_PREDICTORS - 1))
#define FIRST_LAGS(count)         (PREDICTOR_LAG((count) + 1) - 1)
#define TAKES_CREDIT              (PREDICTOR_DIFFERENCE(1) | FIRST_LAGS(16))
_Static_assert(SELKIE_ENTROPY_INTERVALS + DIFFERENCES + 1 == SELKIE_ENTROPY_PREDICTORS, "one predictor a bit");

static bool is_button(const struct selkie_source *source)
{
    return SELKIE_DEVICE_BUTTONS && source->kind == SELKIE_SOURCE_EDGES;
}

static bool source_valid(const struct selkie_source *source)
{
    if (!source->read || (!SELKIE_DEVICE_BUTTONS && source->kind == SELKIE_SOURCE_EDGES))
        return false;
    return is_button(source) ? source->tick_hz >= EDGE_HZ_MIN : source->dead_ms > 0;
}

static unsigned claim_of(const struct selkie_source *source)
{
    if (is_button(source) && source->claim > SELKIE_ENTROPY_EDGE_CLAIM)
        return SELKIE_ENTROPY_EDGE_CLAIM;
    return source->claim;
}

/* Nothing counts before the start-up test is passed. 0 or SELKIE_EINVAL. */
static int begin_startup(struct selkie_entropy_source *state, const struct selkie_source *source)
{
    state->credit = 0;
    state->startup_left = is_button(source) ? STARTUP_EDGES : STARTUP_SAMPLES;
    return selkie_health_init(&state->health, claim_of(source), source->width);
}

int selkie_entropy_init(struct selkie_entropy *entropy, const struct selkie_port *port)
{
    memset(entropy, 0, sizeof *entropy);
    mbedtls_sha256_init(&entropy->pool);
    if (port->source_count < 1 || port->source_count > SELKIE_PORT_SOURCES_MAX)
        return SELKIE_EINVAL;
    unsigned buttons = 0;
    for (size_t i = 0; i < port->source_count; i++) {
        const struct selkie_source *source = &port->sources[i];
        if (is_button(source) && ++buttons > 1)
            return SELKIE_EINVAL;
        if (!source_valid(source) || begin_startup(&entropy->sources[i], source) < 0)
            return SELKIE_EINVAL;
    }
    entropy->source_count = (uint8_t)port->source_count;
    return selkie_mbedtls_sha256_starts(&entropy->pool, 0) == 0 ? 0 : SELKIE_ECRYPTO;
}

void selkie_entropy_wipe(struct selkie_entropy *entropy)
{
    mbedtls_sha256_free(&entropy->pool);
    mbedtls_platform_zeroize(entropy, sizeof *entropy);
}

/* All raw samples go into the pool, also those without credit: they do no harm and may help. */
static int pour(struct selkie_entropy *entropy, uint8_t index, uint32_t sample)
{
    uint8_t bytes[5] = {index, (uint8_t)(sample >> 24), (uint8_t)(sample >> 16), (uint8_t)(sample >> 8),
                        (uint8_t)sample};
    int failed = selkie_mbedtls_sha256_update(&entropy->pool, bytes, sizeof bytes);
    mbedtls_platform_zeroize(bytes, sizeof bytes);
    return failed ? SELKIE_ECRYPTO : 0;
}

/* Intervals wrap, and so do their differences. */
static bool alike(unsigned one, unsigned other, unsigned tolerance)
{
    uint16_t apart = (uint16_t)(one - other);
    return apart <= tolerance || apart >= UINT16_MAX + 1u - tolerance;
}

/* The predictors that predicted this interval. */
static uint64_t foretold(const struct selkie_rhythm *rhythm, uint16_t interval)
{
    const uint16_t *earlier = rhythm->intervals;
    uint64_t set = 0;
    for (unsigned lag = 1; lag <= rhythm->known; lag++) {
        if (alike(interval, earlier[lag - 1], RHYTHM_TOLERANCE_MS))
            set |= PREDICTOR_LAG(lag);
    }
    /* The jitter of an interval counts twice in the difference of two differences. */
    for (unsigned lag = 1; lag < rhythm->known && lag <= DIFFERENCES; lag++) {
        if (alike((unsigned)interval - earlier[0], (unsigned)earlier[lag - 1] - earlier[lag], 2 * RHYTHM_TOLERANCE_MS))
            set |= PREDICTOR_DIFFERENCE(lag);
    }
    return set & FIRST_LAGS(4) ? set | PREDICTOR_RECENT : set;
}

/* Count each predictor by itself. Returns false if one predicts more than it may. */
static bool predictors_accept(struct selkie_rhythm *rhythm, uint64_t set)
{
    bool accepted = true;
    for (unsigned i = 0; i < SELKIE_ENTROPY_PREDICTORS; i++) {
        struct selkie_predictor *predictor = &rhythm->predictors[i];
        unsigned hit = set >> i & 1u;
        predictor->run = hit ? (uint8_t)(predictor->run + 1) : 0;
        predictor->hits = (uint8_t)((rhythm->judged == 0 ? 0 : predictor->hits) + hit);
        if (predictor->run >= RHYTHM_RUN || predictor->hits >= RHYTHM_WINDOW_LIMIT)
            accepted = false;
    }
    rhythm->judged = (uint8_t)((rhythm->judged + 1) % RHYTHM_WINDOW);
    return accepted;
}

/* Note an interval between presses. Returns 1 if it may be credited, 0 if it was predictable, SELKIE_EENTROPY if too
 * many were. */
static int rhythm_judge(struct selkie_rhythm *rhythm, uint16_t interval)
{
    uint64_t set = foretold(rhythm, interval);

    memmove(rhythm->intervals + 1, rhythm->intervals, sizeof rhythm->intervals - sizeof rhythm->intervals[0]);
    rhythm->intervals[0] = interval;
    if (rhythm->known < SELKIE_ENTROPY_INTERVALS)
        rhythm->known++;

    if (!predictors_accept(rhythm, set))
        return SELKIE_EENTROPY;
    return set & TAKES_CREDIT ? 0 : 1;
}

/* An edge soon after another one is the same press: a contact bounces for milliseconds. Returns true and the ticks
 * since the press before for the first edge of a press that has one before it. */
static bool rhythm_press(struct selkie_rhythm *rhythm, const struct selkie_source *source, uint32_t edge,
                         uint32_t *interval)
{
    uint64_t bounce = (uint64_t)source->bounce_us * source->tick_hz / 1000000;
    bool first = !rhythm->started;
    bool bounced = !first && edge - rhythm->last_edge < bounce;
    rhythm->started = true;
    rhythm->last_edge = edge;
    if (bounced)
        return false;
    *interval = edge - rhythm->last_press;
    rhythm->last_press = edge;
    return !first;
}

/* Test one sample. 0, or SELKIE_EENTROPY: an alarm. */
static int take_sample(struct selkie_entropy *entropy, struct selkie_entropy_source *state,
                       const struct selkie_source *source, uint32_t sample)
{
    int credited = 1;
    if (is_button(source)) {
        uint32_t interval;
        if (!rhythm_press(&entropy->rhythm, source, sample, &interval))
            return 0;
        credited = rhythm_judge(&entropy->rhythm, (uint16_t)(interval / (source->tick_hz / 1000)));
        if (credited < 0)
            return credited;
        sample = interval;
    }
    int error = selkie_health_sample(&state->health, sample);
    if (error < 0)
        return error;
    if (state->startup_left > 0)
        state->startup_left--;
    if (credited && state->credit < 4 * SELKIE_ENTROPY_NEEDED)
        state->credit += claim_of(source);
    return 0;
}

/* An alarm may come by chance, once in very many boots; what is stuck or a machine raises it again each time. So the
 * source starts again without its credit, until it has done so too often. Returns 0 or SELKIE_EENTROPY. */
static int take_alarm(struct selkie_entropy *entropy, struct selkie_entropy_source *state,
                      const struct selkie_source *source)
{
    if (++state->alarms >= SELKIE_ENTROPY_ALARMS)
        return SELKIE_EENTROPY;
    if (is_button(source)) {
        /* The intervals stay known: the rhythm that raised the alarm earns nothing from the first press on. */
        memset(entropy->rhythm.predictors, 0, sizeof entropy->rhythm.predictors);
        entropy->rhythm.judged = 0;
    }
    return begin_startup(state, source);
}

/* Returns the samples that came, or a negative error: the source has failed. */
static int read_source(struct selkie_entropy *entropy, uint8_t index, const struct selkie_port *port)
{
    struct selkie_entropy_source *state = &entropy->sources[index];
    const struct selkie_source *source = &port->sources[index];
    uint32_t samples[SAMPLES_A_READ];
    int error = 0;

    int count = source->read(port->context, samples, SAMPLES_A_READ);
    if (count < 0 || count > SAMPLES_A_READ)
        error = SELKIE_EENTROPY;
    for (int i = 0; error == 0 && i < count; i++) {
        error = pour(entropy, index, samples[i]);
        if (error == 0 && take_sample(entropy, state, source, samples[i]) < 0)
            error = take_alarm(entropy, state, source);
    }
    mbedtls_platform_zeroize(samples, sizeof samples);
    return error < 0 ? error : count;
}

static void fail_source(struct selkie_entropy_source *state)
{
    state->failed = true;
    state->credit = 0;
}

/* Returns 1 if the source may have more. */
static int gather_source(struct selkie_entropy *entropy, uint8_t index, const struct selkie_port *port, uint64_t now_ms)
{
    struct selkie_entropy_source *state = &entropy->sources[index];
    uint32_t dead_ms = port->sources[index].dead_ms;

    for (int reads = 0; reads < READS_A_GATHER; reads++) {
        int count = read_source(entropy, index, port);
        if (count < 0) {
            fail_source(state);
            return 0;
        }
        if (count > 0)
            state->last_sample_ms = now_ms;
        if (count < SAMPLES_A_READ) {
            if (dead_ms > 0 && now_ms - state->last_sample_ms > dead_ms)
                fail_source(state);
            return 0;
        }
        if (selkie_entropy_bits(entropy) >= SELKIE_ENTROPY_NEEDED)
            return 0;
    }
    return 1;
}

int selkie_entropy_gather(struct selkie_entropy *entropy, const struct selkie_port *port, uint64_t now_ms)
{
    bool more = false, alive = false;
    for (uint8_t i = 0; i < entropy->source_count; i++) {
        if (!entropy->started)
            entropy->sources[i].last_sample_ms = now_ms;
        if (entropy->sources[i].failed)
            continue;
        if (gather_source(entropy, i, port, now_ms) > 0)
            more = true;
        if (!entropy->sources[i].failed)
            alive = true;
    }
    entropy->started = true;
    if (!alive)
        return SELKIE_EENTROPY;
    return more ? 1 : 0;
}

/* The credit in bits, at most `max`; that of sources whose start-up test is not passed counts where it is asked for. */
static unsigned credited_bits(const struct selkie_entropy *entropy, bool in_startup, unsigned max)
{
    uint32_t credit = 0;
    for (unsigned i = 0; i < entropy->source_count; i++) {
        if (in_startup || entropy->sources[i].startup_left == 0)
            credit += entropy->sources[i].credit;
    }
    return credit / 4 < max ? (unsigned)credit / 4 : max;
}

unsigned selkie_entropy_bits(const struct selkie_entropy *entropy)
{
    return credited_bits(entropy, false, SELKIE_ENTROPY_NEEDED);
}

unsigned selkie_entropy_progress(const struct selkie_entropy *entropy)
{
    unsigned bits = selkie_entropy_bits(entropy);
    return bits >= SELKIE_ENTROPY_NEEDED ? bits : credited_bits(entropy, true, SELKIE_ENTROPY_NEEDED - 1);
}

unsigned selkie_entropy_alarms(const struct selkie_entropy *entropy)
{
    unsigned alarms = 0;
    for (unsigned i = 0; i < entropy->source_count; i++)
        alarms += entropy->sources[i].alarms;
    return alarms;
}

/* SHA-256(label || digest). */
static int derive(uint8_t out[static 32], uint8_t label, const uint8_t digest[static 32])
{
    uint8_t input[33];
    input[0] = label;
    memcpy(input + 1, digest, 32);
    int failed = selkie_mbedtls_sha256(input, sizeof input, out, 0);
    mbedtls_platform_zeroize(input, sizeof input);
    return failed;
}

int selkie_entropy_draw(struct selkie_entropy *entropy, uint8_t seed[static SELKIE_ENTROPY_SEED])
{
    if (selkie_entropy_bits(entropy) < SELKIE_ENTROPY_NEEDED)
        return SELKIE_ENOTREADY;

    uint8_t digest[32] = {0}, nonce[32] = {0}, carry[32] = {0};
    int failed = selkie_mbedtls_sha256_finish(&entropy->pool, digest);
    failed = failed || derive(seed, 1, digest) || derive(nonce, 2, digest) || derive(carry, 3, digest);
    memcpy(seed + 32, nonce, SELKIE_ENTROPY_SEED - 32);
    failed = selkie_mbedtls_sha256_starts(&entropy->pool, 0) || failed;
    failed = failed || selkie_mbedtls_sha256_update(&entropy->pool, carry, sizeof carry);
    for (unsigned i = 0; i < entropy->source_count; i++)
        entropy->sources[i].credit = 0;
    entropy->started = false;

    mbedtls_platform_zeroize(digest, sizeof digest);
    mbedtls_platform_zeroize(nonce, sizeof nonce);
    mbedtls_platform_zeroize(carry, sizeof carry);
    if (failed)
        mbedtls_platform_zeroize(seed, SELKIE_ENTROPY_SEED);
    return failed ? SELKIE_ECRYPTO : 0;
}
