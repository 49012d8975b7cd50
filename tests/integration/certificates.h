/* SPDX-License-Identifier: Apache-2.0 */
/* Authorities, certificates and a Mosquitto with TLS, made with the openssl program in the test's folder. One thread.
 */
#ifndef SELKIE_TESTS_CERTIFICATES_H
#define SELKIE_TESTS_CERTIFICATES_H

/* NAME.key and NAME.pem, an authority. */
void certificates_authority(const char *name);

/* NAME.key and NAME.pem for a subject alternative name ("DNS:h", "IP:::1") and the common name `host`, signed by the
 * authority `ca`. */
void certificates_make(const char *name, const char *host, const char *alternative);

/* The same, valid for so many days; a negative number: it has expired. */
void certificates_make_for(const char *name, const char *host, const char *alternative, int days);

/* A Mosquitto with a TLS listener on this loopback address as well, whose certificate `server` has this alternative
 * name and is signed by `ca`; both are made. The listener's port. */
int certificates_broker(const char *alternative, const char *address, const char *more);

#endif
