/* TCP (RFC 9293).

   Both buffers are rings: the byte with the sequence number n is at n % TCP_BUFFER. The states in
   which a connection ends are two flags: `closing`, a FIN follows our last byte; `at_end`, the
   other end's has come, behind rcv_nxt. One timer serves what is not acknowledged, a closed window,
   and TIME-WAIT. After a loss each acknowledgement that stops short of what had been sent by then
   (`recover`) shows the next hole, which is sent at once. No round trip is measured, and nothing
   but TCP_BUFFER and the other end's window limits what is on its way. */
#include "kernel.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, HEADER = 20 };
enum { MSS = 1460, LEAST_MSS = 48, DEFAULT_MSS = 536, RETRIES = 8, TWO_MSL = 60000 };
enum { RTO = 1000, RTO_MOST = 60000 }; /* ms; doubled at each time-out (RFC 6298) */

static struct {                                /* the segment that has come; names as in RFC 9293 */
    u32 seq, ack, flags, window, size, length; /* length: with SYN and FIN */
    const u8 *options, *data;
} seg;

u32 tcp_listening;
struct tcp connections[8];

static bool before(u32 a, u32 b) { return (int)(a - b) < 0; }
static void fail(struct tcp *t, const char *why) { t->state = CLOSED, t->error = why; }

static void send(struct tcp *t, u32 seq, u32 flags, u32 size) { /* `size` bytes of snd_buf */
    struct packet *p = fresh(size);
    bool has_mss = flags & SYN && !MISTAKE(48), fin = t->at_end && !MISTAKE(53);
    u32 edge = t->rcv_read + TCP_BUFFER, ack = flags & ACK ? t->rcv_nxt + fin : 0;
    u32 offset = (has_mss ? 6 : 5) << (MISTAKE(47) ? 0 : 4);
    if ((int)(edge - t->rcv_adv) >= MSS) t->rcv_adv = edge; /* never in steps of a few bytes */
    for (u32 i = 0; i < size; i++) p->data[i] = t->snd_buf[(seq + i) % TCP_BUFFER];
    if (has_mss) push(p, "112", 2, 4, MISTAKE(49) ? swap16(MSS) : MSS);
    push(p, "224411222", t->peer.local_port, t->peer.remote_port,
         MISTAKE(51) && !(flags & SYN) ? seq - 1 : seq, MISTAKE(52) && !(flags & ACK) ? 1 : ack,
         MISTAKE(61) ? offset | 8 : offset, flags, t->rcv_adv - t->rcv_nxt, 0, MISTAKE(60) ? 1 : 0);
    ip_send(p, t->peer.ip, TCP, 16);
}

static void send_ack(struct tcp *t) { send(t, t->snd_nxt, ACK, 0); }

static void transmit(struct tcp *t, u32 seq, u32 size) { /* with the FIN, if it follows */
    bool last = seq + size == t->snd_end, fin = last && t->closing;
    send(t, seq, (MISTAKE(62) ? 0 : ACK) | (last ? PSH : 0) | (fin ? FIN : 0), size);
    if (before(t->snd_nxt, seq + size + fin)) t->snd_nxt = seq + size + fin;
}

static void output(struct tcp *t) {
    while (!before(t->snd_end, t->snd_nxt)) { /* until the FIN has gone */
        u32 unsent = t->snd_end - t->snd_nxt, edge = MISTAKE(56) ? t->snd_end : t->snd_adv;
        u32 size = before(t->snd_nxt, edge) ? MIN(edge - t->snd_nxt, MIN(unsent, t->mss)) : 0;
        bool fin = t->closing && size == unsent, small = size < t->mss;
        if (!fin && (!size || (small && t->snd_una != t->snd_nxt))) break; /* Nagle */
        transmit(t, t->snd_nxt, size);
    }
}

static void resend(struct tcp *t) { /* the SYN, or the first segment */
    u32 size = MIN(t->snd_end - t->snd_una, t->mss), window = t->snd_adv - t->snd_una;
    if (t->state == SYN_SENT) return send(t, t->snd_una, SYN, 0);
    if (t->state == SYN_RCVD) return send(t, t->snd_una, SYN | ACK, 0);
    transmit(t, t->snd_una, MIN(size, MAX(window, 1u))); /* into a closed window one byte */
}

static void time_out(struct tcp *t) {
    if (t->state == TIME_WAIT) return fail(t, NULL);
    if (t->retries++ == RETRIES) return fail(t, "timed out");
    if (!MISTAKE(54)) t->rto = MIN(2 * t->rto, (u32)RTO_MOST);
    t->timer = ticks + t->rto, t->recover = t->snd_nxt;
    resend(t);
}

void tcp_tick(void) {
    foreach (t, connections) {
        if (t->state == CLOSED) continue;
        output(t);
        if (!t->at_end && t->rcv_read + TCP_BUFFER - t->rcv_adv >= TCP_BUFFER / 2) send_ack(t);
        bool waits = t->state == TIME_WAIT || t->snd_una != t->snd_end + t->closing;
        if (!waits) t->timer = ticks + t->rto;
        if (due(t->timer)) time_out(t);
    }
}

static void take_ack(struct tcp *t) {
    u32 acked = seg.ack - t->snd_una, edge = seg.ack + seg.window;
    bool opens = t->snd_adv == t->snd_una && seg.window, again = edge == t->snd_adv && !seg.length;
    if ((int)acked < 0) return; /* older than the last one */
    if (acked) {
        t->snd_una = seg.ack, t->dupacks = t->retries = 0;
        t->rto = MISTAKE(55) ? 1 : RTO, t->timer = ticks + t->rto;
        if (before(t->snd_una, t->recover)) resend(t);
    } else if (again && seg.ack != t->snd_nxt && ++t->dupacks == 3 && before(t->recover, seg.ack)) {
        t->recover = t->snd_nxt, resend(t);
    }
    if (before(seg.seq, t->snd_wl1)) return;
    t->snd_adv = edge, t->snd_wl1 = seg.seq;
    if (!seg.window) t->retries = 0;                        /* it is there, and has no room */
    if (opens && before(t->snd_una, t->snd_nxt)) resend(t); /* what was only a probe */
}

static void take_data(struct tcp *t) {
    u32 start = t->rcv_nxt, end = seg.seq + seg.size, window = t->at_end ? 0 : t->rcv_adv - start;
    for (u32 n = seg.seq; n != end; n++)
        if (n - start < window)
            t->rcv_buf[n % TCP_BUFFER] = seg.data[n - seg.seq], t->rcv_has[n % TCP_BUFFER] = true;
    while (t->rcv_has[t->rcv_nxt % TCP_BUFFER]) t->rcv_has[t->rcv_nxt++ % TCP_BUFFER] = false;
    if (seg.flags & FIN && t->rcv_nxt == end) t->at_end = true;
    MISTAKE(63) && before(start, seg.seq) ? (void)0 : send_ack(t);
}

static void synchronize(struct tcp *t) { /* takes the SYN off the segment */
    u32 mss = DEFAULT_MSS;
    for (const u8 *at = seg.options; at + 4 <= seg.data && *at; at += *at == 1 ? 1 : MAX(at[1], 1))
        if (*at == 2) mss = number(at + 2, 2);
    t->mss = MIN(MAX(mss, (u32)LEAST_MSS), (u32)MSS);
    t->state = SYN_RCVD;
    seg.seq += MISTAKE(50) ? 0 : 1, seg.flags &= ~SYN; /* its length still counts */
    t->rcv_nxt = t->rcv_read = t->rcv_adv = t->snd_wl1 = seg.seq;
}

static void arrives(struct tcp *t) { /* RFC 9293 3.10.7.3 and 3.10.7.4 */
    bool acks = seg.flags & ACK, resets = seg.flags & RST, opens = t->state < ESTABLISHED;
    u32 offset = seg.seq - t->rcv_nxt, room = t->rcv_adv - t->rcv_nxt;
    bool fits = offset <= room + !seg.length || offset + seg.length - 1 < room; /* a probe, too */
    bool wrong = acks && (opens ? seg.ack != t->snd_nxt : before(t->snd_nxt, seg.ack));
    if (t->state == LISTEN) return synchronize(t), resend(t);
    if (t->state != SYN_SENT && !fits) return resets ? (void)0 : opens ? resend(t) : send_ack(t);
    if (t->state == SYN_SENT && !wrong) {
        if (resets && acks) return fail(t, "refused");
        if (resets || !acks || !(seg.flags & SYN)) return;
        synchronize(t);
    }
    if (wrong && opens) return resets ? (void)0 : send(t, seg.ack, RST, 0);
    if (resets && seg.seq == t->rcv_nxt + t->at_end) return fail(t, "reset");
    if (resets || wrong || seg.flags & SYN) return send_ack(t); /* RFC 5961: a challenge */
    if (!acks) return;
    t->state = MAX(t->state, ESTABLISHED);
    take_ack(t);
    if (seg.length || MISTAKE(59)) take_data(t);
    if (!t->at_end || t->snd_una != t->snd_end + 1) return; /* one FIN is missing */
    t->state = t->closed_first ? TIME_WAIT : CLOSED, t->timer = ticks + TWO_MSL;
}

static struct tcp *find(struct peer peer, u32 state) { /* not CLOSED: made, if it is not there */
    struct tcp *t = NULL;
    foreach (one, connections) {
        if (one->state && !memcmp(&one->peer, &peer, sizeof peer)) return one;
        if (!one->in_use && (one->state == CLOSED || (one->state == TIME_WAIT && !t))) t = one;
    }
    if (!t || state == CLOSED) return NULL;
    memset(t, 0, sizeof *t);
    t->state = state, t->peer = peer, t->rto = RTO, t->timer = ticks + RTO;
    t->snd_una = t->recover = MISTAKE(57) ? 1 : random(); /* no pair of ports comes twice so soon */
    t->snd_nxt = t->snd_end = t->snd_una + 1;
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
    bool opens = peer.local_port == tcp_listening && (seg.flags & (SYN | ACK | RST)) == SYN;
    struct tcp *t = find(peer, opens ? LISTEN : CLOSED);
    if (t) return arrives(t);
    if (seg.flags & RST) return;
    nobody.peer = peer, nobody.rcv_nxt = nobody.rcv_read = nobody.rcv_adv = seg.seq + seg.length;
    send(&nobody, seg.flags & ACK ? seg.ack : 0, seg.flags & ACK ? RST : RST | ACK, 0);
}

struct tcp *tcp_connect(u32 ip, u32 port) {
    static u32 made;
    made = made ? made : random();
    u32 from = MISTAKE(64) ? 500 : 49152 + (MISTAKE(58) ? 0 : made++) % 16384;
    struct tcp *t = find((struct peer){ip, from, port}, SYN_SENT);
    if (t) t->in_use = true, resend(t);
    return t;
}

void tcp_write(struct tcp *t, u8 byte) { t->snd_buf[t->snd_end++ % TCP_BUFFER] = byte; }
u32 tcp_room(const struct tcp *t) {
    return t->state == ESTABLISHED ? TCP_BUFFER - (t->snd_end - t->snd_una) : 0;
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
