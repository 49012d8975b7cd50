/* SPDX-License-Identifier: Apache-2.0 */
/* The IDs that wait for an administrator's decision, all at once. Messages go to stderr. Heap; one thread. */
#ifndef SELKIE_CTL_WAITING_H
#define SELKIE_CTL_WAITING_H

#include "ctl_command.h"

/* device list --waiting: an ID a line, those of one gateway with --seen-by. */
enum ctl_exit ctl_waiting_list(const struct ctl_options *options);

/* device approve --waiting: the newest ID of each address, if its last frame came through the gateway of --seen-by, and
 * if nothing speaks against it: see approveDevice with `newest` in PROTOCOL.md, section 8. */
enum ctl_exit ctl_waiting_approve(const struct ctl_options *options);

#endif
