/* SPDX-License-Identifier: Apache-2.0 */
/* What --check-config looks at beyond the configuration itself: what the service will open. Opens no line, because that
 * may restart a radio, and no spool, because the service may be running. One thread. */
#ifndef SELKIE_GATEWAY_CONFIG_CHECK_H
#define SELKIE_GATEWAY_CONFIG_CHECK_H

#include "gateway_config.h"

/* Print as which user this is checked, and each fault and warning, a line each. Returns how many faults there are: what
 * keeps the service from working until somebody changes it. A radio that is not plugged in is a warning. */
unsigned selkie_config_check(const struct selkie_gateway_config *config);

#endif
