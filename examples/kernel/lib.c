/* What a C library would have: memory, numbers, text on COM1. */
#include "kernel.h"

void *memcpy(void *to, const void *from, size_t n)
{
    void *start = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}

void *memmove(void *to, const void *from, size_t n)
{
    u8 *t = to;
    const u8 *f = from;
    if (t <= f)
        return memcpy(to, from, n);
    while (n--)
        t[n] = f[n];
    return to;
}

void *memset(void *to, int value, size_t n)
{
    void *start = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a, *y = b;
    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

const char *after(const char *word, const char *prefix)
{
    size_t n = strlen(prefix);
    return memcmp(word, prefix, MIN(n, strlen(word) + 1)) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

u32 parse_number(const char **s)
{
    u32 value = 0, base = 10, digit;
    if ((*s)[0] == '0' && (*s)[1] == 'x')
        base = 16, *s += 2;
    for (;; (*s)++) {
        char c = **s;
        digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
        if (digit >= base)
            return value;
        value = value * base + digit;
    }
}

bool parse_ip(const char *s, u32 *ip)
{
    *ip = 0;
    for (int part = 0; part < 4; part++) {
        const char *start = s;
        u32 value = parse_number(&s);
        if (s == start || value > 255 || *s++ != (part < 3 ? '.' : '\0'))
            return false;
        *ip = *ip << 8 | value;
    }
    return true;
}

static void put(char c)
{
    while (!(inb(0x3f8 + 5) & 0x20))                        /* until the UART takes a byte */
        ;
    outb(0x3f8, c);
}

static void put_number(u32 value, u32 base, u32 digits)
{
    if (value >= base || digits > 1)
        put_number(value / base, base, digits - !!digits);
    put("0123456789abcdef"[value % base]);
}

void print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    for (; *format; format++) {
        if (*format != '%') {
            if (*format == '\n')
                put('\r');
            put(*format);
            continue;
        }
        u32 value = va_arg(args, u32);
        switch (*++format) {
        case 's': for (const char *s = (const char *)value; *s; s++) put(*s); break;
        case 'u': put_number(value, 10, 0); break;
        case 'x': put_number(value, 16, 8); break;
        case 'I': print("%u.%u.%u.%u", value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255); break;
        case 'M':
            for (int i = 0; i < 6; i++) {
                if (i)
                    put(':');
                put_number(((const u8 *)value)[i], 16, 2);
            }
        }
    }
    va_end(args);
}

static u32 state = 1;

u32 random(void)                                            /* xorshift: good enough for ids and ports */
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

void seed_random(u32 more)
{
    state = (state ^ more) * 2654435761u | 1;
    random();
}
