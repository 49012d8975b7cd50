/* SPDX-License-Identifier: Apache-2.0 */
/* A root and a topic, with a line end between them: a topic that is known is written the same again. */
#include "fuzz.h"

#include <selkie/topic.h>
#include <string.h>

static int write_again(char text[static SELKIE_TOPIC_MAX], const char *root, const struct selkie_topic *topic,
                       const char *original)
{
    switch (topic->kind) {
    case SELKIE_TOPIC_GATEWAY_UP:
    case SELKIE_TOPIC_GATEWAY_STATE:
    case SELKIE_TOPIC_GATEWAY_STATS:
    case SELKIE_TOPIC_GATEWAY_RECEIPT:
        FUZZ_CLAIM(selkie_gateway_name_valid(topic->gateway));
        return selkie_topic_gateway(text, root, topic->gateway, topic->kind);
    case SELKIE_TOPIC_DEVICE_UP:
    case SELKIE_TOPIC_DEVICE_STATE:
    case SELKIE_TOPIC_DEVICE_EVENT:
    case SELKIE_TOPIC_DEVICE_VALUES:
    case SELKIE_TOPIC_DEVICE_LATE:
        return selkie_topic_device(text, root, topic->address, topic->kind);
    case SELKIE_TOPIC_MODEL:
        return selkie_topic_model(text, root, topic->model);
    case SELKIE_TOPIC_REJECTED:
        return selkie_topic_rejected(text, root, original + strlen(root) + strlen("/rejected/"));
    case SELKIE_TOPIC_STATS:
        return selkie_topic_stats(text, root);
    case SELKIE_TOPIC_OTHER:
        break;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *root = malloc(size + 1);
    FUZZ_CLAIM(root != NULL);
    if (size != 0)
        memcpy(root, data, size);
    root[size] = '\0';
    char *text = strchr(root, '\n');
    if (text != NULL) {
        *text++ = '\0';
        struct selkie_topic topic;
        char again[SELKIE_TOPIC_MAX];
        uint8_t address[SELKIE_ADDRESS_SIZE];
        (void)!selkie_address_parse(address, text);
        if (selkie_topic_root_valid(root) && selkie_topic_parse(&topic, root, text) == 0 &&
            topic.kind != SELKIE_TOPIC_OTHER) {
            FUZZ_CLAIM(write_again(again, root, &topic, text) == (int)strlen(text));
            FUZZ_CLAIM(strcmp(again, text) == 0);
        }
    }
    free(root);
    return 0;
}
