// A guest in C for pynat's virtual time: it announces its address twice (RFC 5227 2.3) and answers
// ARP and pings. cc -o echo echo.c; docs/pytest.md has the protocol on descriptor 0.
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { WIRE = 0, TIME = 8, ETHERNET = 14, ARP = 28, IPV4 = 20, ECHO = 8 };
static const uint64_t NEVER = UINT64_MAX, SECOND = 1000000000;
static const uint8_t MAC[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56}, IP[4] = {192, 168, 16, 2};

static void tell(const void *message, size_t length) {
    if (write(WIRE, message, length) < 0) _exit(1);
}

static void send_arp(uint8_t operation, const uint8_t *to_mac, const uint8_t *to_ip) {
    static const uint8_t head[] = {0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0};
    uint8_t frame[ETHERNET + ARP] = {0};
    memcpy(frame, to_mac, 6);
    memcpy(frame + 6, MAC, 6);
    memcpy(frame + 12, head, sizeof head);
    frame[21] = operation;
    memcpy(frame + 22, MAC, 6);
    memcpy(frame + 28, IP, 4);
    memcpy(frame + 32, to_mac, operation == 2 ? 6 : 0);
    memcpy(frame + 38, to_ip, 4);
    tell(frame, sizeof frame);
}

// RFC 1071; 0 over data whose checksum is right.
static uint16_t checksum(const uint8_t *data, size_t length) {
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++) sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void set_checksum(uint8_t *at, const uint8_t *data, size_t length) {
    at[0] = at[1] = 0;
    const uint16_t sum = checksum(data, length);
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

// Not one that has options, or that comes in fragments: the linter will say so.
static void answer_ping(uint8_t *frame, size_t length) {
    uint8_t *ip = frame + ETHERNET, *echo = ip + IPV4;
    const size_t total = (size_t)ip[2] << 8 | ip[3];
    const int is_fragment = (ip[6] & 0x3f) || ip[7];
    if (ip[0] != 0x45 || is_fragment || ip[9] != 1 || memcmp(ip + 16, IP, 4) != 0) return;
    if (total < IPV4 + ECHO || total > length - ETHERNET || checksum(ip, IPV4)) return;
    if (echo[0] != 8 || checksum(echo, total - IPV4)) return;
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, MAC, 6);
    memcpy(ip + 16, ip + 12, 4);
    memcpy(ip + 12, IP, 4);
    ip[8] = 64;  // hops
    set_checksum(ip + 10, ip, IPV4);
    echo[0] = 0;
    set_checksum(echo + 2, echo, total - IPV4);
    tell(frame, ETHERNET + total);
}

static void from_wire(uint8_t *frame, size_t length) {
    const int type = frame[12] << 8 | frame[13];
    if (type == 0x0806 && length >= ETHERNET + ARP && frame[21] == 1 &&
        !memcmp(frame + 38, IP, 4)) {
        send_arp(2, frame + 22, frame + 28);
    }
    if (type == 0x0800 && length >= ETHERNET + IPV4 + ECHO) answer_ping(frame, length);
}

int main(void) {
    static uint8_t message[TIME + 65536];
    uint64_t timer = 0, now;  // due at once
    for (int announced = 0;;) {
        const ssize_t length = read(WIRE, message, sizeof message);
        if (length < TIME) return 0;  // the network has ended
        memcpy(&now, message, TIME);
        if (length > TIME + ETHERNET) from_wire(message + TIME, (size_t)length - TIME);
        if (now >= timer) {
            send_arp(1, (const uint8_t *)"\xff\xff\xff\xff\xff\xff", IP);
            timer = ++announced < 2 ? now + 2 * SECOND : NEVER;
        }
        tell(&timer, sizeof timer);
    }
}
