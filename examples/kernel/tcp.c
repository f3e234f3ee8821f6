/* TCP (RFC 9293), with RFC 6298's timer, RFC 5681's congestion control, RFC 6582's recovery.

   Both buffers are rings: the byte with the sequence number n is at n % TCP_BUFFER. The states in
   which a connection ends are two flags: `closing`, a FIN follows our last byte; `at_end`, the
   other end's has come, behind rcv_nxt. One timer serves what is not acknowledged, a closed window,
   and TIME-WAIT. After a loss each acknowledgement that stops short of what had been sent by then
   (`recover`) shows the next hole, which is sent at once. */
#include "kernel.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, HEADER = 20 };
enum { MSS = 1460, LEAST_MSS = 48, DEFAULT_MSS = 536, RETRIES = 8, TWO_MSL = 60000 };
enum { RTO_FIRST = 1000, RTO_LEAST = 1000, RTO_MOST = 60000, RTO_AFTER_SYN = 3000 }; /* ms */

static struct {                                /* the segment that has come; names as in RFC 9293 */
    u32 seq, ack, flags, window, size, length; /* length: with SYN and FIN */
    const u8 *options, *data;
} seg;

u32 tcp_listening;
struct tcp connections[8];

static bool before(u32 a, u32 b) { return (s32)(a - b) < 0; }
static void start_timer(struct tcp *t, u32 after) { t->timer_on = true, t->timer = ticks + after; }
static void fail(struct tcp *t, const char *why) { t->state = CLOSED, t->error = why; }

static void send(struct tcp *t, u32 seq, u32 flags, u32 size) { /* `size` bytes of snd_buf */
    static struct packet p;
    u32 edge = t->rcv_read + TCP_BUFFER, words = flags & SYN && !MISTAKE(48) ? 6 : 5;
    if ((s32)(edge - t->rcv_adv) >= MSS) t->rcv_adv = edge; /* never in steps of a few bytes */
    fresh(&p, size);
    for (u32 i = 0; i < size; i++) p.data[i] = t->snd_buf[(seq + i) % TCP_BUFFER];
    if (words > 5) push(&p, "112", 2, 4, MISTAKE(49) ? swap16(MSS) : MSS);
    push(&p, "224411222", t->peer.local_port, t->peer.remote_port,
         seq - (MISTAKE(51) && !(flags & SYN)),
         flags & ACK ? t->rcv_nxt + (t->at_end && !MISTAKE(53)) : MISTAKE(52),
         MISTAKE(47) ? words : words << 4 | MISTAKE(61) << 3, flags, t->rcv_adv - t->rcv_nxt, 0,
         MISTAKE(60));
    ip_send(&p, t->peer.ip, TCP, 16);
    t->ack_due = 0;
}

static void send_ack(struct tcp *t) { send(t, t->snd_nxt, ACK, 0); }
static void send_syn(struct tcp *t) {
    send(t, t->snd_una, t->state == SYN_SENT ? SYN : SYN | ACK, 0);
}

static void transmit(struct tcp *t, u32 seq, u32 size) { /* with the FIN, if it follows */
    bool last = seq + size == t->snd_end, fin = last && t->closing;
    u32 end = seq + size + fin;
    if (seq != t->snd_nxt || !t->timing) /* Karn's rule: nothing that is sent twice is timed */
        t->timing = seq == t->snd_nxt, t->rtt_seq = end, t->rtt_start = ticks;
    send(t, seq, (MISTAKE(62) ? 0 : ACK) | (last ? PSH : 0) | (fin ? FIN : 0), size);
    if (before(t->snd_nxt, end)) t->snd_nxt = end;
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
}

static void resend(struct tcp *t) { /* the first segment; into a closed window one byte */
    u32 size = MIN(t->snd_end - t->snd_una, t->mss);
    t->state < ESTABLISHED ? send_syn(t) : transmit(t, t->snd_una, MIN(size, MAX(t->snd_wnd, 1u)));
}

static void lost(struct tcp *t) { /* RFC 5681 3.1 and 3.2 */
    if (t->retries < 2 && t->snd_wnd) t->ssthresh = MAX((t->snd_nxt - t->snd_una) / 2, 2u * t->mss);
    t->cwnd = t->retries ? t->mss : t->ssthresh;
    t->recover = t->snd_nxt;
    resend(t);
}

static void time_out(struct tcp *t) {
    if (t->state == TIME_WAIT) return fail(t, NULL);
    if (t->retries++ == RETRIES) return fail(t, "timed out");
    if (!MISTAKE(54)) t->rto = MIN(2 * t->rto, (u32)RTO_MOST);
    t->timing = false;
    start_timer(t, t->rto);
    lost(t);
}

void tcp_tick(void) {
    foreach (t, connections) {
        if (t->state == CLOSED) continue;
        output(t);
        bool opens = !t->at_end && t->rcv_read + TCP_BUFFER - t->rcv_adv >= TCP_BUFFER / 2;
        if (t->ack_due || opens) send_ack(t);
        bool waits = t->snd_una != t->snd_end + t->closing; /* for an ACK, or for a window */
        if (waits && !t->timer_on) start_timer(t, t->rto);
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

static void acknowledged(struct tcp *t, u32 size) {
    t->snd_una += size, t->snd_wnd -= MIN(size, t->snd_wnd); /* its right edge stays */
    t->dupacks = t->retries = 0;
    if (t->timing && !before(t->snd_una, t->rtt_seq)) measure(t);
    t->timer_on = false;
    t->cwnd += t->cwnd < t->ssthresh ? MIN(size, t->mss) : MAX(t->mss * t->mss / t->cwnd, 1u);
    if (before(t->snd_una, t->recover)) resend(t);
}

static void take_ack(struct tcp *t) {
    u32 acked = seg.ack - t->snd_una;
    bool opens = !t->snd_wnd && seg.window, same = !seg.length && seg.window == t->snd_wnd;
    if ((s32)acked > 0)
        acknowledged(t, acked);
    else if (!acked && same && seg.ack != t->snd_nxt && ++t->dupacks == 3 &&
             before(t->recover, t->snd_una))
        lost(t);
    if ((s32)acked < 0 || before(seg.seq, t->snd_wl1)) return; /* older than the last one */
    t->snd_wnd = seg.window, t->snd_wl1 = seg.seq;
    if (!t->snd_wnd) t->retries = 0;                        /* it is there, and has no room */
    if (opens && before(t->snd_una, t->snd_nxt)) resend(t); /* what was only a probe */
}

static void take_data(struct tcp *t) {
    u32 start = t->rcv_nxt, end = seg.seq + seg.size, window = t->at_end ? 0 : t->rcv_adv - start;
    for (u32 n = seg.seq; n != end; n++)
        if (n - start < window)
            t->rcv_buf[n % TCP_BUFFER] = seg.data[n - seg.seq], t->rcv_has[n % TCP_BUFFER] = true;
    while (t->rcv_has[t->rcv_nxt % TCP_BUFFER]) t->rcv_has[t->rcv_nxt++ % TCP_BUFFER] = false;
    if (seg.flags & FIN && t->rcv_nxt == end) t->at_end = true;
    bool gap = before(start, seg.seq), filled = before(end, t->rcv_nxt);
    if (MISTAKE(63) && gap) return;
    t->ack_due += gap || filled ? 2 : 1;
    if (t->ack_due > 1) send_ack(t); /* every second segment's, and all about gaps at once */
}

static void synchronize(struct tcp *t) { /* takes the SYN off the segment */
    u32 mss = DEFAULT_MSS;
    for (const u8 *at = seg.options; at + 4 <= seg.data && *at; at += *at == 1 ? 1 : MAX(at[1], 1))
        if (*at == 2) mss = at[2] << 8 | at[3];
    t->mss = MIN(MAX(mss, (u32)LEAST_MSS), (u32)MSS);
    t->cwnd = t->retries ? t->mss : 3 * t->mss; /* RFC 5681 3.1 */
    t->state = SYN_RCVD, t->ack_due = 2;
    seg.seq += !MISTAKE(50), seg.length--, seg.flags &= ~SYN;
    t->rcv_nxt = t->rcv_read = t->rcv_adv = t->snd_wl1 = seg.seq;
}

static bool acceptable(const struct tcp *t) {
    u32 offset = seg.seq - t->rcv_nxt, window = t->rcv_adv - t->rcv_nxt;
    if (!seg.length) return offset <= window + 1; /* behind all that was sent, a probe too */
    return offset < window || offset + seg.length - 1 < window;
}

static void arrives(struct tcp *t) { /* RFC 9293 3.10.7.3 and 3.10.7.4 */
    bool acks = seg.flags & ACK, resets = seg.flags & RST, opens = t->state < ESTABLISHED;
    bool wrong = acks && (opens ? seg.ack != t->snd_nxt : before(t->snd_nxt, seg.ack));
    if (t->state == SYN_SENT && !wrong) {
        if (resets && acks) return fail(t, "refused");
        if (resets || !(seg.flags & SYN)) return;
        synchronize(t);
        if (!acks) return send_syn(t); /* both have opened at once */
    } else if (t->state != SYN_SENT && !acceptable(t)) {
        if (!resets) opens ? send_syn(t) : send_ack(t);
        return;
    }
    if (wrong && opens) return resets ? (void)0 : send(t, seg.ack, RST, 0);
    if (resets && seg.seq == t->rcv_nxt + t->at_end) return fail(t, "reset");
    if (resets || wrong || seg.flags & SYN) return send_ack(t); /* RFC 5961: a challenge */
    if (!acks) return;
    if (opens && t->retries) t->rto = RTO_AFTER_SYN; /* RFC 6298 5.7 */
    t->state = MAX(t->state, ESTABLISHED);
    take_ack(t);
    if (MISTAKE(59)) send_ack(t);
    if (seg.length) take_data(t);
    if (!t->at_end || t->snd_una != t->snd_end + 1) return; /* one FIN is missing */
    t->state = t->closed_first ? TIME_WAIT : CLOSED;
    start_timer(t, TWO_MSL);
}

static struct tcp *find(struct peer peer) {
    foreach (t, connections)
        if (t->state && !memcmp(&t->peer, &peer, sizeof peer)) return t;
    return NULL;
}

static struct tcp *open(u8 state, struct peer peer) {
    struct tcp *t = NULL;
    u32 first = MISTAKE(57) ? 1 : random(); /* no pair of ports comes twice so soon */
    foreach (one, connections)
        if (!one->in_use && (one->state == CLOSED || (one->state == TIME_WAIT && !t))) t = one;
    if (!t) return NULL;
    memset(t, 0, sizeof *t);
    t->state = state, t->peer = peer;
    t->snd_una = t->recover = first, t->snd_nxt = t->snd_end = t->rtt_seq = first + 1;
    t->mss = DEFAULT_MSS, t->ssthresh = 65535, t->rto = RTO_FIRST;
    t->timing = true, t->rtt_start = ticks;
    return t;
}

void tcp_input(struct packet *p) {
    static struct tcp nobody;
    u32 offset;
    struct peer peer = {.ip = p->from};
    if (!pull(p, "224411222", &peer.remote_port, &peer.local_port, &seg.seq, &seg.ack, &offset,
              &seg.flags, &seg.window, NULL, NULL))
        return;
    seg.options = p->data, seg.data = p->data + (offset >> 4) * 4 - HEADER;
    seg.size = p->size - (seg.data - seg.options);
    if (seg.size > p->size) return;
    seg.length = seg.size + !!(seg.flags & SYN) + (seg.flags & FIN);
    struct tcp *t = find(peer);
    bool opens = peer.local_port == tcp_listening && (seg.flags & (SYN | ACK | RST)) == SYN;
    if (t) return arrives(t);
    if (opens && (t = open(SYN_RCVD, peer))) return synchronize(t), send_syn(t);
    if (seg.flags & RST) return;
    nobody.peer = peer, nobody.rcv_nxt = nobody.rcv_read = nobody.rcv_adv = seg.seq + seg.length;
    send(&nobody, seg.flags & ACK ? seg.ack : 0, seg.flags & ACK ? RST : RST | ACK, 0);
}

void tcp_unreachable(struct peer peer) {
    struct tcp *t = find(peer);
    if (t && t->state == SYN_SENT) fail(t, "unreachable");
}

struct tcp *tcp_connect(u32 ip, u32 port) {
    static u32 made;
    made = made ? made : random();
    u32 from = MISTAKE(64) ? 500 : 49152 + (MISTAKE(58) ? 0 : made++) % 16384;
    struct tcp *t = open(SYN_SENT, (struct peer){ip, from, port});
    if (t) t->in_use = true, send_syn(t);
    return t;
}

u32 tcp_room(const struct tcp *t) {
    bool open = t->state == ESTABLISHED && !t->closing;
    return open ? TCP_BUFFER - (t->snd_end - t->snd_una) : 0;
}

bool tcp_write(struct tcp *t, u8 byte) {
    return tcp_room(t) ? t->snd_buf[t->snd_end++ % TCP_BUFFER] = byte, true : false;
}

int tcp_read(struct tcp *t) {
    return t->rcv_read == t->rcv_nxt ? -1 : t->rcv_buf[t->rcv_read++ % TCP_BUFFER];
}

bool tcp_at_end(const struct tcp *t) {
    return t->rcv_read == t->rcv_nxt && (t->at_end || t->state == CLOSED);
}

void tcp_close(struct tcp *t) {
    if (MISTAKE(65)) send(t, t->snd_nxt, RST | ACK, 0), t->state = CLOSED;
    if (!t->closing) t->closed_first = !t->at_end;
    t->closing = true;
}
