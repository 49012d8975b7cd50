/* SPDX-License-Identifier: Apache-2.0 */
#include "home_assistant_classes.h"

#include <stdio.h>
#include <string.h>

enum { MEASUREMENT = 1, ANGLE = 2, TOTAL = 4, INCREASING = 8, TOTALS = TOTAL | INCREASING, ANY = MEASUREMENT | TOTALS };

static const struct {
    const char *name;
    unsigned bit;
} state_classes[] = {
    {"measurement", MEASUREMENT}, {"measurement_angle", ANGLE}, {"total", TOTAL}, {"total_increasing", INCREASING}};

#define STATE_CLASS_COUNT (sizeof state_classes / sizeof state_classes[0])

/* Of sensors with a number. Units are divided by '|'; an empty one means that none is right too. */
static const struct sensor_class {
    const char *name, *units; /* NULL: a currency, as ISO 4217 writes it */
    unsigned states;
} sensor_classes[] = {
    /* clang-format off */
    {"absolute_humidity", "g/m³|mg/m³", MEASUREMENT},
    {"apparent_power", "VA", MEASUREMENT},
    {"aqi", "", MEASUREMENT},
    {"area", "m²|cm²|km²|mm²|in²|ft²|yd²|mi²|ac|ha", ANY},
    {"atmospheric_pressure", "Pa|hPa|kPa|bar|cbar|mbar|mmHg|inHg|psi", MEASUREMENT},
    {"battery", "%", MEASUREMENT},
    {"blood_glucose_concentration", "mg/dL|mmol/L", MEASUREMENT},
    {"carbon_dioxide", "ppm", MEASUREMENT},
    {"carbon_monoxide", "ppm", MEASUREMENT},
    {"conductivity", "S/cm|mS/cm|µS/cm", MEASUREMENT},
    {"current", "A|mA", MEASUREMENT},
    {"data_rate", "bit/s|kbit/s|Mbit/s|Gbit/s|B/s|kB/s|MB/s|GB/s|KiB/s|MiB/s|GiB/s", MEASUREMENT},
    {"data_size", "bit|kbit|Mbit|Gbit|B|kB|MB|GB|TB|PB|EB|ZB|YB|KiB|MiB|GiB|TiB|PiB|EiB|ZiB|YiB", ANY},
    {"distance", "mm|cm|m|km|in|ft|yd|mi|nmi", ANY},
    {"duration", "d|h|min|s|ms", ANY},
    {"energy", "J|kJ|MJ|GJ|mWh|Wh|kWh|MWh|GWh|TWh|cal|kcal|Mcal|Gcal", TOTALS},
    {"energy_distance", "kWh/100km|mi/kWh|km/kWh", MEASUREMENT},
    {"energy_storage", "J|kJ|MJ|GJ|mWh|Wh|kWh|MWh|GWh|TWh|cal|kcal|Mcal|Gcal", MEASUREMENT},
    {"frequency", "Hz|kHz|MHz|GHz", MEASUREMENT},
    {"gas", "ft³|CCF|m³", TOTALS},
    {"humidity", "%", MEASUREMENT},
    {"illuminance", "lx", MEASUREMENT},
    {"irradiance", "W/m²|BTU/(h⋅ft²)", MEASUREMENT},
    {"moisture", "%", MEASUREMENT},
    {"monetary", NULL, TOTAL},
    {"nitrogen_dioxide", "µg/m³", MEASUREMENT},
    {"nitrogen_monoxide", "µg/m³", MEASUREMENT},
    {"nitrous_oxide", "µg/m³", MEASUREMENT},
    {"ozone", "µg/m³", MEASUREMENT},
    {"ph", "", MEASUREMENT},
    {"pm1", "µg/m³", MEASUREMENT},
    {"pm10", "µg/m³", MEASUREMENT},
    {"pm25", "µg/m³", MEASUREMENT},
    {"power", "mW|W|kW|MW|GW|TW", MEASUREMENT},
    {"power_factor", "%|", MEASUREMENT},
    {"precipitation", "cm|mm|in", ANY},
    {"precipitation_intensity", "in/d|in/h|mm/d|mm/h", MEASUREMENT},
    {"pressure", "Pa|hPa|kPa|bar|cbar|mbar|mmHg|inHg|psi", MEASUREMENT},
    {"reactive_energy", "varh|kvarh", TOTALS},
    {"reactive_power", "var|kvar", MEASUREMENT},
    {"signal_strength", "dB|dBm", MEASUREMENT},
    {"sound_pressure", "dB|dBA", MEASUREMENT},
    {"speed", "Beaufort|ft/s|in/s|m/s|km/h|kn|mph|mm/s|in/d|in/h|mm/d|mm/h", MEASUREMENT},
    {"sulphur_dioxide", "µg/m³", MEASUREMENT},
    {"temperature", "°C|°F|K", MEASUREMENT},
    {"temperature_delta", "°C|°F|K", MEASUREMENT},
    {"volatile_organic_compounds", "µg/m³", MEASUREMENT},
    {"volatile_organic_compounds_parts", "ppm|ppb", MEASUREMENT},
    {"voltage", "V|mV|µV|kV|MV", MEASUREMENT},
    {"volume", "ft³|CCF|m³|L|mL|gal|fl. oz.", TOTALS},
    {"volume_flow_rate", "m³/h|m³/s|ft³/min|L/h|L/min|L/s|gal/min|mL/s", MEASUREMENT},
    {"volume_storage", "ft³|CCF|m³|L|mL|gal|fl. oz.", MEASUREMENT},
    {"water", "m³|L|ft³|CCF|gal", TOTALS},
    {"weight", "kg|g|mg|µg|oz|lb|st", ANY},
    {"wind_direction", "°", ANGLE},
    {"wind_speed", "Beaufort|ft/s|in/s|m/s|km/h|kn|mph|mm/s", MEASUREMENT},
    /* clang-format on */
};

#define SENSOR_CLASS_COUNT (sizeof sensor_classes / sizeof sensor_classes[0])

static const char *const binary_classes[] = {"battery",
                                             "battery_charging",
                                             "carbon_monoxide",
                                             "cold",
                                             "connectivity",
                                             "door",
                                             "garage_door",
                                             "gas",
                                             "heat",
                                             "light",
                                             "lock",
                                             "moisture",
                                             "motion",
                                             "moving",
                                             "occupancy",
                                             "opening",
                                             "plug",
                                             "power",
                                             "presence",
                                             "problem",
                                             "running",
                                             "safety",
                                             "smoke",
                                             "sound",
                                             "tamper",
                                             "update",
                                             "vibration",
                                             "window"};

#define BINARY_CLASS_COUNT (sizeof binary_classes / sizeof binary_classes[0])

/* Unicode has two signs for micro, U+00B5 and U+03BC; Home Assistant takes both. The next byte of `text` with the
 * former in place of the latter; moves on. */
static unsigned char next_byte(const char **text, bool *in_mu)
{
    static const char mu[] = "\xce\xbc";
    unsigned char byte = (unsigned char)**text;

    if (*in_mu) {
        *in_mu = false;
        byte = 0xb5;
    } else if (strncmp(*text, mu, sizeof mu - 1) == 0) {
        *in_mu = true;
        byte = 0xc2;
    }
    ++*text;
    return byte;
}

static bool same_unit(const char *listed, size_t listed_len, const char *unit)
{
    bool in_mu = false;

    if (strlen(unit) != listed_len)
        return false;
    for (size_t i = 0; i < listed_len; i++)
        if (next_byte(&unit, &in_mu) != (unsigned char)listed[i])
            return false;
    return true;
}

static bool is_currency(const char *unit)
{
    return strlen(unit) == 3 && strspn(unit, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

/* Whether the list has the unit ("" for none). */
static bool has_unit(const struct sensor_class *class, const char *unit)
{
    const char *at = class->units;

    if (!at)
        return is_currency(unit);
    for (;;) {
        size_t len = strcspn(at, "|");
        if (same_unit(at, len, unit))
            return true;
        if (at[len] == '\0')
            return false;
        at += len + 1;
    }
}

static unsigned state_bit(const char *name)
{
    for (size_t i = 0; i < STATE_CLASS_COUNT; i++)
        if (strcmp(state_classes[i].name, name) == 0)
            return state_classes[i].bit;
    return 0;
}

/* Append some bytes, after `between` unless they are the first. What does not fit is cut off. */
static void append(char expected[static SELKIE_MODEL_ERROR_SIZE], const char *between, const char *text, size_t len)
{
    size_t end = strlen(expected);

    (void)snprintf(expected + end, SELKIE_MODEL_ERROR_SIZE - end, "%s%.*s", end > 0 ? between : "", (int)len, text);
}

static void list_states(unsigned bits, char expected[static SELKIE_MODEL_ERROR_SIZE])
{
    expected[0] = '\0';
    for (size_t i = 0; i < STATE_CLASS_COUNT; i++)
        if (state_classes[i].bit & bits)
            append(expected, " or ", state_classes[i].name, strlen(state_classes[i].name));
}

static void list_units(const struct sensor_class *class, char expected[static SELKIE_MODEL_ERROR_SIZE])
{
    static const char currency[] = "a currency, such as EUR", none[] = "none";

    expected[0] = '\0';
    if (!class->units)
        append(expected, "", currency, sizeof currency - 1);
    for (const char *at = class->units; at; at = *(at + strcspn(at, "|")) ? at + strcspn(at, "|") + 1 : NULL) {
        size_t len = strcspn(at, "|");
        append(expected, ", ", len > 0 ? at : none, len > 0 ? len : sizeof none - 1);
    }
}

static int check_number(const struct selkie_field *field, const char **key,
                        char expected[static SELKIE_MODEL_ERROR_SIZE])
{
    const struct sensor_class *class = NULL;
    unsigned state = field->state_class ? state_bit(field->state_class) : 0;

    for (size_t i = 0; i < SENSOR_CLASS_COUNT && field->device_class && !class; i++)
        if (strcmp(sensor_classes[i].name, field->device_class) == 0)
            class = &sensor_classes[i];
    if (field->device_class && !class) {
        *key = "device_class";
        (void)snprintf(expected, SELKIE_MODEL_ERROR_SIZE, "a device class that Home Assistant has for numbers");
        return SELKIE_ECONFIG;
    }
    if (class && !has_unit(class, field->unit ? field->unit : "")) {
        *key = "unit";
        list_units(class, expected);
        return SELKIE_ECONFIG;
    }
    if (field->state_class && !(state & (class ? class->states : ANY | ANGLE))) {
        *key = "state_class";
        list_states(class ? class->states : ANY | ANGLE, expected);
        return SELKIE_ECONFIG;
    }
    return 0;
}

static bool is_binary_class(const char *name)
{
    for (size_t i = 0; i < BINARY_CLASS_COUNT; i++)
        if (strcmp(binary_classes[i], name) == 0)
            return true;
    return false;
}

int selkie_home_assistant_classes_check(const struct selkie_field *field, const char **key,
                                        char expected[static SELKIE_MODEL_ERROR_SIZE])
{
    bool right_class = !field->device_class;

    if (field->kind == SELKIE_FIELD_NUMBER)
        return check_number(field, key, expected);
    if (field->device_class && field->kind == SELKIE_FIELD_BOOLEAN)
        right_class = is_binary_class(field->device_class);
    else if (field->device_class && field->kind == SELKIE_FIELD_WORD)
        right_class = strcmp(field->device_class, "enum") == 0;
    *key = !right_class ? "device_class" : field->unit ? "unit" : "state_class";
    (void)snprintf(expected, SELKIE_MODEL_ERROR_SIZE, "%s",
                   right_class                           ? "none: only a number has one"
                   : field->kind == SELKIE_FIELD_BOOLEAN ? "a device class that Home Assistant has for binary sensors"
                   : field->kind == SELKIE_FIELD_WORD    ? "enum or none"
                                                         : "none");
    return right_class && !field->unit && !field->state_class ? 0 : SELKIE_ECONFIG;
}
