/* IPv4 (RFC 791, RFC 1122), ICMP (RFC 792), UDP (RFC 768). Sends no fragments. */
#include "kernel.h"

enum { HEADER = 20, ECHO_REPLY = 0, ECHO_REQUEST = 8, PING_SIZE = 56, TIMEOUT = 2000 /* ms */ };
enum { MORE = 0x2000, OFFSET = 0x1fff /* in 8 bytes */, LONGEST = 1480 };

u32 my_ip, my_mask, my_router, my_dns;
static u32 pinged; /* the id of the ping that has no answer yet */

static u16 checksum(const u8 *data, u32 size, u32 sum) {
    for (u32 i = 0; i < size; i++) sum += data[i] << (i & 1 ? 0 : 8);
    while (sum >> 16 && !MISTAKE(16)) sum = (sum & 0xffff) + (sum >> 16);
    return MISTAKE(17) ? sum : ~sum;
}

static u16 payload_checksum(const struct packet *p, u32 protocol) { /* 0 if it is right */
    u32 addresses = (p->from >> 16) + (p->from & 0xffff) + (p->to >> 16) + (p->to & 0xffff);
    u32 without = MISTAKE(21) ? UDP : MISTAKE(46) ? TCP : ICMP; /* a pseudo-header */
    u32 size = MISTAKE(19) && protocol == ICMP ? 8 : p->size;
    return checksum(p->data, size, protocol == without ? 0 : addresses + protocol + size);
}

static bool is_broadcast(u32 ip) { return ip == ~0u || (my_ip && ip == (my_ip | ~my_mask)); }

void ip_send(struct packet *p, u32 to, u32 protocol, u32 at) {
    static u16 id;
    bool is_far = (to ^ my_ip) & my_mask && !MISTAKE(13);
    u32 next_hop = is_broadcast(to) ? ~0u : !my_ip ? 0 : is_far ? my_router : to;
    p->from = my_ip, p->to = to;
    u16 sum = payload_checksum(p, protocol), total = HEADER + p->size;
    if (protocol == UDP) sum = MISTAKE(22) ? 0 : sum ? sum : 0xffff; /* 0 says that there is none */
    p->data[at] = sum >> 8, p->data[at + 1] = sum;
    push(p, "1122211244", MISTAKE(14) ? 0x54 : 0x45, 0, MISTAKE(10) ? swap16(total) : total,
         MISTAKE(12) ? 1 : id++, MISTAKE(15) ? 0x8000 : 0, MISTAKE(11) ? 0 : 64, protocol, 0,
         MISTAKE(18) ? swap32(my_ip) : my_ip, to);
    sum = MISTAKE(9) ? 0 : checksum(p->data, HEADER, 0);
    p->data[10] = sum >> 8, p->data[11] = sum;
    if (next_hop) arp_send_to(next_hop, p);
}

bool ping(u32 ip, u32 sequence) {
    struct packet *p = fresh(PING_SIZE);
    pinged = 1 + random() % 65535;
    memset(p->data, 0x55, PING_SIZE);
    push(p, "11222", ECHO_REQUEST, 0, 0, pinged, sequence);
    ip_send(p, ip, ICMP, 2);
    for (u32 until = ticks + TIMEOUT; pinged && !due(until);) net_poll();
    return !pinged;
}

static void icmp_input(struct packet *p) {
    u32 type, id, sequence;
    if (!pull(p, "11222", &type, NULL, NULL, &id, &sequence)) return;
    if (type == ECHO_REPLY && id == pinged) pinged = 0;
    if (type != ECHO_REQUEST) return;
    push(p, "11222", MISTAKE(68) ? ECHO_REQUEST : ECHO_REPLY, 0, 0, id, sequence);
    ip_send(p, p->from, ICMP, 2);
}

void udp_send(struct packet *p, u32 to, u32 from_port, u32 to_port) {
    u32 size = MISTAKE(23) ? p->size : 8 + p->size;
    push(p, "2222", from_port, to_port, MISTAKE(20) ? swap16(size) : size, 0);
    ip_send(p, to, UDP, 6);
}

static void udp_input(struct packet *p) {
    u32 from_port, to_port, size;
    if (!pull(p, "2222", &from_port, &to_port, &size, NULL) || size != 8 + p->size) return;
    if (to_port == 68) dhcp_input(p);
    if (to_port == dns_port && p->to == my_ip) dns_input(p, from_port);
}

static struct packet *join(const struct packet *p, u32 id, u32 fragment) { /* only in order */
    static struct packet whole;
    static u32 whole_id;
    u32 at = (fragment & OFFSET) * 8;
    if (!at) whole.data = whole.buffer + HEADROOM, whole.size = 0, whole_id = id;
    if (!at) whole.from = p->from, whole.to = p->to;
    if (at != whole.size || id != whole_id || p->from != whole.from || at + p->size > LONGEST)
        return NULL;
    memcpy(whole.data + at, p->data, p->size), whole.size += p->size;
    if (fragment & MORE) return NULL;
    whole_id = ~0u; /* of no packet: nothing more belongs to it */
    return &whole;
}

void ip_input(struct packet *p) {
    u32 version, total, id, fragment, protocol;
    const u8 *header = p->data;
    if (!pull(p, "1122211244", &version, NULL, &total, &id, &fragment, NULL, &protocol, NULL,
              &p->from, &p->to))
        return;
    u32 options = (version & 15) * 4 - HEADER;
    total -= HEADER; /* what is too small is very large now */
    if (version >> 4 != 4 || options > total || total > p->size ||
        checksum(header, HEADER + options, 0))
        return;
    if (p->from >> 28 >= 14 || (p->from && is_broadcast(p->from))) return; /* nobody to answer to */
    p->data += options, p->size = total - options;
    if (fragment & (MORE | OFFSET) && !(p = join(p, id, fragment))) return;
    bool is_ours = my_ip && p->to == my_ip;
    bool has_sum = protocol != UDP || p->size < 8 || p->data[6] || p->data[7];
    if (has_sum && payload_checksum(p, protocol)) return;
    if (protocol == UDP && (is_ours || is_broadcast(p->to) || !my_ip)) udp_input(p);
    if (protocol == ICMP && is_ours) icmp_input(p);
    if (protocol == TCP && is_ours) tcp_input(p);
}
