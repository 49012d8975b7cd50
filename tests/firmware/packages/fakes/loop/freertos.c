/* SPDX-License-Identifier: Apache-2.0 */
/* One task of FreeRTOS, run by hand. While it waits for a notification, a sensor's task gives a reading each minute.
 * The tick starts just before it wraps. */
#include "../fake.h"
#include "fake_freertos.h"
#include "my_board.h"
#include <string.h>

struct reading {
    uint8_t bytes[16];
    size_t len;
};
int give_reading(const struct reading *reading);
void on_interrupt(void);
void start_selkie(void);

extern bool fake_opens;
static TaskHandle_t only;
static uint32_t notified;

void board_on_fault(void)
{
}

TaskHandle_t xTaskCreateStatic(void (*code)(void *), const char *name, uint32_t depth, void *parameters,
                               UBaseType_t priority, StackType_t *stack, StaticTask_t *memory)
{
    (void)name;
    (void)parameters;
    if (depth * sizeof *stack < 3500 || priority == 0)
        fake_silent("the task's stack is too small");
    memory->code = code;
    return only = memory;
}

QueueHandle_t xQueueCreateStatic(UBaseType_t length, UBaseType_t item_size, uint8_t *bytes, StaticQueue_t *memory)
{
    *memory = (StaticQueue_t){bytes, length, item_size, 0};
    return memory;
}

BaseType_t xQueueSend(QueueHandle_t queue, const void *item, TickType_t ticks)
{
    (void)ticks;
    if (queue->count == queue->length)
        return pdFALSE;
    memcpy(queue->bytes + queue->count++ * queue->item_size, item, queue->item_size);
    return pdTRUE;
}

BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t ticks)
{
    (void)ticks;
    if (queue->count == 0)
        return pdFALSE;
    memcpy(item, queue->bytes, queue->item_size);
    memmove(queue->bytes, queue->bytes + queue->item_size, --queue->count * queue->item_size);
    return pdTRUE;
}

uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks)
{
    uint32_t was = notified;
    (void)clear;
    notified = 0;
    if (was == 0) {
        fake_wait_us((uint64_t)ticks * 1000000u / configTICK_RATE_HZ);
        if (board_reading_due() && !give_reading(&(struct reading){"hello", 5}))
            fake_silent("four readings wait");
        on_interrupt();
    }
    return was;
}

BaseType_t xTaskNotifyGive(TaskHandle_t task)
{
    notified += task == only;
    return pdTRUE;
}

void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *woken)
{
    notified += task == only;
    *woken = pdTRUE;
}

TickType_t xTaskGetTickCount(void)
{
    return (TickType_t)((fake_now_us - FAKE_START_US) * configTICK_RATE_HZ / 1000000u - 1000u);
}

int main(void)
{
    board_init();
    fake_opens = false;
    start_selkie();
    only->code(NULL);
    return 1;
}
