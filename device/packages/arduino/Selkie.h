/* SPDX-License-Identifier: Apache-2.0 */
/* The header that a sketch includes: by it Arduino and PlatformIO find the library. */
#ifndef SELKIE_ARDUINO_H
#define SELKIE_ARDUINO_H

#include <selkie/device.h>

#endif
