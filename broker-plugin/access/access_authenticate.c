/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a client that connects is the gateway that it says it is: access.h. */
#include "access.h"

#include <mosquitto.h>
#include <openssl/x509.h>
#include <string.h>

/* Whether the certificate's subject has one common name, and it is this. */
static bool is_named(const X509 *certificate, const char *name)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    if (first < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0)
        return false;
    const ASN1_STRING *common_name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first));
    size_t len = strlen(name);
    return (size_t)ASN1_STRING_length(common_name) == len && memcmp(ASN1_STRING_get0_data(common_name), name, len) == 0;
}

/* Mosquitto asks for a certificate only if it verifies it (require_certificate), so this one is valid. */
static bool has_certificate(const struct mosquitto *client, const char *name)
{
    X509 *certificate = mosquitto_client_certificate(client);
    bool named = certificate && is_named(certificate, name);

    X509_free(certificate);
    return named;
}

int selkie_access_authenticate(struct selkie_unsealer *unsealer, const struct mosquitto_evt_basic_auth *attempt)
{
    bool proven = false;

    switch (selkie_unsealer_gateway(unsealer, attempt->username)) {
    case SELKIE_GATEWAY_UNKNOWN:
        return MOSQ_ERR_PLUGIN_DEFER;
    case SELKIE_GATEWAY_PASSWORD:
        proven = attempt->password && selkie_unsealer_check_gateway(unsealer, attempt->username, attempt->password);
        break;
    case SELKIE_GATEWAY_CERTIFICATE:
        proven = has_certificate(attempt->client, attempt->username);
        break;
    }
    return proven ? MOSQ_ERR_SUCCESS : MOSQ_ERR_AUTH;
}
