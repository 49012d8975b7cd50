/* SPDX-License-Identifier: Apache-2.0 */
#include "csv.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* The row under way: where the next character goes. */
struct builder {
    struct ctl_csv *csv;
    size_t fill;
    const char *fault;
};

static void put(struct builder *builder, char c)
{
    if (builder->fill == sizeof builder->csv->row)
        builder->fault = "the row is too long";
    else
        builder->csv->row[builder->fill++] = c;
}

static void begin_field(struct builder *builder)
{
    struct ctl_csv *csv = builder->csv;
    if (csv->count == CTL_CSV_FIELDS_MAX)
        builder->fault = "the row has too many fields";
    else
        csv->fields[csv->count++] = csv->row + builder->fill;
}

static void set_fault_here(struct builder *builder, const char *fault)
{
    builder->fault = fault;
    builder->csv->fault_line = builder->csv->next_line;
    builder->csv->fault_column = builder->csv->column;
}

/* The next byte. EOF after a fault, too. */
static int next_byte(struct builder *builder)
{
    struct ctl_csv *csv = builder->csv;
    int c = getc(csv->file);
    bool inside = csv->utf8.left > 0;
    if (c == EOF && inside)
        set_fault_here(builder, "not UTF-8: the text ends within a character");
    if (c == EOF)
        return EOF;
    if ((csv->offset == 0 && (c == 0xFF || c == 0xFE)) || (csv->offset < 2 && c == '\0')) {
        builder->fault = "the file is UTF-16; save it as UTF-8";
        return EOF;
    }
    csv->offset++;
    csv->column += !inside;
    if (!inside)
        csv->first = (unsigned char)c;
    if (!ctl_utf8_take(&csv->utf8, (unsigned char)c)) {
        (void)snprintf(csv->why, sizeof csv->why, "not UTF-8: byte %02X; save the file as UTF-8", csv->first);
        set_fault_here(builder, csv->why);
        return EOF;
    }
    if (c == '\n') {
        csv->next_line++;
        csv->column = 0;
    }
    return c;
}

static bool is_separator(struct ctl_csv *csv, int c)
{
    if (csv->separator == '\0' && csv->find_separator && (c == ',' || c == ';' || c == '\t'))
        csv->separator = (char)c;
    return c == (csv->separator != '\0' ? csv->separator : ',');
}

static bool ends_field(struct ctl_csv *csv, int c)
{
    return c == '\n' || c == EOF || is_separator(csv, c);
}

/* Behind a carriage return that no quotes hold: the rest of the line end. */
static int end_line(struct builder *builder)
{
    int c = next_byte(builder);
    if (c != '\n' && c != EOF) {
        set_fault_here(builder, "a carriage return that neither ends a line (LF, CR LF) nor is in quotes");
        builder->csv->fault_column--;
    }
    return c;
}

/* The rest of a quoted field; returns the character behind it. */
static int read_quoted(struct builder *builder)
{
    while (!builder->fault) {
        int c = next_byte(builder);
        if (builder->fault) {
            break;
        } else if (c == EOF) {
            builder->fault = "a quoted field does not end";
        } else if (c == '"') {
            c = next_byte(builder);
            if (c != '"')
                return c;
            put(builder, '"');
        } else {
            if (c == '\0')
                builder->fault = "not a text: it holds a byte 00";
            put(builder, (char)c);
        }
    }
    return EOF;
}

/* The first character of a field. Spreadsheets write a byte order mark before the first of all. */
static int read_first(struct builder *builder)
{
    static const char mark[] = "\xEF\xBB\xBF";
    struct ctl_csv *csv = builder->csv;
    size_t matched = 0;
    int c = next_byte(builder);
    while (csv->line == 1 && csv->count == 1 && matched < 3 && c == (unsigned char)mark[matched]) {
        if (++matched == 3)
            csv->column = 0;
        c = next_byte(builder);
    }
    for (size_t i = 0; matched < 3 && i < matched; i++)
        put(builder, mark[i]);
    return c;
}

/* Whether a spreadsheet may run a text that begins so: behind any spaces and quotes there is a sign that begins a
 * formula (or its wide form), or a tab or line end, which some strip first. An apostrophe counts too: it would be taken
 * for the guard.
 */
static bool needs_guard(const char *text)
{
    text += strspn(text, " \"");
    if (strncmp(text, "\xEF\xBC", 2) == 0)
        return text[2] != '\0' && strchr("\x9D\x8B\x8D\xA0", text[2]);
    return *text != '\0' && strchr("=+-@\t\r\n'", *text);
}

/* Some spreadsheets divide a row at semicolons or tabs instead of commas, and then know no quotes around a line end: a
 * cell may begin behind each of these too. */
static bool divides(char c)
{
    return c == ';' || c == '\t' || c == '\n' || c == '\r';
}

/* Take the apostrophes out that ctl_csv_write put in. */
static void remove_guards(struct builder *builder, char *field)
{
    char *to = field;
    bool begins = true;
    if (builder->fault)
        return;
    for (const char *from = field; *from != '\0'; from++) {
        if (begins && *from == '\'' && needs_guard(from + 1))
            from++;
        begins = divides(*from);
        *to++ = *from;
    }
    *to = '\0';
    builder->fill = (size_t)(to + 1 - builder->csv->row);
}

/* One field; returns the character that ended it: a separator, a line end or EOF. */
static int read_field(struct builder *builder)
{
    begin_field(builder);
    size_t begin = builder->fill;
    int c = read_first(builder);
    if (c == '"') {
        c = read_quoted(builder);
        if (c == '\r')
            c = end_line(builder);
        if (!builder->fault && !ends_field(builder->csv, c))
            builder->fault = "text after the end of a quoted field";
    } else {
        while (!ends_field(builder->csv, c) && !builder->fault) {
            if (c == '"' || c == '\0')
                builder->fault =
                    c == '"' ? "a quote inside a field that is not quoted" : "not a text: it holds a byte 00";
            else if (c != '\r')
                put(builder, (char)c);
            c = c == '\r' ? end_line(builder) : next_byte(builder);
        }
    }
    put(builder, '\0');
    remove_guards(builder, builder->csv->row + begin);
    return c;
}

static bool is_empty(const struct ctl_csv *csv)
{
    return csv->count == 1 && csv->fields[0][0] == '\0';
}

int ctl_csv_next(struct ctl_csv *csv, const char **fault)
{
    int end;
    if (csv->next_line == 0)
        csv->next_line = 1;
    do {
        struct builder builder = {.csv = csv};
        csv->utf8 = (struct ctl_utf8){0};
        csv->column = csv->fault_line = csv->fault_column = 0;
        csv->line = csv->next_line;
        csv->count = 0;
        do {
            end = read_field(&builder);
        } while (!builder.fault && end != '\n' && end != EOF);
        if (ferror(csv->file))
            builder.fault = strerror(errno);
        if (builder.fault) {
            *fault = builder.fault;
            return -1;
        }
    } while (is_empty(csv) && end != EOF);
    if (csv->find_separator && csv->separator == '\0' && !is_empty(csv))
        csv->separator = ',';
    return is_empty(csv) ? 0 : 1;
}

int ctl_csv_next_filled(struct ctl_csv *csv, const char **fault)
{
    for (;;) {
        int read = ctl_csv_next(csv, fault);
        if (read != 1)
            return read;
        for (size_t i = 0; i < csv->count; i++) {
            if (csv->fields[i][strspn(csv->fields[i], " \t")] != '\0')
                return 1;
        }
    }
}

enum ctl_exit ctl_csv_fail(const struct ctl_csv *csv, const char *path, const char *what, const char *text)
{
    if (csv->fault_line != 0)
        return ctl_fail("%s:%u:%u: %s", path, csv->fault_line, csv->fault_column, what);
    return ctl_fail("%s:%u: %s%s%s", path, csv->line, what, text ? ": " : "", text ? text : "");
}

void ctl_csv_print_refused(const char *path, const char *name, const json_t *refused)
{
    json_t *each;
    size_t i;
    json_array_foreach (refused, i, each) {
        if (i == CTL_CSV_FAULTS_MAX) {
            ctl_fail("… and %zu more", json_array_size(refused) - i);
            break;
        }
        ctl_fail("%s:%lld: %s: %s", path, (long long)json_integer_value(json_object_get(each, "line")),
                 json_string_value(json_object_get(each, name)), json_string_value(json_object_get(each, "error")));
    }
}

const char *ctl_csv_trimmed(char text[static CTL_CSV_TRIMMED_SIZE], const char *field)
{
    const char *begin = field + strspn(field, " \t");
    size_t len = strlen(begin);
    while (len > 0 && (begin[len - 1] == ' ' || begin[len - 1] == '\t'))
        len--;
    if (begin[len] == '\0' || len >= CTL_CSV_TRIMMED_SIZE)
        return begin;
    memcpy(text, begin, len);
    text[len] = '\0';
    return text;
}

void ctl_csv_write(FILE *file, const char *field)
{
    bool quoted = strpbrk(field, ",\"\r\n") != NULL, begins = true;
    if (quoted)
        putc('"', file);
    for (; *field != '\0'; field++) {
        if (begins && needs_guard(field))
            putc('\'', file);
        if (*field == '"')
            putc('"', file);
        putc(*field, file);
        begins = divides(*field);
    }
    if (quoted)
        putc('"', file);
}
