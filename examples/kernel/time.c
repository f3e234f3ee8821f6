/* The clock: the PIT interrupts a thousand times a second. Between two of them the CPU may halt. */
#include "kernel.h"

enum { PIC1 = 0x20, PIC2 = 0xa0, PIT = 0x40, VECTOR = 0x20 };

volatile u32 ticks;
extern void timer_entry(void);
static struct { u16 low, selector, flags, high; } PACKED idt[VECTOR + 1];

void time_init(void)
{
    u32 entry = (u32)timer_entry, divisor = 1193182 / 1000;
    struct { u16 limit; u32 base; } PACKED pointer = { sizeof idt - 1, (u32)idt };

    idt[VECTOR].low = entry;
    idt[VECTOR].high = entry >> 16;
    idt[VECTOR].selector = 8;
    idt[VECTOR].flags = 0x8e00;                             /* present, 32-bit interrupt gate */
    asm volatile("lidt %0" : : "m"(pointer));

    static const u8 words[][4] = { { 0x11, VECTOR, 4, 3 }, { 0x11, VECTOR + 8, 2, 3 } };
    for (int i = 0; i < 4; i++) {                           /* 3: 8086 mode, with automatic end */
        outb(PIC1 + !!i, words[0][i]);
        outb(PIC2 + !!i, words[1][i]);
    }
    outb(PIC1 + 1, 0xfe);                                   /* the timer and nothing else: */
    outb(PIC2 + 1, 0xff);                                   /* the card is asked, it does not call */

    outb(PIT + 3, 0x34);                                    /* channel 0, both bytes, rate */
    outb(PIT, divisor & 255);
    outb(PIT, divisor >> 8);
    asm volatile("sti");

    outb(0x70, 0);                                          /* seconds of the real-time clock */
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    seed_random(low ^ high ^ inb(0x71) << 16);
}
