/* SPDX-License-Identifier: Apache-2.0 */
/* Of the Arduino language reference (docs.arduino.cc/language-reference), what the example calls. */
#ifndef SELKIE_TEST_ARDUINO_H
#define SELKIE_TEST_ARDUINO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INPUT_PULLUP             2
#define CHANGE                   1
#define digitalPinToInterrupt(p) (p)

extern "C" {
unsigned long millis();
unsigned long micros();
void pinMode(uint8_t pin, uint8_t mode);
void attachInterrupt(uint8_t interrupt, void (*routine)(), int mode);
}

class HardwareSerial
{
  public:
    explicit HardwareSerial(bool radio) : is_radio(radio)
    {
    }
    void begin(unsigned long baud);
    int availableForWrite();
    size_t write(const uint8_t *bytes, size_t len);
    size_t print(const char *text);
    size_t print(int number);
    size_t println(const char *text);

  private:
    bool is_radio;
};

extern HardwareSerial Serial, Serial1;

void setup();
void loop();

#endif
