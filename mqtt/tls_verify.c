/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_verify.h"

#include "tls_time.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAME_MAX_SIZE 65

static _Thread_local struct {
    int error;                   /* X509_V_OK: none */
    int depth;                   /* 0: the broker's own certificate */
    char subject[NAME_MAX_SIZE]; /* of the broker */
    char issuer[NAME_MAX_SIZE];
    char from[SELKIE_TLS_TIME_MAX], until[SELKIE_TLS_TIME_MAX];
    bool ends_soon; /* the certificate of a broker that was accepted, */
    char ends[SELKIE_TLS_TIME_MAX];
} seen;

/* The common name, without what could confuse a log. */
static void read_name(char name[static NAME_MAX_SIZE], const X509_NAME *of)
{
    if (X509_NAME_get_text_by_NID(of, NID_commonName, name, NAME_MAX_SIZE) < 0)
        name[0] = '\0';
    for (char *at = name; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

static int on_certificate(int good, X509_STORE_CTX *chain)
{
    X509 *certificate = X509_STORE_CTX_get_current_cert(chain);

    if (good == 1 && certificate && X509_STORE_CTX_get_error_depth(chain) == 0) {
        time_t soon = time(NULL) + (time_t)SELKIE_TLS_SOON_DAYS * 86400;
        seen.ends_soon = X509_cmp_time(X509_get0_notAfter(certificate), &soon) < 0;
        selkie_tls_time_format(seen.ends, X509_get0_notAfter(certificate));
    }
    if (good == 1 || seen.error != X509_V_OK)
        return good;
    seen.error = X509_STORE_CTX_get_error(chain);
    seen.depth = X509_STORE_CTX_get_error_depth(chain);
    X509 *of_broker = X509_STORE_CTX_get0_cert(chain);
    if (of_broker)
        read_name(seen.subject, X509_get_subject_name(of_broker));
    if (certificate) {
        read_name(seen.issuer, X509_get_issuer_name(certificate));
        selkie_tls_time_format(seen.from, X509_get0_notBefore(certificate));
        selkie_tls_time_format(seen.until, X509_get0_notAfter(certificate));
    }
    return good;
}

/* OpenSSL calls this for each SSL_CTX that it makes. */
static void on_context(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument)
{
    X509_STORE *store = SSL_CTX_get_cert_store(parent);

    (void)pointer;
    (void)data;
    (void)index;
    (void)number;
    (void)argument;
    if (store)
        X509_STORE_set_verify_cb(store, on_certificate);
}

static void watch(void)
{
    (void)SSL_CTX_get_ex_new_index(0, NULL, on_context, NULL, NULL); /* without it, the words are less exact */
}

void selkie_tls_verify_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, watch);
}

static bool is_unknown_authority(int error)
{
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return true;
    default:
        return false;
    }
}

bool selkie_tls_verify_take(char text[static SELKIE_MQTT_TEXT_MAX], const char *ca)
{
    const char *whose = seen.depth == 0 ? "the broker's certificate" : "the certificate of the broker's authority";
    char now[SELKIE_TLS_TIME_MAX];
    int error = seen.error;

    selkie_tls_time_now(now);
    if (error == X509_V_OK)
        return false;
    if (error == X509_V_ERR_CERT_HAS_EXPIRED)
        (void)snprintf(text, SELKIE_MQTT_TEXT_MAX, "%s expired at %s, and " SELKIE_TLS_CLOCK "%s", whose, seen.until,
                       now);
    else if (error == X509_V_ERR_CERT_NOT_YET_VALID)
        (void)snprintf(text, SELKIE_MQTT_TEXT_MAX,
                       "%s is valid only from %s on, and " SELKIE_TLS_CLOCK "%s; is the clock set?", whose, seen.from,
                       now);
    else if (is_unknown_authority(error))
        (void)snprintf(text, SELKIE_MQTT_TEXT_MAX,
                       "the broker's certificate (\"%s\") is signed by \"%s\", which is no authority of %s",
                       seen.subject, seen.issuer, ca ? ca : "this machine; \"ca\" names a file of your own");
    else
        (void)snprintf(text, SELKIE_MQTT_TEXT_MAX, "%s is not accepted (of \"%s\"): %s", whose, seen.subject,
                       X509_verify_cert_error_string(error));
    memset(&seen, 0, sizeof seen);
    return true;
}

bool selkie_tls_verify_ends_soon(char text[static SELKIE_MQTT_TEXT_MAX])
{
    bool soon = seen.ends_soon;

    if (soon)
        (void)snprintf(text, SELKIE_MQTT_TEXT_MAX, "the broker's certificate ends at %s; renew it before", seen.ends);
    seen.ends_soon = false;
    return soon;
}
