/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery.h"

#include "discovery_message.h"
#include "discovery_past.h"
#include "discovery_table.h"
#include "log_queue.h"
#include "publish.h"
#include "shown.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define CLAIM_MAX 4096 /* bytes of a state, of which only one member counts */

struct selkie_discovery {
    char root[SELKIE_TOPIC_ROOT_MAX + 1], prefix[SELKIE_TOPIC_ROOT_MAX + 1]; /* prefix "" = off */
    bool configured, approve_button, refreshed;
    const struct selkie_models *models;
    struct selkie_retained *retained;
    struct selkie_shown *shown;
    struct selkie_discovery_table table;
    struct selkie_discovery_past past;
    bool asked;                                   /* Home Assistant said "online" */
    bool gone_asked;                              /* so devices that are gone are to be cleared once more */
    char former_asked[SELKIE_TOPIC_ROOT_MAX + 1]; /* or said it below this prefix of before */
    int64_t answered_us, former_answered_us, next_us;
};

int selkie_discovery_open(struct selkie_discovery **opened, const char *root, struct selkie_retained *retained,
                          struct selkie_shown *shown)
{
    struct selkie_discovery *discovery = calloc(1, sizeof *discovery);

    *opened = discovery;
    if (!discovery)
        return SELKIE_ENOMEM;
    (void)snprintf(discovery->root, sizeof discovery->root, "%s", root);
    discovery->retained = retained;
    discovery->shown = shown;
    discovery->past =
        (struct selkie_discovery_past){.shown = shown, .table = &discovery->table, .prefix = discovery->prefix};
    discovery->answered_us = discovery->former_answered_us = -SELKIE_DISCOVERY_ANSWER_S * 1000000LL;
    return 0;
}

void selkie_discovery_close(struct selkie_discovery *discovery)
{
    if (!discovery)
        return;
    selkie_discovery_table_wipe(&discovery->table);
    selkie_discovery_past_wipe(&discovery->past);
    free(discovery);
}

void selkie_discovery_configure(struct selkie_discovery *discovery, const char *prefix, bool approve_button,
                                const struct selkie_models *models)
{
    char before[SELKIE_TOPIC_ROOT_MAX + 1];
    bool was_off = discovery->prefix[0] == '\0', more = approve_button && !discovery->approve_button;

    memcpy(before, discovery->prefix, sizeof before);
    (void)snprintf(discovery->prefix, sizeof discovery->prefix, "%s", prefix ? prefix : "");
    discovery->approve_button = approve_button;
    discovery->models = models;
    if (!discovery->configured)
        selkie_discovery_past_begin(&discovery->past);
    else if (!was_off && strcmp(before, discovery->prefix) != 0)
        selkie_discovery_past_retire(&discovery->past, before, false);
    for (struct selkie_discovery_entry *entry = discovery->table.entries; entry; entry = entry->hh.next)
        entry->out &= strcmp(before, discovery->prefix) == 0;
    discovery->configured = true;
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

bool selkie_discovery_needs_states(const struct selkie_discovery *discovery, const char *prefix, bool approve_button)
{
    return prefix &&
           (!discovery->refreshed || discovery->prefix[0] == '\0' || (approve_button && !discovery->approve_button));
}

/* The device is over, or not to be shown any more. */
static int take_back(struct selkie_discovery *discovery, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct selkie_shown_device *device = selkie_shown_find(discovery->shown, address);
    struct selkie_discovery_entry *entry = selkie_discovery_table_find(&discovery->table, address);
    int result = 0;

    if (device && device->of[SELKIE_SHOWN_HOME].now) {
        result = selkie_discovery_past_clear(discovery->prefix, address);
        if (result == 0)
            result = selkie_shown_set(discovery->shown, SELKIE_SHOWN_HOME, address, NULL);
        if (result == 0)
            selkie_shown_tell(discovery->shown, device, SELKIE_SHOWN_HOME);
    }
    if (entry && result != SELKIE_ENOMEM)
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
    return take_back(discovery, output->address);
}

void selkie_discovery_end_refresh(struct selkie_discovery *discovery)
{
    discovery->refreshed = true;
    if (discovery->prefix[0])
        selkie_discovery_past_retire(&discovery->past, discovery->prefix, false);
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

/* Home Assistant says "online" when it connects, and its will says "offline". */
static void hear_home(struct selkie_discovery *discovery, const char *prefix, bool online)
{
    selkie_discovery_past_drop_answers(&discovery->past, prefix);
    if (!online)
        return;
    if (strcmp(prefix, discovery->prefix) == 0)
        discovery->asked = true;
    else if (selkie_shown_has_line(discovery->shown, prefix))
        (void)snprintf(discovery->former_asked, sizeof discovery->former_asked, "%s", prefix);
}

void selkie_discovery_hear(struct selkie_discovery *discovery, const char *topic, const void *payload, size_t len)
{
    static const char status[] = "/status";
    size_t topic_len = strlen(topic), prefix_len = topic_len - (sizeof status - 1);
    char prefix[SELKIE_TOPIC_ROOT_MAX + 1];
    bool online = len == 6 && memcmp(payload, "online", 6) == 0;
    bool offline = len == 7 && memcmp(payload, "offline", 7) == 0;

    if (topic_len < sizeof status || strcmp(topic + prefix_len, status) != 0 || prefix_len >= sizeof prefix ||
        !(online || offline)) {
        if (discovery->prefix[0])
            hear_gateway(discovery, topic, payload, len);
        return;
    }
    (void)snprintf(prefix, sizeof prefix, "%.*s", (int)prefix_len, topic);
    hear_home(discovery, prefix, online);
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

/* Whether the message of a device that is out stays as it is: its model is missing only because a file is wrong. */
static bool stays(const struct selkie_discovery *discovery, struct selkie_shown_device *device)
{
    return selkie_shown_is_unjudged(discovery->shown, device) &&
           selkie_shown_begins(device->of[SELKIE_SHOWN_HOME].now, discovery->prefix);
}

bool selkie_discovery_is_current(struct selkie_discovery *discovery, const char *topic, const void *payload, size_t len)
{
    uint8_t address[SELKIE_ADDRESS_SIZE];
    bool owned = selkie_discovery_owns(discovery, topic, address);
    const struct selkie_discovery_entry *entry = owned ? selkie_discovery_table_find(&discovery->table, address) : NULL;

    /* An earlier message of a known device would bring back what was taken back: wait for the one of this run. */
    if (owned && stays(discovery, selkie_shown_find(discovery->shown, address)))
        return true;
    if (entry)
        return entry->out;
    if (!owned && !(selkie_discovery_topic_parse(topic, NULL, address) &&
                    selkie_discovery_is_ours(payload, len, discovery->root)))
        return true;
    if (!owned || discovery->refreshed)
        selkie_retained_clear(discovery->retained, topic);
    return false;
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

/* The text of SELKIE_SHOWN_HOME (heap). */
static char *home_text(const char *prefix, const char *parts)
{
    size_t size = strlen(prefix) + 1 + strlen(parts) + 1;
    char *text = malloc(size);

    if (text)
        (void)snprintf(text, size, "%s\n%s", prefix, parts);
    return text;
}

/* What is gone is taken back in one message and left out of the next, as Home Assistant's documentation has it. */
static int publish_device(struct selkie_discovery *discovery, struct selkie_discovery_entry *entry,
                          const struct selkie_discovery_device *device)
{
    const struct selkie_discovery_settings settings = {
        .root = discovery->root, .prefix = discovery->prefix, .approve_button = discovery->approve_button};
    char *parts = selkie_discovery_message_parts(&settings, device), *gone = NULL;
    char *text = parts ? home_text(discovery->prefix, parts) : NULL;
    int result = text ? selkie_shown_set(discovery->shown, SELKIE_SHOWN_HOME, entry->address, text) : SELKIE_ENOMEM;
    struct selkie_shown_device *shown = result == 0 ? selkie_shown_find(discovery->shown, entry->address) : NULL;

    if (result == 0)
        result = (gone = selkie_discovery_past_gone(&discovery->past, shown, parts)) ? 0 : SELKIE_ENOMEM;
    if (result == 0 && gone[0])
        result = publish_message(&settings, device, gone);
    if (result == 0)
        result = publish_message(&settings, device, "");
    if (result == 0) {
        selkie_shown_tell(discovery->shown, shown, SELKIE_SHOWN_HOME);
        entry->out = true;
        if (entry->answering)
            selkie_discovery_past_answer(&discovery->past, shown, discovery->prefix);
        entry->answering = false;
    }
    free(gone);
    free(text);
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

static void step(struct selkie_discovery *discovery)
{
    struct selkie_discovery_entry *entry;
    int done = selkie_discovery_past_step(&discovery->past, SELKIE_DISCOVERY_STEP);

    while (done >= 0 && done < SELKIE_DISCOVERY_STEP && (entry = discovery->table.queue)) {
        bool shown = !entry->pending || discovery->approve_button; /* else it was shown with the button */
        bool kept = shown && stays(discovery, selkie_shown_find(discovery->shown, entry->address));
        int result = kept ? 0 : shown ? publish_entry(discovery, entry) : take_back(discovery, entry->address);
        if (result == SELKIE_ENOMEM)
            return; /* again in the next step */
        if (result < 0)
            selkie_plugin_log(LOG_ERR, "cannot publish a message for Home Assistant below %s: %s", discovery->prefix,
                              selkie_error_text(result));
        if (shown) {                   /* else it is no more */
            entry->answering &= !kept; /* its message of some later day is no answer */
            selkie_discovery_table_dequeue(&discovery->table, entry);
        }
        done++;
    }
}

/* All once more, and all that was taken back: Home Assistant may have been away then. */
static void answer(struct selkie_discovery *discovery)
{
    struct selkie_discovery_entry *entry;

    for (entry = discovery->table.entries; entry; entry = entry->hh.next) {
        struct selkie_shown_device *device = selkie_shown_find(discovery->shown, entry->address);
        entry->answering = device && device->of[SELKIE_SHOWN_HOME].former[0];
        if (entry->answering)
            memset(device->of[SELKIE_SHOWN_HOME].told, 0, sizeof device->of[SELKIE_SHOWN_HOME].told);
    }
    selkie_discovery_table_enqueue_all(&discovery->table);
    discovery->gone_asked = true;
}

static void answer_all(struct selkie_discovery *discovery, int64_t now_us)
{
    static const int64_t wait_us = SELKIE_DISCOVERY_ANSWER_S * 1000000LL;

    if (discovery->asked && now_us - discovery->answered_us >= wait_us) {
        discovery->asked = false;
        discovery->answered_us = now_us;
        answer(discovery);
    }
    if (discovery->gone_asked && selkie_discovery_is_refreshed(discovery)) {
        discovery->gone_asked = false;
        selkie_discovery_past_retire(&discovery->past, discovery->prefix, true);
    }
    if (discovery->former_asked[0] && now_us - discovery->former_answered_us >= wait_us) {
        discovery->former_answered_us = now_us;
        selkie_discovery_past_retire(&discovery->past, discovery->former_asked, true);
        discovery->former_asked[0] = '\0';
    }
}

void selkie_discovery_turn(struct selkie_discovery *discovery, int64_t now_us)
{
    selkie_discovery_past_turn(&discovery->past, now_us);
    answer_all(discovery, now_us);
    if (now_us < discovery->next_us)
        return;
    discovery->next_us = now_us + SELKIE_DISCOVERY_STEP_US;
    step(discovery);
}
