/* Packets. One that goes out is written from the inside out, each layer its header in front of what
   is there already; one that comes in is read the other way. A header is a list of its fields'
   widths in bytes, like "2244": numbers, the highest byte first, and where it says 6 a MAC. */
#include "kernel.h"

#include <stdarg.h>

struct packet *fresh(u32 size) { /* the next call takes it again */
    static struct packet p;
    p.data = memset(p.buffer + HEADROOM, 0, size), p.size = size;
    return &p;
}

static u32 length(const char *widths) {
    u32 sum = 0;
    while (*widths) sum += *widths++ - '0';
    return sum;
}

void push(struct packet *p, const char *widths, ...) {
    va_list args;
    va_start(args, widths);
    p->data -= length(widths), p->size += length(widths);
    for (u8 *at = p->data; *widths; at += *widths++ - '0') {
        u32 value = va_arg(args, u32), width = *widths - '0';
        if (width == 6) memcpy(at, (u8 *)value, 6);
        for (u32 i = 0; i < width % 6; i++) at[i] = value >> 8 * (width - 1 - i);
    }
    va_end(args);
}

bool pull(struct packet *p, const char *widths, ...) {
    va_list args;
    if (p->size < length(widths)) return false;
    va_start(args, widths);
    p->size -= length(widths);
    for (; *widths; p->data += *widths++ - '0') {
        u32 none, *value = va_arg(args, u32 *), width = *widths - '0', *to = value ?: &none;
        *to = width == 6 ? (u32)p->data : 0;
        for (u32 i = 0; i < width % 6; i++) *to = *to << 8 | p->data[i];
    }
    va_end(args);
    return true;
}
