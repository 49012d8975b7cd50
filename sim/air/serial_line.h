/* SPDX-License-Identifier: Apache-2.0 */
/* The cable between a simulated radio and its reader: the master of a pseudo-terminal, or a socket that one
 * reader at a time connects to (socat makes a pseudo-terminal of it in another container).
 *
 * A radio does not wait. Bytes without a reader are lost. Bytes that a reader does not take at once are buffered, up to
 * SELKIE_SIM_LINE_PENDING_MAX; further ones are lost and counted, as in a serial chip that overruns.
 * Never blocks; one thread. */
#ifndef SELKIE_SIM_SERIAL_LINE_H
#define SELKIE_SIM_SERIAL_LINE_H

#include <poll.h>
#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SELKIE_SIM_LINE_PENDING_MAX 65536

struct selkie_sim_line {
    int fd;           /* the pty's master, or the reader's connection; -1 = none */
    int listener;     /* socket: -1 for a pty */
    bool live;        /* somebody holds the other end */
    char name[256];   /* for readers: the link to the pty, the socket's path, or HOST:PORT */
    mode_t file;      /* what stands under this name and is removed at the end: S_IFLNK, S_IFSOCK; 0 = nothing */
    uint64_t overrun; /* bytes lost */
    size_t pending_len;
    uint8_t pending[SELKIE_SIM_LINE_PENDING_MAX];
};

/* Both open a line that is zeroed but for its descriptors, -1. SELKIE_EIO, SELKIE_EINVAL after a line on stderr; close
 * it then, too. A pty whose slave readers find under `link`: what an earlier run left there is replaced; anything else
 * is left alone, and an error. */
SELKIE_USE_RESULT int selkie_sim_line_open_pty(struct selkie_sim_line *line, const char *link);

/* Listen where selkie_endpoint_parse says; a path as with a pty's link. */
SELKIE_USE_RESULT int selkie_sim_line_open_socket(struct selkie_sim_line *line, const char *address, uint32_t number);

void selkie_sim_line_close(struct selkie_sim_line *line);

/* Look whether somebody came or went. Returns whether that changed. */
bool selkie_sim_line_check(struct selkie_sim_line *line);

void selkie_sim_line_write(struct selkie_sim_line *line, const uint8_t *bytes, size_t len);

/* What the reader sent back; 0 = nothing. */
size_t selkie_sim_line_read(struct selkie_sim_line *line, uint8_t *bytes, size_t size);

/* What to poll for; .fd is negative where there is nothing to wait for. Then call flush, read and check. */
struct pollfd selkie_sim_line_poll(const struct selkie_sim_line *line);
void selkie_sim_line_flush(struct selkie_sim_line *line);

#endif
