/* SPDX-License-Identifier: Apache-2.0 */
#include "access.h"
#include "discovery_message.h"
#include "filter.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stdio.h>
#include <string.h>

#define CONTROL_TREE     "$CONTROL/selkie/"
#define CONTROL_RESPONSE SELKIE_TOPIC_CONTROL "/response"

/* The part of a topic or filter below the root ("" for the root itself), or NULL where it is elsewhere. */
static const char *below(const char *root, const char *topic)
{
    size_t len = strlen(root);

    if (strncmp(topic, root, len) != 0 || (topic[len] != '/' && topic[len] != '\0'))
        return NULL;
    return topic[len] == '/' ? topic + len + 1 : topic + len;
}

/* The filter of a shared subscription, $share/<group>/<filter>; NULL where it is none. */
static const char *shared_filter(const char *filter)
{
    static const char share[] = "$share/";

    if (strncmp(filter, share, sizeof share - 1) != 0)
        return NULL;
    const char *slash = strchr(filter + sizeof share - 1, '/');
    return slash ? slash + 1 : NULL;
}

static enum selkie_access_answer allow_if(bool condition)
{
    return condition ? SELKIE_ACCESS_ALLOW : SELKIE_ACCESS_DENY;
}

static bool matches(const char *filter, const char *topic)
{
    bool match = false;

    return mosquitto_topic_matches_sub(filter, topic, &match) == MOSQ_ERR_SUCCESS && match;
}

/* Is the topic one of the gateway that asks? */
static bool is_own_gateway(const struct selkie_topic *topic, bool is_gateway, const char *user)
{
    return is_gateway && user && strcmp(topic->gateway, user) == 0;
}

static enum selkie_access_answer decide_write(const char *root, const struct selkie_access_request *request)
{
    struct selkie_topic topic;

    if (selkie_topic_parse(&topic, root, request->topic) < 0)
        return SELKIE_ACCESS_DENY;
    switch (topic.kind) {
    case SELKIE_TOPIC_GATEWAY_UP: /* a retained frame would be a recording, and a will could leave one */
        return allow_if(is_own_gateway(&topic, request->is_gateway, request->user) && !request->retain);
    case SELKIE_TOPIC_GATEWAY_STATE:
    case SELKIE_TOPIC_GATEWAY_STATS:
        return allow_if(is_own_gateway(&topic, request->is_gateway, request->user));
    default:
        return SELKIE_ACCESS_DENY;
    }
}

/* Whether the user reads all but receipts. A registered gateway is on a roof where anybody may reach it: `readers:
 * "any"` is not for it. */
static bool reads_all(const struct selkie_plugin_config *config, const struct selkie_access_request *request)
{
    const struct selkie_plugin_reader *reader = selkie_plugin_config_reader(config, request->user);

    return (config->any_reader && !request->is_registered) || selkie_plugin_config_is_admin(config, request->user) ||
           (reader && reader->topic_count == 0);
}

static bool may_read_one(const struct selkie_plugin_reader *reader, const char *topic)
{
    for (size_t i = 0; i < reader->topic_count; i++)
        if (matches(reader->topics[i], topic))
            return true;
    return false;
}

/* Topics or filters of one device or of all, <root>/device/<one level>/…: who may read one of them may read the one
 * that they were made for. */
struct sources {
    unsigned count;
    char topics[2][SELKIE_TOPIC_MAX];
};

/* Of values, the payloads' topic; of late values, that of the others too. */
static void find_sources(struct sources *sources, const char *root, const char *values)
{
    static const char device[] = "device/", up[] = "/up", leaf[] = "/values", late[] = "/values/late";
    const char *rest = below(root, values), *address = NULL;

    sources->count = 0;
    if (rest && strncmp(rest, device, sizeof device - 1) == 0)
        address = rest + sizeof device - 1;
    const char *slash = address ? strchr(address, '/') : NULL;
    bool is_late = slash && strcmp(slash, late) == 0;
    if (!slash || slash - values >= SELKIE_TOPIC_MAX - (int)sizeof late || (!is_late && strcmp(slash, leaf) != 0))
        return;
    sources->count = is_late ? 2 : 1;
    for (unsigned i = 0; i < sources->count; i++)
        (void)snprintf(sources->topics[i], SELKIE_TOPIC_MAX, "%.*s%s", (int)(slash - values), values,
                       i == 0 ? up : leaf);
}

static enum selkie_access_answer decide_read(const struct selkie_plugin_config *config, const char *text,
                                             const struct selkie_access_request *request)
{
    struct selkie_topic topic;
    struct sources sources;

    if (selkie_topic_parse(&topic, config->root, text) < 0)
        return SELKIE_ACCESS_DENY;
    switch (topic.kind) {
    case SELKIE_TOPIC_GATEWAY_RECEIPT:
        return allow_if(is_own_gateway(&topic, request->is_gateway, request->user));
    case SELKIE_TOPIC_GATEWAY_UP:
    case SELKIE_TOPIC_GATEWAY_STATE:
    case SELKIE_TOPIC_GATEWAY_STATS:
        if (is_own_gateway(&topic, request->is_gateway, request->user))
            return SELKIE_ACCESS_ALLOW;
        break;
    default:
        break;
    }
    if (reads_all(config, request))
        return SELKIE_ACCESS_ALLOW;
    const struct selkie_plugin_reader *reader = selkie_plugin_config_reader(config, request->user);
    if (!reader)
        return SELKIE_ACCESS_DENY;
    /* Who reads anything of devices may know what their fields mean; and who reads payloads may have their values. */
    if (topic.kind == SELKIE_TOPIC_MODEL)
        return SELKIE_ACCESS_ALLOW;
    find_sources(&sources, config->root, text);
    bool may = may_read_one(reader, text);
    for (unsigned i = 0; i < sources.count && !may; i++)
        may = may_read_one(reader, sources.topics[i]);
    return allow_if(may);
}

/* Whether everything that the filter matches lies in the tree of the gateway that asks. */
static bool is_own_tree(const char *root, const char *filter, const struct selkie_access_request *request)
{
    static const char gateway[] = "gateway/";
    const char *rest = below(root, filter);

    if (!request->is_gateway || !request->user || !selkie_gateway_name_valid(request->user) || !rest ||
        strncmp(rest, gateway, sizeof gateway - 1) != 0)
        return false;
    size_t len = strlen(request->user);
    rest += sizeof gateway - 1;
    return strncmp(rest, request->user, len) == 0 && rest[len] == '/';
}

/* For a filter of values or late values, write those of payloads and of values: who may read one of them may read what
 * it was made for. False if it is none. */
static bool find_origins(const char *filter, char up[static SELKIE_TOPIC_MAX], char own[static SELKIE_TOPIC_MAX])
{
    static const char level[] = "/values";
    const char *values = strstr(filter, level);

    if (!values || (values[sizeof level - 1] != '/' && values[sizeof level - 1] != '\0'))
        return false;
    int len = (int)(values - filter);
    return snprintf(up, SELKIE_TOPIC_MAX, "%.*s/up", len, filter) < SELKIE_TOPIC_MAX &&
           snprintf(own, SELKIE_TOPIC_MAX, "%.*s%s", len, filter, level) < SELKIE_TOPIC_MAX;
}

/* Whether the filter may match something that a listed reader may read. */
static bool reads_part(const struct selkie_plugin_config *config, const struct selkie_plugin_reader *reader,
                       const char *filter)
{
    char up[SELKIE_TOPIC_MAX], values[SELKIE_TOPIC_MAX], models[SELKIE_TOPIC_MAX];

    (void)snprintf(models, sizeof models, "%s/models/+", config->root);
    bool of_values = find_origins(filter, up, values);
    for (size_t i = 0; i < reader->topic_count; i++)
        if (selkie_filter_overlaps(reader->topics[i], filter) ||
            (of_values &&
             (selkie_filter_overlaps(reader->topics[i], up) || selkie_filter_overlaps(reader->topics[i], values))))
            return true;
    return selkie_filter_overlaps(models, filter);
}

/* A filter with wildcards is allowed if it may match anything that the user may read: each delivery is checked again.
 * So a refusal tells the reader that nothing would ever come. */
static enum selkie_access_answer decide_subscribe(const struct selkie_plugin_config *config, const char *filter,
                                                  const struct selkie_access_request *request)
{
    if (!strpbrk(filter, "+#"))
        return decide_read(config, filter, request);
    const struct selkie_plugin_reader *reader = selkie_plugin_config_reader(config, request->user);
    return allow_if(reads_all(config, request) || (reader && reads_part(config, reader, filter)) ||
                    is_own_tree(config->root, filter, request));
}

static bool covers_one(const struct selkie_plugin_reader *reader, const char *filter)
{
    for (size_t i = 0; i < reader->topic_count; i++)
        if (selkie_filter_covers(reader->topics[i], filter))
            return true;
    return false;
}

/* Whether the user reads all that the filter matches, receipts excepted. */
static bool reads_filter(const struct selkie_plugin_config *config, const char *filter,
                         const struct selkie_access_request *request)
{
    const struct selkie_plugin_reader *reader = selkie_plugin_config_reader(config, request->user);
    struct sources sources;
    char models[SELKIE_TOPIC_MAX];

    if (reads_all(config, request))
        return true;
    if (!reader)
        return false;
    (void)snprintf(models, sizeof models, "%s/models/+", config->root);
    bool covered = covers_one(reader, filter) || selkie_filter_covers(models, filter);
    find_sources(&sources, config->root, filter);
    for (unsigned i = 0; i < sources.count && !covered; i++)
        covered = covers_one(reader, sources.topics[i]);
    return covered;
}

/* Mosquitto counts a message that a member of a group may not read as delivered, and the others of the group do not get
 * it. So a shared filter is allowed only if the user may read all that it matches. */
static enum selkie_access_answer decide_shared(const struct selkie_plugin_config *config, const char *filter,
                                               const struct selkie_access_request *request)
{
    char receipts[SELKIE_TOPIC_MAX], tree[SELKIE_TOPIC_MAX];

    (void)snprintf(tree, sizeof tree, "%s/#", config->root);
    (void)snprintf(receipts, sizeof receipts, "%s/gateway/+/receipt", config->root);
    if (is_own_tree(config->root, filter, request))
        return SELKIE_ACCESS_ALLOW;
    if (!selkie_filter_covers(tree, filter) || selkie_filter_overlaps(filter, receipts))
        return SELKIE_ACCESS_DENY;
    return allow_if(reads_filter(config, filter, request));
}

static enum selkie_access_answer decide_control(const struct selkie_plugin_config *config, const char *topic,
                                                const struct selkie_access_request *request)
{
    if (!selkie_plugin_config_is_admin(config, request->user))
        return SELKIE_ACCESS_DENY;
    if (request->access == MOSQ_ACL_WRITE)
        return allow_if(strcmp(topic, SELKIE_TOPIC_CONTROL) == 0);
    return allow_if(strcmp(topic, CONTROL_RESPONSE) == 0);
}

/* "allow" is for ordinary topics and $SYS. Access to control topics of other plugins is not ours to decide. */
static enum selkie_access_answer decide_other(const struct selkie_plugin_config *config, const char *topic)
{
    static const char sys[] = "$SYS/";

    if (!config->allow_other_topics || (topic[0] == '$' && strncmp(topic, sys, sizeof sys - 1) != 0))
        return SELKIE_ACCESS_DEFER;
    return SELKIE_ACCESS_ALLOW;
}

/* Below Home Assistant's prefix: what describes a device is for whoever may read the device's state, and only the
 * plugin publishes it. A filter of a reader may match it; each delivery is checked again. The rest of that tree is not
 * ours. */
static enum selkie_access_answer decide_discovery(const struct selkie_plugin_config *config, const char *topic,
                                                  const struct selkie_access_request *request)
{
    uint8_t address[SELKIE_ADDRESS_SIZE];
    char state[SELKIE_TOPIC_MAX];
    bool owned = selkie_discovery_topic_parse(topic, config->discovery_prefix, address);

    switch (request->access) {
    case MOSQ_ACL_WRITE:
        return owned ? SELKIE_ACCESS_DENY : decide_other(config, topic);
    case MOSQ_ACL_READ:
        if (!owned || selkie_topic_device(state, config->root, address, SELKIE_TOPIC_DEVICE_STATE) < 0)
            return decide_other(config, topic);
        return decide_read(config, state, request);
    default:
        return reads_all(config, request) || selkie_plugin_config_reader(config, request->user)
                   ? SELKIE_ACCESS_ALLOW
                   : decide_other(config, topic);
    }
}

/* Whether a filter matches what describes a device to Home Assistant. */
static bool touches_discovery(const char *prefix, const char *filter)
{
    char all[SELKIE_TOPIC_MAX];

    return prefix && snprintf(all, sizeof all, "%s/device/+/config", prefix) > 0 && selkie_filter_overlaps(all, filter);
}

/* As below the root: the descriptions are for who may read the states, all those that the filter matches. */
static enum selkie_access_answer decide_shared_discovery(const struct selkie_plugin_config *config, const char *filter,
                                                         const struct selkie_access_request *request)
{
    uint8_t address[SELKIE_ADDRESS_SIZE];
    char states[SELKIE_TOPIC_MAX];

    if (!selkie_discovery_topic_parse(filter, config->discovery_prefix, address) ||
        selkie_topic_device(states, config->root, address, SELKIE_TOPIC_DEVICE_STATE) < 0)
        (void)snprintf(states, sizeof states, "%s/device/+/state", config->root);
    return reads_filter(config, states, request) ? decide_other(config, filter) : SELKIE_ACCESS_DENY;
}

static bool touches(const char *root, const char *filter)
{
    char tree[SELKIE_TOPIC_MAX];

    (void)snprintf(tree, sizeof tree, "%s/#", root);
    return selkie_filter_overlaps(tree, filter);
}

enum selkie_access_answer selkie_access_decide(const struct selkie_plugin_config *config,
                                               const struct selkie_access_request *request)
{
    const char *shared = request->access == MOSQ_ACL_SUBSCRIBE || request->access == MOSQ_ACL_UNSUBSCRIBE
                             ? shared_filter(request->topic)
                             : NULL;
    const char *topic = shared ? shared : request->topic;

    if (strncmp(topic, CONTROL_TREE, sizeof CONTROL_TREE - 1) == 0)
        return decide_control(config, topic, request);
    if (shared && request->access == MOSQ_ACL_SUBSCRIBE && touches(config->root, topic))
        return decide_shared(config, topic, request);
    if (shared && request->access == MOSQ_ACL_SUBSCRIBE && touches_discovery(config->discovery_prefix, topic))
        return decide_shared_discovery(config, topic, request);
    if (!shared && config->discovery_prefix && below(config->discovery_prefix, topic))
        return decide_discovery(config, topic, request);
    if (!below(config->root, topic))
        return decide_other(config, topic);
    switch (request->access) {
    case MOSQ_ACL_WRITE:
        return decide_write(config->root, request);
    case MOSQ_ACL_READ:
        return decide_read(config, topic, request);
    case MOSQ_ACL_SUBSCRIBE:
        return decide_subscribe(config, topic, request);
    case MOSQ_ACL_UNSUBSCRIBE:
        return SELKIE_ACCESS_ALLOW;
    default:
        return SELKIE_ACCESS_DENY;
    }
}

bool selkie_access_may_publish(const struct selkie_topic *topic, const struct selkie_access_publisher *publisher)
{
    switch (topic->kind) {
    case SELKIE_TOPIC_GATEWAY_UP:
    case SELKIE_TOPIC_GATEWAY_STATE:
    case SELKIE_TOPIC_GATEWAY_STATS:
        return publisher->is_bridge || is_own_gateway(topic, publisher->is_gateway, publisher->user);
    default:
        return false;
    }
}

bool selkie_access_may_use_id(const char *root, const char *client_id, const char *user,
                              bool (*is_registered)(const void *context, const char *name), const void *context)
{
    static const char infix[] = "-gateway-";
    size_t root_len = strlen(root);
    const char *name = client_id;

    if (is_registered(context, name))
        return user && strcmp(user, name) == 0;
    if (strncmp(client_id, root, root_len) != 0 || strncmp(client_id + root_len, infix, sizeof infix - 1) != 0)
        return true;
    name = client_id + root_len + sizeof infix - 1;
    return !is_registered(context, name) || (user && strcmp(user, name) == 0);
}

bool selkie_access_covers_payloads(const struct selkie_plugin_config *config,
                                   const struct selkie_access_request *subscription)
{
    const char *shared = shared_filter(subscription->topic);
    char payloads[SELKIE_TOPIC_MAX];

    (void)snprintf(payloads, sizeof payloads, "%s/device/+/up", config->root);
    return selkie_filter_covers(shared ? shared : subscription->topic, payloads) &&
           reads_filter(config, payloads, subscription);
}
