/* DHCP client (RFC 2131), with the check that nobody else has the address (RFC 5227).

   Each state is a row of `steps`: what is sent in it, how often and how far apart, and the state
   that follows when that was in vain or, in the last three, when so much of the lease is over.
   Answers lead to other states, in dhcp_input(). */
#include "kernel.h"

enum { ARP, DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK };
enum { MASK = 1, ROUTER = 3, DNS = 6, WANTED = 50, LEASE, OVERLOAD, KIND, SERVER, LIST };
enum { MAXIMUM = 57, END = 255, COOKIE = 0x63825363, LONGEST = 2000000 /* seconds of a lease */ };
enum { XID = 4, YIADDR = 16, CHADDR = 28, SNAME = 44, FILE = 108, OPTIONS = 240 };
enum { UNUSED = 202, PADDING = 60 };

enum { IDLE, SELECTING, REQUESTING, PROBING, QUIET, ANNOUNCING, BOUND, RENEWING, REBINDING };
static const struct {
    u8 sends, times, then, eighths; /* ARP: asks for the address */
    u16 wait, doubles;              /* milliseconds, half a second more or less; how often longer */
} steps[] = {
    [IDLE] = {ARP, 0, SELECTING, 0, 10000, 0},
    [SELECTING] = {DISCOVER, 255, SELECTING, 0, 4000, 4},
    [REQUESTING] = {REQUEST, 4, SELECTING, 0, 4000, 4},
    [PROBING] = {ARP, MISTAKE(7) ? 0 : 3, QUIET, 0, 1500, 0},
    [QUIET] = {ARP, 0, ANNOUNCING, 0, 1000, 0},
    [ANNOUNCING] = {ARP, MISTAKE(7) ? 0 : 2, BOUND, 0, 2500, 0},
    [BOUND] = {ARP, 0, RENEWING, MISTAKE(34) ? 255 : 4, 0, 0},
    [RENEWING] = {REQUEST, 255, REBINDING, 7, 60500, 4},
    [REBINDING] = {REQUEST, 255, SELECTING, 8, 60500, 4},
};

static u32 state, tries, next; /* how often that was sent, when it is due */
static u32 xid, server, offered, secs;
static u32 began, asked;   /* when this exchange began; the last message */
static u32 granted, lease; /* the REQUEST that has its ACK; milliseconds from there */
static u32 values[256];    /* of a message's options, their first 4 bytes */

static void bind(void) {
    my_ip = offered, my_mask = values[MASK] ?: 0xffffff00;
    my_router = values[ROUTER], my_dns = values[DNS];
    print("lease %I router %I dns %I mask %I server %I for %u s\n", my_ip, my_router, my_dns,
          my_mask, server, lease / 1000);
}

static void enter(u32 new_state) {
    state = new_state, tries = 0;
    next = ticks + (steps[state].times ? 0 : steps[state].wait);
    if (state == SELECTING || state == RENEWING) xid = random(), began = ticks;
    if (state == SELECTING) my_ip = 0;
    if (state == PROBING) next += random() % 1000, arp_heard = 0;
    if (state == ANNOUNCING) bind();
}

static void send(u32 kind) {
    struct packet *p = fresh(MISTAKE(36) ? 0 : PADDING);
    bool renews = state >= RENEWING && !MISTAKE(35), selects = kind != DISCOVER && !renews;
    if (state != REQUESTING || tries) secs = (ticks - began) / 1000; /* first its DISCOVER's */
    asked = ticks;
    push(p, "1", MISTAKE(28) ? 0 : END);
    if (kind != DECLINE)
        push(p, "11211111", MAXIMUM, 2, MISTAKE(31) ? 300 : 1500, LIST, 3, MASK, ROUTER, DNS);
    if (selects && !MISTAKE(26)) push(p, "114", SERVER, 4, server);
    if (selects && !MISTAKE(27)) push(p, "114", WANTED, 4, offered);
    push(p, MISTAKE(37) ? "112" : "111", KIND, MISTAKE(37) ? 2 : 1, MISTAKE(37) ? kind << 8 : kind);
    push(p, "4", MISTAKE(24) ? swap32(COOKIE) : COOKIE);
    p->size += UNUSED, memset(p->data -= UNUSED, 0, UNUSED); /* sname, file, the end of chaddr */
    push(p, "111142244446", MISTAKE(29) ? 2 : 1, 1, MISTAKE(30) ? 0 : 6, 0,
         MISTAKE(25) && kind == REQUEST ? xid + 1 : xid, kind == DECLINE || MISTAKE(33) ? 0 : secs,
         MISTAKE(67) ? 0x8000 : 0, renews ? my_ip : 0, 0, 0, 0, nic.mac);
    udp_send(p, state == RENEWING ? server : ~0u, 68, 67);
}

static void parse(const u8 *at, const u8 *end) { /* a zero is padding */
    for (u32 size; at + 1 < end && *at != END; at += size) {
        size = *at ? 2 + at[1] : 1;
        if (at + size > end) return;
        for (u32 i = 2; i < MIN(size, 6u); i++) values[*at] = values[*at] << 8 | at[i];
    }
}

void dhcp_input(struct packet *p) {
    const u8 *m = p->data;
    if (p->size < OPTIONS || m[0] != 2 || number(m + XID, 4) != xid || steps[state].sends == ARP ||
        number(m + OPTIONS - 4, 4) != COOKIE || memcmp(m + CHADDR, nic.mac, 6))
        return;
    memset(values, 0, sizeof values);
    parse(m + OPTIONS, m + p->size);
    if (values[OVERLOAD] & 1) parse(m + FILE, m + OPTIONS - 4);
    if (values[OVERLOAD] & 2) parse(m + SNAME, m + FILE);
    u32 kind = values[KIND], from = values[SERVER], address = number(m + YIADDR, 4);
    if (kind == NAK && state > SELECTING && (state > REQUESTING || from == server))
        return print("dhcp: %I refused\n", offered), enter(SELECTING);
    if (kind != (state == SELECTING ? OFFER : ACK) || !from || !address || !values[LEASE]) return;
    offered = address, server = from;
    granted = asked, lease = 1000 * MIN(values[LEASE], (u32)LONGEST);
    if (state >= RENEWING) return print("renewed "), bind(), enter(BOUND);
    if (MISTAKE(38)) my_ip = offered;
    enter(state == SELECTING ? REQUESTING : PROBING);
}

void dhcp_tick(void) {
    typeof(*steps) *s = &steps[state];
    bool is_last = due(next) && tries == s->times;
    if (state == PROBING && arp_heard == offered && !MISTAKE(39))
        return print("dhcp: %I belongs to another host\n", offered), send(DECLINE), enter(IDLE);
    if (s->eighths ? due(granted + lease / 8 * s->eighths) : is_last) return enter(s->then);
    if (is_last || !due(next)) return;
    s->sends == ARP ? arp_ask(offered) : send(s->sends);
    next = ticks + (MISTAKE(32) ? 500 : s->wait << MIN(tries, s->doubles));
    next += random() % 1000 - 500, tries++;
}
