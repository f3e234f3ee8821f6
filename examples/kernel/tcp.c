/* TCP (RFC 9293), with RFC 6298's timer, RFC 5681's congestion control, RFC 6582's recovery.

   Both buffers are rings: the byte with the sequence number n is at n % TCP_BUFFER. One timer
   serves what is not acknowledged, a closed window, and TIME-WAIT. After a loss each
   acknowledgement that stops short of what had been sent by then (`recover`) shows the next hole,
   which is sent at once. */
#include "kernel.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { MSS = 1460, LEAST_MSS = 48, DEFAULT_MSS = 536, RETRIES = 8 };
enum {
    RTO_FIRST = 1000,
    RTO_LEAST = 1000,
    RTO_MOST = 60000,
    RTO_AFTER_SYN = 3000,
    TWO_MSL = 60000
};

struct segment {
    u32 seq, ack, size, length, window, mss; /* length: with SYN and FIN */
    const u8 *data;
    u8 flags;
};

u16 tcp_listening;
struct tcp connections[8];

/* What follows when the program closes, when a FIN comes, when ours is acknowledged (figure 5). */
static const struct {
    u8 close, fin, acked;
} next[] = {
    [ESTABLISHED] = {FIN_WAIT_1, CLOSE_WAIT, 0},
    [FIN_WAIT_1] = {0, CLOSING, FIN_WAIT_2},
    [FIN_WAIT_2] = {0, TIME_WAIT, FIN_WAIT_2},
    [CLOSE_WAIT] = {LAST_ACK, 0, 0},
    [CLOSING] = {0, 0, TIME_WAIT},
    [LAST_ACK] = {0, 0, CLOSED},
    [TIME_WAIT] = {0, 0, TIME_WAIT},
};

static bool before(u32 a, u32 b) { return (s32)(a - b) < 0; }
static void start_timer(struct tcp *t, u32 after) { t->timer_on = true, t->timer = ticks + after; }
static void fail(struct tcp *t, const char *why) { t->state = CLOSED, t->error = why; }

static void enter(struct tcp *t, u8 state) {
    t->state = state;
    if (state == TIME_WAIT) start_timer(t, TWO_MSL);
}

static void send(struct tcp *t, u32 seq, u8 flags, u32 size) { /* `size` bytes of snd_buf */
    static struct frame f;
    u32 options = flags & SYN && !MISTAKE(48) ? 4 : 0, header = TCP_SIZE + options;
    u32 edge = t->rcv_read + TCP_BUFFER;
    if ((s32)(edge - t->rcv_adv) >= MSS) t->rcv_adv = edge; /* never in steps of a few bytes */
    f.tcp.from = htons(t->local_port), f.tcp.to = htons(t->remote_port);
    f.tcp.seq = htonl(seq - (MISTAKE(51) && !(flags & SYN)));
    f.tcp.ack = htonl(flags & ACK ? t->rcv_nxt - (MISTAKE(53) && t->at_end) : MISTAKE(52));
    f.tcp.offset = MISTAKE(47) ? header >> 2 : header << 2 | MISTAKE(61) << 3, f.tcp.flags = flags;
    f.tcp.window = htons(t->rcv_adv - t->rcv_nxt), f.tcp.urgent = htons(MISTAKE(60));
    memcpy(f.tcp.data, (u8[]){2, 4, MISTAKE(49) ? MSS & 255 : MSS >> 8, MSS & 255}, options);
    for (u32 i = 0; i < size; i++) f.tcp.data[options + i] = t->snd_buf[(seq + i) % TCP_BUFFER];
    ip_send(&f, t->remote, TCP, header + size, &f.tcp.checksum);
    t->ack_due = 0;
}

static void send_ack(struct tcp *t) { send(t, t->snd_nxt, ACK, 0); }
static void send_syn(struct tcp *t) {
    send(t, t->snd_una, t->state == SYN_RCVD ? SYN | ACK : SYN, 0);
}

static void transmit(struct tcp *t, u32 seq, u32 size) { /* with the FIN, if it follows */
    bool last = seq + size == t->snd_end, fin = last && t->closing;
    u32 end = seq + size + fin;
    if (seq != t->snd_nxt || !t->timing) /* Karn's rule: nothing that is sent twice is timed */
        t->timing = seq == t->snd_nxt, t->rtt_seq = end, t->rtt_start = ticks;
    send(t, seq, (MISTAKE(62) ? 0 : ACK) | (last ? PSH : 0) | (fin ? FIN : 0), size);
    if (before(t->snd_nxt, end)) t->snd_nxt = end;
    if (!t->timer_on) start_timer(t, t->rto);
}

static void output(struct tcp *t) {
    while (!before(t->snd_end, t->snd_nxt)) { /* until the FIN has gone */
        u32 flight = t->snd_nxt - t->snd_una, unsent = t->snd_end - t->snd_nxt;
        u32 window = MISTAKE(56) ? t->cwnd : MIN(t->snd_wnd, t->cwnd);
        u32 size = flight < window ? MIN(window - flight, MIN(unsent, t->mss)) : 0;
        bool fin = t->closing && size == unsent;
        if (!fin && (!size || (size < t->mss && flight))) break; /* Nagle, and no silly windows */
        transmit(t, t->snd_nxt, size);
    }
    if (before(t->snd_una, t->snd_end) && !t->timer_on)
        start_timer(t, t->rto); /* a closed window */
}

static void resend(struct tcp *t) { /* the first segment; into a closed window one byte */
    u32 size = MIN(t->snd_end - t->snd_una, t->mss);
    transmit(t, t->snd_una, MIN(size, MAX(t->snd_wnd, 1u)));
}

static void lost(struct tcp *t) { /* RFC 5681 3.1 and 3.2 */
    if (t->retries < 2 && t->snd_wnd) t->ssthresh = MAX((t->snd_nxt - t->snd_una) / 2, 2u * t->mss);
    t->cwnd = t->retries ? t->mss : t->ssthresh;
    t->recover = t->snd_nxt;
    resend(t);
}

static void time_out(struct tcp *t) {
    if (t->state == TIME_WAIT) {
        t->state = CLOSED;
    } else if (t->retries++ == RETRIES) {
        fail(t, "timed out");
    } else {
        t->rto = MISTAKE(54) ? t->rto : MIN(2 * t->rto, (u32)RTO_MOST);
        t->timing = false;
        start_timer(t, t->rto);
        t->state < ESTABLISHED ? send_syn(t) : lost(t);
    }
}

void tcp_tick(void) {
    foreach (t, connections) {
        if (t->state == CLOSED) continue;
        output(t);
        u32 window = t->rcv_adv - t->rcv_nxt, room = t->rcv_read + TCP_BUFFER - t->rcv_adv;
        bool opens = !t->at_end && room >= (window < MSS ? MSS : TCP_BUFFER / 2);
        if (t->ack_due || opens) send_ack(t);
        if (t->timer_on && due(t->timer)) time_out(t);
    }
}

static void measure(struct tcp *t) { /* RFC 6298 2 */
    u32 r = ticks - t->rtt_start, error = MAX(r, t->srtt) - MIN(r, t->srtt);
    t->rttvar = t->srtt ? (3 * t->rttvar + error) / 4 : r / 2;
    t->srtt = t->srtt ? (7 * t->srtt + r) / 8 : r;
    t->rto = MIN(MAX(t->srtt + 4 * t->rttvar, MISTAKE(55) ? 1u : RTO_LEAST), (u32)RTO_MOST);
    t->timing = false;
}

static void acknowledged(struct tcp *t, u32 ack) {
    u32 acked = ack - t->snd_una;
    t->snd_una = ack, t->snd_wnd -= MIN(acked, t->snd_wnd); /* its right edge stays */
    t->dupacks = t->retries = 0;
    if (t->timing && !before(ack, t->rtt_seq)) measure(t);
    t->timer_on = false;
    if (ack != t->snd_nxt) start_timer(t, t->rto);
    t->cwnd += t->cwnd < t->ssthresh ? MIN(acked, t->mss) : MAX(t->mss * t->mss / t->cwnd, 1u);
    if (before(ack, t->recover)) resend(t);
}

static void take_window(struct tcp *t, const struct segment *s) {
    if (before(s->seq, t->snd_wl1) || (s->seq == t->snd_wl1 && before(s->ack, t->snd_wl2)))
        return; /* an older segment than the last one */
    bool opens = !t->snd_wnd && s->window;
    t->snd_wnd = s->window, t->snd_wl1 = s->seq, t->snd_wl2 = s->ack;
    if (!t->snd_wnd) t->retries = 0;                        /* it is there, and has no room */
    if (opens && before(t->snd_una, t->snd_nxt)) resend(t); /* what was only a probe */
}

static void take_ack(struct tcp *t, const struct segment *s) {
    bool again = s->ack == t->snd_una && !s->length && s->window == t->snd_wnd;
    if (before(t->snd_una, s->ack))
        acknowledged(t, s->ack);
    else if (again && s->ack != t->snd_nxt && ++t->dupacks == 3 && before(t->recover, t->snd_una))
        lost(t);
    if (!before(s->ack, t->snd_una)) take_window(t, s);
    if (t->snd_una == t->snd_end + 1) enter(t, next[t->state].acked); /* our FIN, too */
}

static void take_data(struct tcp *t, const struct segment *s) {
    u32 start = t->rcv_nxt, end = s->seq + s->size, window = t->rcv_adv - start;
    for (u32 n = s->seq; n != end; n++)
        if (n - start < window)
            t->rcv_buf[n % TCP_BUFFER] = s->data[n - s->seq], t->rcv_has[n % TCP_BUFFER] = true;
    while (t->rcv_has[t->rcv_nxt % TCP_BUFFER]) t->rcv_has[t->rcv_nxt++ % TCP_BUFFER] = false;
    if (s->flags & FIN && t->rcv_nxt == end) {
        t->at_end = true;
        if (t->rcv_nxt++ == t->rcv_adv) t->rcv_adv++;
        enter(t, next[t->state].fin);
    }
    bool gap = before(start, s->seq), filled = before(end, t->rcv_nxt);
    if (MISTAKE(63) && gap) return;
    t->ack_due += gap || filled ? 2 : 1;
    if (t->ack_due > 1) send_ack(t); /* every second segment's, and all about gaps at once */
}

static void synchronize(struct tcp *t, const struct segment *s) {
    t->rcv_nxt = t->rcv_read = t->rcv_adv = s->seq + !MISTAKE(50);
    t->snd_wl1 = s->seq, t->snd_wl2 = s->ack;
    t->mss = MIN(MAX(s->mss, (u32)LEAST_MSS), (u32)MSS);
}

static void established(struct tcp *t, const struct segment *s) {
    bool again = t->retries;
    enter(t, ESTABLISHED);
    acknowledged(t, s->ack);
    t->cwnd = again ? t->mss : 3 * t->mss; /* RFC 5681 3.1 */
    if (again) t->rto = RTO_AFTER_SYN;     /* RFC 6298 5.7 */
}

static void opening(struct tcp *t, const struct segment *s) { /* in SYN-SENT: RFC 9293 3.10.7.3 */
    bool acked = s->flags & ACK, reset = s->flags & RST;
    if (acked && s->ack != t->snd_nxt) {
        if (!reset) send(t, s->ack, RST, 0);
    } else if (reset) {
        if (acked) fail(t, "refused");
    } else if (s->flags & SYN) {
        synchronize(t, s);
        acked ? established(t, s) : enter(t, SYN_RCVD); /* or both have opened at once */
        acked ? take_window(t, s), send_ack(t) : send_syn(t);
    }
}

static bool acceptable(const struct tcp *t, const struct segment *s) {
    u32 offset = s->seq - t->rcv_nxt, window = t->rcv_adv - t->rcv_nxt;
    if (!s->length) return offset <= window + 1; /* behind all that was sent, a probe too */
    return offset < window || offset + s->length - 1 < window;
}

static void arrives(struct tcp *t, const struct segment *s) { /* RFC 9293 3.10.7.4 */
    bool opens = t->state == SYN_RCVD;
    if (!acceptable(t, s)) {
        if (!(s->flags & RST)) opens ? send_syn(t) : send_ack(t);
    } else if (s->flags & RST && s->seq == t->rcv_nxt) {
        fail(t, "reset");
    } else if (s->flags & (RST | SYN)) {
        send_ack(t);                                           /* RFC 5961: a challenge */
    } else if (s->flags & ACK && before(t->snd_nxt, s->ack)) { /* of what was not sent */
        opens ? send(t, s->ack, RST, 0) : send_ack(t);
    } else if (s->flags & ACK && (!opens || s->ack == t->snd_nxt)) {
        if (opens) established(t, s);
        take_ack(t, s);
        if (MISTAKE(59)) send_ack(t);
        if (s->length && next[t->state].fin) take_data(t, s);
    }
}

static struct tcp *find(u32 remote, u16 local_port, u16 remote_port) {
    foreach (t, connections)
        if (t->state && t->remote == remote && t->local_port == local_port &&
            t->remote_port == remote_port)
            return t;
    return NULL;
}

static struct tcp *open(u8 state, u32 remote, u16 local_port, u16 remote_port) {
    static u32 secret;
    struct tcp *t = NULL;
    foreach (one, connections)
        if (!one->in_use && (one->state == CLOSED || (one->state == TIME_WAIT && !t))) t = one;
    if (!t) return NULL;
    secret = secret ? secret : random();
    u32 hash = (my_ip ^ remote ^ ((u32)local_port << 16 | remote_port) ^ secret) * 2654435761u;
    u32 first = MISTAKE(57) ? 1 : ticks * 250 + hash; /* RFC 6528, with a weaker hash */
    memset(t, 0, sizeof *t);
    t->state = state, t->remote = remote, t->local_port = local_port, t->remote_port = remote_port;
    t->snd_una = t->recover = first, t->snd_nxt = t->snd_end = t->rtt_seq = first + 1;
    t->mss = DEFAULT_MSS, t->ssthresh = 65535, t->rto = RTO_FIRST;
    t->timing = true, t->rtt_start = ticks;
    start_timer(t, t->rto);
    return t;
}

static void refuse(u32 to, u16 from_port, u16 to_port, const struct segment *s) {
    static struct tcp nobody;
    nobody.remote = to, nobody.local_port = from_port, nobody.remote_port = to_port;
    nobody.rcv_nxt = nobody.rcv_read = nobody.rcv_adv = s->seq + s->length;
    send(&nobody, s->flags & ACK ? s->ack : 0, s->flags & ACK ? RST : RST | ACK, 0);
}

static u32 mss_option(const u8 *at, const u8 *end) {
    for (; at + 4 <= end && *at; at += *at == 1 ? 1 : MAX(at[1], 1))
        if (at[0] == 2) return at[2] << 8 | at[3];
    return DEFAULT_MSS;
}

void tcp_input(const struct frame *f, u32 size) {
    u32 from = ntohl(f->ip.from), header = f->tcp.offset >> 4 << 2;
    u16 local = ntohs(f->tcp.to), remote = ntohs(f->tcp.from);
    u8 flags = f->tcp.flags;
    if (size < TCP_SIZE || header < TCP_SIZE || header > size || payload_checksum(f, size)) return;
    struct segment s = {
        .data = (const u8 *)&f->tcp + header, .size = size - header, .flags = flags};
    s.seq = ntohl(f->tcp.seq), s.ack = ntohl(f->tcp.ack), s.window = ntohs(f->tcp.window);
    s.length = s.size + !!(flags & SYN) + (flags & FIN), s.mss = mss_option(f->tcp.data, s.data);
    bool wanted = local == tcp_listening && (flags & (SYN | ACK | RST)) == SYN;
    struct tcp *t = find(from, local, remote);
    if (t && t->state == SYN_SENT)
        opening(t, &s);
    else if (t)
        arrives(t, &s);
    else if (wanted && (t = open(SYN_RCVD, from, local, remote)))
        synchronize(t, &s), send_syn(t);
    else if (!(flags & RST))
        refuse(from, local, remote, &s);
}

void tcp_unreachable(const struct frame *f) {
    struct tcp *t = find(ntohl(f->ip.to), ntohs(f->tcp.from), ntohs(f->tcp.to));
    if (t && t->state == SYN_SENT) fail(t, "unreachable");
}

struct tcp *tcp_connect(u32 ip, u16 port) {
    static u16 last;
    last = MISTAKE(58) ? 50000 : (last ? last : MISTAKE(64) ? 500 : 49152 + random() % 8192) + 1;
    struct tcp *t = open(SYN_SENT, ip, last, port);
    if (t) t->in_use = true, send_syn(t);
    return t;
}

u32 tcp_room(const struct tcp *t) {
    bool open = t->state == ESTABLISHED || t->state == CLOSE_WAIT;
    return open ? TCP_BUFFER - (t->snd_end - t->snd_una) : 0;
}

bool tcp_write(struct tcp *t, u8 byte) {
    if (!tcp_room(t)) return false;
    t->snd_buf[t->snd_end++ % TCP_BUFFER] = byte;
    return true;
}

bool tcp_read(struct tcp *t, u8 *byte) {
    if (t->rcv_read == t->rcv_nxt - t->at_end) return false;
    *byte = t->rcv_buf[t->rcv_read++ % TCP_BUFFER];
    return true;
}

bool tcp_at_end(const struct tcp *t) {
    return t->rcv_read == t->rcv_nxt - t->at_end && (t->at_end || t->state == CLOSED);
}

void tcp_close(struct tcp *t) {
    if (MISTAKE(65)) send(t, t->snd_nxt, RST | ACK, 0), t->state = CLOSED;
    if (!t->closing) enter(t, next[t->state].close);
    t->closing = true;
}
