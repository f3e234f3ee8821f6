/* Packets. One that goes out is written from the inside out, each layer its header in front of what
   is there already; one that comes in is read the other way. A header is a list of its fields'
   widths in bytes, like "2244": numbers, the highest byte first, and where it says 6 a MAC. */
#include "kernel.h"

struct packet *fresh(u32 size) { /* the next call takes it again */
    static struct packet p;
    p.data = memset(p.buffer + HEADROOM, 0, size), p.size = size;
    return &p;
}

u32 number(const u8 *at, u32 width) {
    u32 value = 0;
    while (width--) value = value << 8 | *at++;
    return value;
}

void push(struct packet *p, const char *widths, ...) {
    va_list args;
    va_start(args, widths);
    for (const char *width = widths; *width; width++)
        p->data -= *width - '0', p->size += *width - '0';
    for (u8 *at = p->data; *widths; at += *widths++ - '0') {
        u32 value = va_arg(args, u32), width = *widths - '0';
        if (width == 6) memcpy(at, (u8 *)value, 6);
        for (u32 i = 0; i < width % 6; i++) at[i] = value >> 8 * (width - 1 - i);
    }
    va_end(args);
}

bool pull(struct packet *p, const char *widths, ...) {
    va_list args;
    va_start(args, widths);
    for (u32 width; *widths && p->size >= (width = *widths - '0'); widths++) {
        u32 none, *value = va_arg(args, u32 *) ?: &none;
        *value = width == 6 ? (u32)p->data : number(p->data, width);
        p->data += width, p->size -= width;
    }
    va_end(args);
    return !*widths;
}
