/* SPDX-License-Identifier: Apache-2.0 */
/* Of FreeRTOS's API reference (freertos.org/Documentation/02-Kernel/04-API-references), what docs/LOOP.md calls. */
#ifndef SELKIE_TEST_FAKE_FREERTOS_H
#define SELKIE_TEST_FAKE_FREERTOS_H

#include <stdint.h>

#define configTICK_RATE_HZ    100u
#define pdTRUE                1
#define pdFALSE               0
#define tskIDLE_PRIORITY      0u
#define pdMS_TO_TICKS(ms)     ((TickType_t)(((uint64_t)(ms)*configTICK_RATE_HZ) / 1000u))
#define portYIELD_FROM_ISR(x) (void)(x)

typedef uint32_t StackType_t;
typedef uint32_t TickType_t;
typedef long BaseType_t;
typedef unsigned long UBaseType_t;
typedef struct {
    void (*code)(void *);
} StaticTask_t;
typedef struct {
    uint8_t *bytes;
    UBaseType_t length, item_size, count;
} StaticQueue_t;
typedef StaticTask_t *TaskHandle_t;
typedef StaticQueue_t *QueueHandle_t;

TaskHandle_t xTaskCreateStatic(void (*code)(void *), const char *name, uint32_t depth, void *parameters,
                               UBaseType_t priority, StackType_t *stack, StaticTask_t *memory);
QueueHandle_t xQueueCreateStatic(UBaseType_t length, UBaseType_t item_size, uint8_t *bytes, StaticQueue_t *memory);
BaseType_t xQueueSend(QueueHandle_t queue, const void *item, TickType_t ticks);
BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t ticks);
uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks);
BaseType_t xTaskNotifyGive(TaskHandle_t task);
void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *woken);
TickType_t xTaskGetTickCount(void);

#endif
