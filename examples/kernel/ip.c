/* IPv4 (RFC 791, RFC 1122), ICMP (RFC 792), UDP (RFC 768). Sends no options and no fragments,
   and joins the fragments of one datagram at a time, if it fits a frame. */
#include "kernel.h"

enum { ECHO_REPLY = 0, UNREACHABLE = 3, ECHO_REQUEST = 8, PORT_UNREACHABLE = 3 };
enum { PING_SIZE = 56, PING_ID = 0x4b21 };
enum { MORE = 0x2000, OFFSET = 0x1fff, BLOCK = 8, JOIN_TIME = 30000 /* ms */ };

u32 my_ip, my_mask, my_router, my_dns;
static u32 pinged; /* who has not answered yet */
static u16 ping_sequence;

static u16 checksum(const void *data, u32 size, u32 sum) { /* as it lies in memory */
    const u16 *word = data;
    for (; size > 1; size -= 2) sum += *word++;
    if (size) sum += *(const u8 *)word;
    while (sum >> 16 && !MISTAKE(16)) sum = (sum & 0xffff) + (sum >> 16);
    return MISTAKE(17) ? sum : ~sum;
}

u16 payload_checksum(const struct frame *f, u32 size) { /* both addresses lie in front */
    u8 protocol = f->ip.protocol, naked = MISTAKE(21) ? UDP : MISTAKE(46) ? TCP : ICMP;
    if (protocol == ICMP || protocol == naked)
        return checksum(&f->icmp, protocol == ICMP && MISTAKE(19) ? ICMP_SIZE : size, 0);
    return checksum(&f->ip.from, 8 + size, htons(protocol) + htons(size));
}

static bool is_broadcast(u32 ip) { return ip == ~0u || (my_ip && ip == (my_ip | ~my_mask)); }

void ip_send(struct frame *f, u32 to, u8 protocol, u32 size, u16 *sum) {
    static u16 id;
    u32 next_hop = (to ^ my_ip) & my_mask && !MISTAKE(13) ? my_router : to, total = IP_SIZE + size;
    f->ip.version_ihl = MISTAKE(14) ? 0x54 : 0x45, f->ip.tos = 0;
    f->ip.total = MISTAKE(10) ? total : htons(total);
    f->ip.id = htons(MISTAKE(12) ? 1 : id++), f->ip.fragment = htons(MISTAKE(15) ? 0x8000 : 0);
    f->ip.ttl = MISTAKE(11) ? 0 : 64, f->ip.protocol = protocol;
    f->ip.from = MISTAKE(18) ? my_ip : htonl(my_ip), f->ip.to = htonl(to);
    f->ip.checksum = *sum = 0;
    f->ip.checksum = MISTAKE(9) ? 0 : checksum(&f->ip, IP_SIZE, 0);
    *sum = payload_checksum(f, size);
    if (protocol == UDP && !*sum) *sum = 0xffff; /* 0 says that there is none */
    if (protocol == UDP && MISTAKE(22)) *sum = 0;
    if (is_broadcast(to))
        eth_send(f, broadcast, TYPE_IP, total);
    else if (my_ip && next_hop)
        arp_send_to(next_hop, f, total);
}

static void icmp_send(struct frame *f, u32 to, u8 type, u8 code, u32 size) {
    f->icmp.type = type, f->icmp.code = code;
    ip_send(f, to, ICMP, ICMP_SIZE + size, &f->icmp.checksum);
}

bool ping(u32 ip, u16 sequence, u32 timeout) {
    static struct frame f;
    f.icmp.id = htons(PING_ID), f.icmp.sequence = htons(sequence);
    memset(f.icmp.data, 0x55, PING_SIZE);
    pinged = ip, ping_sequence = sequence;
    icmp_send(&f, ip, ECHO_REQUEST, 0, PING_SIZE);
    for (u32 until = ticks + timeout; pinged && !due(until);) net_poll();
    return !pinged;
}

static void icmp_input(struct frame *f, u32 size) {
    u32 from = ntohl(f->ip.from);
    if (size < ICMP_SIZE || payload_checksum(f, size) != 0) return;
    if (f->icmp.type == ECHO_REQUEST) {
        icmp_send(f, from, MISTAKE(68) ? ECHO_REQUEST : ECHO_REPLY, 0, size - ICMP_SIZE);
    } else if (f->icmp.type == ECHO_REPLY && f->icmp.id == htons(PING_ID)) {
        if (from == pinged && f->icmp.sequence == htons(ping_sequence)) pinged = 0;
    } else if (f->icmp.type == UNREACHABLE && size >= ICMP_SIZE + IP_SIZE + 8) {
        const struct frame *sent = (void *)(f->icmp.data - ETH_SIZE); /* that it quotes */
        if (sent->ip.protocol == TCP && sent->ip.version_ihl == 0x45) tcp_unreachable(sent);
    }
}

void udp_send(struct frame *f, u32 to, u16 from_port, u16 to_port, u32 size) {
    size += UDP_SIZE;
    f->udp.from = htons(from_port), f->udp.to = htons(to_port);
    f->udp.size = MISTAKE(20) ? size : htons(size - 8 * MISTAKE(23));
    ip_send(f, to, UDP, size, &f->udp.checksum);
}

static void udp_input(struct frame *f, u32 size) {
    u32 from = ntohl(f->ip.from), total = ntohs(f->udp.size);
    u16 from_port = ntohs(f->udp.from), to_port = ntohs(f->udp.to);
    if (size < UDP_SIZE || total < UDP_SIZE || total > size) return;
    if (f->udp.checksum && payload_checksum(f, total) != 0) return;
    total -= UDP_SIZE;
    if (to_port == 68) {
        dhcp_input(f->udp.data, total);
    } else if (!my_ip || f->ip.to != htonl(my_ip)) {
        return;
    } else if (to_port == dns_port) {
        dns_input(f, total);
    } else if (to_port == tcp_listening) { /* echo= (RFC 862) */
        udp_send(f, from, to_port, from_port, total);
    } else {
        memcpy(f->icmp.data, &f->ip, IP_SIZE + 8);
        f->icmp.id = f->icmp.sequence = 0;
        icmp_send(f, from, UNREACHABLE, PORT_UNREACHABLE, IP_SIZE + 8);
    }
}

/* The datagram's size when this was the last one missing (RFC 791 3.2, RFC 815), else 0. */
static u32 join(struct frame *whole, const struct frame *f, u32 size) {
    static u8 has_block[(sizeof *whole - ETH_SIZE - IP_SIZE) / BLOCK];
    static u32 total, until;
    u32 fragment = ntohs(f->ip.fragment), start = (fragment & OFFSET) * BLOCK, end = start + size;
    if (end > sizeof has_block * BLOCK || (fragment & MORE && size % BLOCK)) return 0;
    if (due(until) || f->ip.id != whole->ip.id || f->ip.protocol != whole->ip.protocol ||
        f->ip.from != whole->ip.from) { /* another one */
        memset(has_block, 0, sizeof has_block);
        memcpy(whole, f, ETH_SIZE + IP_SIZE);
        total = 0, until = ticks + JOIN_TIME;
    }
    memcpy((u8 *)&whole->udp + start, &f->udp, size);
    memset(has_block + start / BLOCK, 1, (size + BLOCK - 1) / BLOCK);
    if (!(fragment & MORE)) total = end;
    for (u32 at = 0; at < total; at += BLOCK)
        if (!has_block[at / BLOCK]) return 0;
    if (total) until = ticks;
    return total;
}

void ip_input(struct frame *f, u32 size) {
    static struct frame whole;
    u32 header = (f->ip.version_ihl & 15) * 4, total = ntohs(f->ip.total);
    u32 to = ntohl(f->ip.to), from = ntohl(f->ip.from);
    bool is_ours = my_ip && to == my_ip;
    if (size < IP_SIZE || f->ip.version_ihl >> 4 != 4 || header < IP_SIZE || total < header ||
        total > size || checksum(&f->ip, header, 0) != 0)
        return;
    if (from >> 28 >= 14 || (from && is_broadcast(from))) return; /* nobody who could be answered */
    size = total - header;
    memcpy(&f->udp, (u8 *)&f->ip + header, size); /* over the options */
    f->ip.version_ihl = 0x45;
    if (ntohs(f->ip.fragment) & (MORE | OFFSET)) {
        if (!is_ours || !(size = join(&whole, f, size))) return;
        f = &whole;
    }
    if (f->ip.protocol == UDP && (is_ours || is_broadcast(to) || !my_ip))
        udp_input(f, size);
    else if (f->ip.protocol == ICMP && is_ours)
        icmp_input(f, size);
    else if (f->ip.protocol == TCP && is_ours)
        tcp_input(f, size);
}
