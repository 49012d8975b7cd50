/* SPDX-License-Identifier: Apache-2.0 */
/* Options on a command line that argp reads: one table has their names, their help, and the members of the program's
 * struct that they set. No heap; one thread, as argp. */
#ifndef SELKIE_ARGUMENT_H
#define SELKIE_ARGUMENT_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

/* One option. Without a value it sets a bool; with `max` an int, 1 to max, or 0 to -max if that is negative, or the
 * program ends with argp's usage; else a const char *, which belongs to argv.
 */
struct selkie_argument {
    const char *name;
    const char *value; /* as help shows it, or NULL */
    const char *help;
    size_t member; /* of the struct, by offsetof; SELKIE_ARGUMENT_OWN: the program takes the option itself */
    long max;
    int key;      /* its letter, or what the program wants to know it by; 0: the place in the table makes one */
    int flags;    /* argp's */
    unsigned set; /* which lists it is in, one bit for each; help shows a list's options of one set together */
};

#define SELKIE_ARGUMENT_OWN ((size_t)-1)

/* Write argp's list of the options that are in one of these sets, and a row of zeros; room for count + 1 rows. */
void selkie_argument_list(struct argp_option *list, const struct selkie_argument *table, size_t count, unsigned sets);

/* Take an option: set its member of `options`. False: the key is none of the table, or of an option that the program
 * takes itself. */
bool selkie_argument_take(void *options, const struct selkie_argument *table, size_t count, int key, char *value,
                          struct argp_state *state);

#endif
