/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT topics and the names in them. PROTOCOL.md, section 8.
 * No heap, no I/O, no globals; safe from any thread. */
#ifndef SELKIE_TOPIC_H
#define SELKIE_TOPIC_H

#include <selkie/error.h>
#include <selkie/frame.h>
#include <stdbool.h>

SELKIE_C_BEGIN

#define SELKIE_TOPIC_ROOT_DEFAULT "selkie"
#define SELKIE_TOPIC_ROOT_MAX     64
#define SELKIE_TOPIC_CONTROL      "$CONTROL/selkie/v1"
#define SELKIE_GATEWAY_NAME_MAX   64
#define SELKIE_DEVICE_NAME_MAX    64 /* bytes; of the name for people: section 8, addDevice */
#define SELKIE_REASON_MAX         32
#define SELKIE_TOPIC_MODEL_MAX    64  /* a model's name: 1 to 64 of a-z 0-9 . _ - */
#define SELKIE_TOPIC_MAX          256 /* any topic of Selkie and its NUL */

/* The user property `rssi`, how strong a frame was received: whole dBm within these bounds. In structs 0 = unknown. */
#define SELKIE_RSSI_MIN (-200)
#define SELKIE_RSSI_MAX (-1)

/* What a topic below the root is. The comment is its form below the root. */
enum selkie_topic_kind {
    SELKIE_TOPIC_GATEWAY_UP,      /* gateway/<name>/up */
    SELKIE_TOPIC_GATEWAY_STATE,   /* gateway/<name>/state */
    SELKIE_TOPIC_GATEWAY_STATS,   /* gateway/<name>/stats */
    SELKIE_TOPIC_GATEWAY_RECEIPT, /* gateway/<name>/receipt */
    SELKIE_TOPIC_DEVICE_UP,       /* device/<address>/up */
    SELKIE_TOPIC_DEVICE_STATE,    /* device/<address>/state */
    SELKIE_TOPIC_DEVICE_EVENT,    /* device/<address>/event */
    SELKIE_TOPIC_DEVICE_VALUES,   /* device/<address>/values */
    SELKIE_TOPIC_DEVICE_LATE,     /* device/<address>/values/late */
    SELKIE_TOPIC_MODEL,           /* models/<model> */
    SELKIE_TOPIC_REJECTED,        /* rejected/<reason> */
    SELKIE_TOPIC_STATS,           /* stats */
    SELKIE_TOPIC_OTHER            /* below the root, but none of these */
};

struct selkie_topic {
    enum selkie_topic_kind kind;
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1]; /* for SELKIE_TOPIC_GATEWAY_… */
    uint8_t address[SELKIE_ADDRESS_SIZE];      /* for SELKIE_TOPIC_DEVICE_… */
    char model[SELKIE_TOPIC_MODEL_MAX + 1];    /* for SELKIE_TOPIC_MODEL */
};

/* A gateway's name: 1 to 64 letters, digits, '-', '_' and '.'. */
bool selkie_gateway_name_valid(const char *name);

/* A root: one or more topic levels without wildcards, '$' at the front or empty levels; at most SELKIE_TOPIC_ROOT_MAX
 * bytes. */
bool selkie_topic_root_valid(const char *root);

/* Read a topic (not a filter). 0, or SELKIE_ENOTFOUND if it is not below the root. */
SELKIE_USE_RESULT int selkie_topic_parse(struct selkie_topic *topic, const char *root, const char *text);

/* Write a topic. Returns its length, or SELKIE_EINVAL for a name that is not allowed. */
SELKIE_USE_RESULT int selkie_topic_gateway(char text[SELKIE_AT_LEAST(SELKIE_TOPIC_MAX)], const char *root,
                                           const char *gateway, enum selkie_topic_kind kind);
SELKIE_USE_RESULT int selkie_topic_device(char text[SELKIE_AT_LEAST(SELKIE_TOPIC_MAX)], const char *root,
                                          const uint8_t address[SELKIE_AT_LEAST(SELKIE_ADDRESS_SIZE)],
                                          enum selkie_topic_kind kind);
SELKIE_USE_RESULT int selkie_topic_rejected(char text[SELKIE_AT_LEAST(SELKIE_TOPIC_MAX)], const char *root,
                                            const char *reason);
SELKIE_USE_RESULT int selkie_topic_model(char text[SELKIE_AT_LEAST(SELKIE_TOPIC_MAX)], const char *root,
                                         const char *model);
SELKIE_USE_RESULT int selkie_topic_stats(char text[SELKIE_AT_LEAST(SELKIE_TOPIC_MAX)], const char *root);

SELKIE_C_END

#endif
