/* The PC around the card (clock, serial port, PCI), and what a C library would have. */
#include "kernel.h"

enum { COM1 = 0x3f8, PIC1 = 0x20, PIC2 = 0xa0, PIT = 0x40, RTC = 0x70, PCI = 0xcf8, VECTOR = 0x20 };
enum { DIVISOR = 1193182 / 1000 }; /* of the PIT's clock: one interrupt each millisecond */

volatile u32 ticks;
u32 random_state = 1;
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

static u32 pci_read(u32 at) { return outl(PCI, 1u << 31 | at), inl(PCI + 4); }

u32 pci_find(u32 id) { /* by mechanism 1; without PCI all is read as ones */
    u32 at = 0;        /* bus, slot, function */
    while (at < 1 << 24 && pci_read(at) != id) at += 1 << 8;
    if (at == 1 << 24) return 0;
    outl(PCI + 4, (pci_read(at | 4) & 0xffff) | 7); /* I/O, memory, bus master */
    return pci_read(at | 0x10) & ~15;
}

void *memcpy(void *to, const void *from, size_t n) {
    void *start = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}
void *memset(void *to, int value, size_t n) {
    void *start = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
    return start;
}
int memcmp(const void *a, const void *b, size_t n) {
    const u8 *x = a, *y = b;
    for (; n && *x == *y; n--) x++, y++;
    return n ? *x - *y : 0;
}

u32 parse_number(const char **s) {
    u32 value = 0;
    for (; **s >= '0' && **s <= '9'; ++*s) value = value * 10 + **s - '0';
    return value;
}

bool parse_ip(const char *s, u32 *ip) {
    for (int part = *ip = 0; part < 4; part++) {
        const char *start = s;
        u32 value = parse_number(&s);
        if (s == start || value > 255 || *s++ != (part < 3 ? '.' : '\0')) return false;
        *ip = *ip << 8 | value;
    }
    return true;
}

static void put(char c) {
    if (c == '\n') put('\r');
    outb(COM1, c);
    while (!(inb(COM1 + 5) & 0x40)); /* until it has left */
}

static void put_number(u32 value, u32 base, int digits) {
    if (value >= base || digits > 1) put_number(value / base, base, digits - 1);
    put("0123456789abcdef"[value % base]);
}

void print(const char *format, ...) {
    va_list args;
    va_start(args, format);
    for (char kind; *format; format++) {
        u32 value = *format == '%' ? va_arg(args, u32) : (u8)*format;
        kind = *format == '%' ? *++format : 'c';
        if (kind == 'c') put(value);
        if (kind == 'u') put_number(value, 10, 1);
        if (kind == 'x') put_number(value, 16, 2);
        for (const char *s = kind == 's' ? (char *)value : ""; *s;) put(*s++);
        if (kind == 'I')
            print("%u.%u.%u.%u", value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255);
    }
    va_end(args);
}

u32 random(void) { /* xorshift: good enough for ids and ports */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}
