/* A resolver's stub (RFC 1035, RFC 5452): asks the server that DHCP named for one address. */
#include "kernel.h"

enum { RD = 0x0100, QR = 0x8000, TC = 0x0200, RCODE = 15, A = 1, IN = 1, TRIES = 5 };

struct dns { u16 id, flags, questions, answers, authorities, additions; u8 data[]; } PACKED;
struct record { u16 type, class; u32 ttl; u16 size; } PACKED;

u16 dns_port;
static u8 query[12 + 255 + 4];
static u32 query_size, answer;
static enum { WAITING, FOUND, FAILED } state;

static u32 ask(const char *name)                            /* the query's size, 0 if the name is none */
{
    struct dns *q = (struct dns *)query;
    u8 *length = q->data, *at = length + 1;
    *q = (struct dns){ MISTAKE(41) ? 1 : random(), MISTAKE(40) ? 0 : htons(RD), htons(MISTAKE(42) ? 0 : 1), 0, 0, 0 };
    for (; *name; name++) {
        if (at - q->data > 253)
            return 0;
        if (*name != '.') {
            *at++ = *name;
            continue;
        }
        *length = at - length - 1;
        if (!*length || *length > 63)
            return 0;
        length = at++;
    }
    *length = at - length - 1;
    if (*length > 63)
        return 0;
    if (*length && !MISTAKE(43))                            /* it did not end with a dot */
        *at++ = 0;
    memcpy(at, &(u16[]){ htons(A), htons(IN) }, 4);
    return at + 4 - query;
}

static const u8 *after_name(const u8 *at, const u8 *end)
{
    while (at < end && *at && *at < 64)
        at += 1 + *at;
    return at < end && *at ? at + 2 : at + 1;               /* a pointer ends it */
}

void dns_input(u32 from, u16 port, const u8 *data, u32 size)
{
    const struct dns *m = (const struct dns *)data, *q = (const struct dns *)query;
    const u8 *at = data + query_size, *end = data + size;
    u16 flags = ntohs(m->flags);
    if (MISTAKE(45) || from != my_dns || port != 53 || state != WAITING || size < query_size || m->id != q->id || !(flags & QR))
        return;
    if (m->questions != htons(1) || memcmp(m->data, q->data, query_size - sizeof *q) != 0)
        return;
    state = FAILED;
    if (flags & (RCODE | TC))
        return;
    for (u32 n = ntohs(m->answers); n--;) {
        const struct record *r = (const struct record *)(at = after_name(at, end));
        if (at + sizeof *r > end || at + sizeof *r + ntohs(r->size) > end)
            return;
        at += sizeof *r + ntohs(r->size);
        if (r->type != htons(A) || r->class != htons(IN) || r->size != htons(4))
            continue;                                       /* an alias, maybe: its address follows */
        answer = ntohl(*(const u32 *)(r + 1));
        state = FOUND;
        return;
    }
}

bool dns_resolve(const char *name, u32 *ip)
{
    if (parse_ip(name, ip))
        return true;
    if (!my_dns || !(query_size = ask(name)))
        return false;
    dns_port = 49152 + random() % 16384;
    state = WAITING;
    for (u32 try = 0; try < TRIES && state == WAITING; try++) {
        udp_send(my_dns, dns_port, 53, query, query_size);
        for (u32 until = ticks + (MISTAKE(44) ? 10u << try : 2000u << try); state == WAITING && !due(until);)
            net_poll();
    }
    *ip = answer;
    return state == FOUND;
}
