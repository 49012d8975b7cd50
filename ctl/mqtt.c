/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define KEEP_ALIVE_S 30
#define FAREWELL_MS  1000

/* The step under way: its callbacks leave here how it ended. */
struct step {
    bool done;
    bool failed; /* it never came to an answer of the broker's */
    int reason;
    char text[256];
};

struct ctl_mqtt {
    const struct ctl_config *config;
    MQTTAsync client;
    int bell;    /* eventfd: something below has changed */
    int signals; /* signalfd, or -1 */
    size_t packet_max;

    pthread_mutex_t lock; /* guards what follows */
    struct step step;
    bool lost;
    int lost_reason;
    char tls_error[160];
    struct ctl_inbox inbox;
};

/* ---- On Paho's threads ---- */

static void ring(struct ctl_mqtt *mqtt)
{
    const uint64_t one = 1;
    /* It fails only where it is ringing already. */
    ssize_t ignored = write(mqtt->bell, &one, sizeof one);
    (void)ignored;
}

static void finish_step(struct ctl_mqtt *mqtt, bool failed, int reason, const char *text)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->step.done = true;
    mqtt->step.failed = failed;
    mqtt->step.reason = reason;
    snprintf(mqtt->step.text, sizeof mqtt->step.text, "%s",
             mqtt->tls_error[0] != '\0' ? mqtt->tls_error
             : text == NULL             ? ""
                                        : text);
    pthread_mutex_unlock(&mqtt->lock);
    ring(mqtt);
}

static void on_success(void *context, MQTTAsync_successData5 *data)
{
    finish_step(context, false, (int)data->reasonCode, NULL);
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct ctl_mqtt *mqtt = context;
    if (MQTTProperties_hasProperty(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE))
        mqtt->packet_max =
            (size_t)MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE);
    finish_step(mqtt, false, 0, NULL);
}

/* A code from 0x80 is the broker's answer, one below zero Paho's own trouble. */
static void on_failure(void *context, MQTTAsync_failureData5 *data)
{
    int reason = data->code >= CTL_MQTT_REFUSED ? data->code : (int)data->reasonCode;
    finish_step(context, reason < CTL_MQTT_REFUSED, reason,
                data->message != NULL ? data->message : "it cannot be reached");
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    struct ctl_mqtt *mqtt = context;
    (void)properties;
    pthread_mutex_lock(&mqtt->lock);
    mqtt->lost_reason = (int)reason;
    pthread_mutex_unlock(&mqtt->lock);
}

static void on_lost(void *context, char *cause)
{
    struct ctl_mqtt *mqtt = context;
    (void)cause; /* Paho never has one */
    pthread_mutex_lock(&mqtt->lock);
    mqtt->lost = true;
    pthread_mutex_unlock(&mqtt->lock);
    ring(mqtt);
}

static int on_tls_error(const char *text, size_t len, void *context)
{
    struct ctl_mqtt *mqtt = context;
    pthread_mutex_lock(&mqtt->lock);
    if (mqtt->tls_error[0] == '\0')
        snprintf(mqtt->tls_error, sizeof mqtt->tls_error, "TLS: %.*s", (int)strcspn(text, "\n"), text);
    pthread_mutex_unlock(&mqtt->lock);
    return (int)len;
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *from)
{
    struct ctl_mqtt *mqtt = context;
    (void)topic_len; /* only tells of a NUL inside, which no broker lets pass */
    struct ctl_message *message = ctl_message_new(topic, from);
    pthread_mutex_lock(&mqtt->lock);
    ctl_inbox_put_take(&mqtt->inbox, message);
    pthread_mutex_unlock(&mqtt->lock);
    ring(mqtt);
    MQTTAsync_freeMessage(&from);
    MQTTAsync_free(topic);
    return 1;
}

/* ---- On the caller's ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait for the bell, or a signal where they are waited for. CTL_MESSAGE means: look again. */
static enum ctl_wait wait_bell(struct ctl_mqtt *mqtt, int64_t deadline_ms)
{
    struct pollfd fds[] = {{mqtt->bell, POLLIN, 0}, {mqtt->signals, POLLIN, 0}};
    int64_t left = deadline_ms < 0 ? -1 : deadline_ms - now_ms();
    if (deadline_ms >= 0 && left <= 0)
        return CTL_TIMEOUT;
    if (poll(fds, 2, (int)left) < 0)
        return CTL_MESSAGE; /* EINTR: look again */
    if (fds[1].revents != 0)
        return CTL_INTERRUPTED;
    uint64_t count;
    ssize_t ignored = read(mqtt->bell, &count, sizeof count);
    (void)ignored;
    return CTL_MESSAGE;
}

static const char *lost_text(const struct ctl_mqtt *mqtt)
{
    return mqtt->lost_reason >= CTL_MQTT_REFUSED ? MQTTReasonCode_toString((enum MQTTReasonCodes)mqtt->lost_reason)
                                                 : "the connection was lost";
}

/* Begin a step: what was left of the one before is forgotten. */
static void begin_step(struct ctl_mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    mqtt->step = (struct step){0};
    pthread_mutex_unlock(&mqtt->lock);
}

/* Its end. False where none came: the time was up, the connection was lost, or a signal came. */
static bool end_step(struct ctl_mqtt *mqtt, struct step *step, int timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms;
    enum ctl_wait wait = CTL_MESSAGE;
    for (;;) {
        pthread_mutex_lock(&mqtt->lock);
        *step = mqtt->step;
        bool lost = mqtt->lost;
        if (!step->done && (lost || wait != CTL_MESSAGE))
            snprintf(step->text, sizeof step->text, "%s",
                     lost                      ? lost_text(mqtt)
                     : wait == CTL_INTERRUPTED ? "interrupted"
                                               : "no answer");
        pthread_mutex_unlock(&mqtt->lock);
        if (step->done)
            return true;
        if (lost || wait != CTL_MESSAGE)
            return false;
        wait = wait_bell(mqtt, deadline);
    }
}

static enum ctl_exit explain_refusal(const struct ctl_mqtt *mqtt, const struct step *step)
{
    const struct ctl_config *config = mqtt->config;
    const char *text = MQTTReasonCode_toString((enum MQTTReasonCodes)step->reason);
    if (step->failed || step->reason < CTL_MQTT_REFUSED)
        return ctl_fail("no broker at %s: %s", config->uri, step->text[0] == '\0' ? "no answer" : step->text);
    if (config->username == NULL)
        return ctl_fail("the broker %s refuses a client without a user name: %s", config->uri, text);
    return ctl_fail("the broker %s refuses the user '%s': %s", config->uri, config->username, text);
}

static enum ctl_exit connect_client(struct ctl_mqtt *mqtt)
{
    const struct ctl_config *config = mqtt->config;
    char password[CTL_PASSWORD_SIZE] = "";
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    tls.trustStore = config->ca;
    tls.keyStore = config->cert;
    tls.privateKey = config->key;
    tls.verify = 1;
    tls.sslVersion = MQTT_SSL_VERSION_TLS_1_2; /* at least */
    tls.ssl_error_cb = on_tls_error;
    tls.ssl_error_context = mqtt;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    options.cleanstart = 1;
    options.keepAliveInterval = KEEP_ALIVE_S;
    options.connectTimeout = (config->timeout_ms + 999) / 1000;
    options.username = config->username;
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_failure;
    options.context = mqtt;
    if (config->tls)
        options.ssl = &tls;
    if (config->password_file != NULL) {
        enum ctl_exit result = ctl_config_password(password, config);
        if (result != CTL_DONE)
            return result;
        options.password = password;
    }

    struct step step;
    begin_step(mqtt);
    int started = MQTTAsync_connect(mqtt->client, &options);
    OPENSSL_cleanse(password, sizeof password); /* Paho has its own copy by now */
    if (started != MQTTASYNC_SUCCESS)
        return ctl_fail("no broker at %s: %s", config->uri, MQTTAsync_strerror(started));
    if (end_step(mqtt, &step, config->timeout_ms) && !step.failed && step.reason < CTL_MQTT_REFUSED)
        return CTL_DONE;
    return explain_refusal(mqtt, &step);
}

static enum ctl_exit make_client(struct ctl_mqtt *mqtt)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    uint32_t chance;
    char id[32];
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return ctl_fail("no random numbers: %s", strerror(errno));
    snprintf(id, sizeof id, "selkiectl-%08" PRIx32, chance);
    int result =
        MQTTAsync_createWithOptions(&mqtt->client, mqtt->config->uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
    if (result == MQTTASYNC_SUCCESS)
        result = MQTTAsync_setCallbacks(mqtt->client, mqtt, on_lost, on_message, NULL);
    if (result == MQTTASYNC_SUCCESS)
        result = MQTTAsync_setDisconnected(mqtt->client, mqtt, on_disconnected);
    return result == MQTTASYNC_SUCCESS ? CTL_DONE : ctl_fail("%s: %s", mqtt->config->uri, MQTTAsync_strerror(result));
}

/* Before Paho's threads begin, so that they have the signals blocked too and none of them takes one. */
static int block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
}

enum ctl_exit ctl_mqtt_open(struct ctl_mqtt **opened, const struct ctl_config *config, bool until_interrupted)
{
    *opened = NULL;
    struct ctl_mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (mqtt == NULL)
        return ctl_fail("out of memory");
    mqtt->config = config;
    mqtt->packet_max = SIZE_MAX;
    ctl_inbox_init(&mqtt->inbox);
    pthread_mutex_init(&mqtt->lock, NULL);
    mqtt->signals = until_interrupted ? block_signals() : -1;
    mqtt->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum ctl_exit result = CTL_DONE;
    if (mqtt->bell < 0 || (until_interrupted && mqtt->signals < 0))
        result = ctl_fail("no event: %s", strerror(errno));
    if (result == CTL_DONE)
        result = make_client(mqtt);
    if (result == CTL_DONE)
        result = connect_client(mqtt);
    if (result != CTL_DONE) {
        ctl_mqtt_close(mqtt);
        return result;
    }
    *opened = mqtt;
    return CTL_DONE;
}

void ctl_mqtt_close(struct ctl_mqtt *mqtt)
{
    if (mqtt == NULL)
        return;
    if (mqtt->client != NULL) {
        MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
        options.timeout = FAREWELL_MS;
        options.onSuccess5 = on_success;
        options.onFailure5 = on_failure;
        options.context = mqtt;
        struct step step;
        begin_step(mqtt);
        if (MQTTAsync_isConnected(mqtt->client) && MQTTAsync_disconnect(mqtt->client, &options) == MQTTASYNC_SUCCESS)
            (void)end_step(mqtt, &step, FAREWELL_MS);
        MQTTAsync_destroy(&mqtt->client);
    }
    ctl_inbox_wipe(&mqtt->inbox);
    if (mqtt->bell >= 0)
        close(mqtt->bell);
    if (mqtt->signals >= 0)
        close(mqtt->signals);
    pthread_mutex_destroy(&mqtt->lock);
    free(mqtt);
}

/* The answer to what was just begun with this result. */
static int conclude(struct ctl_mqtt *mqtt, int started, const char *what)
{
    struct step step;
    if (started != MQTTASYNC_SUCCESS)
        ctl_fail("%s: %s: %s", mqtt->config->uri, what, MQTTAsync_strerror(started));
    else if (!end_step(mqtt, &step, mqtt->config->timeout_ms) || step.failed)
        ctl_fail("%s: %s: %s", mqtt->config->uri, what, step.text[0] == '\0' ? "no answer" : step.text);
    else
        return step.reason;
    return -1;
}

int ctl_mqtt_subscribe(struct ctl_mqtt *mqtt, const char *filter, int qos)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.onSuccess5 = on_success;
    options.onFailure5 = on_failure;
    options.context = mqtt;
    begin_step(mqtt);
    return conclude(mqtt, MQTTAsync_subscribe(mqtt->client, filter, qos, &options), filter);
}

int ctl_mqtt_publish(struct ctl_mqtt *mqtt, const char *topic, const void *payload, size_t len)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.onSuccess5 = on_success;
    options.onFailure5 = on_failure;
    options.context = mqtt;
    begin_step(mqtt);
    return conclude(mqtt, MQTTAsync_send(mqtt->client, topic, (int)len, payload, 1, 0, &options), topic);
}

size_t ctl_mqtt_packet_max(const struct ctl_mqtt *mqtt)
{
    return mqtt->packet_max;
}

enum ctl_wait ctl_mqtt_next(struct ctl_mqtt *mqtt, struct ctl_message **message, int timeout_ms)
{
    int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    for (;;) {
        pthread_mutex_lock(&mqtt->lock);
        *message = ctl_inbox_next(&mqtt->inbox);
        bool lost = mqtt->lost;
        pthread_mutex_unlock(&mqtt->lock);
        if (*message != NULL)
            return CTL_MESSAGE;
        if (lost) {
            ctl_fail("%s: %s", mqtt->config->uri, lost_text(mqtt));
            return CTL_LOST;
        }
        enum ctl_wait wait = wait_bell(mqtt, deadline);
        if (wait != CTL_MESSAGE)
            return wait;
    }
}

size_t ctl_mqtt_dropped(struct ctl_mqtt *mqtt)
{
    pthread_mutex_lock(&mqtt->lock);
    size_t dropped = mqtt->inbox.dropped;
    mqtt->inbox.dropped = 0;
    pthread_mutex_unlock(&mqtt->lock);
    return dropped;
}
