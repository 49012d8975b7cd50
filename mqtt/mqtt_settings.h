/* SPDX-License-Identifier: Apache-2.0 */
/* Where the broker is, as whom to log in and whom to trust: the "broker" object that every configuration has, and the
 * same from a command line. A URI is mqtt://HOST[:PORT] or mqtts://HOST[:PORT] (TLS); an IPv6 address stands in
 * brackets. A user and a password in the URI are refused everywhere: a URI ends up in logs and in lists of processes.
 * File input only for the password; no logging; any thread, each object in one thread at a time. */
#ifndef SELKIE_MQTT_SETTINGS_H
#define SELKIE_MQTT_SETTINGS_H

#include <selkie/error.h>
#include <selkie/settings.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_MQTT_URIS_MAX     8
#define SELKIE_MQTT_HOST_MAX     256 /* with its NUL, as those below */
#define SELKIE_MQTT_URI_MAX      280
#define SELKIE_MQTT_NAME_MAX     400
#define SELKIE_MQTT_PASSWORD_MAX 1024
#define SELKIE_MQTT_TEXT_MAX     400 /* an error in words */

struct selkie_mqtt_uri {
    char text[SELKIE_MQTT_URI_MAX];
    char host[SELKIE_MQTT_HOST_MAX]; /* without brackets */
    uint16_t port;
    bool tls;
};

struct selkie_mqtt_settings {
    size_t uri_count;
    struct selkie_mqtt_uri uris[SELKIE_MQTT_URIS_MAX]; /* the first that answers is used */
    char name[SELKIE_MQTT_NAME_MAX];                   /* all of them, for messages */
    const char *username;                              /* NULL: none, as those below */
    const char *password_file;
    const char *ca; /* NULL: the authorities of this machine */
    const char *cert;
    const char *key; /* NULL: in `cert` too */
    unsigned keepalive_s;
    unsigned connect_timeout_s; /* for each address, from its name on */
};

/* What a connection is made with. Strings, those of the settings too, must live while the client connects; with
 * `reconnect_s`, until the next connect or close. The settings themselves are copied. */
struct selkie_mqtt_options {
    const struct selkie_mqtt_settings *settings;
    const char *id;
    const char *username; /* NULL: the settings' user and password file */
    const char *password;
    const char *will_topic, *will_payload; /* NULL: no will. QoS 1, retained */
    bool keep_session;                     /* take up the last session, and let this one outlive us for an hour */
    unsigned buffered_max;                 /* publishes that may wait in Paho; 0: 100 */
    unsigned reconnect_s;                  /* 0: never; else connect again this long after a failure or a loss */
    const char *const *properties;         /* names of user properties that messages keep, ended by NULL; or NULL */
};

/* No URI yet, no user, and these times. */
void selkie_mqtt_settings_init(struct selkie_mqtt_settings *settings, unsigned connect_timeout_s);

/* Add one URI, or a list of them with commas between. NULL, or in words what is wrong with the URI behind the
 * `uri_count` that were added. */
SELKIE_USE_RESULT const char *selkie_mqtt_settings_add_uris(struct selkie_mqtt_settings *settings, const char *uris);

/* Read "uri" (a string or a list of strings), "username", "password_file", "ca", "cert", "key", "keepalive_s" and
 * "connect_timeout_s", and end the object. Values that the object lacks stay as they are; without a URI before or in
 * the object, "uri" is required. Strings belong to the document, which keeps the mistakes. */
void selkie_mqtt_settings_read(struct selkie_mqtt_settings *settings, struct selkie_settings_object *object);

/* NULL, or in words why these settings do not fit together; *key is the key to blame. */
SELKIE_USE_RESULT const char *selkie_mqtt_settings_fault(const struct selkie_mqtt_settings *settings, const char **key);

/* The first URI over which the password would go through a network without TLS, or NULL. */
const struct selkie_mqtt_uri *selkie_mqtt_settings_exposed(const struct selkie_mqtt_settings *settings);

bool selkie_mqtt_settings_tls(const struct selkie_mqtt_settings *settings); /* any URI has it */
bool selkie_mqtt_settings_same(const struct selkie_mqtt_settings *a, const struct selkie_mqtt_settings *b);

/* The first line of the password file, which must not be readable by everybody. The caller wipes it. SELKIE_EIO, and
 * the reason in `why`. */
SELKIE_USE_RESULT int selkie_mqtt_settings_password(char password[static SELKIE_MQTT_PASSWORD_MAX], const char *path,
                                                    char why[static SELKIE_MQTT_TEXT_MAX]);

#endif
