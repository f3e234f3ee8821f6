/* A resolver's stub (RFC 1035, RFC 5452): asks the server that DHCP named for one address. */
#include "kernel.h"

enum { RD = 0x0100, QR = 0x8000, TC = 0x0200, RCODE = 15, A = 1, IN = 1, TRIES = 5, LONGEST = 253 };

struct dns {
    u16 id, flags, questions, answers, authorities, additions;
    u8 data[LONGEST + 2 + 4];
};

u16 dns_port;
static struct dns query;
static u32 query_size, answer;
static enum { FAILED, WAITING, FOUND } state;

static u32 write_query(const char *name) { /* its size, 0 if the name is none */
    u8 *at = query.data, *most = at + LONGEST;
    query.id = MISTAKE(41) ? 1 : random();
    query.flags = htons(MISTAKE(40) ? 0 : RD), query.questions = htons(!MISTAKE(42));
    while (*name) {
        u8 *length = at++;
        while (*name && *name != '.' && at <= most) *at++ = *name++;
        *length = at - length - 1;
        if (!*length || *length > 63) return 0;
        name += *name == '.';
    }
    if (!MISTAKE(43)) *at++ = 0;
    memcpy(at, (u16[]){htons(A), htons(IN)}, 4);
    return at + 4 - (u8 *)&query;
}

static const u8 *after_name(const u8 *at, const u8 *end) {
    while (at < end && *at && *at < 64) at += 1 + *at;
    return at < end && *at ? at + 2 : at + 1; /* a pointer ends it */
}

void dns_input(const struct frame *f, u32 size) {
    const struct dns *m = (const struct dns *)f->udp.data;
    const u8 *at = f->udp.data + query_size, *end = f->udp.data + size;
    bool ours = f->ip.from == htonl(my_dns) && f->udp.from == htons(53) && m->id == query.id;
    if (MISTAKE(45) || state != WAITING || !ours || size < query_size || !(m->flags & htons(QR)) ||
        m->questions != htons(1) || memcmp(m->data, query.data, query_size - 12))
        return;
    state = FAILED;
    for (u32 n = m->flags & htons(RCODE | TC) ? 0 : ntohs(m->answers); n--;) {
        const u8 *r = after_name(at, end), *data = r + 10; /* behind type, class, TTL, size */
        if (data > end || (at = data + (r[8] << 8 | r[9])) > end) return;
        if (memcmp(r, (u8[]){0, A, 0, IN}, 4) || at != data + 4) continue;
        answer = ntohl(*(u32 *)data), state = FOUND; /* behind aliases, maybe */
        return;
    }
}

bool dns_resolve(const char *name, u32 *ip) {
    static struct frame f;
    if (parse_ip(name, ip)) return true;
    query_size = write_query(name);
    dns_port = 49152 + random() % 16384;
    state = my_dns && query_size ? WAITING : FAILED;
    for (u32 try = 0; try < TRIES && state == WAITING; try++) {
        memcpy(f.udp.data, &query, query_size);
        udp_send(&f, my_dns, dns_port, 53, query_size);
        u32 until = ticks + ((MISTAKE(44) ? 10 : 2000) << try);
        while (state == WAITING && !due(until)) net_poll();
    }
    *ip = answer;
    if (state != FOUND) print("dns %s: no answer\n", name);
    return state == FOUND;
}
