/* SPDX-License-Identifier: Apache-2.0 */
#include "retained.h"

#include "publish.h"

#include <selkie/clock.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uthash.h>

#define MARK_LEN      18    /* ,"run":"01234567"} */
#define STRANGERS_MAX 65536 /* gateways heard that nobody registered: anybody could make names */

static const char offline[] = "{\"state\":\"offline\"}";

/* A gateway that was heard in this run. */
struct heard {
    char name[SELKIE_GATEWAY_NAME_MAX + 1];
    UT_hash_handle hh;
};

struct selkie_retained {
    char root[SELKIE_TOPIC_ROOT_MAX + 1];
    char mark[MARK_LEN + 1]; /* the end of each state */
    bool refreshed;
    int64_t gateways_ms; /* until then, a gateway may still come back */
    unsigned cleared;    /* in this turn */
    struct heard *heard;
    unsigned strangers; /* of those */
};

int selkie_retained_open(struct selkie_retained **opened, const char *root)
{
    struct selkie_retained *retained = calloc(1, sizeof *retained);
    uint32_t run;

    *opened = NULL;
    if (!retained)
        return SELKIE_ENOMEM;
    if (getrandom(&run, sizeof run, 0) != (ssize_t)sizeof run) {
        free(retained);
        return SELKIE_EENTROPY;
    }
    (void)snprintf(retained->root, sizeof retained->root, "%s", root);
    (void)snprintf(retained->mark, sizeof retained->mark, ",\"run\":\"%08x\"}", (unsigned)run);
    retained->gateways_ms = selkie_clock_boot_ms() + SELKIE_RETAINED_GATEWAYS_WAIT_MS;
    *opened = retained;
    return 0;
}

void selkie_retained_close(struct selkie_retained *retained)
{
    struct heard *heard, *next;

    if (!retained)
        return;
    HASH_ITER (hh, retained->heard, heard, next) {
        HASH_DEL(retained->heard, heard);
        free(heard);
    }
    free(retained);
}

void selkie_retained_turn(struct selkie_retained *retained)
{
    retained->cleared = 0;
}

int selkie_retained_publish_state(struct selkie_retained *retained, const struct selkie_output *state)
{
    char topic[SELKIE_TOPIC_MAX];

    if (selkie_topic_device(topic, retained->root, state->address, SELKIE_TOPIC_DEVICE_STATE) < 0)
        return SELKIE_EINVAL;
    if (state->len == 0)
        return selkie_publish(NULL, topic, NULL, 0, 1, true, NULL);
    /* In place of the closing brace; a state is never an empty object. */
    char *text = malloc(state->len + MARK_LEN);
    if (!text)
        return SELKIE_ENOMEM;
    memcpy(text, state->data, state->len - 1);
    memcpy(text + state->len - 1, retained->mark, MARK_LEN);
    int result = selkie_publish_text(NULL, topic, text, state->len - 1 + MARK_LEN, 1, true, NULL);
    free(text);
    return result;
}

void selkie_retained_end_refresh(struct selkie_retained *retained)
{
    retained->refreshed = true;
}

bool selkie_retained_is_refreshed(const struct selkie_retained *retained)
{
    return retained->refreshed;
}

bool selkie_retained_is_current(struct selkie_retained *retained, const char *topic, const void *payload, size_t len)
{
    if (len > MARK_LEN && memcmp((const char *)payload + len - MARK_LEN, retained->mark, MARK_LEN) == 0)
        return true;
    if (retained->refreshed)
        selkie_retained_clear(retained, topic);
    return false;
}

void selkie_retained_clear(struct selkie_retained *retained, const char *topic)
{
    if (retained->cleared >= SELKIE_RETAINED_CLEAR_MAX)
        return;
    retained->cleared++;
    int result = selkie_publish(NULL, topic, NULL, 0, 1, true, NULL);
    (void)result; /* without memory it stays until somebody reads it again */
}

static bool was_heard(const struct selkie_retained *retained, const char *gateway)
{
    struct heard *heard;

    HASH_FIND_STR(retained->heard, gateway, heard);
    return heard != NULL;
}

void selkie_retained_hear(struct selkie_retained *retained, struct selkie_unsealer *unsealer,
                          const struct selkie_topic *topic)
{
    bool stranger = selkie_unsealer_gateway(unsealer, topic->gateway) == SELKIE_GATEWAY_UNKNOWN;
    struct heard *heard;

    if (!stranger && topic->kind == SELKIE_TOPIC_GATEWAY_STATE)
        selkie_unsealer_note_gateway(unsealer, topic->gateway);
    if (was_heard(retained, topic->gateway) || (stranger && retained->strangers == STRANGERS_MAX) ||
        !(heard = calloc(1, sizeof *heard)))
        return;
    retained->strangers += stranger;
    (void)snprintf(heard->name, sizeof heard->name, "%s", topic->gateway);
    HASH_ADD_STR(retained->heard, name, heard);
}

static int publish_offline(const struct selkie_retained *retained, const char *gateway)
{
    char topic[SELKIE_TOPIC_MAX];

    if (selkie_topic_gateway(topic, retained->root, gateway, SELKIE_TOPIC_GATEWAY_STATE) < 0)
        return SELKIE_EINVAL;
    return selkie_publish_text(NULL, topic, offline, sizeof offline - 1, 1, true, NULL);
}

int selkie_retained_publish_absent(struct selkie_retained *retained, const char *gateway)
{
    return was_heard(retained, gateway) ? 0 : publish_offline(retained, gateway);
}

bool selkie_retained_is_stranger_current(struct selkie_retained *retained, const char *gateway, const void *payload,
                                         size_t len)
{
    bool is_offline = len == sizeof offline - 1 && memcmp(payload, offline, len) == 0;

    if (is_offline || was_heard(retained, gateway) || retained->strangers == STRANGERS_MAX ||
        selkie_clock_boot_ms() < retained->gateways_ms)
        return true;
    if (retained->cleared < SELKIE_RETAINED_CLEAR_MAX) {
        retained->cleared++;
        int result = publish_offline(retained, gateway);
        (void)result; /* without memory, the next who reads it tries again */
    }
    return false;
}
