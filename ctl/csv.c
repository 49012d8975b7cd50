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

/* The rest of a quoted field; returns the character behind it. */
static int read_quoted(struct builder *builder)
{
    struct ctl_csv *csv = builder->csv;
    while (!builder->fault) {
        int c = getc(csv->file);
        if (c == EOF) {
            builder->fault = "a quoted field does not end";
        } else if (c == '"') {
            c = getc(csv->file);
            if (c != '"')
                return c;
            put(builder, '"');
        } else {
            csv->next_line += c == '\n';
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
    int c = getc(csv->file);
    while (csv->line == 1 && csv->count == 1 && matched < 3 && c == (unsigned char)mark[matched]) {
        matched++;
        c = getc(csv->file);
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

/* One field; returns the character that ended it: a comma, a line end or EOF. */
static int read_field(struct builder *builder)
{
    begin_field(builder);
    size_t begin = builder->fill;
    int c = read_first(builder);
    if (c == '"') {
        c = read_quoted(builder);
        if (c == '\r')
            c = getc(builder->csv->file);
        if (!builder->fault && c != ',' && c != '\n' && c != EOF)
            builder->fault = "text after the end of a quoted field";
    } else {
        for (; c != ',' && c != '\n' && c != EOF && !builder->fault; c = getc(builder->csv->file)) {
            if (c == '"' || c == '\0')
                builder->fault =
                    c == '"' ? "a quote inside a field that is not quoted" : "not a text: it holds a byte 00";
            else if (c != '\r')
                put(builder, (char)c);
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
        csv->line = csv->next_line;
        csv->count = 0;
        do {
            end = read_field(&builder);
        } while (end == ',' && !builder.fault);
        csv->next_line += end == '\n';
        if (ferror(csv->file))
            builder.fault = strerror(errno);
        if (builder.fault) {
            *fault = builder.fault;
            return -1;
        }
    } while (is_empty(csv) && end != EOF);
    return is_empty(csv) ? 0 : 1;
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
