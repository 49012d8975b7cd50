/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/topic.h>
#include <string.h>

/* The topics with a name in the middle: device/<address>/leaf or gateway/<name>/leaf. */
static const struct pattern {
    const char *leaf;
    enum selkie_topic_kind kind;
    bool device;
} patterns[] = {
    {"up", SELKIE_TOPIC_GATEWAY_UP, false},
    {"state", SELKIE_TOPIC_GATEWAY_STATE, false},
    {"stats", SELKIE_TOPIC_GATEWAY_STATS, false},
    {"receipt", SELKIE_TOPIC_GATEWAY_RECEIPT, false},
    {"up", SELKIE_TOPIC_DEVICE_UP, true},
    {"state", SELKIE_TOPIC_DEVICE_STATE, true},
    {"event", SELKIE_TOPIC_DEVICE_EVENT, true},
    {"values", SELKIE_TOPIC_DEVICE_VALUES, true},
    {"values/late", SELKIE_TOPIC_DEVICE_LATE, true},
};

#define PATTERNS (sizeof patterns / sizeof patterns[0])

static const char *family(bool device)
{
    return device ? "device" : "gateway";
}

/* The first `len` characters, none of which may be missing. */
static bool name_valid(const char *name, size_t len, size_t max)
{
    return len > 0 && len <= max &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") >= len;
}

static bool model_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.");
    return len > 0 && len <= SELKIE_TOPIC_MODEL_MAX && name[len] == '\0';
}

bool selkie_gateway_name_valid(const char *name)
{
    return name_valid(name, strlen(name), SELKIE_GATEWAY_NAME_MAX);
}

bool selkie_topic_root_valid(const char *root)
{
    size_t len = strlen(root);
    if (len == 0 || len > SELKIE_TOPIC_ROOT_MAX || root[0] == '$' || root[0] == '/' || root[len - 1] == '/')
        return false;
    for (const char *at = root; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            return false;
    }
    return !strpbrk(root, "+#") && !strstr(root, "//");
}

/* What is left of `text` behind `prefix` and a '/', or NULL. */
static const char *below(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 && text[len] == '/' ? text + len + 1 : NULL;
}

/* Read the name in the middle into `topic`. Addresses are taken in lower case only: another spelling would be another
 * topic to the broker. */
static bool read_name(struct selkie_topic *topic, bool device, const char *name, size_t len)
{
    if (device) {
        char text[SELKIE_ADDRESS_TEXT_SIZE];
        char canonical[SELKIE_ADDRESS_TEXT_SIZE];
        if (len != sizeof text - 1)
            return false;
        memcpy(text, name, len);
        text[len] = '\0';
        if (selkie_address_parse(topic->address, text) < 0)
            return false;
        selkie_address_format(canonical, topic->address);
        return strcmp(canonical, text) == 0;
    }
    if (!name_valid(name, len, SELKIE_GATEWAY_NAME_MAX))
        return false;
    memcpy(topic->gateway, name, len);
    return true;
}

static bool match(struct selkie_topic *topic, const struct pattern *pattern, const char *rest)
{
    const char *name = below(rest, family(pattern->device));
    const char *slash = !name ? NULL : strchr(name, '/');
    if (!slash || strcmp(slash + 1, pattern->leaf) != 0)
        return false;
    return read_name(topic, pattern->device, name, (size_t)(slash - name));
}

int selkie_topic_parse(struct selkie_topic *topic, const char *root, const char *text)
{
    memset(topic, 0, sizeof *topic);
    topic->kind = SELKIE_TOPIC_OTHER;
    const char *rest = below(text, root);
    if (!rest)
        return SELKIE_ENOTFOUND;

    for (size_t i = 0; i < PATTERNS; i++) {
        if (match(topic, &patterns[i], rest)) {
            topic->kind = patterns[i].kind;
            return 0;
        }
    }
    const char *reason = below(rest, "rejected"), *model = below(rest, "models");
    if (model && model_valid(model)) {
        topic->kind = SELKIE_TOPIC_MODEL;
        memcpy(topic->model, model, strlen(model));
    } else if (strcmp(rest, "stats") == 0)
        topic->kind = SELKIE_TOPIC_STATS;
    else if (reason && name_valid(reason, strlen(reason), SELKIE_REASON_MAX - 1))
        topic->kind = SELKIE_TOPIC_REJECTED;
    return 0;
}

/* Write the levels (up to a NULL) with '/' between them. The parts are valid names below a valid root, so they fit:
 * 64 + "gateway" + 64 + "receipt" and three slashes are the longest. */
static int join(char text[static SELKIE_TOPIC_MAX], const char *const levels[])
{
    size_t fill = 0;
    for (size_t i = 0; levels[i]; i++) {
        size_t len = strlen(levels[i]);
        if (i != 0)
            text[fill++] = '/';
        memcpy(text + fill, levels[i], len);
        fill += len;
    }
    text[fill] = '\0';
    return (int)fill;
}

static int write_pattern(char text[static SELKIE_TOPIC_MAX], const char *root, bool device, const char *name,
                         enum selkie_topic_kind kind)
{
    if (!selkie_topic_root_valid(root))
        return SELKIE_EINVAL;
    for (size_t i = 0; i < PATTERNS; i++) {
        if (patterns[i].kind == kind && patterns[i].device == device)
            return join(text, (const char *const[]){root, family(device), name, patterns[i].leaf, NULL});
    }
    return SELKIE_EINVAL;
}

int selkie_topic_gateway(char text[static SELKIE_TOPIC_MAX], const char *root, const char *gateway,
                         enum selkie_topic_kind kind)
{
    return selkie_gateway_name_valid(gateway) ? write_pattern(text, root, false, gateway, kind) : SELKIE_EINVAL;
}

int selkie_topic_device(char text[static SELKIE_TOPIC_MAX], const char *root,
                        const uint8_t address[static SELKIE_ADDRESS_SIZE], enum selkie_topic_kind kind)
{
    char name[SELKIE_ADDRESS_TEXT_SIZE];
    selkie_address_format(name, address);
    return write_pattern(text, root, true, name, kind);
}

int selkie_topic_rejected(char text[static SELKIE_TOPIC_MAX], const char *root, const char *reason)
{
    if (!selkie_topic_root_valid(root) || !name_valid(reason, strlen(reason), SELKIE_REASON_MAX - 1))
        return SELKIE_EINVAL;
    return join(text, (const char *const[]){root, "rejected", reason, NULL});
}

int selkie_topic_model(char text[static SELKIE_TOPIC_MAX], const char *root, const char *model)
{
    if (!selkie_topic_root_valid(root) || !model_valid(model))
        return SELKIE_EINVAL;
    return join(text, (const char *const[]){root, "models", model, NULL});
}

int selkie_topic_stats(char text[static SELKIE_TOPIC_MAX], const char *root)
{
    return selkie_topic_root_valid(root) ? join(text, (const char *const[]){root, "stats", NULL}) : SELKIE_EINVAL;
}
