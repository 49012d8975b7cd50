/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS JSON_REAL_PRECISION(15) /* as people write them: 21.43, not 21.430000000000001 */

/* RFC 3629, section 4: no form that is longer than it must be, no surrogates, nothing above U+10FFFF. */
bool ctl_utf8_take(struct ctl_utf8 *state, unsigned char byte)
{
    if (state->left > 0) {
        bool valid = byte >= state->low && byte <= state->high;
        *state = (struct ctl_utf8){(unsigned char)(state->left - 1), 0x80, 0xBF};
        return valid;
    }
    if (byte < 0x80)
        return true;
    if (byte < 0xC2 || byte > 0xF4)
        return false;
    *state = (struct ctl_utf8){byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3, 0x80, 0xBF};
    if (byte == 0xE0 || byte == 0xF0)
        state->low = byte == 0xE0 ? 0xA0 : 0x90;
    if (byte == 0xED || byte == 0xF4)
        state->high = byte == 0xED ? 0x9F : 0x8F;
    return true;
}

size_t ctl_utf8_valid(const char *text, size_t len)
{
    struct ctl_utf8 state = {0};
    size_t valid = 0;

    for (size_t i = 0; i < len && ctl_utf8_take(&state, (unsigned char)text[i]); i++) {
        if (state.left == 0)
            valid = i + 1;
    }
    return valid;
}

#define STAND_IN_SIZE 12

/* The bytes of the character that a text begins with, if a terminal would obey it; else 0. Then `stand_in` is what to
 * show. A terminal that reads UTF-8 obeys U+0080 to U+009F as it does ESC. Of U+2000 and above, the three bytes have 4,
 * 6 and 6 bits. */
static size_t control_length(const char *text, char stand_in[static STAND_IN_SIZE])
{
    const unsigned char *bytes = (const unsigned char *)text;
    unsigned code = 0;

    (void)snprintf(stand_in, STAND_IN_SIZE, "?");
    if (iscntrl(bytes[0]))
        return 1;
    if (bytes[0] == 0xC2 && bytes[1] >= 0x80 && bytes[1] <= 0x9F)
        return 2;
    if (bytes[0] == 0xD8 && bytes[1] == 0x9C)
        code = 0x061C;
    else if (bytes[0] == 0xE2 && (bytes[1] == 0x80 || bytes[1] == 0x81) && bytes[2] != 0)
        code = 0x2000U + (bytes[1] & 0x3FU) * 64 + (bytes[2] & 0x3FU);
    if (code != 0x061C && code != 0x200E && code != 0x200F && (code < 0x2028 || code > 0x202E) &&
        (code < 0x2066 || code > 0x2069))
        return 0;
    (void)snprintf(stand_in, STAND_IN_SIZE, "<U+%04X>", code);
    return code == 0x061C ? 2 : 3;
}

void ctl_text_print(FILE *file, const char *text)
{
    char stand_in[STAND_IN_SIZE];

    while (*text != '\0') {
        size_t control = control_length(text, stand_in);
        if (control == 0)
            putc(*text, file);
        else
            fputs(stand_in, file);
        text += control == 0 ? 1 : control;
    }
}

/* UTF-8's continuation bytes take no place. */
size_t ctl_text_width(const char *text)
{
    char stand_in[STAND_IN_SIZE];
    size_t width = 0;

    while (*text != '\0') {
        size_t control = control_length(text, stand_in);
        width += control != 0 ? strlen(stand_in) : ((unsigned char)*text & 0xC0) != 0x80;
        text += control == 0 ? 1 : control;
    }
    return width;
}

static _Noreturn void give_up(void)
{
    fputs("selkiectl: out of memory, or a text is not UTF-8\n", stderr);
    exit(EXIT_FAILURE);
}

json_t *ctl_json_must(json_t *value)
{
    if (!value)
        give_up();
    return value;
}

json_t *ctl_json_pack(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    json_t *value = json_vpack_ex(NULL, 0, format, arguments);
    va_end(arguments);
    return ctl_json_must(value);
}

char *ctl_json_dump(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | NUMBERS);
    if (!text)
        give_up();
    return text;
}

json_t *ctl_json_text(const char *text, size_t len)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    char *sound = malloc(3 * len + 1), *to = sound;

    if (!sound)
        give_up();
    while (len > 0) {
        size_t valid = ctl_utf8_valid(text, len);
        memcpy(to, text, valid);
        to += valid;
        text += valid;
        len -= valid;
        if (len > 0) {
            memcpy(to, replacement, 3);
            to += 3;
            text++;
            len--;
        }
    }
    json_t *value = json_stringn(sound, (size_t)(to - sound));
    free(sound);
    return ctl_json_must(value);
}

static void must(int failure)
{
    if (failure)
        give_up();
}

void ctl_json_set(json_t *object, const char *name, json_t *value)
{
    must(json_object_set(object, name, value));
}

void ctl_json_set_take(json_t *object, const char *name, json_t *value)
{
    must(json_object_set_new(object, name, value));
}

void ctl_json_append(json_t *array, json_t *value)
{
    must(json_array_append(array, value));
}

void ctl_json_append_take(json_t *array, json_t *value)
{
    must(json_array_append_new(array, value));
}

void ctl_json_update(json_t *object, json_t *other)
{
    must(json_object_update(object, other));
}

void ctl_json_update_take(json_t *object, json_t *other)
{
    must(json_object_update(object, ctl_json_must(other)));
    json_decref(other);
}

void ctl_json_write(const json_t *value, size_t flags)
{
    if (json_dumpf(value, stdout, flags | NUMBERS) != 0 && !ferror(stdout))
        give_up();
}
