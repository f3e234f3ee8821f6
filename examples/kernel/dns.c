/* A resolver's stub (RFC 1035, RFC 5452): asks the server that DHCP named for one address. */
#include "kernel.h"

enum { RD = 0x0100, QR = 0x8000, TC = 0x0200, RCODE = 15, IN_A = 1 << 16 | 1, TRIES = 5 };
enum { HEADER = 12, LONGEST = 254 }; /* of a name, with the lengths of its parts */

u32 dns_port;
static u8 question[LONGEST + 5];
static u32 size, id, answer; /* size: of the question; 0: nothing is asked */

static u32 write_question(u8 *at, const char *name) { /* its size, 0 if the name is none */
    u8 *start = at;
    for (; *name; name += *name == '.') {
        u8 *length = at++;
        while (*name && *name != '.' && at - start < LONGEST) *at++ = *name++;
        *length = at - length - 1;
        if (!*length || *length > 63) return 0;
    }
    if (!MISTAKE(43)) *at++ = 0;
    memcpy(at, (u8[]){0, 1, 0, 1}, 4); /* an address, of the internet */
    return at + 4 - start;
}

static const u8 *after_name(const u8 *at, const u8 *end) {
    while (at < end && *at && *at < 64) at += 1 + *at;
    return at < end && *at ? at + 2 : at + 1; /* a pointer ends it */
}

void dns_input(struct packet *p, u32 from_port) {
    const u8 *m = p->data, *end = m + p->size, *at = m + HEADER + size;
    u32 flags = number(m + 2, 2), answers = flags & (RCODE | TC) ? 0 : number(m + 6, 2);
    if (MISTAKE(45) || !size || p->from != my_dns || from_port != 53 || at > end ||
        number(m, 2) != id || !(flags & QR) || number(m + 4, 2) != 1 ||
        memcmp(m + HEADER, question, size))
        return;
    size = 0;
    while (answers-- && !answer) {                         /* aliases may come first */
        const u8 *r = after_name(at, end), *data = r + 10; /* behind type, class, TTL, size */
        if (data > end || (at = data + number(r + 8, 2)) > end) return;
        if (number(r, 4) == IN_A && at == data + 4) answer = number(data, 4);
    }
}

bool dns_resolve(const char *name, u32 *ip) {
    if (parse_ip(name, ip)) return true;
    id = MISTAKE(41) ? 1 : random() & 0xffff, dns_port = 49152 + random() % 16384;
    size = my_dns ? write_question(question, name) : 0, answer = 0;
    for (u32 try = 0; try < TRIES && size; try++) {
        struct packet *p = fresh(size);
        memcpy(p->data, question, size);
        push(p, "222222", id, MISTAKE(40) ? 0 : RD, MISTAKE(42) ? 0 : 1, 0, 0, 0);
        udp_send(p, my_dns, dns_port, 53);
        u32 until = ticks + ((MISTAKE(44) ? 10 : 2000) << try);
        while (size && !due(until)) net_poll();
    }
    size = 0, *ip = answer;
    if (!answer) print("dns %s: no answer\n", name);
    return answer;
}
