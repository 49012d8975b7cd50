/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker_log.h"

#include <mqtt_client.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tls_files.h>
#include <tls_time.h>

#define BAD_USER       0x86 /* MQTT reasons */
#define NOT_AUTHORIZED 0x87

/* The text without this machine's time, which would make one fault another one at each attempt. */
static void copy_condition(char condition[static SELKIE_LOG_LINE_MAX], const char *text)
{
    (void)snprintf(condition, SELKIE_LOG_LINE_MAX, "%s", text);
    for (char *at = strstr(condition, SELKIE_TLS_CLOCK); at; at = strstr(at, SELKIE_TLS_CLOCK)) {
        at += strlen(SELKIE_TLS_CLOCK);
        size_t len = strnlen(at, SELKIE_TLS_TIME_MAX - 1);
        memmove(at, at + len, strlen(at + len) + 1);
    }
}

void selkie_broker_log_say(struct selkie_broker_log *log, const char *uri, int level, const char *condition,
                           const char *format, ...)
{
    char text[SELKIE_LOG_LINE_MAX], timeless[SELKIE_LOG_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    copy_condition(timeless, condition ? condition : text);
    if (strcmp(timeless, log->logged[0]) == 0 || strcmp(timeless, log->logged[1]) == 0)
        return;
    selkie_log(level, "broker %s: %s", uri, text);
    memcpy(log->logged[1], log->logged[0], sizeof timeless);
    memcpy(log->logged[0], timeless, sizeof timeless);
}

void selkie_broker_log_reset(struct selkie_broker_log *log)
{
    log->logged[0][0] = log->logged[1][0] = '\0';
}

/* The broker knows a gateway by its user, or by the common name of its certificate: say so where it has another name.
 */
static void write_identity(char text[static SELKIE_LOG_LINE_MAX], const struct selkie_gateway_config *config)
{
    const char *user = config->broker.username;
    char name[SELKIE_MQTT_HOST_MAX];

    text[0] = '\0';
    if (user && strcmp(user, config->gateway) != 0)
        (void)snprintf(text, SELKIE_LOG_LINE_MAX,
                       "; the user \"%s\" is not the gateway's name \"%s\", which a registered gateway's user must be",
                       user, config->gateway);
    else if (!user && selkie_tls_files_common_name(&config->broker, name) && strcmp(name, config->gateway) != 0)
        (void)snprintf(text, SELKIE_LOG_LINE_MAX,
                       "; the common name \"%s\" of %s is not the gateway's name \"%s\", which a registered gateway's "
                       "must be",
                       name, config->broker.cert, config->gateway);
}

void selkie_broker_log_failure(struct selkie_broker_log *log, const char *uri,
                               const struct selkie_gateway_config *config, const struct selkie_mqtt_event *event)
{
    const char *username = config->broker.username;
    char refused[SELKIE_LOG_LINE_MAX], identity[SELKIE_LOG_LINE_MAX];

    if (event->kind == SELKIE_MQTT_UNREACHABLE) {
        selkie_broker_log_say(log, uri, LOG_WARNING, NULL, "cannot connect: %s; retrying", event->text);
        return;
    }
    /* One condition, whichever address of the broker it came from. */
    (void)snprintf(refused, sizeof refused, "refused: %s", selkie_mqtt_reason(event->code));
    write_identity(identity, config);
    if (event->code == BAD_USER || event->code == NOT_AUTHORIZED)
        selkie_broker_log_say(log, uri, LOG_ERR, refused,
                              "connection refused for %s%s (%s); check username, password_file, cert and key%s",
                              username ? "user " : "a client without a user name", username ? username : "",
                              event->text, identity);
    else
        selkie_broker_log_say(log, uri, LOG_ERR, refused, "connection refused: %s%s", event->text, identity);
}

void selkie_broker_log_no_receipts(struct selkie_broker_log *log, const char *uri,
                                   const struct selkie_gateway_config *config, int code)
{
    char identity[SELKIE_LOG_LINE_MAX];

    write_identity(identity, config);
    selkie_broker_log_say(log, uri, LOG_ERR, NULL,
                          "subscription to the receipts refused (%s); \"confirm\": \"broker\" works without receipts%s",
                          selkie_mqtt_reason(code), identity);
}
