/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator is told, and asked, about a decision. One thread. */
#ifndef SELKIE_CTL_CONSEQUENCE_H
#define SELKIE_CTL_CONSEQUENCE_H

#include "ctl_command.h"

#include <jansson.h>

/* After an answer to addDevice: if the device has IDs that were denied or removed, say that one that runs is shut out.
 */
void ctl_consequence_print_retired(const json_t *data, const char *address);

/* Print the IDs in a list of an answer, one blank before each. */
void ctl_consequence_print_ids(const json_t *ids);

/* Ask on a terminal whether to go on, unless --yes: CTL_DONE to go on. Without a terminal it goes on. */
enum ctl_exit ctl_consequence_ask(const struct ctl_options *options, const char *what, const char *consequence);

#endif
