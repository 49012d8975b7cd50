/* SPDX-License-Identifier: Apache-2.0 */
/* As on the board of device/ports, but for what was left out. */
#include <stdint.h>

#include "../../../device/ports/mps2-an385/selkie_mbedtls_config.h"
#if !defined(__arm__)
#undef MBEDTLS_HAVE_ASM
#endif
#if UINTPTR_MAX > 0xffffffff
#define MBEDTLS_MEMORY_ALIGN_MULTIPLE 8
#endif
