/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/fragment.h>
#include <selkie/link.h>
#include <string.h>

#define LENGTH_SIZE 2
/* On the line, a fragment takes its header, its CRC, two delimiters, and a COBS code for each 254 bytes begun. */
#define WIRE_OVERHEAD   10
#define ONE_CODE_PACKET 257 /* longer packets hold a second code */

/* GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1. */
static uint8_t gf_multiply(uint8_t a, uint8_t b)
{
    uint8_t product = 0;

    for (; b != 0; b >>= 1) {
        if (b & 1)
            product ^= a;
        a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1D : 0));
    }
    return product;
}

/* a^254, since a^255 is 1. */
static uint8_t gf_inverse(uint8_t a)
{
    uint8_t power = a;

    for (int i = 0; i < 6; i++)
        power = gf_multiply(gf_multiply(power, power), a);
    return gf_multiply(power, power);
}

static uint8_t cauchy(uint8_t row, uint8_t column)
{
    return gf_inverse(row ^ column);
}

int selkie_fragment_make_plan(struct selkie_fragment_plan *plan, const uint8_t *body, size_t len, size_t packet_max)
{
    if (len + LENGTH_SIZE < SELKIE_FRAGMENT_CHUNK_MIN || len > SELKIE_SEALED_SIZE || packet_max < SELKIE_PACKET_MIN ||
        packet_max > SELKIE_PACKET_MAX)
        return SELKIE_EINVAL;
    size_t room = packet_max - WIRE_OVERHEAD - (packet_max > ONE_CODE_PACKET);
    size_t k = (len + LENGTH_SIZE + room - 1) / room;
    size_t chunk = (len + LENGTH_SIZE + k - 1) / k;
    plan->k = (uint8_t)k;
    plan->chunk = (uint8_t)chunk;
    uint16_t crc = selkie_crc16(body, len);
    for (size_t at = len; at < k * chunk - LENGTH_SIZE; at++)
        crc = selkie_crc16_byte(crc, 0);
    crc = selkie_crc16_byte(crc, (uint8_t)(len >> 8));
    plan->set = selkie_crc16_byte(crc, (uint8_t)len);
    return 0;
}

size_t selkie_fragment_write(uint8_t *fragment, const struct selkie_fragment_plan *plan, const uint8_t *body,
                             size_t len, uint8_t index)
{
    uint8_t *chunk = fragment + SELKIE_FRAGMENT_HEADER_SIZE, *end = chunk + plan->chunk, factor = 0;
    size_t at = 0;

    fragment[0] = SELKIE_FRAGMENT_HEAD;
    fragment[1] = (uint8_t)(plan->set >> 8);
    fragment[2] = (uint8_t)plan->set;
    fragment[3] = plan->k;
    fragment[4] = index;
    memset(chunk, 0, plan->chunk);
    for (unsigned i = 0; i < plan->k; i++) {
        factor = index < plan->k ? i == index : cauchy(index, (uint8_t)i);
        for (uint8_t *byte = chunk; byte < end && at < len; byte++)
            *byte ^= gf_multiply(body[at++], factor);
    }
    /* Zeros follow the body, and then its length at the end of the last chunk. */
    end[-2] ^= gf_multiply((uint8_t)(len >> 8), factor);
    end[-1] ^= gf_multiply((uint8_t)len, factor);
    return SELKIE_FRAGMENT_HEADER_SIZE + (size_t)plan->chunk;
}

void selkie_fragment_rx_init(struct selkie_fragment_rx *rx)
{
    memset(rx, 0, sizeof *rx);
}

static uint16_t get_u16(const uint8_t bytes[static 2])
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static bool complete(const struct selkie_fragment_set *set)
{
    return set->count == set->plan.k;
}

void selkie_fragment_rx_expire(struct selkie_fragment_rx *rx, uint64_t now_ms)
{
    for (struct selkie_fragment_set *set = rx->sets; set < rx->sets + SELKIE_FRAGMENT_SETS; set++)
        if (set->plan.k > 0 && now_ms - set->heard_ms > SELKIE_FRAGMENT_KEEP_MS) {
            rx->expired += !complete(set);
            memset(set, 0, sizeof *set);
        }
}

/* Whether a fragment belongs to a body that was restored; a stranger's may bear the same numbers. */
static bool belongs(const struct selkie_fragment_set *set, const uint8_t *fragment)
{
    uint8_t own[SELKIE_FRAGMENT_SIZE_MAX];
    const uint8_t *end = set->blob + (size_t)set->plan.k * set->plan.chunk;
    size_t len = selkie_fragment_write(own, &set->plan, set->blob, get_u16(end - LENGTH_SIZE), fragment[4]);

    return memcmp(own, fragment, len) == 0;
}

/* The set that a fragment belongs to; NULL: none. A restored one goes first: what does not belong to it is another set
 * of the same numbers. */
static struct selkie_fragment_set *find(struct selkie_fragment_rx *rx, const struct selkie_fragment_plan *plan,
                                        const uint8_t *fragment)
{
    struct selkie_fragment_set *found = NULL;

    for (struct selkie_fragment_set *set = rx->sets; set < rx->sets + SELKIE_FRAGMENT_SETS; set++) {
        if (set->plan.k != plan->k || set->plan.set != plan->set || set->plan.chunk != plan->chunk)
            continue;
        if (!complete(set))
            found = set;
        else if (belongs(set, fragment))
            return set;
    }
    return found;
}

/* A set in an empty place, or in the place of the one that has waited longest. */
static struct selkie_fragment_set *begin(struct selkie_fragment_rx *rx, const struct selkie_fragment_plan *plan)
{
    struct selkie_fragment_set *place = rx->sets;

    for (struct selkie_fragment_set *set = rx->sets; set < rx->sets + SELKIE_FRAGMENT_SETS && place->plan.k > 0; set++)
        if (set->plan.k == 0 || set->heard_ms < place->heard_ms)
            place = set;
    rx->displaced += place->plan.k > 0 && !complete(place);
    memset(place, 0, sizeof *place);
    place->plan = *plan;
    return place;
}

/* Whether a fragment goes on with the transmission that its set heard last, rather than beginning a repeat: it comes at
 * the pace of those before it, give or take a quarter. Fragments between that were lost took their time. */
static bool goes_on(struct selkie_fragment_set *set, uint8_t index, uint64_t now_ms)
{
    uint64_t steps = index > set->last ? (uint64_t)index - set->last : 1, step_ms = (now_ms - set->last_ms) / steps;
    bool slow = step_ms > SELKIE_FRAGMENT_PACE_MAX_MS ||
                (set->pace_ms > 0 && step_ms >= SELKIE_FRAGMENT_PAUSE_MS(set->pace_ms));

    if (!slow && step_ms >= set->pace_ms)
        set->pace_ms = (uint32_t)step_ms + 1;
    return !slow;
}

/* Until when the next fragment of some set may come: a quick set does not hide the pause of a slow one. */
static uint64_t expected_ms(const struct selkie_fragment_rx *rx)
{
    uint64_t latest_ms = 0;

    for (const struct selkie_fragment_set *set = rx->sets; set < rx->sets + SELKIE_FRAGMENT_SETS; set++)
        if (set->plan.k > 0 && set->last_ms + SELKIE_FRAGMENT_PAUSE_MS(set->pace_ms) > latest_ms)
            latest_ms = set->last_ms + SELKIE_FRAGMENT_PAUSE_MS(set->pace_ms);
    return latest_ms;
}

/* Reduce the equations that parity gives for the missing chunks, until row r holds the missing chunk number r. Each
 * square part of a Cauchy matrix can be inverted, so no pivot is 0 and none needs to be chosen. */
static void solve(uint8_t matrix[][SELKIE_FRAGMENT_CHUNKS_MAX], uint8_t *rows[], size_t count, size_t chunk)
{
    for (size_t pivot = 0; pivot < count; pivot++) {
        uint8_t scale = gf_inverse(matrix[pivot][pivot]);
        for (size_t c = 0; c < count; c++)
            matrix[pivot][c] = gf_multiply(matrix[pivot][c], scale);
        for (size_t b = 0; b < chunk; b++)
            rows[pivot][b] = gf_multiply(rows[pivot][b], scale);
        for (size_t r = 0; r < count; r++) {
            uint8_t factor = matrix[r][pivot];
            if (r == pivot || factor == 0)
                continue;
            for (size_t c = 0; c < count; c++)
                matrix[r][c] ^= gf_multiply(factor, matrix[pivot][c]);
            for (size_t b = 0; b < chunk; b++)
                rows[r][b] ^= gf_multiply(factor, rows[pivot][b]);
        }
    }
}

static bool seen(const struct selkie_fragment_set *set, uint8_t index)
{
    return set->seen[index / 64] >> index % 64 & 1;
}

/* The blob from k different chunks, in place. */
static void restore(struct selkie_fragment_set *set)
{
    uint8_t blob[SELKIE_FRAGMENT_BLOB_MAX], matrix[SELKIE_FRAGMENT_CHUNKS_MAX][SELKIE_FRAGMENT_CHUNKS_MAX];
    uint8_t missing[SELKIE_FRAGMENT_CHUNKS_MAX], *rows[SELKIE_FRAGMENT_CHUNKS_MAX];
    uint8_t k = set->plan.k, columns = 0, count = 0;
    size_t chunk = set->plan.chunk;

    for (uint8_t i = 0; i < k; i++)
        if (!seen(set, i))
            missing[columns++] = i;
    for (uint8_t n = 0; n < k; n++) {
        const uint8_t *bytes = set->blob + n * chunk;
        if (set->index[n] < k) {
            memcpy(blob + set->index[n] * chunk, bytes, chunk);
            continue;
        }
        rows[count] = blob + missing[count] * chunk;
        memcpy(rows[count], bytes, chunk);
        for (uint8_t c = 0; c < columns; c++)
            matrix[count][c] = cauchy(set->index[n], missing[c]);
        for (uint8_t other = 0; other < k; other++) {
            if (set->index[other] >= k)
                continue;
            uint8_t factor = cauchy(set->index[n], set->index[other]);
            for (size_t b = 0; b < chunk; b++)
                rows[count][b] ^= gf_multiply(factor, set->blob[other * chunk + b]);
        }
        count++;
    }
    solve(matrix, rows, count, chunk);
    memcpy(set->blob, blob, k * chunk);
}

/* The length of the body in a restored blob; 0: there is none. */
static size_t body_len(const struct selkie_fragment_set *set)
{
    size_t size = (size_t)set->plan.k * set->plan.chunk, len = get_u16(set->blob + size - LENGTH_SIZE);
    bool right = selkie_crc16(set->blob, size) == set->plan.set && len <= size - LENGTH_SIZE;

    for (size_t at = len; right && at < size - LENGTH_SIZE; at++)
        right = set->blob[at] == 0;
    right = right && set->blob[0] >> 4 == SELKIE_VERSION_1 &&
            ((set->blob[0] & 0x0F) == SELKIE_SEALED || (set->blob[0] & 0x0F) == SELKIE_SESSION);
    return right ? len : 0;
}

static bool read_plan(struct selkie_fragment_plan *plan, const uint8_t *fragment, size_t len)
{
    if (len < SELKIE_FRAGMENT_HEADER_SIZE + SELKIE_FRAGMENT_CHUNK_MIN || len > SELKIE_FRAGMENT_SIZE_MAX ||
        fragment[0] != SELKIE_FRAGMENT_HEAD)
        return false;
    plan->set = get_u16(fragment + 1);
    plan->k = fragment[3];
    plan->chunk = (uint8_t)(len - SELKIE_FRAGMENT_HEADER_SIZE);
    return plan->k > 0 && plan->k <= SELKIE_FRAGMENT_CHUNKS_MAX &&
           (size_t)plan->k * plan->chunk <= SELKIE_FRAGMENT_BLOB_MAX;
}

static int16_t mean_rssi(const struct selkie_fragment_set *set)
{
    return (int16_t)(set->rssi_count > 0 ? set->rssi_sum / set->rssi_count : 0);
}

static int take_chunk(struct selkie_fragment_rx *rx, struct selkie_fragment_set *set, const uint8_t *fragment)
{
    if (seen(set, fragment[4]))
        return 0;
    set->seen[fragment[4] / 64] |= UINT64_C(1) << fragment[4] % 64;
    set->index[set->count] = fragment[4];
    memcpy(set->blob + (size_t)set->count * set->plan.chunk, fragment + SELKIE_FRAGMENT_HEADER_SIZE, set->plan.chunk);
    set->count++;
    set->rssi_sum += rx->rssi;
    set->rssi_count = (uint16_t)(set->rssi_count + (rx->rssi != 0));
    if (!complete(set))
        return 0;
    restore(set);
    if (body_len(set) > 0) {
        rx->restored++;
        return 1;
    }
    rx->broken++;
    memset(set, 0, sizeof *set);
    return SELKIE_ECRC;
}

int selkie_fragment_rx_put(struct selkie_fragment_rx *rx, const uint8_t *fragment, size_t len, uint64_t now_ms,
                           struct selkie_fragment_body *body)
{
    struct selkie_fragment_plan plan;

    if (!read_plan(&plan, fragment, len))
        return SELKIE_EMALFORMED;
    selkie_fragment_rx_expire(rx, now_ms);
    struct selkie_fragment_set *set = find(rx, &plan, fragment);
    bool known = set, again = set && complete(set);
    if (!known)
        set = begin(rx, &plan);
    bool more = known && goes_on(set, fragment[4], now_ms);
    if (!seen(set, fragment[4]))
        set->heard_ms = now_ms;
    set->last = fragment[4];
    set->last_ms = now_ms;
    rx->expects_ms = expected_ms(rx);
    int result = again ? !more : take_chunk(rx, set, fragment);
    if (again)
        set->seen[fragment[4] / 64] |= UINT64_C(1) << fragment[4] % 64;
    if (result > 0)
        *body = (struct selkie_fragment_body){
            .bytes = set->blob, .len = body_len(set), .again = again, .rssi = mean_rssi(set)};
    return result;
}
