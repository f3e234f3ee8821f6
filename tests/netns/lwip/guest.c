/* A guest whose stack is lwIP, on a network device of Linux that has no address of its own.
 *
 *     guest DEVICE VERB ARGUMENT ... [VERB ARGUMENT ...] ...
 *
 * It takes its address by DHCP, does one verb after the other, prints a line for each, and gives
 * its address back. Frames go through a packet socket (packet(7)). Where DEVICE is a number it is
 * the seed of the dice, and the guest is in virtual time: descriptor 0 is its wire, which also
 * tells it the time, as pynat/testing/program.py has it.
 *
 *     resolve NAME             its address
 *     ping ADDRESS             "pong"
 *     echo ADDRESS PORT SIZE   a datagram there and back: "same"
 *     fetch ADDRESS PORT       read to the end: size and sum of the bytes
 *     slow ADDRESS PORT        the same, but nothing is read in the first second
 *     get ADDRESS              the same with a page of port 80, which is asked for
 *     push ADDRESS PORT SIZE   send i % 251 and half-close: the first line of the answer
 *     step ADDRESS PORT SIZE   the same, but each segment waits for the acknowledgement before
 *     reset ADDRESS PORT       send a byte, and reset when it is acknowledged
 *     serve PORT               one client: send back what it sends; "listening", then "served"
 *
 * A connection that cannot be had is "refused"; what takes too long is "nothing", and ends it all.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"

enum { PATIENCE = 120000, RELUCTANCE = 1000, REST = 500 /* ms */, LINE = 200, ROOM = 2048 };
enum { MILLISECOND = 1000000 /* ns */, LAST = 120 /* rests */ };

static const u8_t mac[] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
static int card;
static struct netif nic;
static bool is_virtual;
static u64_t virtual_ns;
static bool done; /* what the verb waits for has happened */

/* ------------------------------------------------------------------ the machine */
u32_t sys_now(void) {
    struct timespec now;
    if (is_virtual) return virtual_ns / MILLISECOND;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int open_card(const char *device) {
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int off = 1;
    address.sll_ifindex = if_nametoindex(device);
    card = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
    setsockopt(card, SOL_PACKET, PACKET_IGNORE_OUTGOING, &off, sizeof off);
    return bind(card, (struct sockaddr *)&address, sizeof address);
}

static err_t send_frame(struct netif *netif, struct pbuf *frame) {
    char copy[ROOM];
    u16_t length = pbuf_copy_partial(frame, copy, sizeof copy, 0);
    (void)netif;
    return write(card, copy, length) == length ? ERR_OK : ERR_IF;
}

static err_t start_nic(struct netif *netif) {
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = 1500;
    netif->hwaddr_len = sizeof mac;
    memcpy(netif->hwaddr, mac, sizeof mac);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

static void take_frame(const char *data, size_t length) {
    struct pbuf *frame = pbuf_alloc(PBUF_RAW, length, PBUF_POOL);
    if (frame == NULL) return;
    pbuf_take(frame, data, length);
    if (nic.input(frame, &nic) != ERR_OK) pbuf_free(frame);
}

static void wait_in_real_time(u32_t milliseconds) {
    struct pollfd wait = {.fd = card, .events = POLLIN};
    char copy[ROOM];
    ssize_t length;
    poll(&wait, 1, milliseconds);
    while ((length = read(card, copy, sizeof copy)) > 0) take_frame(copy, length);
}

/* The time, and perhaps a frame. */
static void hear(void) {
    char copy[sizeof virtual_ns + ROOM];
    ssize_t length = read(card, copy, sizeof copy) - (ssize_t)sizeof virtual_ns;
    if (length < 0) exit(0);
    memcpy(&virtual_ns, copy, sizeof virtual_ns);
    if (length > 0) take_frame(copy + sizeof virtual_ns, length);
}

static void wait_in_virtual_time(u32_t milliseconds) {
    u64_t timer = (virtual_ns / MILLISECOND + milliseconds) * MILLISECOND;
    if (milliseconds == 0) return;
    if (write(card, &timer, sizeof timer) != sizeof timer) exit(0);
    hear();
}

static void turn(u32_t most) {
    u32_t timer = LWIP_MIN(sys_timeouts_sleeptime(), most);
    if (is_virtual)
        wait_in_virtual_time(timer);
    else
        wait_in_real_time(timer);
    sys_check_timeouts();
}

static void pass(u32_t milliseconds) {
    u32_t start = sys_now(), gone;
    while ((gone = sys_now() - start) < milliseconds) turn(milliseconds - gone);
}

static void wait_until_done(void) {
    u32_t start = sys_now();
    while (!done && sys_now() - start < PATIENCE) turn(PATIENCE);
    if (!done) {
        puts("nothing");
        exit(1);
    }
    done = false;
}

static ip_addr_t parse(const char *text) {
    ip_addr_t address;
    if (!ipaddr_aton(text, &address)) {
        fprintf(stderr, "%s is no address\n", text);
        exit(2);
    }
    return address;
}

/* ------------------------------------------------------------------ names and pings */
static void found(const char *name, const ip_addr_t *address, void *unused) {
    (void)name, (void)unused;
    puts(address ? ipaddr_ntoa(address) : "unknown");
    done = true;
}

static void resolve(char **words) {
    ip_addr_t address;
    if (dns_gethostbyname(words[0], &address, found, NULL) == ERR_OK)
        found(words[0], &address, NULL);
}

static u8_t pong(void *unused, struct raw_pcb *pcb, struct pbuf *packet, const ip_addr_t *from) {
    u8_t kind = ICMP_ER;
    (void)unused, (void)from;
    pbuf_copy_partial(packet, &kind, 1, IP_HLEN);
    if (kind != ICMP_ER) return 0;
    puts("pong");
    done = true;
    pbuf_free(packet);
    raw_remove(pcb);
    return 1;
}

static void ping(char **words) {
    ip_addr_t address = parse(words[0]);
    struct raw_pcb *pcb = raw_new(IP_PROTO_ICMP);
    struct pbuf *packet = pbuf_alloc(PBUF_IP, sizeof(struct icmp_echo_hdr) + 32, PBUF_RAM);
    struct icmp_echo_hdr *echo = packet->payload;
    memset(echo, 'x', packet->len);
    ICMPH_TYPE_SET(echo, ICMP_ECHO);
    ICMPH_CODE_SET(echo, 0);
    echo->id = PP_HTONS(7);
    echo->seqno = PP_HTONS(1);
    echo->chksum = 0;
    echo->chksum = inet_chksum(echo, packet->len);
    raw_recv(pcb, pong, NULL);
    raw_sendto(pcb, packet, &address);
    pbuf_free(packet);
}

/* ------------------------------------------------------------------ datagrams */
static char *pattern(size_t size) {
    char *data = malloc(size + 1);
    for (size_t i = 0; i < size; i++) data[i] = i % 251;
    return data;
}

static void echoed(void *sent, struct udp_pcb *pcb, struct pbuf *back, const ip_addr_t *from,
                   u16_t port) {
    (void)from, (void)port;
    puts(pbuf_memcmp(back, 0, sent, back->tot_len) == 0 ? "same" : "different");
    pbuf_free(back);
    udp_remove(pcb);
    free(sent);
    done = true;
}

static void echo(char **words) {
    ip_addr_t address = parse(words[0]);
    u16_t size = atoi(words[2]);
    char *data = pattern(size);
    struct udp_pcb *pcb = udp_new();
    struct pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, size, PBUF_RAM);
    pbuf_take(packet, data, size);
    udp_recv(pcb, echoed, data);
    udp_sendto(pcb, packet, &address, atoi(words[1]));
    pbuf_free(packet);
}

/* ------------------------------------------------------------------ streams */
static struct {
    struct tcp_pcb *pcb;
    char *data; /* to send */
    size_t size, queued;
    bool half_close, reset, reads, failed, steps;
    size_t got, unread, sum;
    char line[LINE];
} stream;

static void fail(void *unused, err_t error) {
    (void)unused;
    puts(error == ERR_RST ? "refused" : "aborted");
    stream.pcb = NULL;
    stream.failed = done = true;
}

static err_t go_on(void *unused, struct tcp_pcb *pcb, u16_t acknowledged) {
    size_t room = tcp_sndbuf(pcb), rest = stream.size - stream.queued;
    size_t now = LWIP_MIN(LWIP_MIN(room, rest), (stream.steps ? 1u : 4u) * tcp_mss(pcb));
    (void)unused;
    if (stream.steps && (pcb->unsent || pcb->unacked)) return ERR_OK;
    if (now > 0 && tcp_write(pcb, stream.data + stream.queued, now, 0) == ERR_OK)
        stream.queued += now;
    if (stream.half_close && stream.queued == stream.size) {
        stream.half_close = false;
        tcp_shutdown(pcb, 0, 1);
    }
    tcp_output(pcb);
    if (stream.reset && acknowledged) {
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    return ERR_OK;
}

static err_t began(void *unused, struct tcp_pcb *pcb, err_t error) {
    (void)error;
    return go_on(unused, pcb, 0);
}

static void keep(struct pbuf *data) {
    for (struct pbuf *piece = data; piece; piece = piece->next)
        for (u16_t i = 0; i < piece->len; i++, stream.got++) {
            stream.sum += ((u8_t *)piece->payload)[i];
            if (stream.got < LINE - 1) stream.line[stream.got] = ((char *)piece->payload)[i];
        }
}

static err_t take(void *unused, struct tcp_pcb *pcb, struct pbuf *data, err_t error) {
    (void)unused, (void)error;
    if (data == NULL) {
        tcp_err(pcb, NULL);
        tcp_recv(pcb, NULL);
        tcp_sent(pcb, NULL);
        tcp_close(pcb);
        stream.pcb = NULL;
        done = true;
        return ERR_OK;
    }
    keep(data);
    if (stream.reads)
        tcp_recved(pcb, data->tot_len);
    else
        stream.unread += data->tot_len;
    pbuf_free(data);
    return ERR_OK;
}

static void dial(const char *host, const char *port, char *data, size_t size) {
    ip_addr_t address = parse(host);
    struct tcp_pcb *pcb = tcp_new();
    memset(&stream, 0, sizeof stream);
    stream.pcb = pcb;
    stream.size = size;
    stream.data = data;
    stream.reads = true;
    tcp_err(pcb, fail);
    tcp_recv(pcb, take);
    tcp_sent(pcb, go_on);
    tcp_connect(pcb, &address, atoi(port), began);
}

static void tell_sum(void) {
    wait_until_done();
    if (!stream.failed) printf("%zu %zu\n", stream.got, stream.sum);
    done = true;
}

static void fetch(char **words) {
    dial(words[0], words[1], NULL, 0);
    tell_sum();
}

static void get(char **words) {
    static char request[] = "GET / HTTP/1.0\r\n\r\n";
    dial(words[0], "80", request, sizeof request - 1);
    tell_sum();
}

static void slow(char **words) {
    dial(words[0], words[1], NULL, 0);
    stream.reads = false;
    pass(RELUCTANCE);
    stream.reads = true;
    while (stream.pcb && stream.unread) {
        u16_t piece = LWIP_MIN(stream.unread, TCP_MSS);
        stream.unread -= piece;
        tcp_recved(stream.pcb, piece);
    }
    tell_sum();
}

static void push_by(bool steps, char **words) {
    size_t size = atoi(words[2]);
    dial(words[0], words[1], pattern(size), size);
    stream.half_close = true;
    stream.steps = steps;
    wait_until_done();
    if (!stream.failed) puts(strtok(stream.line, "\n") ? stream.line : "no answer");
    done = true;
}

static void push(char **words) { push_by(false, words); }

static void step(char **words) { push_by(true, words); }

static void reset(char **words) {
    dial(words[0], words[1], pattern(1), 1);
    stream.reset = true;
}

/* ------------------------------------------------------------------ a server */
static err_t send_back(void *listener, struct tcp_pcb *pcb, struct pbuf *data, err_t error) {
    (void)error;
    if (data == NULL) {
        tcp_close(pcb);
        tcp_close(listener);
        puts("served");
        done = true;
        return ERR_OK;
    }
    for (struct pbuf *piece = data; piece; piece = piece->next)
        tcp_write(pcb, piece->payload, piece->len, TCP_WRITE_FLAG_COPY);
    tcp_recved(pcb, data->tot_len);
    pbuf_free(data);
    tcp_output(pcb);
    return ERR_OK;
}

static err_t accepted(void *listener, struct tcp_pcb *pcb, err_t error) {
    (void)error;
    tcp_arg(pcb, *(struct tcp_pcb **)listener);
    tcp_recv(pcb, send_back);
    return ERR_OK;
}

static void serve(char **words) {
    static struct tcp_pcb *listener;
    struct tcp_pcb *pcb = tcp_new();
    tcp_bind(pcb, IP_ADDR_ANY, atoi(words[0]));
    listener = tcp_listen(pcb);
    tcp_arg(listener, &listener);
    tcp_accept(listener, accepted);
    puts("listening");
}

/* ------------------------------------------------------------------ */
static const struct {
    const char *name;
    int arguments;
    void (*run)(char **words);
} verbs[] = {
    {"resolve", 1, resolve}, {"ping", 1, ping}, {"echo", 3, echo},   {"fetch", 2, fetch},
    {"slow", 2, slow},       {"push", 3, push}, {"reset", 2, reset}, {"serve", 1, serve},
    {"get", 1, get},         {"step", 3, step},
};

static char **run(char **words) {
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(words[0], verbs[i].name) == 0) {
            verbs[i].run(words + 1);
            wait_until_done();
            return words + 1 + verbs[i].arguments;
        }
    fprintf(stderr, "no verb: %s\n", words[0]);
    exit(2);
}

int main(int count, char **words) {
    (void)count;
    setvbuf(stdout, NULL, _IOLBF, 0);
    is_virtual = isdigit((unsigned char)*words[1]);
    if (is_virtual)
        hear();
    else if (open_card(words[1]) != 0) {
        perror(words[1]);
        return 2;
    }
    srand(is_virtual ? strtoull(words[1], NULL, 10) : (u64_t)(time(NULL) ^ getpid()));
    lwip_init();
    netif_add_noaddr(&nic, NULL, start_nic, netif_input);
    netif_set_default(&nic);
    netif_set_hostname(&nic, "lwip");
    netif_set_up(&nic);
    netif_set_link_up(&nic);
    dhcp_start(&nic);
    while (!dhcp_supplied_address(&nic)) turn(PATIENCE);
    printf("address %s\n", ip4addr_ntoa(netif_ip4_addr(&nic)));
    for (words += 2; *words;) words = run(words);
    pass(REST); /* the last acknowledgements */
    for (int left = LAST; is_virtual && tcp_active_pcbs && left; left--) pass(REST);
    dhcp_release_and_stop(&nic);
    while (is_virtual) turn(PATIENCE);
    return 0;
}
