/* The PC around the card: clock, serial port, PCI. */
#include "kernel.h"

enum { COM1 = 0x3f8, PIC1 = 0x20, PIC2 = 0xa0, PIT = 0x40, RTC = 0x70, PCI = 0xcf8, VECTOR = 0x20 };

volatile u32 ticks;
extern void timer_entry(void);

void clock_init(void) { /* the PIT interrupts every millisecond; until then the CPU may halt */
    static const u8 pics[][4] = {{0x11, VECTOR, 4, 3}, {0x11, VECTOR + 8, 2, 3}};
    static u16 idt[VECTOR + 1][4];
    u32 entry = (u32)timer_entry, divisor = 1193182 / 1000, low, high;
    u16 pointer[] = {sizeof idt - 1, (u32)idt, (u32)idt >> 16};

    memcpy(idt[VECTOR], (u16[]){entry, 8, 0x8e00, entry >> 16}, 8); /* 32-bit interrupt gate */
    asm volatile("lidt %0" : : "m"(pointer));
    for (int i = 0; i < 4; i++) { /* 3: 8086 mode, with automatic end of interrupt */
        outb(PIC1 + !!i, pics[0][i]);
        outb(PIC2 + !!i, pics[1][i]);
    }
    outb(PIC1 + 1, 0xfe); /* the timer and nothing else: the card is asked, it does not call */
    outb(PIC2 + 1, 0xff);
    outb(PIT + 3, 0x34); /* channel 0, both bytes, rate */
    outb(PIT, divisor & 255);
    outb(PIT, divisor >> 8);
    asm volatile("sti");

    outb(RTC, 0); /* seconds */
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    random_state ^= (low ^ inb(RTC + 1) << 16) * 2654435761u;
}

void serial_init(void) { /* 115200 8N1, with its FIFO */
    static const u8 values[][2] = {{3, 0x80}, {0, 1}, {1, 0}, {3, 3}, {2, 7}};
    foreach (value, values) outb(COM1 + (*value)[0], (*value)[1]);
}

void serial_wait(u8 status) { while (!(inb(COM1 + 5) & status)); }

void serial_put(char c) {
    if (c == '\n') serial_put('\r');
    serial_wait(0x20); /* until it takes a byte */
    outb(COM1, c);
}

static u32 pci_read(u32 device, u8 at) { /* mechanism 1; without PCI all are ones */
    outl(PCI, 1u << 31 | device | at);
    return inl(PCI + 4);
}

u32 pci_find(u32 id) {
    for (u32 device = 0; device < 1 << 24; device += 1 << 8) { /* bus, slot, function */
        if (pci_read(device, 0) != id) continue;
        outl(PCI + 4, (pci_read(device, 4) & 0xffff) | 7); /* I/O, memory, bus master */
        return pci_read(device, 0x10) & ~15;
    }
    return 0;
}
