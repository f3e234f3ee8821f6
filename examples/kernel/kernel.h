/* What the files of this kernel know of each other. Addresses and ports are in host order. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t s32;

#define MISTAKE(n) (MADE == (n))                          /* README.md; leave these out when you copy */
#define PACKED __attribute__((packed))
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define htons __builtin_bswap16
#define ntohs __builtin_bswap16
#define htonl __builtin_bswap32
#define ntohl __builtin_bswap32

static inline void outb(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void outw(u16 port, u16 value) { asm volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline void outl(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 inw(u16 port) { u16 v; asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 inl(u16 port) { u32 v; asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }

/* lib.c */
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
const char *after(const char *word, const char *prefix);   /* what follows prefix=, or NULL */
u32 parse_number(const char **s);                           /* decimal, or hexadecimal with 0x */
bool parse_ip(const char *s, u32 *ip);
void print(const char *format, ...);                        /* %s %u %x; %I an address, %M a MAC */
u32 random(void);
void seed_random(u32 more);

/* time.c */
extern volatile u32 ticks;                                  /* milliseconds */
void time_init(void);
static inline bool due(u32 when) { return (s32)(ticks - when) >= 0; }

/* pci.c, e1000.c, ne2k.c: the card */
#define FRAME_MAX 1514
struct nic {
    const char *name;
    u8 mac[6];
    void (*send)(const void *frame, u32 size);
    u32 (*receive)(void *frame);                            /* the frame's size, 0 if there is none */
};
extern struct nic nic;
u32 pci_read(u32 device, u8 at);
bool pci_find(u16 vendor, u16 id, u32 *device);
bool e1000_init(void);
bool ne2k_init(u16 io);                                     /* at this I/O address; 0: look on PCI */

/* eth.c: Ethernet and ARP */
enum { TYPE_IP = 0x0800, TYPE_ARP = 0x0806 };
struct eth { u8 to[6], from[6]; u16 type; } PACKED;
extern const u8 broadcast[6];
void eth_send(const u8 *to, u16 type, void *frame, u32 size); /* size: of what follows the header */
void arp_input(const struct eth *eth, u32 size);
void arp_probe(u32 ip);
void arp_announce(void);
bool arp_conflict(u32 ip);                                  /* somebody else was heard at it */
void arp_send_to(u32 next_hop, void *frame, u32 size);      /* once its MAC address is known */
void arp_tick(void);

/* ip.c: IPv4, ICMP, UDP */
enum { ICMP = 1, TCP = 6, UDP = 17 };
struct ip { u8 version_ihl, tos; u16 total, id, fragment; u8 ttl, protocol; u16 checksum; u32 from, to; } PACKED;
extern u32 my_ip, my_mask, my_router, my_dns;
u16 checksum(const void *data, u32 size, u32 sum);          /* in network order, as it lies in memory */
u32 pseudo_header(u32 from, u32 to, u8 protocol, u32 size);
void *ip_payload(void);                                     /* where to write what ip_send() sends */
void ip_send(u32 to, u8 protocol, u32 size);
void udp_send(u32 to, u16 from_port, u16 to_port, const void *data, u32 size);
void ip_input(const struct eth *eth, u32 size);
bool ping(u32 ip, u16 sequence, u32 timeout);               /* milliseconds */

/* dhcp.c, dns.c */
void dhcp_input(const u8 *data, u32 size);
void dhcp_tick(void);
bool dhcp_bound(void);
extern u16 dns_port;                                        /* that the answer comes to */
void dns_input(u32 from, u16 port, const u8 *data, u32 size);
bool dns_resolve(const char *name, u32 *ip);

/* tcp.c */
enum tcp_state {
    CLOSED, SYN_SENT, SYN_RCVD, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT
};
enum { TCP_BUFFER = 8 * 1460 };
struct tcp {                                                /* names as in RFC 9293 and RFC 6298 */
    enum tcp_state state;
    bool in_use;                                            /* somebody holds a pointer to it */
    const char *error;                                      /* why it was closed */
    u32 remote;
    u16 local_port, remote_port;
    u32 snd_una, snd_nxt, snd_max, snd_wnd, snd_wl1, snd_wl2, max_wnd, mss;
    u32 rcv_nxt, rcv_adv, early, early_end;                 /* rcv_adv: the window's end, as announced */
    u32 cwnd, ssthresh, recover, dupacks;                   /* RFC 5681, RFC 6582 */
    u32 srtt, rttvar, rto, rtt_seq, rtt_start, retries, timer;
    bool timing, timer_on, recovering;
    bool closing, fin_sent;                                 /* a FIN follows the last byte; it has gone */
    u32 ack_due;                                            /* segments that wait for their ACK */
    u32 snd_len, rcv_len;
    u8 snd_buf[TCP_BUFFER], rcv_buf[TCP_BUFFER];            /* from snd_una on; what nobody has read */
};
extern u16 tcp_listening;                                   /* the port that is open, or 0; UDP's, too */
struct tcp *tcp_connect(u32 ip, u16 port);
struct tcp *tcp_next(struct tcp *t);                        /* all that are open; begins with NULL */
u32 tcp_write(struct tcp *t, const void *data, u32 size);   /* how much there was room for */
u32 tcp_read(struct tcp *t, void *data, u32 size);
bool tcp_at_end(const struct tcp *t);                       /* nothing more will come */
void tcp_close(struct tcp *t);
void tcp_input(const struct ip *ip, const u8 *data, u32 size);
void tcp_unreachable(u32 to, u16 from_port, u16 to_port);
void tcp_tick(void);

/* main.c */
void net_poll(void);                                        /* what has come, what is due; then sleep */
