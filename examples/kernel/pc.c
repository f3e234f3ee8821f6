/* The PC around the card: clock, serial port, PCI. */
#include "kernel.h"

enum { COM1 = 0x3f8, PIC1 = 0x20, PIC2 = 0xa0, PIT = 0x40, RTC = 0x70, PCI = 0xcf8, VECTOR = 0x20 };
enum { DIVISOR = 1193182 / 1000 }; /* of the PIT's clock: one interrupt each millisecond */

volatile u32 ticks;
extern void timer_entry(void);

void pc_init(void) { /* from here on the CPU may halt; 0x11 ... 3: end of interrupt by itself */
    static u16 idt[VECTOR + 1][4];
    u32 entry = (u32)timer_entry, now;
    u16 pointer[] = {sizeof idt - 1, (u32)idt, (u32)idt >> 16};
    memcpy(idt[VECTOR], (u16[]){entry, 8, 0x8e00, entry >> 16}, 8); /* 32-bit interrupt gate */
    outb(PIC1, 0x11), outb(PIC1 + 1, VECTOR), outb(PIC1 + 1, 4), outb(PIC1 + 1, 3);
    outb(PIC2, 0x11), outb(PIC2 + 1, VECTOR + 8), outb(PIC2 + 1, 2), outb(PIC2 + 1, 3);
    outb(PIC1 + 1, 0xfe), outb(PIC2 + 1, 0xff); /* the timer's alone: cards are asked */
    outb(PIT + 3, 0x34), outb(PIT, DIVISOR & 255), outb(PIT, DIVISOR >> 8); /* channel 0, rate */
    outb(COM1 + 3, 0x80), outb(COM1, 1), outb(COM1 + 1, 0);                 /* 115200 */
    outb(COM1 + 3, 3), outb(COM1 + 2, 7);                                   /* 8N1, FIFO */
    outb(RTC, 0);                                                           /* seconds */
    asm volatile("lidt %1; sti; rdtsc" : "=a"(now) : "m"(pointer) : "edx");
    random_state ^= (now ^ inb(RTC + 1) << 16) * 2654435761u;
}

void serial_put(char c) {
    if (c == '\n') serial_put('\r');
    outb(COM1, c);
    while (!(inb(COM1 + 5) & 0x40)); /* until it has left */
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
