/* SPDX-License-Identifier: Apache-2.0 */
/* Where a channel's socket listens, read strictly: HOST:PORT ([HOST]:PORT where the host has colons; no host = any), or
 * a path with a '/'. The channel's number is added to the port, or appended to the path. Pure; no heap; any thread. */
#ifndef SELKIE_SIM_ENDPOINT_H
#define SELKIE_SIM_ENDPOINT_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stdint.h>

#define SELKIE_ENDPOINT_PATH_SIZE 108 /* sun_path's */

struct selkie_endpoint {
    bool is_path;
    char path[SELKIE_ENDPOINT_PATH_SIZE];
    char host[256]; /* "" = any */
    char port[8];
};

/* 0, or SELKIE_EINVAL with *mistake set to what is wrong with the text. */
SELKIE_USE_RESULT int selkie_endpoint_parse(struct selkie_endpoint *endpoint, const char *text, uint32_t number,
                                            const char **mistake);

#endif
