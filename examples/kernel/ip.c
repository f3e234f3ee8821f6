/* IPv4 (RFC 791, RFC 1122), ICMP (RFC 792), UDP (RFC 768). No options are sent, and no fragments. */
#include "kernel.h"

enum { ECHO_REPLY = 0, UNREACHABLE = 3, ECHO_REQUEST = 8, PORT = 3, PING_SIZE = 56, PING_ID = 0x4b21 };

struct icmp { u8 type, code; u16 checksum, id, sequence; u8 data[]; } PACKED;
struct udp { u16 from, to, size, checksum; u8 data[]; } PACKED;

u32 my_ip, my_mask, my_router, my_dns;
static u8 tx[FRAME_MAX];
static struct ip *const tx_ip = (struct ip *)(tx + sizeof(struct eth));
static u32 pinged;
static u16 ping_sequence;

u16 checksum(const void *data, u32 size, u32 sum)
{
    const u8 *bytes = data;
    for (; size > 1; size -= 2, bytes += 2)
        sum += *(const u16 *)bytes;
    if (size)
        sum += *bytes;
    while (sum >> 16 && !MISTAKE(16))
        sum = (sum & 0xffff) + (sum >> 16);
    return MISTAKE(17) ? sum : ~sum;
}

u32 pseudo_header(u32 from, u32 to, u8 protocol, u32 size)
{
    from = htonl(from), to = htonl(to);
    return (from & 0xffff) + (from >> 16) + (to & 0xffff) + (to >> 16) + htons(protocol) + htons(size);
}

void *ip_payload(void) { return tx_ip + 1; }

static bool is_broadcast(u32 ip) { return ip == ~0u || (my_ip && ip == (my_ip | ~my_mask)); }

void ip_send(u32 to, u8 protocol, u32 size)
{
    static u16 id;
    u32 next_hop = (to ^ my_ip) & my_mask && !MISTAKE(13) ? my_router : to;
    size += sizeof *tx_ip;
    *tx_ip = (struct ip){ MISTAKE(14) ? 0x54 : 0x45, 0, MISTAKE(10) ? size : htons(size), htons(MISTAKE(12) ? 1 : id++), MISTAKE(15) ? htons(0x8000) : 0, MISTAKE(11) ? 0 : 64, protocol, 0, MISTAKE(18) ? my_ip : htonl(my_ip), htonl(to) };
    tx_ip->checksum = MISTAKE(9) ? 0 : checksum(tx_ip, sizeof *tx_ip, 0);
    if (is_broadcast(to))
        eth_send(broadcast, TYPE_IP, tx, size);
    else if (my_ip && next_hop)
        arp_send_to(next_hop, tx, size);
}

static void icmp_send(u32 to, u8 type, u8 code, u16 id, u16 sequence, const void *data, u32 size)
{
    struct icmp *icmp = ip_payload();
    *icmp = (struct icmp){ type, code, 0, id, sequence };
    memmove(icmp->data, data, size);
    icmp->checksum = checksum(icmp, MISTAKE(19) ? sizeof *icmp : sizeof *icmp + size, 0);
    ip_send(to, ICMP, sizeof *icmp + size);
}

bool ping(u32 ip, u16 sequence, u32 timeout)
{
    u8 data[PING_SIZE];
    for (int i = 0; i < PING_SIZE; i++)
        data[i] = i;
    pinged = ip, ping_sequence = sequence;
    icmp_send(ip, ECHO_REQUEST, 0, htons(PING_ID), htons(sequence), data, sizeof data);
    for (u32 until = ticks + timeout; pinged && !due(until);)
        net_poll();
    return !pinged;
}

static void icmp_input(const struct ip *ip, const u8 *data, u32 size)
{
    const struct icmp *icmp = (const struct icmp *)data;
    u32 from = ntohl(ip->from);
    if (size < sizeof *icmp || checksum(icmp, size, 0) != 0)
        return;
    size -= sizeof *icmp;
    if (icmp->type == ECHO_REQUEST) {
        icmp_send(from, MISTAKE(68) ? ECHO_REQUEST : ECHO_REPLY, 0, icmp->id, icmp->sequence, icmp->data, size);
    } else if (icmp->type == ECHO_REPLY) {
        if (from == pinged && icmp->id == htons(PING_ID) && icmp->sequence == htons(ping_sequence))
            pinged = 0;
    } else if (icmp->type == UNREACHABLE && size >= sizeof *ip + 8) {
        const struct ip *ours = (const struct ip *)icmp->data;
        const u16 *ports = (const u16 *)(ours + 1);
        if (ours->protocol == TCP && ours->version_ihl == 0x45 && ntohl(ours->from) == my_ip)
            tcp_unreachable(ntohl(ours->to), ntohs(ports[0]), ntohs(ports[1]));
    }
}

void udp_send(u32 to, u16 from_port, u16 to_port, const void *data, u32 size)
{
    struct udp *udp = ip_payload();
    u32 total = sizeof *udp + size;
    *udp = (struct udp){ htons(from_port), htons(to_port), MISTAKE(20) ? total : htons(total - 8 * MISTAKE(23)), 0 };
    memcpy(udp->data, data, size);
    udp->checksum = checksum(udp, total, MISTAKE(21) ? 0 : pseudo_header(my_ip, to, UDP, total));
    if (!udp->checksum)
        udp->checksum = 0xffff;                             /* 0 says that there is none */
    if (MISTAKE(22))
        udp->checksum = 0;
    ip_send(to, UDP, total);
}

static void udp_input(const struct ip *ip, const u8 *data, u32 size)
{
    const struct udp *udp = (const struct udp *)data;
    u32 from = ntohl(ip->from), to = ntohl(ip->to), total = size < sizeof *udp ? 0 : ntohs(udp->size);
    if (total < sizeof *udp || total > size)
        return;
    if (udp->checksum && checksum(udp, total, pseudo_header(from, to, UDP, total)) != 0)
        return;
    size = total - sizeof *udp;
    if (udp->to == htons(68))
        dhcp_input(udp->data, size);
    else if (my_ip && ntohs(udp->to) == dns_port)
        dns_input(from, ntohs(udp->from), udp->data, size);
    else if (my_ip && to == my_ip && udp->to == htons(tcp_listening))    /* echo= (RFC 862) */
        udp_send(from, tcp_listening, ntohs(udp->from), udp->data, size);
    else if (my_ip && to == my_ip)
        icmp_send(from, UNREACHABLE, PORT, 0, 0, ip, (ip->version_ihl & 15) * 4 + 8);
}

void ip_input(const struct eth *eth, u32 size)
{
    const struct ip *ip = (const struct ip *)(eth + 1);
    if (size < sizeof *ip || ip->version_ihl >> 4 != 4)
        return;
    u32 header = (ip->version_ihl & 15) * 4, total = ntohs(ip->total), to = ntohl(ip->to), from = ntohl(ip->from);
    if (header < sizeof *ip || total < header || total > size || checksum(ip, header, 0) != 0)
        return;
    if (ntohs(ip->fragment) & 0x3fff)                       /* more to come, or not the first */
        return;
    if (from >> 28 >= 14 || (from && is_broadcast(from)))   /* nobody who could be answered */
        return;
    const u8 *data = (const u8 *)ip + header;
    bool is_ours = my_ip && to == my_ip;
    if (ip->protocol == UDP && (is_ours || is_broadcast(to) || !my_ip))
        udp_input(ip, data, total - header);
    else if (ip->protocol == ICMP && is_ours)
        icmp_input(ip, data, total - header);
    else if (ip->protocol == TCP && is_ours)
        tcp_input(ip, data, total - header);
}
