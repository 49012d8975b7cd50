/* SPDX-License-Identifier: Apache-2.0 */
/* What a reading of 16 bytes costs on the air: our two forms beside TLS, measured here, and beside protocols that
 * cannot be run here, by their documents; and what a SEALED frame costs on a radio that sends packets, and how often it
 * arrives. Prints the tables in docs/DESIGN.md. usage: airtime [BITS_PER_SECOND] */
#include "vectors/vectors.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <selkie/fragment.h>
#include <selkie/link.h>
#include <selkie/session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READING 16
#define PACKET  58 /* bytes of an EBYTE E32's */

static double bits_per_second = 2000;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "airtime: %s\n", what);
    exit(1);
}

/* Bytes on the line: whatever is sent needs a frame around it, each flight its own. At most 1024 bytes go into one. */
static size_t framed(size_t len)
{
    size_t bytes = 0;

    for (; len > SELKIE_LINK_BODY_MAX; len -= SELKIE_LINK_BODY_MAX)
        bytes += SELKIE_LINK_WIRE_SIZE((size_t)SELKIE_LINK_BODY_MAX);
    return bytes + SELKIE_LINK_WIRE_SIZE(len);
}

static void print_row(const char *name, size_t set_up, size_t flights, size_t reading, const char *source)
{
    size_t set_up_line = flights == 0 ? 0 : framed(set_up) + (flights - 1) * SELKIE_LINK_WIRE_SIZE((size_t)0);

    printf("| %s | %zu | %.2f | %zu | %.2f | %s |\n", name, set_up, (double)set_up_line * 8 / bits_per_second, reading,
           (double)framed(reading) * 8 / bits_per_second, source);
}

static size_t session_size(void)
{
    static const uint8_t address[SELKIE_ADDRESS_SIZE] = {1}, id[SELKIE_ID_SIZE] = {2}, payload[READING] = {3};
    struct selkie_session session;
    uint8_t body[SELKIE_SESSION_SIZE_MAX];

    if (selkie_session_derive(&session, address, id) != 0)
        die("no session key");
    int len = selkie_session_seal(body, sizeof body, &session, 1, payload, sizeof payload);
    if (len < 0)
        die(selkie_error_text(len));
    return (size_t)len;
}

/* A certificate as a factory would issue it: RSA-4096 key and signature, a short name. */
static X509 *certificate(EVP_PKEY *key, const char *name, X509 *issuer)
{
    X509 *x509 = X509_new();
    X509_NAME *subject = X509_get_subject_name(x509);

    (void)X509_set_version(x509, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(x509), issuer == NULL ? 1 : 2);
    (void)X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(x509), 3600L * 24 * 365);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    (void)X509_set_issuer_name(x509, issuer == NULL ? subject : X509_get_subject_name(issuer));
    (void)X509_set_pubkey(x509, key);
    if (issuer == NULL) {
        X509_EXTENSION *is_authority = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        (void)X509_add_ext(x509, is_authority, -1);
        X509_EXTENSION_free(is_authority);
    }
    if (X509_sign(x509, key, EVP_sha256()) == 0)
        die("cannot sign a certificate");
    return x509;
}

static EVP_PKEY *vector_key(void)
{
    json_t *vectors = vectors_load(SELKIE_VECTORS);
    size_t len;
    uint8_t *der = vectors_bytes(json_object_get(vectors, "rsa"), "private_pkcs8_der", &len);
    const unsigned char *at = der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)len);

    if (key == NULL)
        die("the vectors' key cannot be read");
    free(der);
    json_decref(vectors);
    return key;
}

static SSL_CTX *context(const SSL_METHOD *method, int version, EVP_PKEY *key, X509 *own, X509 *authority)
{
    SSL_CTX *ssl = SSL_CTX_new(method);

    (void)SSL_CTX_set_min_proto_version(ssl, version);
    (void)SSL_CTX_set_max_proto_version(ssl, version);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    (void)X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), authority);
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_num_tickets(ssl, 0);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_NO_AUTO_CHAIN); /* the root itself is not sent */
    if (SSL_CTX_use_certificate(ssl, own) != 1 || SSL_CTX_use_PrivateKey(ssl, key) != 1)
        die("cannot use the certificate");
    return ssl;
}

struct tls_cost {
    size_t handshake, flights, reading;
};

/* Carry what one end has written to the other. Returns the bytes. */
static size_t carry(BIO *from, BIO *to)
{
    char bytes[4096];
    size_t sum = 0;

    for (int got; (got = BIO_read(from, bytes, sizeof bytes)) > 0; sum += (size_t)got) {
        if (BIO_write(to, bytes, got) != got)
            die("out of memory");
    }
    return sum;
}

/* A mutual handshake with RSA-4096 certificates over memory, then one reading. */
static struct tls_cost tls(int version)
{
    static const char reading[READING];
    struct tls_cost cost = {0};
    EVP_PKEY *key = vector_key();
    X509 *authority = certificate(key, "selkie ca", NULL);
    X509 *server_cert = certificate(key, "broker", authority),
         *client_cert = certificate(key, "0011223344556677", authority);
    SSL_CTX *server_context = context(TLS_server_method(), version, key, server_cert, authority);
    SSL_CTX *client_context = context(TLS_client_method(), version, key, client_cert, authority);
    SSL *server = SSL_new(server_context), *client = SSL_new(client_context);
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());

    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    BIO *server_out = BIO_new(BIO_s_mem()), *client_out = BIO_new(BIO_s_mem());
    SSL_set_bio(server, up, server_out);
    SSL_set_bio(client, down, client_out);
    while (!SSL_is_init_finished(server) || !SSL_is_init_finished(client)) {
        (void)SSL_do_handshake(client);
        size_t sent = carry(client_out, up);
        (void)SSL_do_handshake(server);
        size_t answered = carry(server_out, down);
        if (sent + answered == 0 && !SSL_is_init_finished(client))
            die("the TLS handshake stalls");
        cost.handshake += sent + answered;
        cost.flights += (sent > 0 ? 1u : 0u) + (answered > 0 ? 1u : 0u);
    }
    if (SSL_write(client, reading, READING) != READING)
        die("TLS cannot write");
    cost.reading = carry(client_out, up);
    SSL_free(server);
    SSL_free(client);
    SSL_CTX_free(server_context);
    SSL_CTX_free(client_context);
    X509_free(server_cert);
    X509_free(client_cert);
    X509_free(authority);
    EVP_PKEY_free(key);
    return cost;
}

/* The chance that at least `needed` of `sent` packets arrive. */
static double arrives(unsigned sent, unsigned needed, double loss)
{
    double chance = 0;

    for (unsigned lost = 0; lost + needed <= sent; lost++) {
        double ways = 1;
        for (unsigned i = 0; i < sent; i++) /* of each packet: lost or not, in any order */
            ways *= i < lost ? loss * (sent - i) / (i + 1) : 1 - loss;
        chance += ways;
    }
    return chance;
}

/* `times` transmissions, each of which is enough by itself; so many packets of each are needed. */
static void print_packets(const char *name, unsigned times, unsigned packets, unsigned needed, size_t bytes)
{
    static const double losses[] = {0.01, 0.02, 0.05};

    printf("| %s | %u | %zu | %.2f |", name, times * packets, times * bytes,
           (double)(times * bytes) * 8 / bits_per_second);
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        double missed = 1;
        for (unsigned n = 0; n < times; n++)
            missed *= 1 - arrives(packets, needed, losses[i]);
        printf(" %.2f |", 100 * (1 - missed));
    }
    printf("\n");
}

static void print_packet_table(void)
{
    static const uint8_t body[SELKIE_SEALED_SIZE] = {SELKIE_VERSION_1 << 4 | SELKIE_SEALED};
    uint8_t fragment[SELKIE_FRAGMENT_SIZE_MAX], wire[SELKIE_LINK_WIRE_SIZE(SELKIE_FRAGMENT_SIZE_MAX)];
    struct selkie_fragment_plan plan;
    size_t whole = framed(sizeof body);
    unsigned whole_packets = (unsigned)((whole + PACKET - 1) / PACKET);

    if (selkie_fragment_make_plan(&plan, body, sizeof body, PACKET) < 0)
        die("a SEALED frame does not fit the packets");
    size_t len = selkie_fragment_write(fragment, &plan, body, sizeof body, 0);
    int wire_len = selkie_link_encode(wire, sizeof wire, fragment, len);
    if (wire_len < 0 || wire_len > PACKET)
        die("a fragment does not fit a packet");
    size_t line = (size_t)wire_len;

    printf("\nA SEALED frame in packets of %d bytes, and how often it arrives of 100 times, where 1, 2 and 5 %% of all "
           "packets are lost:\n\n",
           PACKET);
    printf("| | packets | bytes | s | 1 %% | 2 %% | 5 %% |\n|---|---|---|---|---|---|---|\n");
    print_packets("whole, once", 1, whole_packets, whole_packets, whole);
    print_packets("whole, twice", 2, whole_packets, whole_packets, whole);
    print_packets("fragments", 1, plan.k, plan.k, plan.k * line);
    print_packets("fragments, 2 of parity", 1, plan.k + 2u, plan.k, (plan.k + 2u) * line);
    /* A repeat sends new parity: of both together, any k are enough. */
    print_packets("fragments, 2 of parity, and a repeat", 1, 2 * (plan.k + 2u), plan.k, 2 * (plan.k + 2u) * line);
}

int main(int argc, char **argv)
{
    if (argc > 1 && (bits_per_second = strtod(argv[1], NULL)) <= 0)
        die("usage: airtime [BITS_PER_SECOND]");
    struct tls_cost tls12 = tls(TLS1_2_VERSION), tls13 = tls(TLS1_3_VERSION);

    printf("A reading of %d bytes at %.0f bit/s, each message and flight in a link frame:\n\n", READING,
           bits_per_second);
    printf("| | set-up, bytes | s | a reading, bytes | s | source |\n|---|---|---|---|---|---|\n");
    print_row("**SEALED**", 0, 0, SELKIE_SEALED_SIZE, "measured");
    print_row("**SESSION**", SELKIE_SEALED_SIZE, 1, session_size(), "measured; set-up is one REGISTER");
    print_row("TLS 1.2, RSA-4096 both ways", tls12.handshake, tls12.flights, tls12.reading, "measured, OpenSSL");
    print_row("TLS 1.3, RSA-4096 both ways", tls13.handshake, tls13.flights, tls13.reading, "measured, OpenSSL");
    /* draft-ietf-iotops-security-protocol-comparison-07: table of flights (PSK, with Connection ID: 136 + 153 + 56) and
     * section 'DTLS 1.3 with Connection ID' (12 bytes a record), 'OSCORE' (14 bytes a request). LoRaWAN 1.0.4: MHDR 1,
     * FHDR 7, FPort 1, MIC 4; join request 23, accept 17. */
    print_row("DTLS 1.3, PSK, Connection ID", 136 + 153 + 56, 3, READING + 12, "[1]; needs a secret from the factory");
    print_row("OSCORE request, keys in place", 0, 0, READING + 14, "[1]; without CoAP's own header; needs a secret");
    print_row("LoRaWAN 1.0.4, joined over the air", 23 + 17, 2, READING + 13, "[2]; needs a secret from the factory");
    print_packet_table();
    return 0;
}
