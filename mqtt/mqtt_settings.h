/* SPDX-License-Identifier: Apache-2.0 */
/* How to reach the broker, as which user, and whom to trust: the "broker" object of every configuration, or the same
 * from a command line. A URI is mqtt://HOST[:PORT] or mqtts://HOST[:PORT] (TLS), or ws:// or wss:// for WebSockets,
 * with an IPv6 address in brackets. The path of a WebSocket may follow; without one it is /mqtt. A user or a password
 * in the URI is refused: URIs appear in logs and in lists of processes. The only file read is the password file; no
 * logging. Any thread, each object in one thread at a time. */
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
    size_t path_at; /* in `text`: "/…", or "" */
    bool tls, websocket;
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

/* The options of a connection. All strings must live while the client connects; with `reconnect_s`, until the next
 * connect or close. The settings are copied, their strings are not. */
struct selkie_mqtt_options {
    const struct selkie_mqtt_settings *settings;
    const char *id;
    const char *username; /* NULL: the settings' user and password file */
    const char *password;
    const char *will_topic, *will_payload; /* NULL: no will. JSON; QoS 1, retained */
    bool keep_session;                     /* continue the last session, and keep this one for an hour after the end */
    unsigned buffered_max;                 /* publishes that may wait in Paho; 0: 100 */
    unsigned packet_max;                   /* the broker sends no longer packet; 0: no limit */
    unsigned reconnect_s;                  /* 0: never; else connect again this long after a failure or a loss */
    const char *const *properties;         /* names of user properties that messages keep, ended by NULL; or NULL */
};

/* No URI yet, no user, and these times. */
void selkie_mqtt_settings_init(struct selkie_mqtt_settings *settings, unsigned connect_timeout_s);

/* Add one URI, or a list of them with commas between. NULL, or in words what is wrong with the URI behind the
 * `uri_count` that were added. */
SELKIE_USE_RESULT const char *selkie_mqtt_settings_add_uris(struct selkie_mqtt_settings *settings, const char *uris);

/* "HOST[:PORT]", with an IPv6 address in brackets, which `host` has not. A fallback of 0 requires the port. False: it
 * is something else. */
bool selkie_mqtt_settings_parse_host(char host[static SELKIE_MQTT_HOST_MAX], uint16_t *port, const char *text,
                                     uint16_t fallback);

/* Read "uri" (a string or a list of strings), "username", "password_file", "ca", "cert", "key", "keepalive_s" and
 * "connect_timeout_s", and end the object. Values that the object lacks stay as they are; without a URI before or in
 * the object, "uri" is required. Strings belong to the document, which keeps the mistakes. */
void selkie_mqtt_settings_read(struct selkie_mqtt_settings *settings, struct selkie_settings_object *object);

/* NULL, or what is wrong with these settings together, in words; *key is the key at fault. */
SELKIE_USE_RESULT const char *selkie_mqtt_settings_fault(const struct selkie_mqtt_settings *settings, const char **key);

/* The first URI over which the password would go through a network without TLS, or NULL. */
const struct selkie_mqtt_uri *selkie_mqtt_settings_exposed(const struct selkie_mqtt_settings *settings);

bool selkie_mqtt_settings_tls(const struct selkie_mqtt_settings *settings); /* any URI has it */
bool selkie_mqtt_settings_same(const struct selkie_mqtt_settings *a, const struct selkie_mqtt_settings *b);

/* The first line of the password file, a regular file that not everybody may read. A line that is no password (a byte
 * order mark, a carriage return, nothing) is refused. The caller wipes it. SELKIE_EIO, and the reason in `why`. */
SELKIE_USE_RESULT int selkie_mqtt_settings_password(char password[static SELKIE_MQTT_PASSWORD_MAX], const char *path,
                                                    char why[static SELKIE_MQTT_TEXT_MAX]);

#endif
