/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_files.h"

#include "tls_time.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <selkie/file.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int fault(char why[static SELKIE_MQTT_TEXT_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fault(char why[static SELKIE_MQTT_TEXT_MAX], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(why, SELKIE_MQTT_TEXT_MAX, format, arguments);
    va_end(arguments);
    return SELKIE_EIO;
}

/* NULL, with the reason in `why`. */
static FILE *open_file(const char *key, const char *path, char why[static SELKIE_MQTT_TEXT_MAX])
{
    const char *reason = selkie_error_text(SELKIE_ENOMEM);
    int fd = selkie_file_open(path, &reason);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

    if (!file)
        (void)fault(why, "%s %s: %s", key, path, reason);
    if (!file && fd >= 0)
        (void)close(fd);
    return file;
}

/* Whoever would be asked for a password is not there. */
static int refuse_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(bool *)context = true;
    return -1;
}

/* The next certificate of a file, or NULL. */
static X509 *next_certificate(FILE *file)
{
    bool encrypted = false;

    return PEM_read_X509(file, NULL, refuse_password, &encrypted);
}

/* Whether the error that ended the reading is the end of the file, and not something that is no certificate. */
static bool at_end(void)
{
    unsigned long error = ERR_peek_last_error();

    ERR_clear_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static int check_certificates(const char *key, const char *path, char why[static SELKIE_MQTT_TEXT_MAX])
{
    FILE *file = path ? open_file(key, path, why) : NULL;
    unsigned count = 0;

    if (!file)
        return path ? SELKIE_EIO : 0;
    for (X509 *certificate = next_certificate(file); certificate; certificate = next_certificate(file)) {
        X509_free(certificate);
        count++;
    }
    bool whole = at_end();
    (void)fclose(file);
    if (count == 0 && whole)
        return fault(why, "%s %s: there is no certificate in this file; it must begin with -----BEGIN CERTIFICATE-----",
                     key, path);
    return whole ? 0 : fault(why, "%s %s: certificate %u in this file is damaged", key, path, count + 1);
}

static X509 *own_certificate(const struct selkie_mqtt_settings *settings)
{
    char why[SELKIE_MQTT_TEXT_MAX];
    FILE *file = settings->cert ? open_file("cert", settings->cert, why) : NULL;
    X509 *certificate = file ? next_certificate(file) : NULL;

    if (file)
        (void)fclose(file);
    ERR_clear_error();
    return certificate;
}

static int check_key(const struct selkie_mqtt_settings *settings, char why[static SELKIE_MQTT_TEXT_MAX])
{
    const char *path = settings->key ? settings->key : settings->cert;
    const char *name = settings->key ? "key" : "cert";
    FILE *file = path ? open_file(name, path, why) : NULL;
    bool encrypted = false;

    if (!file)
        return path ? SELKIE_EIO : 0;
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, refuse_password, &encrypted);
    X509 *certificate = own_certificate(settings);
    bool fits = key && certificate && X509_check_private_key(certificate, key) == 1;
    bool found = key;
    (void)fclose(file);
    EVP_PKEY_free(key);
    X509_free(certificate);
    ERR_clear_error();
    if (encrypted)
        return fault(why,
                     "%s %s: the key is encrypted, and nobody is asked for its password; \"openssl pkey -in %s\" "
                     "writes it without",
                     name, path, path);
    if (!found)
        return fault(why, "%s %s: there is no private key in this file%s", name, path,
                     settings->key ? "" : "; name the key's file in \"key\"");
    return fits ? 0 : fault(why, "%s %s: this key does not belong to the certificate %s", name, path, settings->cert);
}

int selkie_tls_files_check(const struct selkie_mqtt_settings *settings, char why[static SELKIE_MQTT_TEXT_MAX])
{
    int result = check_certificates("ca", settings->ca, why);

    if (result == 0)
        result = check_certificates("cert", settings->cert, why);
    return result == 0 ? check_key(settings, why) : result;
}

bool selkie_tls_files_common_name(const struct selkie_mqtt_settings *settings, char name[static SELKIE_MQTT_HOST_MAX])
{
    X509 *certificate = own_certificate(settings);
    int len = !certificate ? -1
                           : X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                                                       SELKIE_MQTT_HOST_MAX);

    X509_free(certificate);
    return len > 0;
}

/* False: nothing is wrong with its dates. */
static bool judge_dates(const X509 *certificate, const char *what, const char *path,
                        char text[static SELKIE_MQTT_TEXT_MAX])
{
    const ASN1_TIME *from = X509_get0_notBefore(certificate), *until = X509_get0_notAfter(certificate);
    time_t soon = time(NULL) + (time_t)SELKIE_TLS_SOON_DAYS * 86400;
    char now[SELKIE_TLS_TIME_MAX], at[SELKIE_TLS_TIME_MAX];

    selkie_tls_time_now(now);
    if (X509_cmp_current_time(from) > 0) {
        selkie_tls_time_format(at, from);
        (void)fault(text, "%s in %s is valid only from %s on, and " SELKIE_TLS_CLOCK "%s", what, path, at, now);
        return true;
    }
    selkie_tls_time_format(at, until);
    if (X509_cmp_current_time(until) < 0)
        (void)fault(text, "%s in %s expired at %s, and " SELKIE_TLS_CLOCK "%s; renew it", what, path, at, now);
    else if (X509_cmp_time(until, &soon) < 0)
        (void)fault(text, "%s in %s ends at %s; renew it before", what, path, at);
    else
        return false;
    return true;
}

/* The certificate of a file that lasts longest, or NULL. */
static X509 *last_to_end(const char *path)
{
    char why[SELKIE_MQTT_TEXT_MAX];
    FILE *file = open_file("ca", path, why);
    X509 *last = NULL;

    for (X509 *at = file ? next_certificate(file) : NULL; at; at = next_certificate(file))
        if (!last || ASN1_TIME_compare(X509_get0_notAfter(at), X509_get0_notAfter(last)) > 0) {
            X509_free(last);
            last = at;
        } else {
            X509_free(at);
        }
    if (file)
        (void)fclose(file);
    ERR_clear_error();
    return last;
}

bool selkie_tls_files_warning(const struct selkie_mqtt_settings *settings, unsigned *next,
                              char text[static SELKIE_MQTT_TEXT_MAX])
{
    bool warned = false;

    while (*next < 2 && !warned) {
        bool own = (*next)++ == 0;
        const char *path = own ? settings->cert : settings->ca;
        X509 *certificate = !path ? NULL : own ? own_certificate(settings) : last_to_end(path);
        warned = certificate &&
                 judge_dates(certificate, own ? "the client's certificate" : "the authority's certificate", path, text);
        X509_free(certificate);
    }
    return warned;
}

/* -1 for none. Frees the certificate. */
static int64_t end_ms(X509 *certificate)
{
    struct tm end;
    bool known = certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1;

    X509_free(certificate);
    return known ? (int64_t)timegm(&end) * 1000 : -1;
}

int64_t selkie_tls_files_end_ms(const struct selkie_mqtt_settings *settings)
{
    int64_t own = end_ms(own_certificate(settings)), authority = settings->ca ? end_ms(last_to_end(settings->ca)) : -1;

    return own < 0 || (authority >= 0 && authority < own) ? authority : own;
}
