// clang-format Language: C
/* What the files of this kernel know of each other. Addresses and ports are in host order, but for
   those in a frame. Sizes are those of what follows the layer's own header. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t s32;

#define MISTAKE(n) (MADE == (n)) /* README.md; leave these out when you copy */
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define foreach(item, array) for (typeof(*array) *item = array; item < array + COUNT(array); item++)
#define htons __builtin_bswap16
#define ntohs __builtin_bswap16
#define htonl __builtin_bswap32
#define ntohl __builtin_bswap32

/* lib.c: what a C library would have */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
u32 parse_number(const char **s);
bool parse_ip(const char *s, u32 *ip);
void print(const char *format, ...); /* %s %u, %x two digits, %I an address */
u32 random(void);
extern u32 random_state;

/* pc.c: clock, serial port, PCI */
extern volatile u32 ticks; /* milliseconds */
static inline bool due(u32 when) { return (s32)(ticks - when) >= 0; }
void pc_init(void);
void serial_put(char c);
void serial_wait(u8 status);
u32 pci_find(u32 id); /* its first base address, 0 if it is not there */

#define PORT(type, in, out)                                    \
    static inline void out(u16 port, type value) {             \
        asm volatile("out %0, %1" : : "a"(value), "Nd"(port)); \
    }                                                          \
    static inline type in(u16 port) {                          \
        type value;                                            \
        asm volatile("in %1, %0" : "=a"(value) : "Nd"(port));  \
        return value;                                          \
    }
PORT(u8, inb, outb)
PORT(u16, inw, outw)
PORT(u32, inl, outl)

/* A frame, with all that may lie in it. Who sends fills it in from the inside out. */
#pragma pack(push, 1)
struct frame {
    u8 to[6], from[6];
    u16 type;
    union {
        struct arp {
            u16 hardware, protocol, sizes, operation;
            u8 from_mac[6];
            u32 from;
            u8 to_mac[6];
            u32 to;
        } arp;
        struct {
            struct {
                u8 version_ihl, tos;
                u16 total, id, fragment;
                u8 ttl, protocol;
                u16 checksum;
                u32 from, to;
            } ip;
            union {
                struct {
                    u8 type, code;
                    u16 checksum, id, sequence;
                    u8 data[1472];
                } icmp;
                struct {
                    u16 from, to, size, checksum;
                    u8 data[1472];
                } udp;
                struct {
                    u16 from, to;
                    u32 seq, ack;
                    u8 offset, flags;
                    u16 window, checksum, urgent;
                    u8 data[1460];
                } tcp;
            };
        };
    };
};
#pragma pack(pop)
enum { ETH_SIZE = 14, IP_SIZE = 20, UDP_SIZE = 8, ICMP_SIZE = 8, TCP_SIZE = 20 }; /* of headers */
enum { TYPE_IP = 0x0800, TYPE_ARP = 0x0806, ICMP = 1, TCP = 6, UDP = 17 };

/* e1000.c, ne2k.c: the card */
extern struct nic {
    const char *name;
    u8 mac[6];
    void (*send)(const struct frame *f, u32 size); /* size: with the header */
    u32 (*receive)(struct frame *f);               /* 0: there is none */
} nic;
bool e1000_init(void);
bool ne2k_init(void);

/* eth.c: Ethernet and ARP */
extern const u8 broadcast[6];
extern u32 arp_heard; /* the last address that another host has, or probes for */
void eth_send(struct frame *f, const u8 *to, u16 type, u32 size);
void arp_input(const struct frame *f, u32 size);
void arp_ask(u32 ip, u32 from);                            /* from 0: a probe */
void arp_send_to(u32 next_hop, struct frame *f, u32 size); /* once its MAC address is known */
void arp_tick(void);

/* ip.c: IPv4, ICMP, UDP */
extern u32 my_ip, my_mask, my_router, my_dns;
u16 payload_checksum(const struct frame *f, u32 size);                  /* 0 if that is right */
void ip_send(struct frame *f, u32 to, u8 protocol, u32 size, u16 *sum); /* sum: payload's place */
void ip_input(struct frame *f, u32 size);
void udp_send(struct frame *f, u32 to, u16 from_port, u16 to_port, u32 size);
bool ping(u32 ip, u16 sequence, u32 timeout); /* milliseconds */

/* dhcp.c, dns.c */
void dhcp_input(const u8 *data, u32 size);
void dhcp_tick(void);
extern u16 dns_port; /* that the answer comes to */
void dns_input(const struct frame *f, u32 size);
bool dns_resolve(const char *name, u32 *ip); /* it says so when there is no answer */

/* tcp.c */
enum { CLOSED, SYN_SENT, SYN_RCVD, ESTABLISHED, TIME_WAIT, TCP_BUFFER = 16384 };
struct tcp { /* names as in RFC 9293 and RFC 6298 */
    u8 state;
    bool in_use;       /* somebody holds a pointer to it */
    const char *error; /* why it was closed */
    u32 remote;
    u16 local_port, remote_port, mss;
    u32 snd_una, snd_nxt, snd_end;  /* acknowledged, sent, written up to here */
    u32 rcv_read, rcv_nxt, rcv_adv; /* read by the program, received, announced up to here */
    u32 snd_wnd, snd_wl1;
    u32 cwnd, ssthresh, recover, dupacks; /* RFC 5681, RFC 6582 */
    u32 srtt, rttvar, rto, rtt_seq, rtt_start, retries, timer;
    bool timing, timer_on;
    bool closing, closed_first,
        at_end;  /* a FIN follows the last byte; before theirs; it has come */
    u32 ack_due; /* segments that wait for their ACK */
    u8 snd_buf[TCP_BUFFER], rcv_buf[TCP_BUFFER];
    bool rcv_has[TCP_BUFFER]; /* bytes from rcv_nxt on, behind a gap */
};
extern struct tcp connections[8];
extern u16 tcp_listening; /* the port that is open, or 0; UDP's, too */
struct tcp *tcp_connect(u32 ip, u16 port);
u32 tcp_room(const struct tcp *t);
bool tcp_write(struct tcp *t, u8 byte);
bool tcp_read(struct tcp *t, u8 *byte);
bool tcp_at_end(const struct tcp *t); /* nothing more will come */
void tcp_close(struct tcp *t);
void tcp_input(const struct frame *f, u32 size);
void tcp_unreachable(const struct frame *f); /* a frame that we sent */
void tcp_tick(void);

/* main.c */
void net_poll(void); /* what has come, what is due; then sleep */
