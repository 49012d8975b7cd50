/* SPDX-License-Identifier: Apache-2.0 */
#include "ack_channel.h"

#include "log.h"

#include <selkie/clock.h>
#include <selkie/link.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#define SLOT_MORE_US (10 * SELKIE_MS_US) /* of a slot, beside the ACK */
#define NOISE_FRAMES 4
#define AGAIN_US     (2 * SELKIE_MS_US) /* look again for the end of a frame */
/* Two lines hand over the same transmission within so long of each other. A device repeats later: it waits for all
 * slots first. */
#define SAME_SLOTS 4
/* A wait is a number of steps. A step is long enough to overhear the beginning of another's ACK. */
#define STEPS_SLOT 3
#define STEPS      (4 * STEPS_SLOT)

static int64_t air_us(const struct selkie_ack_line *line, size_t len)
{
    return line->settings->preamble_ms * SELKIE_MS_US + (int64_t)len * 8 * SELKIE_SEC_US / line->settings->bit_rate;
}

static int64_t slot_us(const struct selkie_ack_line *line)
{
    return air_us(line, SELKIE_LINK_WIRE_SIZE(SELKIE_ACK_SIZE)) + SLOT_MORE_US;
}

static bool same(const struct selkie_ack *ack, const uint8_t *body)
{
    return memcmp(ack->body, body, SELKIE_ACK_SIZE) == 0;
}

/* Whether a line is inside a frame. A radio pauses within one, but no longer than the longest frame takes; and what
 * goes on for several times as long is noise. */
static bool is_inside(const struct selkie_ack_line *line, int64_t now)
{
    int64_t longest = air_us(line, SELKIE_LINK_WIRE_SIZE(SELKIE_SEALED_SIZE));

    return line->inside_us > 0 && now - line->heard_us < longest && now - line->inside_us < NOISE_FRAMES * longest;
}

static bool any_inside(const struct selkie_ack_channel *channel, int64_t now)
{
    const struct selkie_ack_line *line;

    LL_FOREACH(channel->lines, line)
    if (is_inside(line, now))
        return true;
    return false;
}

/* Until when a line expects another fragment. */
static int64_t expected_until(const struct selkie_ack_channel *channel)
{
    const struct selkie_ack_line *line;
    int64_t until = 0;

    LL_FOREACH(channel->lines, line)
    if (line->until_us > until)
        until = line->until_us;
    return until;
}

static enum selkie_ack_role *role_of(struct selkie_ack_channel *channel, const uint8_t *sender)
{
    for (size_t i = 0; i < SELKIE_ACK_SENDERS; i++)
        if (memcmp(channel->senders[i].sender, sender, SELKIE_ACK_NAME) == 0)
            return &channel->senders[i].role;
    return NULL;
}

static void set_role(struct selkie_ack_channel *channel, const uint8_t *sender, enum selkie_ack_role role)
{
    enum selkie_ack_role *known = role_of(channel, sender);

    if (!known) {
        size_t at = channel->senders_at++ % SELKIE_ACK_SENDERS;
        memcpy(channel->senders[at].sender, sender, SELKIE_ACK_NAME);
        known = &channel->senders[at].role;
    }
    *known = role;
}

static bool is_contested(struct selkie_ack_channel *channel, const uint8_t *sender)
{
    const enum selkie_ack_role *role = role_of(channel, sender);

    return role && *role == SELKIE_ACK_CONTESTED;
}

static void contest(struct selkie_ack_channel *channel, const uint8_t *sender)
{
    const enum selkie_ack_role *role = role_of(channel, sender);
    bool ours = role && (*role == SELKIE_ACK_OURS || *role == SELKIE_ACK_CONTESTED);

    set_role(channel, sender, ours ? SELKIE_ACK_CONTESTED : SELKIE_ACK_UNKNOWN);
}

/* The wait behind the quiet time. */
static int64_t draw_wait(struct selkie_ack_channel *channel, const struct selkie_ack *ack)
{
    const enum selkie_ack_role *role = role_of(channel, ack->sender);
    unsigned first = role && *role == SELKIE_ACK_THEIRS ? STEPS_SLOT : 0;
    uint8_t random = 0;

    if (role && *role == SELKIE_ACK_OURS)
        return 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        selkie_log(LOG_WARNING, "no random numbers: ACKs may collide with those of other gateways");
    return (first + random % (STEPS - first)) * slot_us(ack->line) / STEPS_SLOT;
}

/* When the first ACK that waits may be sent. */
static int64_t due_at(struct selkie_ack_channel *channel, int64_t now)
{
    const struct selkie_ack_line *line = channel->waiting[0].line;
    int64_t quiet = channel->busy_us + line->settings->quiet_ms * SELKIE_MS_US, until = expected_until(channel);

    if (any_inside(channel, now))
        return now + AGAIN_US;
    if (channel->wait_us < 0)
        channel->wait_us = draw_wait(channel, &channel->waiting[0]);
    int64_t due = (quiet > until ? quiet : until) + channel->wait_us;
    return due > line->silent_us ? due : line->silent_us;
}

static void arm(struct selkie_ack_channel *channel, int64_t now)
{
    int64_t due = due_at(channel, now);

    selkie_timer_set_exact(&channel->timer, due > now ? due - now : 0);
}

static void drop(struct selkie_ack_channel *channel, size_t index)
{
    channel->waiting_count--;
    if (index == 0)
        channel->wait_us = -1; /* it was drawn for this one's device */
    memmove(&channel->waiting[index], &channel->waiting[index + 1],
            (channel->waiting_count - index) * sizeof channel->waiting[0]);
}

static void note_busy(struct selkie_ack_channel *channel, int64_t until)
{
    channel->busy_us = until;
    channel->wait_us = -1;
}

static void send_first(struct selkie_ack_channel *channel, int64_t now)
{
    uint8_t wire[SELKIE_LINK_WIRE_SIZE(SELKIE_ACK_SIZE)];
    struct selkie_ack ack = channel->waiting[0];
    struct selkie_ack_line *line = ack.line;
    int len = selkie_link_encode(wire, sizeof wire, ack.body, sizeof ack.body);
    int64_t end = now + (len > 0 ? air_us(line, (size_t)len) : 0);

    drop(channel, 0);
    if (len < 0 || line->send(line->context, wire, (size_t)len) < 0) {
        line->counters.lost++;
        return;
    }
    line->counters.acked++;
    if (line->settings->duty_permille > 0)
        line->silent_us = now + (end - now) * 1000 / line->settings->duty_permille;
    note_busy(channel, end);
    if (!is_contested(channel, ack.sender))
        set_role(channel, ack.sender, SELKIE_ACK_OURS);
    ack.since_us = now;
    channel->sent[channel->sent_at++ % SELKIE_ACKS_MAX] = ack;
}

/* The fragments of a body may be further apart than an ACK is kept, and so may its quiet time and its slot be long. */
static bool is_stale(const struct selkie_ack_channel *channel, const struct selkie_ack *ack, int64_t now)
{
    int64_t until = expected_until(channel);
    int64_t waits = ack->line->settings->quiet_ms * SELKIE_MS_US + SAME_SLOTS * slot_us(ack->line);

    return now - (until > ack->since_us ? until : ack->since_us) > SELKIE_ACK_KEEP_US + waits;
}

static void on_time(void *context)
{
    struct selkie_ack_channel *channel = context;
    int64_t now = selkie_clock_monotonic_us();

    while (channel->waiting_count > 0 && is_stale(channel, &channel->waiting[0], now)) {
        channel->waiting[0].line->counters.lost++;
        drop(channel, 0);
    }
    if (channel->waiting_count > 0 && due_at(channel, now) <= now)
        send_first(channel, now);
    if (channel->waiting_count > 0)
        arm(channel, now);
}

void selkie_ack_channel_init(struct selkie_ack_channel *channel, sd_event *event)
{
    *channel = (struct selkie_ack_channel){.wait_us = -1};
    selkie_timer_init(&channel->timer, event, on_time, channel);
}

void selkie_ack_channel_wipe(struct selkie_ack_channel *channel)
{
    selkie_timer_wipe(&channel->timer);
}

void selkie_ack_channel_join(struct selkie_ack_channel *channel, struct selkie_ack_line *line)
{
    LL_PREPEND(channel->lines, line);
}

void selkie_ack_channel_leave(struct selkie_ack_channel *channel, struct selkie_ack_line *line)
{
    for (size_t i = channel->waiting_count; i-- > 0;)
        if (channel->waiting[i].line == line) {
            line->counters.lost++;
            drop(channel, i);
        }
    for (size_t i = 0; i < SELKIE_ACKS_MAX; i++)
        if (channel->sent[i].line == line)
            channel->sent[i].line = NULL;
    LL_DELETE(channel->lines, line);
}

void selkie_ack_channel_heard(struct selkie_ack_channel *channel, struct selkie_ack_line *line, bool inside)
{
    int64_t now = selkie_clock_monotonic_us();

    note_busy(channel, now);
    line->heard_us = now;
    if (!inside)
        line->inside_us = 0;
    else if (line->inside_us == 0)
        line->inside_us = now;
}

void selkie_ack_channel_expect(struct selkie_ack_line *line, int64_t until_us)
{
    line->until_us = until_us;
}

/* Whether another line of the channel has just acknowledged the same transmission. */
static bool just_sent(const struct selkie_ack_channel *channel, const struct selkie_ack_line *line, const uint8_t *body,
                      int64_t now)
{
    for (size_t i = 0; i < SELKIE_ACKS_MAX; i++) {
        const struct selkie_ack *ack = &channel->sent[i];
        if (ack->line && ack->line != line && same(ack, body) && now - ack->since_us < SAME_SLOTS * slot_us(line))
            return true;
    }
    return false;
}

/* A name for the device that sent a body. */
static void name_sender(uint8_t sender[static SELKIE_ACK_NAME], const uint8_t *body, size_t len)
{
    struct selkie_frame frame;

    memset(sender, 0, SELKIE_ACK_NAME);
    if (selkie_frame_decode(&frame, body, len) < 0)
        return;
    if (frame.type == SELKIE_SEALED)
        memcpy(sender, frame.sealed.address, SELKIE_ADDRESS_SIZE);
    else if (frame.type == SELKIE_SESSION)
        memcpy(sender, frame.session.session_tag, SELKIE_SESSION_TAG_SIZE);
}

void selkie_ack_channel_put(struct selkie_ack_channel *channel, struct selkie_ack_line *line, const uint8_t *body,
                            size_t len, bool repeat)
{
    struct selkie_ack ack = {.line = line, .since_us = selkie_clock_monotonic_us()};

    selkie_frame_put_ack(ack.body, body, len);
    name_sender(ack.sender, body, len);
    for (size_t i = 0; i < channel->waiting_count; i++)
        if (same(&channel->waiting[i], ack.body))
            return;
    if (just_sent(channel, line, ack.body, ack.since_us))
        return;
    if (repeat) /* whoever acknowledged it, the device did not hear */
        contest(channel, ack.sender);
    if (channel->waiting_count == SELKIE_ACKS_MAX) {
        channel->waiting[0].line->counters.lost++;
        drop(channel, 0);
    }
    channel->waiting[channel->waiting_count++] = ack;
    arm(channel, ack.since_us);
}

void selkie_ack_channel_overheard(struct selkie_ack_channel *channel, const uint8_t ack[static SELKIE_ACK_SIZE])
{
    for (size_t i = channel->waiting_count; i-- > 0;)
        if (same(&channel->waiting[i], ack)) {
            channel->waiting[i].line->counters.overheard++;
            set_role(channel, channel->waiting[i].sender, SELKIE_ACK_THEIRS);
            drop(channel, i);
        }
}
