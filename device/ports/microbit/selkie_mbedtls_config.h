/* SPDX-License-Identifier: Apache-2.0 */
/* What a seal needs of mbedTLS is the same on every small core. */
#include "../mps2-an385/selkie_mbedtls_config.h"
