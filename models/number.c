/* SPDX-License-Identifier: Apache-2.0 */
#include "number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DECIMALS_MAX 12
#define WHOLE_MAX    9007199254740992 /* 2^53: above, not every whole number is a double */
#define TEXT_SIZE    512              /* the longest double, with decimals */

/* A whole number below 2^53 divided by a power of ten, both exact, is the double nearest to the decimal number. */
double selkie_number_round(double number, int decimals)
{
    static const double powers[DECIMALS_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
    double whole = number * powers[decimals];
    char text[TEXT_SIZE];

    if (fabs(whole) < WHOLE_MAX)
        return round(whole) / powers[decimals];
    (void)snprintf(text, sizeof text, "%.*f", decimals, number);
    return strtod(text, NULL);
}

double selkie_number_shorten(double number, int digits)
{
    char text[TEXT_SIZE];

    (void)snprintf(text, sizeof text, "%.*g", digits, number);
    return strtod(text, NULL);
}

int selkie_number_decimals(double number)
{
    for (int decimals = 0; decimals <= DECIMALS_MAX; decimals++) {
        if (selkie_number_round(number, decimals) == number)
            return decimals;
    }
    return -1;
}

double selkie_number_single(float number)
{
    char text[TEXT_SIZE];

    for (int digits = FLT_DIG; digits < FLT_DECIMAL_DIG; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, (double)number);
        if (strtof(text, NULL) == number)
            return strtod(text, NULL);
    }
    return selkie_number_shorten(number, FLT_DECIMAL_DIG);
}

json_t *selkie_number_json(double number)
{
    if (fabs(number) < WHOLE_MAX && number == trunc(number))
        return json_integer((json_int_t)number);
    return json_real(number);
}
