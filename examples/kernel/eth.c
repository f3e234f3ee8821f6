/* Ethernet (RFC 894) and ARP (RFC 826, RFC 5227). */
#include "kernel.h"

enum { REQUEST = 1, REPLY = 2, FRESH = 60000, AGAIN = 1000, TRIES = 3, DEFEND = 10000 };

struct arp { u16 hardware, protocol; u8 hardware_size, protocol_size; u16 operation;
             u8 from_mac[6]; u32 from; u8 to_mac[6]; u32 to; } PACKED;

static struct neighbor {
    enum { FREE, ASKED, KNOWN } state;
    u32 ip, when, tries;                                    /* when: asked or heard last */
    u8 mac[6];
    u32 size;                                               /* of the packet that waits for it */
    u8 frame[FRAME_MAX];
} neighbors[8];

const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const u8 nobody[6];
static u32 conflict, defended;                              /* an address that another host has */

void eth_send(const u8 *to, u16 type, void *frame, u32 size)
{
    struct eth *eth = frame;
    memcpy(eth->to, to, 6);
    memcpy(eth->from, nic.mac, 6);
    eth->type = MISTAKE(1) ? type : htons(type);
    size += sizeof *eth;
    if (size < 60) {                                        /* the shortest there is, and no old bytes */
        memset((u8 *)frame + size, MISTAKE(2) ? 0x55 : 0, 60 - size);
        size = 60;
    }
    nic.send(frame, size);
}

static void arp_send(const u8 *to, u16 operation, u32 from, const u8 *to_mac, u32 to_ip)
{
    static u8 frame[60];
    struct arp *arp = (struct arp *)(frame + sizeof(struct eth));
    *arp = (struct arp){ htons(MISTAKE(5) ? 6 : 1), htons(TYPE_IP), 6, 4, MISTAKE(4) ? operation : htons(operation), .from = htonl(from), .to = htonl(to_ip) };
    memcpy(arp->from_mac, MISTAKE(3) ? nobody : nic.mac, 6);
    memcpy(arp->to_mac, to_mac, 6);
    eth_send(to, TYPE_ARP, frame, sizeof *arp);
}

void arp_probe(u32 ip)
{
    conflict = 0;
    if (MISTAKE(7))
        return;
    arp_send(broadcast, REQUEST, 0, nobody, ip);
}

void arp_announce(void) { arp_send(broadcast, REQUEST, my_ip, nobody, my_ip); }
bool arp_conflict(u32 ip) { return conflict == ip; }

static struct neighbor *find(u32 ip)
{
    for (u32 i = 0; i < COUNT(neighbors); i++)
        if (neighbors[i].state != FREE && neighbors[i].ip == ip)
            return &neighbors[i];
    return NULL;
}

static struct neighbor *find_or_make(u32 ip)
{
    struct neighbor *n = find(ip), *oldest = neighbors;
    if (n)
        return n;
    for (n = neighbors; n < neighbors + COUNT(neighbors); n++)
        if (n->state == FREE || (oldest->state != FREE && (s32)(n->when - oldest->when) < 0))
            oldest = n;
    oldest->state = FREE;
    oldest->ip = ip;
    oldest->size = 0;
    return oldest;
}

static void learn(struct neighbor *n, const u8 *mac)
{
    u32 size = n->size;
    memcpy(n->mac, mac, 6);
    n->state = KNOWN;
    n->when = ticks;
    n->size = 0;
    if (size)
        eth_send(n->mac, TYPE_IP, n->frame, size);
}

void arp_send_to(u32 next_hop, void *frame, u32 size)
{
    struct neighbor *n = find_or_make(next_hop);
    if (MISTAKE(6)) {
        eth_send(broadcast, TYPE_IP, frame, size);
        return;
    }
    if (n->state == KNOWN && !due(n->when + FRESH)) {
        eth_send(n->mac, TYPE_IP, frame, size);
        return;
    }
    memcpy(n->frame, frame, sizeof(struct eth) + size);     /* the latest one waits */
    n->size = size;
    if (n->state == ASKED)
        return;
    n->state = ASKED;
    n->when = ticks;
    n->tries = 1;
    arp_send(broadcast, REQUEST, my_ip, nobody, next_hop);
}

void arp_tick(void)
{
    for (struct neighbor *n = neighbors; n < neighbors + COUNT(neighbors); n++) {
        if (n->state != ASKED || !due(n->when + (MISTAKE(8) ? AGAIN / 10 : AGAIN)))
            continue;
        if (n->tries++ == (MISTAKE(8) ? 9 : TRIES)) {
            print("arp: no answer from %I\n", n->ip);
            n->state = FREE;
        } else {
            n->when = ticks;
            arp_send(broadcast, REQUEST, my_ip, nobody, n->ip);
        }
    }
}

static void defend(const u8 *mac)
{
    print("arp: %M has our address\n", mac);
    if (!defended || due(defended + DEFEND)) {
        defended = ticks;
        arp_announce();
    }
}

void arp_input(const struct eth *eth, u32 size)
{
    const struct arp *arp = (const struct arp *)(eth + 1);
    if (size < sizeof *arp || ntohs(arp->hardware) != 1 || ntohs(arp->protocol) != TYPE_IP)
        return;
    u32 from = ntohl(arp->from), to = ntohl(arp->to);
    u16 operation = ntohs(arp->operation);
    if (memcmp(arp->from_mac, nic.mac, 6) == 0)
        return;
    conflict = from ? from : to;                            /* it has it, or probes for it */
    if (!my_ip || !from)
        return;
    if (from == my_ip) {
        defend(arp->from_mac);
        return;
    }
    struct neighbor *n = to == my_ip ? find_or_make(from) : find(from);
    if (n)
        learn(n, arp->from_mac);
    if (to == my_ip && operation == REQUEST && !MISTAKE(69))
        arp_send(arp->from_mac, REPLY, my_ip, arp->from_mac, from);
}
