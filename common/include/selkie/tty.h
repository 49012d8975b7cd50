/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of serial lines for radios, for the programs on Linux. Any thread. */
#ifndef SELKIE_TTY_H
#define SELKIE_TTY_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>

#define SELKIE_TTY_BAUD_MIN 50
#define SELKIE_TTY_BAUD_MAX 12000000

enum selkie_tty_parity { SELKIE_TTY_PARITY_NONE, SELKIE_TTY_PARITY_EVEN, SELKIE_TTY_PARITY_ODD };

enum selkie_tty_flow {
    SELKIE_TTY_FLOW_NONE,
    SELKIE_TTY_FLOW_RTSCTS /* the driver holds our bytes back while CTS is off */
};

enum selkie_tty_signal {
    SELKIE_TTY_KEEP, /* as the kernel leaves it: it raises DTR and RTS at the first opening */
    SELKIE_TTY_ON,
    SELKIE_TTY_OFF
};

/* All zero but `baud` is 8N1, and nothing else. */
struct selkie_tty_settings {
    unsigned baud; /* any number, SELKIE_TTY_BAUD_MIN to …_MAX */
    unsigned data; /* bits, 5 to 8; 0: 8 */
    unsigned stop; /* bits, 1 or 2; 0: 1 */
    enum selkie_tty_parity parity;
    enum selkie_tty_flow flow;
    enum selkie_tty_signal dtr, rts;
    bool rs485; /* the driver switches RTS while it sends, as the device tree says, else on; false: as it has it */
};

/* The names of the choices, in the order of the enums; NULL ends each. */
extern const char *const selkie_tty_parity_names[];
extern const char *const selkie_tty_flow_names[];
extern const char *const selkie_tty_signal_names[]; /* keep, on, off */

bool selkie_tty_baud_valid(unsigned baud);

/* "9600 baud, 8N1", and what else is set: ", flow rtscts, dtr off, rts on, rs485". */
#define SELKIE_TTY_TEXT_MAX 80
void selkie_tty_format(char text[static SELKIE_TTY_TEXT_MAX], const struct selkie_tty_settings *settings);

/* Make an open line raw with these settings: signals of the modem as asked, and none dropped at the end (HUPCL off).
 * Bytes that came in before are kept: they may be the start of a frame.
 *
 * 0: `refused` is "", or names what the driver did not take ("parity even: the driver runs without"); the line works
 * otherwise. SELKIE_EIO with the reason in errno: this is no line that can be set. */
#define SELKIE_TTY_REFUSED_MAX 320
SELKIE_USE_RESULT int selkie_tty_configure(int fd, const struct selkie_tty_settings *settings,
                                           char refused[static SELKIE_TTY_REFUSED_MAX]);

#endif
