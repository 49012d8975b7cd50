/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery.h"

#include "discovery_message.h"
#include "discovery_table.h"
#include "log_queue.h"
#include "publish.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <utlist.h>

#define CLAIM_MAX 4096 /* bytes of a state, of which only one member counts */

/* Messages below a prefix that is no longer in force. */
struct outdated {
    char prefix[SELKIE_TOPIC_ROOT_MAX + 1];
    size_t count;
    struct outdated *next;
    uint8_t addresses[][SELKIE_ADDRESS_SIZE];
};

struct selkie_discovery {
    char root[SELKIE_TOPIC_ROOT_MAX + 1], prefix[SELKIE_TOPIC_ROOT_MAX + 1]; /* prefix "" = off */
    bool approve_button, refreshed;
    const struct selkie_models *models;
    struct selkie_retained *retained;
    struct selkie_discovery_table table;
    struct outdated *outdated;
    bool asked; /* Home Assistant said "online" */
    int64_t answered_us, next_us;
};

int selkie_discovery_open(struct selkie_discovery **opened, const char *root, struct selkie_retained *retained)
{
    struct selkie_discovery *discovery = calloc(1, sizeof *discovery);

    *opened = discovery;
    if (!discovery)
        return SELKIE_ENOMEM;
    (void)snprintf(discovery->root, sizeof discovery->root, "%s", root);
    discovery->retained = retained;
    discovery->answered_us = -SELKIE_DISCOVERY_ANSWER_S * 1000000LL;
    return 0;
}

void selkie_discovery_close(struct selkie_discovery *discovery)
{
    struct outdated *outdated, *next;

    if (!discovery)
        return;
    selkie_discovery_table_wipe(&discovery->table);
    LL_FOREACH_SAFE(discovery->outdated, outdated, next)
    free(outdated);
    free(discovery);
}

static int clear(const char *prefix, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    char topic[SELKIE_TOPIC_MAX];

    selkie_discovery_topic(topic, prefix, address);
    return selkie_publish(NULL, topic, NULL, 0, 1, true, NULL);
}

/* All that is out is to be cleared. Without memory it stays until somebody reads it. */
static void retire_all(struct selkie_discovery *discovery)
{
    struct selkie_discovery_entry *entry;
    size_t room = HASH_COUNT(discovery->table.entries);
    struct outdated *outdated = calloc(1, sizeof *outdated + room * SELKIE_ADDRESS_SIZE);

    for (entry = discovery->table.entries; entry; entry = entry->hh.next) {
        if (entry->parts && outdated)
            memcpy(outdated->addresses[outdated->count++], entry->address, SELKIE_ADDRESS_SIZE);
        int result = selkie_discovery_table_set_parts(&discovery->table, entry, NULL);
        (void)result; /* this needs no memory */
    }
    if (!outdated)
        return;
    (void)snprintf(outdated->prefix, sizeof outdated->prefix, "%s", discovery->prefix);
    LL_APPEND(discovery->outdated, outdated);
}

void selkie_discovery_configure(struct selkie_discovery *discovery, const char *prefix, bool approve_button,
                                const struct selkie_models *models)
{
    bool was_off = discovery->prefix[0] == '\0', more = approve_button && !discovery->approve_button;

    if (!was_off && (!prefix || strcmp(prefix, discovery->prefix) != 0))
        retire_all(discovery);
    (void)snprintf(discovery->prefix, sizeof discovery->prefix, "%s", prefix ? prefix : "");
    discovery->approve_button = approve_button;
    discovery->models = models;
    if (!prefix) {
        selkie_discovery_table_forget_all(&discovery->table);
        return;
    }
    selkie_discovery_table_enqueue_all(&discovery->table);
    if (was_off || more)
        discovery->refreshed = false;
}

bool selkie_discovery_is_refreshed(const struct selkie_discovery *discovery)
{
    return discovery->refreshed || discovery->prefix[0] == '\0';
}

static int take_back(struct selkie_discovery *discovery, struct selkie_discovery_entry *entry)
{
    int result = entry->parts ? clear(discovery->prefix, entry->address) : 0;

    if (result != SELKIE_ENOMEM)
        selkie_discovery_table_forget(&discovery->table, entry);
    return result;
}

int selkie_discovery_note_state(struct selkie_discovery *discovery, const struct selkie_output *output)
{
    if (discovery->prefix[0] == '\0')
        return 0;
    if (output->len > 0) {
        json_t *state = json_loadb((const char *)output->data, output->len, 0, NULL);
        int result =
            state ? selkie_discovery_table_take(&discovery->table, output->address, state, discovery->approve_button)
                  : SELKIE_ENOMEM;
        json_decref(state);
        return result;
    }
    struct selkie_discovery_entry *entry = selkie_discovery_table_find(&discovery->table, output->address);
    return entry ? take_back(discovery, entry) : 0;
}

void selkie_discovery_end_refresh(struct selkie_discovery *discovery)
{
    discovery->refreshed = true;
}

static bool says_offline(const void *payload, size_t len)
{
    json_t *said = payload && len <= CLAIM_MAX ? json_loadb(payload, len, 0, NULL) : NULL;
    const char *state = json_string_value(json_object_get(said, "state"));
    bool offline = state && strcmp(state, "offline") == 0;

    json_decref(said);
    return offline;
}

static void hear_gateway(struct selkie_discovery *discovery, const char *text, const void *payload, size_t len)
{
    struct selkie_topic topic;

    if (selkie_topic_parse(&topic, discovery->root, text) < 0)
        return;
    if (topic.kind == SELKIE_TOPIC_GATEWAY_UP || topic.kind == SELKIE_TOPIC_GATEWAY_STATS)
        selkie_discovery_table_note_gateway(&discovery->table, topic.gateway, true);
    else if (topic.kind == SELKIE_TOPIC_GATEWAY_STATE)
        selkie_discovery_table_note_gateway(&discovery->table, topic.gateway, !says_offline(payload, len));
}

void selkie_discovery_hear(struct selkie_discovery *discovery, const char *topic, const void *payload, size_t len)
{
    static const char online[] = "online", status[] = "/status";
    size_t prefix_len = strlen(discovery->prefix);

    if (prefix_len == 0)
        return;
    if (strncmp(topic, discovery->prefix, prefix_len) != 0 || strcmp(topic + prefix_len, status) != 0)
        hear_gateway(discovery, topic, payload, len);
    else if (len == sizeof online - 1 && memcmp(payload, online, len) == 0)
        discovery->asked = true;
}

void selkie_discovery_note_disconnect(struct selkie_discovery *discovery, const char *user)
{
    if (user)
        selkie_discovery_table_note_gateway(&discovery->table, user, false);
}

bool selkie_discovery_owns(const struct selkie_discovery *discovery, const char *topic,
                           uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    return discovery->prefix[0] && selkie_discovery_topic_parse(topic, discovery->prefix, address);
}

bool selkie_discovery_is_current(struct selkie_discovery *discovery, const char *topic, const void *payload, size_t len)
{
    uint8_t address[SELKIE_ADDRESS_SIZE];
    bool owned = selkie_discovery_owns(discovery, topic, address);

    if (owned && selkie_discovery_table_find(&discovery->table, address))
        return true;
    if (!owned && !(selkie_discovery_topic_parse(topic, NULL, address) &&
                    selkie_discovery_is_ours(payload, len, discovery->root)))
        return true;
    if (!owned || discovery->refreshed)
        selkie_retained_clear(discovery->retained, topic);
    return false;
}

/* The lines of `before` that are not in `now` (heap); NULL without memory. */
static char *find_gone(const char *before, const char *now)
{
    char *gone = malloc(strlen(before) + 1);
    size_t len = 0;

    for (const char *line = before; gone && *line; line = strchr(line, '\n') + 1) {
        size_t line_len = (size_t)(strchr(line, '\n') + 1 - line);
        const char *at = now;
        while (*at && strncmp(at, line, line_len) != 0)
            at = strchr(at, '\n') + 1;
        if (*at)
            continue;
        memcpy(gone + len, line, line_len);
        len += line_len;
    }
    if (gone)
        gone[len] = '\0';
    return gone;
}

static int publish_message(const struct selkie_discovery_settings *settings,
                           const struct selkie_discovery_device *device, const char *gone)
{
    char topic[SELKIE_TOPIC_MAX];
    char *text = selkie_discovery_message_build(settings, device, gone);

    if (!text)
        return SELKIE_ENOMEM;
    selkie_discovery_topic(topic, settings->prefix, device->address);
    int result = selkie_publish_text(NULL, topic, text, strlen(text), 1, true, NULL);
    free(text);
    return result;
}

/* What is gone is taken back in one message and left out of the next, as Home Assistant's documentation has it. */
static int publish_device(struct selkie_discovery *discovery, struct selkie_discovery_entry *entry,
                          const struct selkie_discovery_device *device)
{
    const struct selkie_discovery_settings settings = {
        .root = discovery->root, .prefix = discovery->prefix, .approve_button = discovery->approve_button};
    char *parts = selkie_discovery_message_parts(&settings, device);
    char *gone = parts ? find_gone(entry->parts ? entry->parts->text : "", parts) : NULL;
    int result = gone ? 0 : SELKIE_ENOMEM;

    if (result == 0 && gone[0])
        result = publish_message(&settings, device, gone);
    if (result == 0)
        result = publish_message(&settings, device, "");
    if (result == 0)
        result = selkie_discovery_table_set_parts(&discovery->table, entry, parts);
    free(gone);
    free(parts);
    return result;
}

static int publish_entry(struct selkie_discovery *discovery, struct selkie_discovery_entry *entry)
{
    const struct selkie_field *fields[SELKIE_MODEL_FIELDS_MAX];
    const char *model_name = selkie_discovery_table_fact(entry, SELKIE_DISCOVERY_MODEL);
    const struct selkie_model *model =
        model_name[0] && discovery->models ? selkie_models_named(discovery->models, model_name) : NULL;
    const char *manufacturer = model ? selkie_model_manufacturer(model) : NULL;
    struct selkie_discovery_device device = {.name = selkie_discovery_table_fact(entry, SELKIE_DISCOVERY_NAME),
                                             .model = model_name,
                                             .manufacturer = manufacturer ? manufacturer : "",
                                             .firmware = selkie_discovery_table_fact(entry, SELKIE_DISCOVERY_FIRMWARE),
                                             .gateway = selkie_discovery_table_fact(entry, SELKIE_DISCOVERY_GATEWAY),
                                             .pending_id =
                                                 selkie_discovery_table_fact(entry, SELKIE_DISCOVERY_PENDING_ID),
                                             .fields = fields,
                                             .field_count = model ? selkie_model_field_count(model) : 0};

    memcpy(device.address, entry->address, SELKIE_ADDRESS_SIZE);
    for (unsigned i = 0; i < device.field_count; i++)
        fields[i] = selkie_model_field(model, i);
    return publish_device(discovery, entry, &device);
}

/* Some to be cleared. What is below a prefix that is in force again stays until it no longer is. */
static struct outdated *find_outdated(const struct selkie_discovery *discovery)
{
    struct outdated *outdated;

    LL_FOREACH(discovery->outdated, outdated)
    if (strcmp(outdated->prefix, discovery->prefix) != 0)
        break;
    return outdated;
}

/* Returns how many were cleared, or SELKIE_ENOMEM. */
static int clear_outdated(struct selkie_discovery *discovery)
{
    struct outdated *outdated = find_outdated(discovery);
    int done = 0;

    for (; outdated && outdated->count > 0 && done < SELKIE_DISCOVERY_STEP; done++) {
        if (clear(outdated->prefix, outdated->addresses[outdated->count - 1]) == SELKIE_ENOMEM)
            return SELKIE_ENOMEM;
        outdated->count--;
    }
    if (outdated && outdated->count == 0) {
        LL_DELETE(discovery->outdated, outdated);
        free(outdated);
    }
    return done;
}

static void step(struct selkie_discovery *discovery)
{
    struct selkie_discovery_entry *entry;
    int done = clear_outdated(discovery);

    while (done >= 0 && done < SELKIE_DISCOVERY_STEP && (entry = discovery->table.queue)) {
        bool shown = !entry->pending || discovery->approve_button; /* else it was shown with the button */
        int result = shown ? publish_entry(discovery, entry) : take_back(discovery, entry);
        if (result == SELKIE_ENOMEM)
            return; /* again in the next step */
        if (result < 0)
            selkie_plugin_log(LOG_ERR, "cannot publish a message for Home Assistant below %s: %s", discovery->prefix,
                              selkie_error_text(result));
        if (shown)
            selkie_discovery_table_dequeue(&discovery->table, entry);
        done++;
    }
}

void selkie_discovery_turn(struct selkie_discovery *discovery, int64_t now_us)
{
    if (discovery->asked && now_us - discovery->answered_us >= SELKIE_DISCOVERY_ANSWER_S * 1000000LL) {
        discovery->asked = false;
        discovery->answered_us = now_us;
        selkie_discovery_table_enqueue_all(&discovery->table);
    }
    if (now_us < discovery->next_us)
        return;
    discovery->next_us = now_us + SELKIE_DISCOVERY_STEP_US;
    step(discovery);
}
