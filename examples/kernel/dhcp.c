/* DHCP client (RFC 2131), with the check that nobody else has the address (RFC 5227).

   Each state is a row of `steps`: what is done in it, how often, and which one follows then. What
   is done says in how many milliseconds it is due again. Answers lead elsewhere, in dhcp_input().
 */
#include "kernel.h"

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK };
enum { MASK = 1, ROUTER = 3, DNS = 6, WANTED = 50, LEASE, OVERLOAD, KIND, SERVER, LIST };
enum { MAXIMUM = 57, END = 255, COOKIE = 0x63825363, SHORTEST = 300 };
enum { LONGEST = 2000000 }; /* seconds of a lease: `ticks` has room */

struct dhcp {
    u8 op, htype, hlen, hops;
    u32 xid;
    u16 secs, flags;
    u32 ciaddr, yiaddr, siaddr, giaddr;
    u8 chaddr[16], sname[64], file[128];
    u32 cookie;
    u8 options[];
};

enum { INIT, SELECTING, REQUESTING, PROBING, BINDING, ANNOUNCING, BOUND, RENEWING, DECLINED };
static u32 state, tries, next; /* how often it has been done, when it is due */
static u32 xid, server, offered, secs;
static u32 began, asked, granted; /* when this exchange began; the last REQUEST; that with an ACK */
static u32 lease;                 /* milliseconds from there */
static u32 values[256];           /* of a message's options, their first 4 bytes */

static void enter(u32 new_state, u32 delay) { state = new_state, tries = 0, next = ticks + delay; }

static u8 *option(u8 *at, u8 code, u8 size, u32 value) { /* the lowest byte comes first */
    *at++ = code, *at++ = size;
    memcpy(at, &value, size);
    return at + size;
}

static void send(u8 kind, u32 to) {
    static struct frame f;
    struct dhcp *m = (struct dhcp *)f.udp.data;
    u8 *at = m->options;
    bool renews = state == RENEWING && !MISTAKE(35);
    if (state != REQUESTING || tries > 1) secs = (ticks - began) / 1000; /* first its DISCOVER's */
    asked = ticks;
    memset(m, 0, SHORTEST);
    m->op = MISTAKE(29) ? 2 : 1, m->htype = 1, m->hlen = MISTAKE(30) ? 0 : 6;
    m->xid = htonl(xid + (MISTAKE(25) && kind == REQUEST));
    m->secs = htons(kind == DECLINE || MISTAKE(33) ? 0 : secs);
    m->flags = htons(MISTAKE(67) * 0x8000);
    m->ciaddr = htonl(renews ? my_ip : 0);
    memcpy(m->chaddr, nic.mac, 6);
    m->cookie = MISTAKE(24) ? COOKIE : htonl(COOKIE);
    at = option(at, KIND, MISTAKE(37) ? 2 : 1, kind);
    if (kind != DISCOVER && !renews) {
        if (!MISTAKE(27)) at = option(at, WANTED, 4, htonl(offered));
        if (!MISTAKE(26)) at = option(at, SERVER, 4, htonl(server));
    }
    if (kind != DECLINE) {
        at = option(at, MAXIMUM, 2, htons(MISTAKE(31) ? 300 : 1500));
        at = option(at, LIST, 3, MASK | ROUTER << 8 | DNS << 16);
    }
    *at++ = MISTAKE(28) ? 0 : END;
    udp_send(&f, to, 68, 67, MISTAKE(36) ? at - f.udp.data : SHORTEST);
}

static u32 again(void) { /* after 4, 8, ... 64 s, and up to 1 s more or less */
    return MISTAKE(32) ? 500 : (4000 << MIN(tries - 1, 4u)) - 1000 + random() % 2000;
}

static u32 init(void) { return my_ip = 0, xid = random(), began = ticks, 0; }
static u32 discover(void) { return send(DISCOVER, ~0u), again(); }
static u32 request(void) { return send(REQUEST, ~0u), again(); }

static u32 probe(void) { /* RFC 5227 2.1.1 */
    if (!MISTAKE(7)) arp_ask(offered, 0);
    return tries < 3 ? 1000 + random() % 1000 : 2000;
}

static u32 bind(void) {
    my_ip = offered, my_mask = values[MASK] ? values[MASK] : 0xffffff00;
    my_router = values[ROUTER], my_dns = values[DNS];
    print("lease %I router %I dns %I mask %I server %I for %u s\n", my_ip, my_router, my_dns,
          my_mask, server, lease / 1000);
    return 0;
}

static u32 announce(void) { /* RFC 5227 2.3 */
    if (!MISTAKE(7)) arp_ask(my_ip, my_ip);
    return 2000;
}

static u32 rest(void) { /* until T1 */
    xid = random(), began = granted + lease / 2;
    return began - ticks;
}

static u32 renew(void) { /* RFC 2131 4.4.5: asks its server until T2, then all until the end */
    u32 age = ticks - granted, t2 = lease / 8 * 7, left = (age < t2 ? t2 : lease) - age;
    if (age >= lease) return print("dhcp: the lease of %I is over\n", my_ip), enter(INIT, 0), 0;
    send(REQUEST, age < t2 ? server : ~0u);
    return MIN(left, MAX(left / 2, 60000u));
}

static const struct {
    u32 (*act)(void);
    u32 times, then;
} steps[] = {
    [INIT] = {init, 1, SELECTING},
    [SELECTING] = {discover, ~0u, INIT},
    [REQUESTING] = {request, 4, INIT},
    [PROBING] = {probe, 3, BINDING},
    [BINDING] = {bind, 1, ANNOUNCING},
    [ANNOUNCING] = {announce, 2, BOUND},
    [BOUND] = {rest, 1, MISTAKE(34) ? BOUND : RENEWING},
    [RENEWING] = {renew, ~0u, INIT},
    [DECLINED] = {NULL, 0, INIT},
};

static void parse(const u8 *at, const u8 *end) { /* a zero is padding */
    for (u32 size; at + 1 < end && *at != END; at += size) {
        size = *at ? 2 + at[1] : 1;
        if (at + size > end) return;
        for (u32 i = 2; i < MIN(size, 6u); i++) values[*at] = values[*at] << 8 | at[i];
    }
}

void dhcp_input(const u8 *data, u32 size) {
    const struct dhcp *m = (const struct dhcp *)data;
    bool asks = state == REQUESTING || state == RENEWING;
    if (size < sizeof *m || m->op != 2 || m->xid != htonl(xid) || m->cookie != htonl(COOKIE) ||
        memcmp(m->chaddr, nic.mac, 6) || (state != SELECTING && !asks))
        return;
    memset(values, 0, sizeof values);
    parse(m->options, data + size);
    if (values[OVERLOAD] & 1) parse(m->file, m->file + sizeof m->file);
    if (values[OVERLOAD] & 2) parse(m->sname, m->sname + sizeof m->sname);
    if (state == SELECTING && values[KIND] == OFFER && values[SERVER] && m->yiaddr) {
        offered = ntohl(m->yiaddr), server = values[SERVER];
        enter(REQUESTING, 0);
        if (MISTAKE(38)) my_ip = offered;
    } else if (asks && values[KIND] == ACK && values[LEASE] && m->yiaddr) {
        offered = ntohl(m->yiaddr), server = values[SERVER] ? values[SERVER] : server;
        granted = asked, lease = 1000 * MIN(values[LEASE], (u32)LONGEST);
        if (state == RENEWING)
            print("renewed "), bind(), enter(BOUND, 0);
        else
            arp_heard = 0, enter(PROBING, random() % 1000);
    } else if (asks && values[KIND] == NAK && (state == RENEWING || values[SERVER] == server)) {
        print("dhcp: %I refused\n", offered);
        enter(INIT, 0);
    }
}

void dhcp_tick(void) {
    if (state == PROBING && arp_heard == offered && !MISTAKE(39)) {
        print("dhcp: %I belongs to another host\n", offered);
        send(DECLINE, ~0u);
        enter(DECLINED, 10000);
    }
    if (!due(next)) return;
    if (tries == steps[state].times) enter(steps[state].then, 0);
    tries++;
    next = ticks + steps[state].act();
}
