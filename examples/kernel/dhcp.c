/* DHCP client (RFC 2131), with the check that nobody else has the address (RFC 5227).

   SELECTING asks for offers, REQUESTING for the first one that comes; PROBING looks whether it is
   free; BOUND renews it at half of its time. Each state has one timer, `next`. */
#include "kernel.h"

enum { DISCOVER = 1, OFFER, ASK, DECLINE, ACK, NAK };
enum { MASK = 1, ROUTER = 3, DNS = 6, MAXIMUM = 57 };
enum { WANTED = 50, LEASE, OVERLOAD, KIND, SERVER, LIST };
enum { END = 255, COOKIE = 0x63825363, SHORTEST = 300 };
enum { ASKS = 4, PROBES = 3, ANNOUNCEMENTS = 2, LONGEST = 2000000 }; /* seconds: `ticks` has room */

struct dhcp {
    u8 op, htype, hlen, hops;
    u32 xid;
    u16 secs, flags;
    u32 ciaddr, yiaddr, siaddr, giaddr;
    u8 chaddr[16], sname[64], file[128];
    u32 cookie;
    u8 options[];
};

static enum { INIT, SELECTING, REQUESTING, PROBING, BOUND, RENEWING, REBINDING } state;
static u32 xid, server, offered, secs, next, tries;
static u32 began, asked, granted; /* when this exchange began; the last ASK; the one with an ACK */
static u32 lease;                 /* milliseconds from there */
static u32 values[256];           /* of a message's options, their first 4 bytes */

static u8 *option(u8 *at, u8 code, u8 size, u32 value) { /* the lowest byte comes first */
    *at++ = code, *at++ = size;
    memcpy(at, &value, size);
    return at + size;
}

static void send(u8 kind) {
    static struct frame f;
    struct dhcp *m = (struct dhcp *)f.udp.data;
    u8 *at = m->options;
    bool renews = !MISTAKE(35) && (state == RENEWING || state == REBINDING);
    memset(m, 0, SHORTEST);
    m->op = MISTAKE(29) ? 2 : 1, m->htype = 1, m->hlen = MISTAKE(30) ? 0 : 6;
    m->xid = htonl(xid + (MISTAKE(25) && kind == ASK));
    m->secs = htons(kind == DECLINE || MISTAKE(33) ? 0 : secs);
    m->flags = htons(MISTAKE(67) * 0x8000);
    m->ciaddr = htonl(renews ? my_ip : 0);
    memcpy(m->chaddr, nic.mac, 6);
    m->cookie = MISTAKE(24) ? COOKIE : htonl(COOKIE);
    at = option(at, KIND, MISTAKE(37) ? 2 : 1, kind);
    if (kind == DECLINE || (kind == ASK && !renews)) {
        at = MISTAKE(27) ? at : option(at, WANTED, 4, htonl(offered));
        at = MISTAKE(26) ? at : option(at, SERVER, 4, htonl(server));
    }
    if (kind != DECLINE) {
        at = option(at, MAXIMUM, 2, htons(MISTAKE(31) ? 300 : 1500));
        at = option(at, LIST, 3, MASK | ROUTER << 8 | DNS << 16);
    }
    *at++ = MISTAKE(28) ? 0 : END;
    udp_send(&f, state == RENEWING ? server : ~0u, 68, 67,
             MISTAKE(36) ? at - f.udp.data : SHORTEST);
}

static void send_again(u8 kind) { /* after 4, 8, ... 64 s, and up to 1 s more or less */
    if (kind == DISCOVER || tries)
        secs = (ticks - began) / 1000; /* the first ASK: its DISCOVER's */
    send(kind);
    next = ticks + (MISTAKE(32) ? 500 : (4000 << MIN(tries, 4u)) - 1000 + random() % 2000);
    tries++;
}

static void enter(int new_state) { state = new_state, tries = 0; }

static void begin(void) {
    my_ip = 0, xid = random(), began = ticks;
    enter(SELECTING);
    send_again(DISCOVER);
}

static void renew(void) { /* RFC 2131 4.4.5 */
    u32 age = ticks - granted, t2 = lease / 8 * 7, left = (age < t2 ? t2 : lease) - age;
    if (age >= lease) {
        print("dhcp: the lease of %I is over\n", my_ip);
        begin();
        return;
    }
    if (state == BOUND) xid = random(), began = ticks;
    state = age < t2 ? RENEWING : REBINDING;
    secs = (ticks - began) / 1000, asked = ticks;
    send(ASK);
    next = ticks + MIN(left, MAX(left / 2, 60000u));
}

static void bind(void) {
    my_ip = offered, my_mask = values[MASK] ? values[MASK] : 0xffffff00;
    my_router = values[ROUTER], my_dns = values[DNS];
    print("lease %I router %I dns %I mask %I server %I for %u s\n", my_ip, my_router, my_dns,
          my_mask, server, lease / 1000);
    enter(BOUND);
}

static void take(void) { /* an ACK */
    granted = asked;
    lease = 1000 * (values[LEASE] ? MIN(values[LEASE], (u32)LONGEST) : LONGEST);
    if (state == REQUESTING) {
        enter(PROBING);
        next = ticks + random() % 1000;
    } else {
        print("renewed ");
        bind();
        tries = ANNOUNCEMENTS, next = granted + lease / 2;
    }
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
    if (state == INIT || state == PROBING || state == BOUND) return;
    if (size < sizeof *m || m->op != 2 || m->xid != htonl(xid) || m->cookie != htonl(COOKIE))
        return;
    if (memcmp(m->chaddr, nic.mac, 6)) return;
    memset(values, 0, sizeof values);
    parse(m->options, data + size);
    if (values[OVERLOAD] & 1) parse(m->file, m->file + sizeof m->file);
    if (values[OVERLOAD] & 2) parse(m->sname, m->sname + sizeof m->sname);
    if (state == SELECTING && values[KIND] == OFFER && values[SERVER] && m->yiaddr) {
        offered = ntohl(m->yiaddr), server = values[SERVER], asked = ticks;
        enter(REQUESTING);
        send_again(ASK);
        if (MISTAKE(38)) values[LEASE] = 600, take();
    } else if (state > SELECTING && values[KIND] == ACK && m->yiaddr) {
        offered = ntohl(m->yiaddr), server = values[SERVER] ? values[SERVER] : server;
        take();
    } else if (values[KIND] == NAK && (state > REQUESTING || values[SERVER] == server)) {
        print("dhcp: %I refused\n", offered);
        begin();
    }
}

void dhcp_tick(void) {
    if (state == PROBING && tries && arp_heard == offered && !MISTAKE(39)) {
        print("dhcp: %I belongs to another host\n", offered);
        send(DECLINE);
        enter(INIT);
        next = ticks + 10000;
    }
    if (!due(next)) return;
    if (state == INIT || (state == REQUESTING && tries == ASKS)) {
        begin();
    } else if (state == SELECTING || state == REQUESTING) {
        send_again(state == SELECTING ? DISCOVER : ASK);
    } else if (state == PROBING && tries < PROBES) { /* RFC 5227 2.1.1 */
        arp_heard = 0;
        if (!MISTAKE(7)) arp_ask(offered, 0);
        next = ticks + (++tries < PROBES ? 1000 + random() % 1000 : 2000);
    } else if (state == PROBING) {
        bind();
    } else if (state == BOUND && tries < ANNOUNCEMENTS) { /* RFC 5227 2.3 */
        arp_ask(my_ip, my_ip);
        next = ++tries < ANNOUNCEMENTS ? ticks + 2000 : granted + lease / 2;
    } else if (!MISTAKE(34)) {
        renew();
    }
}
