/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery_past.h"

#include "discovery_message.h"
#include "publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* Messages to be cleared: below a prefix that is no longer in force, or of devices that are gone. */
struct selkie_discovery_outdated {
    char prefix[SELKIE_TOPIC_ROOT_MAX + 1];
    bool answering; /* Home Assistant is there: then they are gone for good */
    size_t count;
    struct selkie_discovery_outdated *next;
    uint8_t addresses[][SELKIE_ADDRESS_SIZE];
};

static struct selkie_shown_record *home_of(struct selkie_shown_device *device)
{
    return &device->of[SELKIE_SHOWN_HOME];
}

void selkie_discovery_past_wipe(struct selkie_discovery_past *past)
{
    struct selkie_discovery_outdated *outdated, *next;

    LL_FOREACH_SAFE(past->outdated, outdated, next)
    free(outdated);
}

int selkie_discovery_past_clear(const char *prefix, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    char topic[SELKIE_TOPIC_MAX];

    selkie_discovery_topic(topic, prefix, address);
    return selkie_publish(NULL, topic, NULL, 0, 1, true, NULL);
}

static bool has_former(struct selkie_shown_device *device, const char *prefix)
{
    const struct selkie_shown_record *home = home_of(device);

    for (unsigned i = 0; i < SELKIE_SHOWN_FORMER_MAX && home->former[i]; i++)
        if (selkie_shown_begins(home->former[i], prefix))
            return true;
    return false;
}

static void mark(struct selkie_shown_device *device, const char *prefix, bool answered)
{
    struct selkie_shown_record *home = home_of(device);

    for (unsigned i = 0; i < SELKIE_SHOWN_FORMER_MAX && home->former[i]; i++)
        if (selkie_shown_begins(home->former[i], prefix))
            home->answered[i] = answered;
}

void selkie_discovery_past_answer(struct selkie_discovery_past *past, struct selkie_shown_device *device,
                                  const char *prefix)
{
    mark(device, prefix, true);
    past->sure_us = past->now_us + SELKIE_DISCOVERY_SURE_S * 1000000LL;
}

void selkie_discovery_past_drop_answers(struct selkie_discovery_past *past, const char *prefix)
{
    for (struct selkie_shown_device *device = selkie_shown_first(past->shown); device && past->sure_us;
         device = device->hh.next)
        mark(device, prefix, false);
}

void selkie_discovery_past_turn(struct selkie_discovery_past *past, int64_t now_us)
{
    past->now_us = now_us;
    if (!past->sure_us || now_us < past->sure_us)
        return;
    past->sure_us = 0;
    for (struct selkie_shown_device *device = selkie_shown_first(past->shown); device; device = device->hh.next)
        for (unsigned i = SELKIE_SHOWN_FORMER_MAX; i-- > 0;)
            if (home_of(device)->former[i] && home_of(device)->answered[i])
                selkie_shown_forget(past->shown, device, SELKIE_SHOWN_HOME, i);
}

/* Whether a device that was shown below a prefix is no more. */
static bool is_over(const struct selkie_discovery_past *past, const struct selkie_shown_device *device,
                    const char *prefix)
{
    const struct selkie_discovery_entry *entry;

    if (strcmp(prefix, past->prefix) != 0)
        return true;
    HASH_FIND(hh, past->table->entries, device->address, SELKIE_ADDRESS_SIZE, entry);
    return !entry;
}

void selkie_discovery_past_retire(struct selkie_discovery_past *past, const char *prefix, bool answering)
{
    struct selkie_shown_device *device;
    size_t room = 0;

    for (device = selkie_shown_first(past->shown); device; device = device->hh.next)
        room++;
    struct selkie_discovery_outdated *outdated = calloc(1, sizeof *outdated + room * SELKIE_ADDRESS_SIZE);
    for (device = selkie_shown_first(past->shown); device; device = device->hh.next) {
        bool is_now = selkie_shown_begins(home_of(device)->now, prefix);
        if (!is_over(past, device, prefix) || !(is_now || (answering && has_former(device, prefix))))
            continue;
        int result = is_now ? selkie_shown_set(past->shown, SELKIE_SHOWN_HOME, device->address, NULL) : 0;
        (void)result; /* this needs no memory */
        if (outdated)
            memcpy(outdated->addresses[outdated->count++], device->address, SELKIE_ADDRESS_SIZE);
    }
    if (!outdated)
        return;
    outdated->answering = answering;
    (void)snprintf(outdated->prefix, sizeof outdated->prefix, "%s", prefix);
    LL_APPEND(past->outdated, outdated);
}

void selkie_discovery_past_begin(struct selkie_discovery_past *past)
{
    struct selkie_shown_device *device;

    for (device = selkie_shown_first(past->shown); device; device = device->hh.next) {
        const struct selkie_shown_text *now = home_of(device)->now;
        if (!now || selkie_shown_begins(now, past->prefix))
            continue;
        int result = selkie_shown_set(past->shown, SELKIE_SHOWN_HOME, device->address, NULL);
        (void)result; /* this needs no memory */
    }
}

/* Whether a text has this line, with its newline. */
static bool has_line(const char *text, const char *line, size_t len)
{
    while (*text && strncmp(text, line, len) != 0)
        text = strchr(text, '\n') + 1;
    return *text != '\0';
}

/* Append the lines of `before` that are neither in `now` nor there yet. */
static int add_gone(char **gone, const char *before, const char *now)
{
    size_t at = strlen(*gone);
    char *more = realloc(*gone, at + strlen(before) + 1);

    if (!more)
        return SELKIE_ENOMEM;
    *gone = more;
    for (const char *line = before, *end; (end = strchr(line, '\n')); line = end + 1) {
        size_t len = (size_t)(end + 1 - line);
        if (has_line(now, line, len) || has_line(more, line, len))
            continue;
        memcpy(more + at, line, len);
        at += len;
        more[at] = '\0';
    }
    return 0;
}

char *selkie_discovery_past_gone(const struct selkie_discovery_past *past, struct selkie_shown_device *device,
                                 const char *now)
{
    const struct selkie_shown_record *home = home_of(device);
    char *gone = calloc(1, 1);

    for (unsigned i = 0; gone && i < SELKIE_SHOWN_FORMER_MAX && home->former[i]; i++)
        if (!home->told[i] && selkie_shown_begins(home->former[i], past->prefix) &&
            add_gone(&gone, home->former[i]->text + strlen(past->prefix) + 1, now) < 0) {
            free(gone);
            return NULL;
        }
    return gone;
}

static int clear_device(struct selkie_discovery_past *past, const struct selkie_discovery_outdated *outdated,
                        const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct selkie_shown_device *device = selkie_shown_find(past->shown, address);

    if (device && !is_over(past, device, outdated->prefix))
        return 0; /* it is there again */
    int result = selkie_discovery_past_clear(outdated->prefix, address);
    if (result == 0 && device && outdated->answering)
        selkie_discovery_past_answer(past, device, outdated->prefix);
    return result;
}

int selkie_discovery_past_step(struct selkie_discovery_past *past, int max)
{
    struct selkie_discovery_outdated *outdated = past->outdated;
    int done = 0;

    for (; outdated && outdated->count > 0 && done < max; done++) {
        if (clear_device(past, outdated, outdated->addresses[outdated->count - 1]) == SELKIE_ENOMEM)
            return SELKIE_ENOMEM;
        outdated->count--;
    }
    if (outdated && outdated->count == 0) {
        LL_DELETE(past->outdated, outdated);
        free(outdated);
    }
    return done;
}
