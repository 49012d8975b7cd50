/* SPDX-License-Identifier: Apache-2.0 */
/* Give memory back that a TLS handshake needed and a connection that stands does not: most of it is OpenSSL's code,
 * which the kernel maps in large pieces. Any thread; costs some hundred soft page faults later. */
#ifndef SELKIE_GATEWAY_TRIM_H
#define SELKIE_GATEWAY_TRIM_H

void selkie_trim(void);

#endif
