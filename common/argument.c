/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <selkie/argument.h>
#include <stdlib.h>

/* From 1 to max, or 0 to -max, decimal. Ends the program if it is not. */
static int number(struct argp_state *state, const char *name, const char *text, long max)
{
    long least = max < 0 ? 0 : 1, most = max < 0 ? -max : max;
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    /* strtol itself lets white space and a plus pass. */
    if (errno != 0 || !isdigit((unsigned char)*text) || *end != '\0' || value < least || value > most)
        argp_error(state, "--%s %s: not a number from %ld to %ld", name, text, least, most);
    return (int)value;
}

#define FIRST_KEY 0x100 /* behind the letters */

static int key_of(const struct selkie_argument *table, size_t i)
{
    return table[i].key != 0 ? table[i].key : FIRST_KEY + (int)i;
}

void selkie_argument_list(struct argp_option *list, const struct selkie_argument *table, size_t count, unsigned sets)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].set & sets)
            *list++ = (struct argp_option){.name = table[i].name,
                                           .key = key_of(table, i),
                                           .arg = table[i].value,
                                           .flags = table[i].flags,
                                           .doc = table[i].help,
                                           .group = __builtin_ctz(table[i].set & sets)};
    *list = (struct argp_option){.name = NULL};
}

bool selkie_argument_take(void *options, const struct selkie_argument *table, size_t count, int key, char *value,
                          struct argp_state *state)
{
    size_t i = 0;

    while (i < count && key_of(table, i) != key)
        i++;
    if (i == count || table[i].member == SELKIE_ARGUMENT_OWN)
        return false;
    void *member = (char *)options + table[i].member;
    if (!table[i].value)
        *(bool *)member = true;
    else if (table[i].max != 0)
        *(int *)member = number(state, table[i].name, value, table[i].max);
    else
        *(const char **)member = value;
    return true;
}
