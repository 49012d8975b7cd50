/* SPDX-License-Identifier: Apache-2.0 */
/* The Pico SDK's mbedTLS is configured by the application. */
#include <selkie_mbedtls_config.h>
