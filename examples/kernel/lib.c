/* What a C library would have: memory, numbers, text. */
#include "kernel.h"

u32 random_state = 1;

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

static void put_number(u32 value, u32 base, int digits) {
    if (value >= base || digits > 1) put_number(value / base, base, digits - 1);
    serial_put("0123456789abcdef"[value % base]);
}

void print(const char *format, ...) {
    va_list args;
    va_start(args, format);
    for (; *format; format++) {
        u32 value = *format == '%' ? va_arg(args, u32) : 0;
        if (*format != '%')
            serial_put(*format);
        else if (*++format == 's')
            for (const char *s = (char *)value; *s; s++) serial_put(*s);
        else if (*format == 'I')
            print("%u.%u.%u.%u", value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255);
        else
            *format == 'x' ? put_number(value, 16, 2) : put_number(value, 10, 1);
    }
    va_end(args);
}

u32 random(void) { /* xorshift: good enough for ids and ports */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}
