/* SPDX-License-Identifier: Apache-2.0 */
/* Where a channel's socket listens: HOST:PORT or a path. */
#include "scenario/scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_path(struct selkie_endpoint *endpoint, const char *text, uint32_t number, const char **mistake)
{
    int len = snprintf(endpoint->path, sizeof endpoint->path, "%s%" PRIu32, text, number);

    *mistake = "the path, with the channel's number behind it, is longer than 107 bytes";
    endpoint->is_path = true;
    return len < (int)sizeof endpoint->path ? 0 : SELKIE_EINVAL;
}

static int parse_port(struct selkie_endpoint *endpoint, const char *text, uint32_t number, const char **mistake)
{
    size_t len = strlen(text);

    *mistake = "must be HOST:PORT with a port of 1 to 65535, or a path";
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
        return SELKIE_EINVAL;
    unsigned long first = strtoul(text, NULL, 10);
    if (first == 0 || first > UINT16_MAX)
        return SELKIE_EINVAL;
    *mistake = "the port, with the channel's number added to it, is above 65535";
    if (first + number > UINT16_MAX)
        return SELKIE_EINVAL;
    (void)snprintf(endpoint->port, sizeof endpoint->port, "%lu", first + number);
    return 0;
}

int selkie_endpoint_parse(struct selkie_endpoint *endpoint, const char *text, uint32_t number, const char **mistake)
{
    const char *colon = strrchr(text, ':');

    memset(endpoint, 0, sizeof *endpoint);
    if (strchr(text, '/'))
        return parse_path(endpoint, text, number, mistake);
    *mistake = "must be HOST:PORT, or a path with a '/'";
    if (!colon)
        return SELKIE_EINVAL;
    size_t len = (size_t)(colon - text);
    bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (bracketed) {
        text++;
        len -= 2;
    } else if (memchr(text, ':', len)) {
        *mistake = "a host with colons must stand in brackets: [HOST]:PORT";
        return SELKIE_EINVAL;
    }
    if (len >= sizeof endpoint->host)
        return SELKIE_EINVAL;
    memcpy(endpoint->host, text, len);
    return parse_port(endpoint, colon + 1, number, mistake);
}
