/* DHCP client (RFC 2131), with the check that nobody else has the address (RFC 5227). */
#include "kernel.h"

enum { DISCOVER = 1, OFFER, ASK, DECLINE, ACK, NAK };
enum { MASK = 1, ROUTER = 3, DNS = 6, WANTED = 50, LEASE = 51, OVERLOAD = 52, KIND = 53, SERVER = 54, LIST = 55,
       MAXIMUM = 57, T1 = 58, T2 = 59, END = 255 };
enum { COOKIE = 0x63825363, SHORTEST = 300, ASKS = 4, PROBES = 3, ANNOUNCEMENTS = 2, ENOUGH = 2000000 };

struct dhcp { u8 op, htype, hlen, hops; u32 xid; u16 secs, flags; u32 ciaddr, yiaddr, siaddr, giaddr;
              u8 chaddr[16], sname[64], file[128]; u32 cookie; u8 options[]; } PACKED;

static enum { INIT, SELECTING, REQUESTING, PROBING, BOUND, RENEWING, REBINDING } state;
static u32 xid, server, offered, began, next, delay, tries; /* next: when the timer is due */
static u16 secs;
static u32 asked, since;                                    /* when the last ASK was sent; the one that was granted */
static u32 t1, t2, lease;                                   /* seconds from there */
static u32 values[256];                                     /* of a message's options, their first 4 bytes */
static u32 new_mask, new_router, new_dns;

static u8 *option(u8 *at, u8 code, u8 size, u32 value)      /* value: its bytes, the first one lowest */
{
    *at++ = code;
    *at++ = size;
    memcpy(at, &value, size);
    return at + size;
}

static void send(u8 kind)
{
    static u8 buffer[SHORTEST];
    struct dhcp *m = (struct dhcp *)buffer;
    u8 *at = m->options;
    bool renews = !MISTAKE(35) && (state == RENEWING || state == REBINDING);
    memset(buffer, 0, sizeof buffer);
    if (kind != ASK || tries || renews)
        secs = kind == DECLINE || MISTAKE(33) ? 0 : MIN((ticks - began) / 1000, 0xffffu);  /* an ASK has its DISCOVER's */
    *m = (struct dhcp){ MISTAKE(29) ? 2 : 1, 1, MISTAKE(30) ? 0 : 6, 0, htonl(xid + (MISTAKE(25) && kind == ASK)), htons(secs), .flags = htons(MISTAKE(67) * 0x8000), .ciaddr = htonl(renews ? my_ip : 0), .cookie = MISTAKE(24) ? COOKIE : htonl(COOKIE) };
    memcpy(m->chaddr, nic.mac, 6);
    at = option(at, KIND, MISTAKE(37) ? 2 : 1, kind);
    if (kind == DECLINE || (kind == ASK && !renews)) {
        at = MISTAKE(27) ? at : option(at, WANTED, 4, htonl(offered));
        at = MISTAKE(26) ? at : option(at, SERVER, 4, htonl(server));
    }
    if (kind != DECLINE) {
        at = option(at, MAXIMUM, 2, MISTAKE(31) ? htons(300) : htons(1500));
        at = option(at, LIST, 3, MASK | ROUTER << 8 | DNS << 16);
    }
    *at = MISTAKE(28) ? 0 : END;
    udp_send(state == RENEWING ? server : ~0u, 68, 67, buffer, MISTAKE(36) ? (u32)(at + 1 - buffer) : sizeof buffer);
}

static void send_again_later(u8 kind)                       /* after 4, 8, ... 64 s, and up to 1 s more or less */
{
    send(kind);
    next = ticks + (MISTAKE(32) ? 500 : delay - 1000 + random() % 2000);
    delay = MIN(2 * delay, 64000u);
    tries++;
}

static void enter(int new_state, u32 first_delay)
{
    state = new_state;
    delay = first_delay;
    tries = 0;
}

static void dhcp_start(void)
{
    my_ip = 0;
    xid = random();
    began = ticks;
    enter(SELECTING, 4000);
    send_again_later(DISCOVER);
}

static void renew(int new_state, u32 until)                 /* RFC 2131 4.4.5 */
{
    if (state == BOUND)
        xid = random(), began = ticks;
    state = new_state;
    asked = ticks;
    send(ASK);
    next = ticks + MAX((s32)(until - ticks) / 2, 60000);
}

static void bind(void)
{
    my_ip = offered, my_mask = new_mask, my_router = new_router, my_dns = new_dns;
    print("lease %I router %I dns %I mask %I server %I for %u s\n", my_ip, my_router, my_dns, my_mask, server, lease);
    enter(BOUND, 0);
}

static void take(void)                                      /* an ACK */
{
    since = asked;
    lease = MIN(values[LEASE] ? values[LEASE] : ENOUGH, (u32)ENOUGH);
    t1 = values[T1] && values[T1] < lease ? values[T1] : lease / 2;
    t2 = values[T2] && values[T2] < lease ? values[T2] : lease / 8 * 7;
    new_mask = values[MASK] ? values[MASK] : 0xffffff00;
    new_router = values[ROUTER], new_dns = values[DNS];
    if (state == REQUESTING) {
        enter(PROBING, 0);
        next = ticks + random() % 1000;
    } else {
        print("renewed ");
        bind();
        tries = ANNOUNCEMENTS;
    }
}

static void parse(const u8 *at, const u8 *end)
{
    while (at < end && *at != END) {
        if (!*at) {
            at++;
            continue;
        }
        if (end - at < 2 || end - at < 2 + at[1])
            return;
        u32 value = 0;
        for (int i = 0; i < MIN(at[1], 4); i++)
            value = value << 8 | at[2 + i];
        values[*at] = value;
        at += 2 + at[1];
    }
}

void dhcp_input(const u8 *data, u32 size)
{
    const struct dhcp *m = (const struct dhcp *)data;
    if (size < sizeof *m || m->op != 2 || m->xid != htonl(xid) || memcmp(m->chaddr, nic.mac, 6) || m->cookie != htonl(COOKIE))
        return;
    memset(values, 0, sizeof values);
    parse(m->options, data + size);
    if (values[OVERLOAD] & 1)
        parse(m->file, m->file + sizeof m->file);
    if (values[OVERLOAD] & 2)
        parse(m->sname, m->sname + sizeof m->sname);
    u32 kind = values[KIND];
    bool asks = state == REQUESTING || state == RENEWING || state == REBINDING;
    if (state == SELECTING && kind == OFFER && values[SERVER] && m->yiaddr) {
        offered = ntohl(m->yiaddr), server = values[SERVER];
        enter(REQUESTING, 4000);
        asked = ticks;
        send_again_later(ASK);
        if (MISTAKE(38))
            values[LEASE] = 600, take();
    } else if (asks && kind == ACK && m->yiaddr) {
        offered = ntohl(m->yiaddr);
        server = values[SERVER] ? values[SERVER] : server;
        take();
    } else if (asks && kind == NAK && (state != REQUESTING || values[SERVER] == server)) {
        print("dhcp: %I refused\n", offered);
        dhcp_start();
    }
}

static void probe(void)                                     /* RFC 5227 2.1.1 */
{
    if (tries && arp_conflict(offered) && !MISTAKE(39)) {
        print("dhcp: %I belongs to another host\n", offered);
        send(DECLINE);
        enter(INIT, 0);
        next = ticks + 10000;
    } else if (due(next) && tries < PROBES) {
        arp_probe(offered);
        next = ticks + (++tries < PROBES ? 1000 + random() % 1000 : 2000);
    } else if (due(next)) {
        bind();
    }
}

void dhcp_tick(void)
{
    switch (state) {
    case INIT:
        if (due(next))
            dhcp_start();
        break;
    case SELECTING:
        if (due(next))
            send_again_later(DISCOVER);
        break;
    case REQUESTING:
        if (due(next) && tries < ASKS)
            send_again_later(ASK);
        else if (due(next))
            dhcp_start();
        break;
    case PROBING:
        probe();
        break;
    case BOUND:
        if (tries < ANNOUNCEMENTS && (!tries || due(next))) {   /* RFC 5227 2.3 */
            arp_announce();
            next = ticks + 2000;
            tries++;
        }
        if (due(since + t1 * 1000) && !MISTAKE(34))
            renew(RENEWING, since + t2 * 1000);
        break;
    case RENEWING:
        if (due(since + t2 * 1000))
            renew(REBINDING, since + lease * 1000);
        else if (due(next))
            renew(RENEWING, since + t2 * 1000);
        break;
    case REBINDING:
        if (due(since + lease * 1000)) {
            print("dhcp: the lease of %I is over\n", my_ip);
            dhcp_start();
        } else if (due(next)) {
            renew(REBINDING, since + lease * 1000);
        }
    }
}

bool dhcp_bound(void) { return state >= BOUND; }
