/* Fragments for examples/kernel/ip.c, under the sanitizers. Prints how many replies went. */
#include <stdio.h>
#include <stdlib.h>

#define MADE 0
#define random kernel_random /* the host's has another type */
#include "../../examples/kernel/ip.c"
#include "../../examples/kernel/packet.c"

enum { ETHERNET = 14, TIMES = 200000, LARGEST = 1480 };
volatile u32 ticks;
u32 dns_port;
static u32 replies;

u32 random(void) { return 7; }
void net_poll(void) {}
void dhcp_input(struct packet *p) { (void)p; }
void dns_input(struct packet *p, u32 from_port) { (void)p, (void)from_port; }
void tcp_input(struct packet *p) { (void)p; }
void arp_send_to(u32 next_hop, struct packet *p) { replies += next_hop && p->size; }

static void comes(u32 id, u32 at, bool more, const u8 *data, u32 size) {
    static struct packet p;
    p.data = p.buffer + HEADROOM + ETHERNET + HEADER, p.size = size;
    memcpy(p.data, data, size);
    push(&p, "1122211244", 0x45, 0, HEADER + size, id, at / 8 | (more ? MORE : 0), 64, ICMP, 0,
         my_router, my_ip);
    u16 sum = checksum(p.data, HEADER, 0);
    p.data[10] = sum >> 8, p.data[11] = sum;
    ip_input(&p);
}

static void come_behind_the_last(void) { /* an ECHO_REPLY, of which icmp_input takes the header */
    static const u8 data[16] = {[2] = 0xff, [3] = 0xff}; /* any part of it has a right sum */
    comes(1, 0, true, data, sizeof data);
    for (u32 i = 0; i < TIMES; i++) comes(1, sizeof data, false, data, sizeof data / 2);
}

int main(void) {
    static u8 data[LARGEST];
    my_ip = 0xc0a81002, my_router = 0xc0a81001, my_mask = 0xffffff00;
    come_behind_the_last();
    srand(1);
    for (u32 i = 0; i < TIMES; i++) {
        u32 size = rand() % 4 ? 8 * (rand() % 6) : rand() % (LARGEST + 1);
        u32 at = 8 * (rand() % 3 ? rand() % 12 : rand() % 8192);
        memset(data, 0, sizeof data);
        data[0] = rand() % 2 ? ECHO_REQUEST : 0xff; /* its sum is wrong now and then */
        data[2] = 0xff - ECHO_REQUEST, data[3] = 0xff;
        comes(rand() % 2, at, rand() % 2, data, size);
    }
    printf("%u\n", replies);
}
