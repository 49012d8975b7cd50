// SPDX-License-Identifier: Apache-2.0
// A device that registers and sends "hello" each minute through Serial1, where the radio is. Arduino has no call for a true
// random generator, so a person gives the entropy: push the button on pin 2 until Serial shows "ready". Before you compile,
// copy 1.pub.h, which `selkiectl keygen --id 1 --out keys` made, into this folder.
//
// This is an example, not a product: the pin comes from the image, because Arduino has no call for one-time-programmable
// memory. Read it from there, and the address from the chip's unique number, if your chip has them.
#include <Arduino.h>
#include <Selkie.h>
#include "hello.h"

static const uint8_t BUTTON = 2; // to ground, on a pin that has interrupts
static const uint8_t ADDRESS[SELKIE_ADDRESS_SIZE] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77};

// The times of edges, written by the interrupt at edge_in, read by the loop at edge_out.
static volatile uint32_t edges[16];
static volatile uint8_t edge_in, edge_out;

#ifndef IRAM_ATTR // where the core has it, an interrupt's code must lie in RAM
#define IRAM_ATTR
#endif

static void IRAM_ATTR onEdge() {
  const uint32_t now = micros(); // first: this is the edge
  if (uint8_t(edge_in - edge_out) < 16) {
    edges[edge_in % 16] = now;
    edge_in = edge_in + 1;
  }
}

static int readEdges(void *, uint32_t *samples, size_t max) {
  size_t count = 0;
  while (count < max && edge_out != edge_in) {
    samples[count++] = edges[edge_out % 16];
    edge_out = edge_out + 1;
  }
  return int(count);
}

static int writeRadio(void *, const uint8_t *bytes, size_t len) {
  const int room = Serial1.availableForWrite();
  if (room <= 0)
    return 0; // asked again
  return int(Serial1.write(bytes, len < size_t(room) ? len : size_t(room)));
}

static int readPin(void *, unsigned, uint8_t *pin) {
  memcpy(pin, selkie_key_1_pin, SELKIE_PIN_SIZE);
  return 0;
}

static selkie_source button;

void setup() {
  Serial.begin(115200);
  Serial1.begin(9600); // on an ESP32, name its pins: the default ones may belong to the flash
  pinMode(BUTTON, INPUT_PULLUP);
  attachInterrupt(digitalPinToInterrupt(BUTTON), onEdge, CHANGE);
  button.kind = SELKIE_SOURCE_EDGES;
  button.claim = 8; // quarter bits: a press and its release are 4 bits together
  button.width = 8;
  button.tick_hz = 1000000;
  button.bounce_us = 20000;
  button.read = readEdges;
  if (hello_begin(ADDRESS, &button, writeRadio, readPin) < 0)
    Serial.println("this device will send nothing"); // loop() says why
}

void loop() {
  static int lastState = SELKIE_DEVICE_GATHERING;
  static int lastPresses = -1;
  const int state = hello_step(hello_clock(millis()));
  if (state == SELKIE_DEVICE_GATHERING && hello_status.bits / 4 != lastPresses) {
    lastPresses = hello_status.bits / 4;
    Serial.print(lastPresses);
    Serial.print(" of ");
    Serial.print(hello_status.bits_needed / 4);
    Serial.println(" presses");
  }
  if (state != lastState && state < 0) {
    Serial.print("silent: ");
    Serial.println(selkie_error_text(state));
  }
  if (state >= SELKIE_DEVICE_READY && lastState == SELKIE_DEVICE_GATHERING)
    Serial.println("ready");
  lastState = state;
}
