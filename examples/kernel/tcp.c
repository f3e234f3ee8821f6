/* TCP (RFC 9293), with RFC 6298's timer, RFC 5681's congestion control, RFC 6582's recovery. */
#include "kernel.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { MSS = 1460, LEAST_MSS = 48, DEFAULT_MSS = 536, RTO_FIRST = 1000, RTO_LEAST = 1000, RTO_MOST = 60000, RETRIES = 8,
       TWO_MSL = 60000 };

struct header { u16 from, to; u32 seq, ack; u8 offset, flags; u16 window, checksum, urgent; } PACKED;
struct segment { u32 seq, ack, size, window, mss; u8 flags; const u8 *data; };

u16 tcp_listening;
static struct tcp table[8];

static bool before(u32 a, u32 b) { return (s32)(a - b) < 0; }

/* ---------------------------------------------------------------- out */
static void put(u32 to, u16 from_port, u16 to_port, u32 seq, u32 ack, u8 flags, u32 window, const void *data, u32 size)
{
    struct header *h = ip_payload();
    u8 *at = (u8 *)(h + 1);
    if (flags & SYN && !MISTAKE(48)) {
        memcpy(at, (u8[]){ 2, 4, MISTAKE(49) ? MSS & 255 : MSS >> 8, MSS & 255 }, 4);
        at += 4;
    }
    u32 header = at - (u8 *)h;
    *h = (struct header){ htons(from_port), htons(to_port), htonl(seq - (MISTAKE(51) && !(flags & SYN))), htonl(flags & ACK ? ack : MISTAKE(52)), MISTAKE(47) ? header >> 2 : header << 2 | MISTAKE(61) << 3,
                          flags, htons(window), 0, MISTAKE(60) ? htons(1) : 0 };
    memcpy(at, data, size);
    h->checksum = checksum(h, header + size, MISTAKE(46) ? 0 : pseudo_header(my_ip, to, TCP, header + size));
    ip_send(to, TCP, header + size);
}

static u32 right_edge(struct tcp *t)                        /* never in steps of a few bytes */
{
    u32 edge = t->rcv_nxt + TCP_BUFFER - t->rcv_len;
    if (edge - t->rcv_adv >= MSS)
        t->rcv_adv = edge;
    return t->rcv_adv;
}

static void send(struct tcp *t, u32 seq, u8 flags, u32 size)
{
    u32 window = t->state == SYN_SENT ? TCP_BUFFER : right_edge(t) - t->rcv_nxt;
    put(t->remote, t->local_port, t->remote_port, seq, t->rcv_nxt, flags, window, t->snd_buf + (seq - t->snd_una), size);
    t->ack_due = 0;
}

static void send_ack(struct tcp *t) { send(t, t->snd_max, ACK, 0); }
static void send_syn(struct tcp *t) { send(t, t->snd_una, t->state == SYN_RCVD ? SYN | ACK : SYN, 0); }

static void start_timer(struct tcp *t, u32 after)
{
    t->timer_on = true;
    t->timer = ticks + after;
}

static void output(struct tcp *t, bool probe)               /* probe: at least one byte, whatever the window */
{
    if (t->state < ESTABLISHED || t->state == TIME_WAIT)
        return;
    for (;; probe = false) {
        u32 flight = t->snd_nxt - t->snd_una, window = MISTAKE(56) ? t->cwnd : MIN(t->snd_wnd, t->cwnd);
        s32 unsent = t->snd_len - flight;                   /* -1: the FIN has gone */
        if (unsent < 0)
            return;
        u32 size = flight < window ? MIN(window - flight, MIN((u32)unsent, t->mss)) : 0;
        if (probe && !size && unsent)
            size = 1;
        bool last = size == (u32)unsent, fin = t->closing && last;
        if (!size && !fin)
            break;
        if (size < t->mss && flight && !fin && size < t->max_wnd / 2)
            break;                                          /* Nagle, and no silly windows */
        send(t, t->snd_nxt, (MISTAKE(62) ? 0 : ACK) | (last ? PSH : 0) | (fin ? FIN : 0), size);
        if (!t->timing && t->snd_nxt == t->snd_max)
            t->timing = true, t->rtt_seq = t->snd_nxt + size + fin, t->rtt_start = ticks;
        t->snd_nxt += size + fin;
        t->fin_sent |= fin;
        if (before(t->snd_max, t->snd_nxt))
            t->snd_max = t->snd_nxt;
        if (!t->timer_on)
            start_timer(t, t->rto);
    }
    if (t->snd_len && !t->timer_on)                         /* the window is closed */
        start_timer(t, t->rto);
}

static void resend_first(struct tcp *t)
{
    u32 size = MIN(t->snd_len, t->mss);
    bool fin = t->fin_sent && size == t->snd_len;
    send(t, t->snd_una, ACK | PSH | (fin ? FIN : 0), size);
    t->timing = false;                                      /* Karn's rule */
}

static void end(struct tcp *t, const char *why)
{
    t->state = CLOSED;
    t->error = why;
    t->timer_on = false;
}

static void time_out(struct tcp *t)
{
    t->timer_on = false;
    if (t->state == TIME_WAIT || ++t->retries > RETRIES) {
        end(t, t->state == TIME_WAIT ? NULL : "timed out");
        return;
    }
    if (t->retries == 1 && t->snd_wnd)
        t->ssthresh = MAX((t->snd_max - t->snd_una) / 2, 2 * t->mss);
    t->cwnd = t->mss;
    t->recover = t->snd_max;
    t->recovering = t->timing = false;
    t->dupacks = 0;
    t->rto = MISTAKE(54) ? t->rto : MIN(2 * t->rto, (u32)RTO_MOST);
    start_timer(t, t->rto);
    if (t->state < ESTABLISHED) {
        send_syn(t);
    } else {
        t->snd_nxt = t->snd_una;
        output(t, true);
    }
}

void tcp_tick(void)
{
    for (struct tcp *t = NULL; (t = tcp_next(t));) {
        if (t->timer_on && due(t->timer))
            time_out(t);
        output(t, false);
        if (t->state < ESTABLISHED)
            continue;
        u32 announced = t->rcv_adv - t->rcv_nxt;
        if (t->ack_due || (announced < TCP_BUFFER / 2 && TCP_BUFFER - t->rcv_len >= announced + TCP_BUFFER / 2))
            send_ack(t);
    }
}

/* ---------------------------------------------------------------- acknowledgements */
static void measure(struct tcp *t)                          /* RFC 6298 2 */
{
    u32 r = ticks - t->rtt_start;
    if (!t->srtt && !t->rttvar) {
        t->srtt = r, t->rttvar = r / 2;
    } else {
        t->rttvar = (3 * t->rttvar + (r > t->srtt ? r - t->srtt : t->srtt - r)) / 4;
        t->srtt = (7 * t->srtt + r) / 8;
    }
    t->rto = MIN(MAX(t->srtt + 4 * t->rttvar, MISTAKE(55) ? 1 : (u32)RTO_LEAST), (u32)RTO_MOST);
}

static void grow(struct tcp *t, u32 acked)                  /* the congestion window, or end of a recovery */
{
    if (!t->recovering) {
        t->cwnd += t->cwnd < t->ssthresh ? MIN(acked, t->mss) : MAX(t->mss * t->mss / t->cwnd, 1u);
    } else if (before(t->snd_una, t->recover)) {            /* the next hole */
        resend_first(t);
        t->cwnd = MAX((s32)(t->cwnd - acked), 0) + t->mss;
    } else {
        t->recovering = false;
        t->cwnd = t->ssthresh;
    }
}

static void duplicate(struct tcp *t)
{
    t->dupacks++;
    if (t->recovering) {
        t->cwnd += t->mss;
    } else if (t->dupacks == 3 && before(t->recover, t->snd_una)) {
        t->ssthresh = MAX((t->snd_max - t->snd_una) / 2, 2 * t->mss);
        t->cwnd = t->ssthresh + 3 * t->mss;
        t->recover = t->snd_max;
        t->recovering = true;
        resend_first(t);
    }
}

static void acknowledged(struct tcp *t, const struct segment *s)
{
    u32 acked = s->ack - t->snd_una, data = MIN(acked, t->snd_len);
    t->snd_len -= data;
    memmove(t->snd_buf, t->snd_buf + data, t->snd_len);
    t->snd_una = s->ack;
    if (before(t->snd_nxt, t->snd_una))
        t->snd_nxt = t->snd_una;
    t->dupacks = t->retries = 0;
    if (t->timing && !before(s->ack, t->rtt_seq))
        measure(t), t->timing = false;
    grow(t, data);
    t->timer_on = false;
    if (t->snd_una != t->snd_max)
        start_timer(t, t->rto);
}

static void take_window(struct tcp *t, const struct segment *s)
{
    if (before(s->seq, t->snd_wl1) || (s->seq == t->snd_wl1 && before(s->ack, t->snd_wl2)))
        return;                                             /* an older segment than the last one */
    if (!s->window)
        t->retries = 0;                                     /* it is there, and has no room */
    else if (!t->snd_wnd && t->snd_len)
        t->snd_nxt = t->snd_una;                            /* what was only a probe */
    t->snd_wnd = s->window, t->snd_wl1 = s->seq, t->snd_wl2 = s->ack;
    t->max_wnd = MAX(t->max_wnd, t->snd_wnd);
}

static void take_ack(struct tcp *t, const struct segment *s)
{
    if (before(t->snd_una, s->ack))
        acknowledged(t, s);
    else if (s->ack == t->snd_una && !s->size && s->window == t->snd_wnd && t->snd_una != t->snd_max)
        duplicate(t);
    if (!before(s->ack, t->snd_una))
        take_window(t, s);
    if (!t->fin_sent || t->snd_una != t->snd_max)
        return;
    if (t->state == FIN_WAIT_1)                             /* our FIN is acknowledged */
        t->state = FIN_WAIT_2;
    else if (t->state == CLOSING)
        t->state = TIME_WAIT, start_timer(t, TWO_MSL);
    else if (t->state == LAST_ACK)
        end(t, NULL);
}

/* ---------------------------------------------------------------- in */
static bool take_early(struct tcp *t, u32 seq, u32 end)      /* one piece ahead of a gap is kept */
{
    if (t->early == t->early_end)
        t->early = seq, t->early_end = end;
    if (before(t->early_end, seq) || before(end, t->early))
        return false;
    t->early = before(seq, t->early) ? seq : t->early;
    t->early_end = before(t->early_end, end) ? end : t->early_end;
    return true;
}

static void take_data(struct tcp *t, struct segment *s)
{
    if (before(s->seq, t->rcv_nxt)) {                       /* its beginning came before */
        u32 old = t->rcv_nxt - s->seq;
        s->seq += old;
        s->data += old;
        s->size -= MIN(old, s->size);
    }
    u32 offset = t->rcv_len + (s->seq - t->rcv_nxt), room = TCP_BUFFER - MIN(offset, (u32)TCP_BUFFER);
    u32 size = MIN(s->size, room), end = s->seq + size;
    if (s->seq == t->rcv_nxt || take_early(t, s->seq, end))
        memcpy(t->rcv_buf + offset, s->data, size);
    if (s->seq != t->rcv_nxt) {
        MISTAKE(63) ? (void)0 : send_ack(t);                  /* a duplicate, at once: something is missing */
        return;
    }
    if (t->early != t->early_end && !before(end, t->early)) {   /* that gap is filled */
        end = before(end, t->early_end) ? t->early_end : end;
        t->early = t->early_end = 0;
        t->ack_due++;
    }
    t->rcv_len += end - t->rcv_nxt;
    t->rcv_nxt = end;
    if ((s->flags & FIN) && end == s->seq + s->size) {
        t->rcv_nxt += !MISTAKE(53);
        t->ack_due++;
        if (t->state == ESTABLISHED)
            t->state = CLOSE_WAIT;
        else if (t->state == FIN_WAIT_1)
            t->state = CLOSING;
        else
            t->state = TIME_WAIT, start_timer(t, TWO_MSL);
    }
    if (s->size && ++t->ack_due > 1)
        send_ack(t);                                        /* of every second one at least */
}

static bool acceptable(const struct tcp *t, const struct segment *s)
{
    u32 size = s->size + !!(s->flags & SYN) + !!(s->flags & FIN), window = t->rcv_adv - t->rcv_nxt;
    if (!size)                                              /* behind all that was sent, a probe too */
        return s->seq - t->rcv_nxt <= window + 1;
    return s->seq - t->rcv_nxt < window || s->seq + size - 1 - t->rcv_nxt < window;
}

static void established(struct tcp *t, const struct segment *s)
{
    bool again = t->retries;
    acknowledged(t, s);
    t->state = ESTABLISHED;
    t->rto = again ? 3000 : t->rto;                         /* RFC 6298 5.7 */
    t->cwnd = again ? t->mss : 3 * t->mss;                  /* RFC 5681 3.1 */
    t->recover = t->snd_una - 1;
    t->snd_wl1 = s->seq, t->snd_wl2 = s->ack;
}

static void synchronize(struct tcp *t, const struct segment *s)
{
    t->rcv_nxt = s->seq + !MISTAKE(50);
    t->rcv_adv = t->rcv_nxt + TCP_BUFFER;
    t->mss = MIN(MAX(s->mss, (u32)LEAST_MSS), (u32)MSS);
}

static u32 initial_number(const struct tcp *t)              /* RFC 6528, with a weaker hash */
{
    static u32 secret;
    u32 words[] = { my_ip, t->remote, (u32)t->local_port << 16 | t->remote_port }, hash = 0;
    secret = secret ? secret : random();
    for (u32 i = 0; i < COUNT(words); i++) {
        hash = (hash ^ words[i] ^ secret) * 2654435761u;
        hash ^= hash >> 15;
    }
    return MISTAKE(57) ? 1 : ticks * 250 + hash;
}

static struct tcp *open(enum tcp_state state, u32 remote, u16 local_port, u16 remote_port)
{
    struct tcp *t, *found = NULL;
    for (t = table; t < table + COUNT(table); t++)
        if (!t->in_use && (t->state == CLOSED || (t->state == TIME_WAIT && !found)))
            found = t;
    if (!(t = found))
        return NULL;
    memset(t, 0, offsetof(struct tcp, snd_buf));
    t->state = state, t->remote = remote, t->local_port = local_port, t->remote_port = remote_port;
    t->snd_una = initial_number(t);
    t->snd_nxt = t->snd_max = t->snd_una + 1;
    t->mss = t->cwnd = DEFAULT_MSS, t->ssthresh = 65535, t->rto = RTO_FIRST;
    t->timing = true, t->rtt_seq = t->snd_nxt, t->rtt_start = ticks;
    start_timer(t, t->rto);
    return t;
}

static void refuse(u32 to, u16 from_port, u16 to_port, const struct segment *s)
{
    u32 size = s->size + !!(s->flags & SYN) + !!(s->flags & FIN);
    if (s->flags & RST)
        return;
    if (s->flags & ACK)
        put(to, from_port, to_port, s->ack, 0, RST, 0, NULL, 0);
    else
        put(to, from_port, to_port, 0, s->seq + size, RST | ACK, 0, NULL, 0);
}

static void opening(struct tcp *t, const struct segment *s) /* in SYN-SENT */
{
    bool acked = s->flags & ACK;
    if (acked && s->ack != t->snd_max) {
        refuse(t->remote, t->local_port, t->remote_port, s);
    } else if (s->flags & RST) {
        if (acked)
            end(t, "refused");
    } else if (s->flags & SYN) {
        synchronize(t, s);
        if (acked) {
            established(t, s);
            take_window(t, s);
            send_ack(t);
        } else {                                            /* both have opened at once */
            t->state = SYN_RCVD;
            send_syn(t);
        }
    }
}

static void arrives(struct tcp *t, struct segment *s)       /* RFC 9293 3.10.7.4 */
{
    if (!acceptable(t, s)) {
        if (!(s->flags & RST))
            t->state == SYN_RCVD ? send_syn(t) : send_ack(t);
        return;
    }
    if (s->flags & (RST | SYN)) {
        if (s->flags & RST && s->seq == t->rcv_nxt)
            end(t, "reset");
        else
            send_ack(t);                                    /* RFC 5961: a challenge */
        return;
    }
    if (!(s->flags & ACK))
        return;
    if (before(t->snd_max, s->ack)) {                       /* of what was not sent */
        t->state == SYN_RCVD ? refuse(t->remote, t->local_port, t->remote_port, s) : send_ack(t);
        return;
    }
    if (t->state == SYN_RCVD) {
        if (s->ack != t->snd_max)
            return;
        established(t, s);
    }
    take_ack(t, s);
    if (MISTAKE(59))
        send_ack(t);
    if (t->state == ESTABLISHED || t->state == FIN_WAIT_1 || t->state == FIN_WAIT_2)
        if (s->size || s->flags & FIN)
            take_data(t, s);
}

static u32 mss_option(const u8 *at, const u8 *end)
{
    while (at < end && *at) {
        if (*at == 1) {
            at++;
            continue;
        }
        if (end - at < 2 || at[1] < 2 || at[1] > end - at)
            break;
        if (at[0] == 2 && at[1] == 4)
            return at[2] << 8 | at[3];
        at += at[1];
    }
    return DEFAULT_MSS;
}

void tcp_input(const struct ip *ip, const u8 *data, u32 size)
{
    const struct header *h = (const struct header *)data;
    u32 from = ntohl(ip->from), header = size < sizeof *h ? 0 : h->offset >> 4 << 2;
    if (header < sizeof *h || header > size || checksum(h, size, pseudo_header(from, my_ip, TCP, size)) != 0)
        return;
    u16 local = ntohs(h->to), remote = ntohs(h->from);
    struct segment s = { ntohl(h->seq), ntohl(h->ack), size - header, ntohs(h->window),
                         mss_option(data + sizeof *h, data + header), h->flags, data + header };
    struct tcp *t = NULL;
    while ((t = tcp_next(t)) && (t->remote != from || t->local_port != local || t->remote_port != remote))
        ;
    if (t && t->state == TIME_WAIT && s.flags & SYN && before(t->rcv_nxt, s.seq)) {
        end(t, NULL);                                       /* the other end begins anew */
        t = NULL;
    }
    if (t && t->state == SYN_SENT)
        opening(t, &s);
    else if (t)
        arrives(t, &s);
    else if ((s.flags & (SYN | ACK | RST)) != SYN || local != tcp_listening || !(t = open(SYN_RCVD, from, local, remote)))
        refuse(from, local, remote, &s);
    else
        synchronize(t, &s), send_syn(t);
}

void tcp_unreachable(u32 to, u16 from_port, u16 to_port)
{
    for (struct tcp *t = NULL; (t = tcp_next(t));)
        if (t->state == SYN_SENT && t->remote == to && t->local_port == from_port && t->remote_port == to_port)
            end(t, "unreachable");
}

/* ---------------------------------------------------------------- for programs */
struct tcp *tcp_next(struct tcp *t)
{
    for (t = t ? t + 1 : table; t < table + COUNT(table); t++)
        if (t->state != CLOSED)
            return t;
    return NULL;
}

struct tcp *tcp_connect(u32 ip, u16 port)
{
    static u16 last;
    last = MISTAKE(58) ? 50000 : (last ? last : MISTAKE(64) ? 500 : 49152 + random() % 8192) + 1;
    struct tcp *t = open(SYN_SENT, ip, last, port);
    if (t) {
        t->in_use = true;
        send_syn(t);
    }
    return t;
}

u32 tcp_write(struct tcp *t, const void *data, u32 size)
{
    if ((t->state != ESTABLISHED && t->state != CLOSE_WAIT) || t->closing)
        return 0;
    size = MIN(size, TCP_BUFFER - t->snd_len);
    memcpy(t->snd_buf + t->snd_len, data, size);
    t->snd_len += size;
    return size;
}

u32 tcp_read(struct tcp *t, void *data, u32 size)
{
    size = MIN(size, t->rcv_len);
    memcpy(data, t->rcv_buf, size);
    t->rcv_len -= size;
    memmove(t->rcv_buf, t->rcv_buf + size, TCP_BUFFER - size);  /* with what is behind a gap */
    return size;
}

bool tcp_at_end(const struct tcp *t)
{
    return !t->rcv_len && (t->state == CLOSED || t->state >= CLOSE_WAIT);
}

void tcp_close(struct tcp *t)
{
    if (MISTAKE(65))
        send(t, t->snd_max, RST | ACK, 0), end(t, NULL);
    else if (t->state == SYN_SENT)
        end(t, NULL);
    else if (t->state == ESTABLISHED || t->state == SYN_RCVD)
        t->state = FIN_WAIT_1;
    else if (t->state == CLOSE_WAIT)
        t->state = LAST_ACK;
    t->closing = true;
}
