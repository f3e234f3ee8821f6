// clang-format Language: C
/* What the files of this kernel know of each other. Numbers are in host order everywhere. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned u32;

#define MISTAKE(n) (MADE == (n)) /* README.md; `pynat new --plain` leaves these and swap.. out */
#define swap16 __builtin_bswap16
#define swap32 __builtin_bswap32
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define foreach(item, array) for (typeof(*array) *item = array; item < array + COUNT(array); item++)

/* pc.c: clock, serial port, PCI, and what a C library would have */
extern volatile u32 ticks; /* milliseconds */
static inline bool due(u32 when) { return (int)(ticks - when) >= 0; }
void pc_init(void);
u32 pci_find(u32 id); /* its first base address, 0 if it is not there */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
bool parse_ip(const char *s, u32 *ip);
void print(const char *format, ...); /* %s %u, %x two digits, %I an address */
u32 parse_number(const char **s), random(void);
extern u32 random_state;

#define PORT(T, in, out)                                                                         \
    static inline void out(u16 port, T v) { asm volatile("out %0, %1" : : "a"(v), "Nd"(port)); } \
    static inline T in(u16 port) {                                                               \
        T v;                                                                                     \
        asm volatile("in %1, %0" : "=a"(v) : "Nd"(port));                                        \
        return v;                                                                                \
    }
PORT(u8, inb, outb)
PORT(u16, inw, outw)
PORT(u32, inl, outl)

/* packet.c: what is there lies at `data`; in front of it is room for headers that are to come */
enum { HEADROOM = 320, FRAME_SIZE = 1514 };
struct packet {
    u32 size, from, to; /* from, to: IP's */
    u8 *data, buffer[HEADROOM + FRAME_SIZE + 6];
};
struct packet *fresh(u32 size); /* the one that goes out next, with `size` zeros */
u32 number(const u8 *at, u32 width);
void push(struct packet *p, const char *widths, ...); /* in front */
bool pull(struct packet *p, const char *widths, ...); /* off the front, to u32 *, if it is there */

/* e1000.c, ne2k.c: the card */
extern struct nic {
    const char *name;
    u8 mac[6];
    void (*send)(const struct packet *p);
    bool (*receive)(struct packet *p); /* whether there was one */
} nic;
bool e1000_init(void), ne2k_init(void);

/* eth.c: Ethernet and ARP */
extern u32 arp_heard; /* the last address that another host has, or probes for */
void arp_ask(u32 ip); /* without an address of ours it is a probe */
void arp_send_to(u32 next_hop, struct packet *p); /* once its MAC address is known */

/* ip.c: IPv4, ICMP, UDP */
enum { ICMP = 1, TCP = 6, UDP = 17 };
extern u32 my_ip, my_mask, my_router, my_dns;
void ip_send(struct packet *p, u32 to, u32 protocol, u32 at); /* at: of the payload's checksum */
void udp_send(struct packet *p, u32 to, u32 from_port, u32 to_port);
bool ping(u32 ip, u32 sequence);

/* dns.c */
extern u32 dns_port;                         /* that the answer comes to */
bool dns_resolve(const char *name, u32 *ip); /* it says so when there is no answer */

/* tcp.c */
enum { CLOSED, LISTEN, SYN_SENT, SYN_RCVD, ESTABLISHED, TIME_WAIT, TCP_BUFFER = 16384 };
struct tcp { /* names as in RFC 9293 and RFC 6298 */
    u8 state;
    bool in_use;                        /* somebody holds a pointer to it */
    bool closing, closed_first, at_end; /* head of tcp.c */
    const char *error;                  /* why it was closed */
    struct peer {
        u32 ip, local_port, remote_port;
    } peer;
    u32 snd_una, snd_nxt, snd_end, snd_adv; /* acknowledged, sent, written, allowed up to here */
    u32 rcv_read, rcv_nxt, rcv_adv;         /* read by the program, received, allowed up to here */
    u32 snd_wl1, mss, recover, dupacks, rto, retries, timer;
    u8 snd_buf[TCP_BUFFER], rcv_buf[TCP_BUFFER];
    bool rcv_has[TCP_BUFFER]; /* bytes from rcv_nxt on, behind a gap */
};
extern struct tcp connections[8];
extern u32 tcp_listening; /* the port that is open, or 0 */
struct tcp *tcp_connect(u32 ip, u32 port);
u32 tcp_room(const struct tcp *t);
int tcp_read(struct tcp *t);          /* a byte, or -1 */
bool tcp_at_end(const struct tcp *t); /* nothing more will come */
void tcp_write(struct tcp *t, u8 byte), tcp_close(struct tcp *t);

/* main.c, and what it calls, from layer to layer */
void net_poll(void); /* what has come, what is due; then sleep */
void eth_input(struct packet *p), ip_input(struct packet *p), tcp_input(struct packet *p);
void dhcp_input(struct packet *p), dns_input(struct packet *p, u32 from_port);
void arp_tick(void), dhcp_tick(void), tcp_tick(void);
