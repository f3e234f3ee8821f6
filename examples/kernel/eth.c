/* Ethernet (RFC 894) and ARP (RFC 826; RFC 5227: is an address free?). */
#include "kernel.h"

enum { REQUEST = 1, REPLY = 2, FRESH = 60000, AGAIN = 1000, TRIES = 3 };
enum { TYPE_IP = 0x0800, TYPE_ARP = 0x0806, SHORTEST = 60 };

static struct neighbor {
    u32 ip, when, asked; /* not asked, it is fresh until then; else that is when to ask again */
    u8 mac[6];
    struct packet waiting; /* for the answer, if it has a size */
} neighbors[8];

u32 arp_heard;
static const u8 nobody[6], broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void eth_send(struct packet *p, const u8 *to, u32 type) {
    push(p, "662", to, nic.mac, MISTAKE(1) ? swap16(type) : type);
    for (; p->size < SHORTEST; p->size++) p->data[p->size] = MISTAKE(2) ? 0x55 : 0;
    nic.send(p);
}

static void arp_send(u32 op, const u8 *to_mac, u32 to) {
    struct packet *p = fresh(0);
    push(p, "22226464", MISTAKE(5) ? 6 : 1, TYPE_IP, 0x0604, MISTAKE(4) ? swap16(op) : op,
         MISTAKE(3) ? nobody : nic.mac, my_ip, to_mac, to);
    eth_send(p, op == REQUEST ? broadcast : to_mac, TYPE_ARP);
}

void arp_ask(u32 ip) { arp_send(REQUEST, nobody, ip); }

static struct neighbor *find(u32 ip, bool make) {
    static u32 made;
    foreach (n, neighbors)
        if (n->ip == ip) return n;
    if (!make) return NULL;
    struct neighbor *n = &neighbors[made++ % COUNT(neighbors)]; /* the oldest one's place */
    n->ip = ip, n->when = ticks, n->asked = n->waiting.size = 0;
    return n;
}

void arp_send_to(u32 next_hop, struct packet *p) {
    if (next_hop == ~0u || MISTAKE(6)) return eth_send(p, broadcast, TYPE_IP);
    struct neighbor *n = find(next_hop, true);
    if (!n->asked && !due(n->when)) return eth_send(p, n->mac, TYPE_IP);
    n->waiting = *p; /* the latest one */
    n->waiting.data += (u8 *)&n->waiting - (u8 *)p;
    n->asked = MAX(n->asked, 1u);
}

void arp_tick(void) {
    foreach (n, neighbors) {
        if (!n->asked || !due(n->when)) continue;
        n->when = ticks + (MISTAKE(8) ? 100 : AGAIN);
        if (n->asked++ > (MISTAKE(8) ? 9 : TRIES))
            print("arp: no answer from %I\n", n->ip), n->ip = n->asked = 0;
        if (n->ip) arp_ask(n->ip);
    }
}

static void arp_input(struct packet *p) {
    u32 hardware, protocol, operation, from, to;
    const u8 *mac;
    if (!pull(p, "22226464", &hardware, &protocol, NULL, &operation, &mac, &from, NULL, &to) ||
        hardware != 1 || protocol != TYPE_IP || !memcmp(mac, nic.mac, 6))
        return;
    arp_heard = from ? from : to;
    if (!my_ip || !from || from == my_ip) return;
    struct neighbor *n = find(from, to == my_ip);
    if (n) {
        memcpy(n->mac, mac, 6);
        if (n->waiting.size && !MISTAKE(70)) eth_send(&n->waiting, n->mac, TYPE_IP);
        n->when = ticks + FRESH, n->asked = n->waiting.size = 0;
    }
    if (to == my_ip && operation == REQUEST && !MISTAKE(69)) arp_send(REPLY, mac, from);
}

void eth_input(struct packet *p) { /* the card takes what is for us or for all, and nothing else */
    u32 type;
    if (!pull(p, "662", NULL, NULL, &type)) return;
    if (type == TYPE_IP) ip_input(p);
    if (type == TYPE_ARP) arp_input(p);
}
