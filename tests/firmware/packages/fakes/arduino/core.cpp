// SPDX-License-Identifier: Apache-2.0
// A core in the sense of Arduino: main() calls setup() once and loop() again and again. Somebody pushes the button.
#include "Arduino.h"
#include "../fake.h"
#include <stdio.h>

HardwareSerial Serial(false), Serial1(true);
static void (*button)();

unsigned long millis() { return static_cast<unsigned long>(fake_now_us / 1000); }
unsigned long micros() { return static_cast<unsigned long>(fake_now_us); }
void pinMode(uint8_t, uint8_t) {}
void attachInterrupt(uint8_t, void (*routine)(), int) { button = routine; }

void HardwareSerial::begin(unsigned long) {}
int HardwareSerial::availableForWrite() { return 63; }
size_t HardwareSerial::print(const char *text) { return static_cast<size_t>(printf("%s", text)); }
size_t HardwareSerial::print(int number) { return static_cast<size_t>(printf("%d", number)); }
size_t HardwareSerial::println(const char *text) { return static_cast<size_t>(printf("%s\n", text)); }

size_t HardwareSerial::write(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len && is_radio; i++)
        fake_radio(bytes[i]);
    return len;
}

int main()
{
    setup();
    for (;;) {
        // A press, held for a while, and a pause: as a person does it.
        if (button && fake_now_us < FAKE_START_US + 120000000u) {
            fake_wait_us(80000 + fake_random() % 60000);
            button();
            loop();
            fake_wait_us(120000 + fake_random() % 200000);
            button();
        } else {
            fake_wait_us(1000);
        }
        loop();
    }
}
