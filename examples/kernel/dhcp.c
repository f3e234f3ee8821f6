/* DHCP client (RFC 2131), with the check that nobody else has the address (RFC 5227).

   Each state is a row of `steps`: what is sent in it, how often and how far apart, and the state
   that follows when that was in vain or, in the last three, when so much of the lease is over.
   Answers lead to other states, in dhcp_input(). */
#include "kernel.h"

enum { ARP, DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK };
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

enum { IDLE, SELECTING, REQUESTING, PROBING, QUIET, ANNOUNCING, BOUND, RENEWING, REBINDING };
static const struct {
    u8 sends, times, then, eighths; /* ARP: asks for the address */
    u16 wait;                       /* milliseconds, and half a second more or less */
} steps[] = {
    [IDLE] = {ARP, 0, SELECTING, 0, 10000},
    [SELECTING] = {DISCOVER, 255, SELECTING, 0, 4000},
    [REQUESTING] = {REQUEST, 4, SELECTING, 0, 4000},
    [PROBING] = {ARP, 3, QUIET, 0, 1500},
    [QUIET] = {ARP, 0, ANNOUNCING, 0, 1000},
    [ANNOUNCING] = {ARP, 2, BOUND, 0, 2500},
    [BOUND] = {ARP, 0, RENEWING, MISTAKE(34) ? 255 : 4, 0},
    [RENEWING] = {REQUEST, 255, REBINDING, 7, 60500},
    [REBINDING] = {REQUEST, 255, SELECTING, 8, 60500},
};

static u32 state, tries, next; /* how often that was sent, when it is due */
static u32 xid, server, offered, secs;
static u32 began, asked, granted; /* when this exchange began; the last REQUEST; that with an ACK */
static u32 lease;                 /* milliseconds from there */
static u32 values[256];           /* of a message's options, their first 4 bytes */

static void bind(void) {
    my_ip = offered, my_mask = values[MASK] ? values[MASK] : 0xffffff00;
    my_router = values[ROUTER], my_dns = values[DNS];
    print("lease %I router %I dns %I mask %I server %I for %u s\n", my_ip, my_router, my_dns,
          my_mask, server, lease / 1000);
}

static void enter(u32 new_state) {
    state = new_state, tries = 0;
    next = ticks + (steps[state].times ? 0 : steps[state].wait);
    if (state == SELECTING || state == RENEWING) xid = random(), began = ticks;
    if (state == SELECTING) my_ip = 0;
    if (state == ANNOUNCING) bind();
}

static u8 *option(u8 *at, u8 code, u8 size, u32 value) { /* the lowest byte comes first */
    *at++ = code, *at++ = size;
    memcpy(at, &value, size);
    return at + size;
}

static void send(u8 kind) {
    static struct frame f;
    struct dhcp *m = (struct dhcp *)f.udp.data;
    u8 *at = m->options;
    bool renews = state >= RENEWING && !MISTAKE(35);
    if (state != REQUESTING || tries) secs = (ticks - began) / 1000; /* first its DISCOVER's */
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
    udp_send(&f, state == RENEWING ? server : ~0u, 68, 67,
             MISTAKE(36) ? at - f.udp.data : SHORTEST);
}

static void parse(const u8 *at, const u8 *end) { /* a zero is padding */
    for (u32 size; at + 1 < end && *at != END; at += size) {
        size = *at ? 2 + at[1] : 1;
        if (at + size > end) return;
        for (u32 i = 2; i < MIN(size, 6u); i++) values[*at] = values[*at] << 8 | at[i];
    }
}

void dhcp_input(const u8 *data, u32 size) {
    const struct dhcp *m = (const struct dhcp *)data;
    if (size < sizeof *m || m->op != 2 || m->xid != htonl(xid) || m->cookie != htonl(COOKIE) ||
        memcmp(m->chaddr, nic.mac, 6) || steps[state].sends == ARP)
        return;
    memset(values, 0, sizeof values);
    parse(m->options, data + size);
    if (values[OVERLOAD] & 1) parse(m->file, m->file + sizeof m->file);
    if (values[OVERLOAD] & 2) parse(m->sname, m->sname + sizeof m->sname);
    u32 kind = values[KIND], from = values[SERVER];
    if (kind == (state == SELECTING ? OFFER : ACK) && from && m->yiaddr && values[LEASE]) {
        offered = ntohl(m->yiaddr), server = from;
        granted = asked, lease = 1000 * MIN(values[LEASE], (u32)LONGEST);
        if (state >= RENEWING)
            print("renewed "), bind(), enter(BOUND);
        else if (state == REQUESTING)
            enter(PROBING), next += random() % 1000, arp_heard = 0;
        else
            enter(REQUESTING), my_ip = MISTAKE(38) ? offered : 0;
    } else if (kind == NAK && state > SELECTING && (state > REQUESTING || from == server)) {
        print("dhcp: %I refused\n", offered);
        enter(SELECTING);
    }
}

void dhcp_tick(void) {
    typeof(*steps) *s = &steps[state];
    if (state == PROBING && arp_heard == offered && !MISTAKE(39)) {
        print("dhcp: %I belongs to another host\n", offered);
        send(DECLINE);
        enter(IDLE);
    } else if (s->eighths ? due(granted + lease / 8 * s->eighths)
                          : due(next) && tries == s->times) {
        enter(s->then);
    } else if (due(next) && tries != s->times) {
        bool doubles = s->sends != ARP;
        if (doubles)
            send(s->sends);
        else if (!MISTAKE(7))
            arp_ask(offered, my_ip); /* a probe, as long as my_ip is 0 */
        u32 wait = doubles ? s->wait << MIN(tries, 4u) : s->wait;
        next = ticks + (MISTAKE(32) ? 500 : wait - 500 + random() % 1000);
        tries++;
    }
}
