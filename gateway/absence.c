/* SPDX-License-Identifier: Apache-2.0 */
#include "absence.h"

#include <MQTTAsync.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* In Paho's trace. */
#define TLS_BEGINS  "SSL handshake started"
#define FATAL_ALERT "SSL alert read:fatal:"
#define NAME_IS     "peername from X509_check_host is " /* the handshake is done, and the certificate's name is right */
#define ADDRESS_IS  "rc from X509_check_ip_asc is "     /* where it was not: 1 where it has the address instead */
#define NO_ADDRESS  "getaddrinfo failed"

/* In Paho's messages. */
#define TIMEOUT      "timeout"
#define CONNECT_SENT "TCP connect completion failure" /* and no CONNACK came */

/* How far the attempt came, as far as can be heard. */
enum stage { NOT_THERE, IN_TLS, BEYOND_TLS };

static atomic_uint attempt;

/* Of the attempt that the thread has heard of last. */
static _Thread_local struct {
    unsigned attempt;
    enum stage stage;
    char reason[SELKIE_BROKER_TEXT_MAX]; /* the first one; others follow from it */
} heard;

static void begin_anew(void)
{
    unsigned now = atomic_load(&attempt);

    if (heard.attempt == now)
        return;
    memset(&heard, 0, sizeof(heard));
    heard.attempt = now;
}

static void hear(const char *before, const char *what, size_t len, const char *after)
{
    begin_anew();
    if (heard.reason[0] == '\0')
        (void)snprintf(heard.reason, sizeof(heard.reason), "%s%.*s%s", before, (int)len, what, after);
}

/* What follows `mark` in the line; NULL where it is not in it. */
static const char *after(const char *line, const char *mark)
{
    const char *at = strstr(line, mark);

    return at != NULL ? at + strlen(mark) : NULL;
}

static void on_trace(enum MQTTASYNC_TRACE_LEVELS level, char *line)
{
    const char *alert = after(line, FATAL_ALERT);
    const char *address = after(line, ADDRESS_IS);

    (void)level;
    begin_anew();
    if (after(line, TLS_BEGINS) != NULL)
        heard.stage = IN_TLS;
    else if (after(line, NAME_IS) != NULL || (address != NULL && address[0] == '1'))
        heard.stage = BEYOND_TLS;
    else if (address != NULL)
        hear("its certificate is not for this host name", "", 0, "");
    else if (alert != NULL)
        hear("it breaks off TLS, \"", alert, strlen(alert), "\": look at cert and key");
    else if (after(line, NO_ADDRESS) != NULL)
        hear("no address is known for its host name", "", 0, "");
}

void selkie_absence_listen(void)
{
    atomic_fetch_add(&attempt, 1);
    MQTTAsync_setTraceCallback(on_trace);
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_MINIMUM);
}

void selkie_absence_over(void)
{
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_FATAL); /* no line for each packet */
}

/* OpenSSL's line is "thread:error:code:library:function:reason:file:line:data". Only the reason is for people, and the
 * thread would make each line another one. */
int selkie_absence_on_tls_error(const char *text, size_t len, void *context)
{
    const char *reason = text;

    (void)context;
    for (int fields = 0; fields < 5 && reason != NULL; fields++) {
        reason = strchr(reason, ':');
        if (reason != NULL)
            reason++;
    }
    if (reason == NULL)
        reason = text;
    hear("TLS: ", reason, strcspn(reason, ":\n"), "");
    return (int)len;
}

void selkie_absence_tell(char text[static SELKIE_BROKER_TEXT_MAX], const char *message, bool tls)
{
    const char *reason = "no connection";

    begin_anew();
    if (heard.reason[0] != '\0')
        reason = heard.reason;
    else if (message != NULL && after(message, TIMEOUT) != NULL)
        reason = "no answer";
    else if (heard.stage == IN_TLS)
        reason = "it breaks off TLS";
    else if (heard.stage == BEYOND_TLS || (message != NULL && after(message, CONNECT_SENT) != NULL))
        reason = tls ? "it closes the connection: look at cert and key" : "it closes the connection";
    (void)snprintf(text, SELKIE_BROKER_TEXT_MAX, "%s", reason);
}
