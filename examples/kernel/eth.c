/* Ethernet (RFC 894) and ARP (RFC 826; RFC 5227: is an address free?). */
#include "kernel.h"

enum { REQUEST = 1, REPLY = 2, FRESH = 60000, AGAIN = 1000, TRIES = 3, DEFEND = 10000 };

static struct neighbor {
    u32 ip, when, asked; /* not asked, it is fresh until then; else that is when to ask again */
    u8 mac[6];
    u32 size; /* of the packet that waits for the answer */
    struct frame frame;
} neighbors[8];

u32 arp_heard;
const u8 broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const u8 nobody[6];

void eth_send(struct frame *f, const u8 *to, u16 type, u32 size) {
    memcpy(f->to, to, 6);
    memcpy(f->from, nic.mac, 6);
    f->type = MISTAKE(1) ? type : htons(type);
    if (size < 46) memset((u8 *)f + ETH_SIZE + size, MISTAKE(2) ? 0x55 : 0, 46 - size);
    nic.send(f, ETH_SIZE + MAX(size, 46u)); /* the shortest there is, and no old bytes */
}

static void arp_send(u16 operation, const u8 *to_mac, u32 to, u32 from) {
    static struct frame f;
    f.arp.hardware = htons(MISTAKE(5) ? 6 : 1), f.arp.protocol = htons(TYPE_IP);
    f.arp.sizes = htons(0x0604), f.arp.operation = MISTAKE(4) ? operation : htons(operation);
    memcpy(f.arp.from_mac, MISTAKE(3) ? nobody : nic.mac, 6);
    memcpy(f.arp.to_mac, to_mac, 6);
    f.arp.from = htonl(from), f.arp.to = htonl(to);
    eth_send(&f, operation == REQUEST ? broadcast : to_mac, TYPE_ARP, sizeof f.arp);
}

void arp_ask(u32 ip, u32 from) { arp_send(REQUEST, nobody, ip, from); }

static struct neighbor *find(u32 ip, bool make) {
    static u32 made;
    foreach (n, neighbors)
        if (n->ip == ip) return n;
    if (!make) return NULL;
    struct neighbor *n = &neighbors[made++ % COUNT(neighbors)]; /* the oldest one's place */
    n->ip = ip, n->when = ticks, n->asked = n->size = 0;
    return n;
}

void arp_send_to(u32 next_hop, struct frame *f, u32 size) {
    struct neighbor *n = find(next_hop, true);
    if (MISTAKE(6)) return eth_send(f, broadcast, TYPE_IP, size);
    if (!n->asked && !due(n->when)) return eth_send(f, n->mac, TYPE_IP, size);
    memcpy(&n->frame, f, ETH_SIZE + size); /* the latest one waits */
    n->size = size, n->asked = MAX(n->asked, 1u);
}

void arp_tick(void) {
    foreach (n, neighbors) {
        if (!n->asked || !due(n->when)) continue;
        n->when = ticks + (MISTAKE(8) ? AGAIN / 10 : AGAIN);
        if (n->asked++ <= (MISTAKE(8) ? 9 : TRIES)) {
            arp_ask(n->ip, my_ip);
        } else {
            print("arp: no answer from %I\n", n->ip);
            n->ip = n->asked = 0;
        }
    }
}

void arp_input(const struct frame *f, u32 size) {
    static u32 defended;
    const struct arp *arp = &f->arp;
    u32 from = ntohl(arp->from), to = ntohl(arp->to);
    if (size < sizeof *arp || arp->hardware != htons(1) || arp->protocol != htons(TYPE_IP)) return;
    if (!memcmp(arp->from_mac, nic.mac, 6)) return;
    arp_heard = from ? from : to;
    if (!my_ip || !from) return;
    if (from == my_ip) { /* RFC 5227 2.4 */
        if (due(defended)) arp_ask(my_ip, my_ip), defended = ticks + DEFEND;
        return;
    }
    struct neighbor *n = find(from, to == my_ip);
    if (n) {
        memcpy(n->mac, arp->from_mac, 6);
        if (n->size) eth_send(&n->frame, n->mac, TYPE_IP, n->size);
        n->when = ticks + FRESH, n->asked = n->size = 0;
    }
    if (to == my_ip && arp->operation == htons(REQUEST) && !MISTAKE(69))
        arp_send(REPLY, arp->from_mac, from, my_ip);
}
