/* The loops over bytes and segments that Python is too slow for; every decision is Python's.
 *
 *   ones_sum(data)                   RFC 1071, for pynat/wire/checksum.py
 *   tcp_frames(run)                  the frames of a run, for pynat/wire/frame_run.py
 *   tcp_run(frames, at, mac)         common segments as one, for pynat/wire/tcp.py
 *   tcp_one(frame)                   one of them, for pynat/wire/tcp.py
 *   tcp_segment(source, ...)         one to be sent, for pynat/wire/tcp.py
 *   udp_one(frame)                   a datagram, for pynat/wire/udp.py
 *   echo_reply(frame, mac, ident)    the answer to a ping, for pynat/wire/icmp.py
 *   read_frames(descriptor, limit)   one read(2) each, for pynat/link/tap.py
 *   write_frames(descriptor, items, busy, came)
 *                                    one writev(2) for each frame, for pynat/link/tap.py
 *   udp_run(frames, at, mac)         datagrams of one flow, for pynat/wire/udp.py
 *   udp_frames(header, ident, datagrams)        frames to carry them, for pynat/wire/udp.py
 *   send_datagrams(socket, to, port, datagrams, joined)   sendmmsg(2), for pynat/host/datagram.py
 *   receive_datagrams(socket, limit)              one recvmmsg(2), for pynat/host/datagram.py
 *
 * pynat/_pure.py has the same in Python; pynat/_fast.pyi says what they do.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    ETHERNET = 14,
    IPV4 = 20,
    TCP = 20,
    STAMPED = TCP + 12, /* a header with timestamps as RFC 7323 appendix A lays them out */
    HEADERS = ETHERNET + IPV4 + TCP,
    SHORTEST_FRAME = 60,                       /* what is shorter is padded */
    LONGEST = 60,                              /* header of TCP */
    MOST_BEFORE = 128,                         /* bytes of the headers before it */
    LONGEST_FRAME = 65535 + ETHERNET + 4 + 10, /* of any MTU; a VLAN tag; virtio's header */
    UDP = 8,
    ICMP = 8, /* header of an echo */
    ECHO_REPLY = 0,
    ECHO_REQUEST = 8,
    TTL = 64, /* of what the router itself sends */
    PROTOCOL_ICMP = 1,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    AT_KEY = ETHERNET + 12, /* addresses and ports */
    KEY = 12,
    BETWEEN = 64,        /* frames written between two looks who has come */
    AT_A_LOOK = 64,      /* frames */
    MOST_DATAGRAMS = 64, /* of one system call */
    LONGEST_DATAGRAM = 65535,
    MOST_JOINED = LONGEST_DATAGRAM - IPV4 - UDP, /* bytes of datagrams that Linux takes apart */
    ACK = 0x10,
    PSH = 0x08,
    URG = 0x20,
};

static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }
static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value;
}
static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16), put16(at + 2, value); }

static uint32_t fold(uint64_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)sum;
}

/* The ones'-complement sum of 16-bit words; an odd byte is the high half of a last word. Summed in
 * the machine's byte order, which only swaps the bytes of the result (RFC 1071 2 B). */
static uint32_t sum_of(const uint8_t *data, Py_ssize_t size) {
    uint64_t sum = 0;
    for (; size >= 4; size -= 4, data += 4) {
        uint32_t word;
        memcpy(&word, data, 4);
        sum += word;
    }
    if (size) {
        uint8_t rest[4] = {0};
        uint32_t word;
        memcpy(rest, data, (size_t)size);
        memcpy(&word, rest, 4);
        sum += word;
    }
    const uint16_t folded = (uint16_t)fold(sum);
    uint8_t bytes[2];
    memcpy(bytes, &folded, 2);
    return get16(bytes);
}

static PyObject *ones_sum(PyObject *self, PyObject *data) {
    (void)self;
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)) return NULL;
    const uint32_t sum = sum_of(view.buf, view.len);
    PyBuffer_Release(&view);
    return PyLong_FromUnsignedLong(sum);
}

/* ------------------------------------------------------------------ runs of segments, as frames
 * A run is a tuple, pynat/wire/frame_run.py. Its text comes in pieces, wherever they end; a frame
 * is its headers, made anew each time, and views of the text. */
struct bytes {
    const char *at;
    Py_ssize_t size;
};

struct run {
    struct bytes start, last_start, header;
    unsigned int base, seq, last_flags;
    Py_ssize_t size;
    Py_ssize_t left;   /* bytes of text that no frame has yet */
    Py_ssize_t within; /* bytes of the first piece that one has */
    Py_buffer *pieces;
    Py_ssize_t first, count; /* of the pieces */
    int over;
    int partial; /* checksums are: another completes them */
};

static void release_run(struct run *run) {
    for (Py_ssize_t i = 0; i < run->count; i++) PyBuffer_Release(&run->pieces[i]);
    PyMem_Free(run->pieces);
}

/* 0, or -1 with an exception; then there is nothing to release. */
static int take_text(struct run *run, PyObject *list) {
    PyObject *text = PyList_AsTuple(list); /* which taking a buffer cannot change */
    if (!text) return -1;
    const Py_ssize_t count = PyTuple_GET_SIZE(text);
    run->pieces = PyMem_Calloc((size_t)count + 1, sizeof(Py_buffer));
    if (!run->pieces) PyErr_NoMemory();
    while (run->pieces && run->count < count) {
        Py_buffer *piece = &run->pieces[run->count];
        if (PyObject_GetBuffer(PyTuple_GET_ITEM(text, run->count), piece, PyBUF_SIMPLE)) break;
        run->left += piece->len;
        run->count++;
    }
    Py_DECREF(text);
    if (!PyErr_Occurred()) return 0;
    release_run(run);
    return -1;
}

/* Likewise. */
static int take_run(struct run *run, PyObject *tuple) {
    PyObject *text;
    *run = (struct run){0};
    if (!PyTuple_Check(tuple)) {
        PyErr_SetString(PyExc_TypeError, "a run is a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(tuple, "y#y#y#IIInO!p", &run->start.at, &run->start.size,
                          &run->last_start.at, &run->last_start.size, &run->header.at,
                          &run->header.size, &run->base, &run->seq, &run->last_flags, &run->size,
                          &PyList_Type, &text, &run->partial))
        return -1;
    if (run->start.size > MOST_BEFORE || run->last_start.size > MOST_BEFORE ||
        run->header.size < TCP || run->header.size > LONGEST || run->base > 0xffff ||
        run->size < 1) {
        PyErr_SetString(PyExc_ValueError, "no run: headers too long or short, or no size");
        return -1;
    }
    return take_text(run, text);
}

/* The next `size` bytes of text, behind what is in `to` already; their sum. */
static uint64_t take_views(struct run *run, Py_ssize_t size, struct iovec *to, int *views) {
    uint64_t sum = 0;
    for (Py_ssize_t taken = 0; taken < size;) {
        const Py_buffer *piece = &run->pieces[run->first];
        const Py_ssize_t rest = piece->len - run->within;
        const Py_ssize_t mine = rest < size - taken ? rest : size - taken;
        uint8_t *at = (uint8_t *)piece->buf + run->within;
        const uint32_t part = run->partial ? 0 : sum_of(at, mine);
        sum += taken & 1 ? (part & 0xff) << 8 | part >> 8 : part; /* RFC 1071 2 B */
        if (mine) to[(*views)++] = (struct iovec){at, (size_t)mine};
        taken += mine;
        run->within += mine;
        if (mine == rest) run->first++, run->within = 0;
    }
    run->left -= size;
    return sum;
}

/* The next frame of a run that is not over, as views: how many. The first one is `headers`. */
static int next_frame(struct run *run, uint8_t *headers, struct iovec *to) {
    run->over = run->left <= run->size;
    const struct bytes *start = run->over ? &run->last_start : &run->start;
    const Py_ssize_t size = run->over ? run->left : run->size;
    uint8_t *tcp = headers + start->size;
    memcpy(headers, start->at, (size_t)start->size);
    memcpy(tcp, run->header.at, (size_t)run->header.size);
    const uint32_t flags = run->over ? run->last_flags | (tcp[13] & URG) : tcp[13];
    int views = 1;
    to[0] = (struct iovec){headers, (size_t)(start->size + run->header.size)};
    const uint64_t sum = take_views(run, size, to, &views);
    const uint32_t folded = fold(sum + run->base + (run->seq >> 16) + (run->seq & 0xffff) +
                                 (uint8_t)flags + (uint64_t)size);
    const uint32_t whole = folded ? 0xffff - folded : 0;
    put32(tcp + 4, run->seq);
    tcp[13] = (uint8_t)flags;
    put16(tcp + 16, run->partial ? fold(run->base + (uint64_t)size) : whole);
    run->seq += (uint32_t)size;
    return views;
}

static size_t joined(char *to, const struct iovec *from, int views) {
    size_t size = 0;
    for (int i = 0; i < views; i++) {
        if (to) memcpy(to + size, from[i].iov_base, from[i].iov_len);
        size += from[i].iov_len;
    }
    return size;
}

/* 0, or -1 with an exception. */
static int append_next(PyObject *frames, struct run *run, struct iovec *views) {
    uint8_t headers[MOST_BEFORE + LONGEST];
    const int count = next_frame(run, headers, views);
    PyObject *frame = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)joined(NULL, views, count));
    if (!frame) return -1;
    joined(PyBytes_AS_STRING(frame), views, count);
    const int failed = PyList_Append(frames, frame);
    Py_DECREF(frame);
    return failed;
}

static PyObject *tcp_frames(PyObject *self, PyObject *tuple) {
    (void)self;
    struct run run;
    if (take_run(&run, tuple)) return NULL;
    struct iovec *views = PyMem_Malloc(((size_t)run.count + 1) * sizeof *views);
    PyObject *frames = views ? PyList_New(0) : PyErr_NoMemory();
    int failed = !frames || !views;
    while (!failed && !run.over) failed = append_next(frames, &run, views);
    PyMem_Free(views);
    release_run(&run);
    if (failed) Py_CLEAR(frames);
    return frames;
}

struct segment {
    const uint8_t *tcp;
    uint32_t header; /* bytes */
    uint32_t seq, ack;
    uint32_t size; /* bytes of data */
};

/* Where IPv4 begins in an untagged frame that carries a whole packet of that protocol without
 * options, with `least` bytes of it at least; else NULL. */
static const uint8_t *plain_packet(PyObject *object, uint8_t protocol, uint32_t least) {
    if (!PyBytes_Check(object) || PyBytes_GET_SIZE(object) < ETHERNET + IPV4 + (Py_ssize_t)least)
        return NULL;
    const uint8_t *frame = (const uint8_t *)PyBytes_AS_STRING(object);
    const uint8_t *ip = frame + ETHERNET;
    const uint32_t total = get16(ip + 2);
    if (get16(frame + 12) != 0x0800 || ip[0] != 0x45 || ip[9] != protocol) return NULL;
    if ((get16(ip + 6) & ~0x4000u) || total < IPV4 + least) return NULL;
    return (Py_ssize_t)ETHERNET + total > PyBytes_GET_SIZE(object) ? NULL : ip;
}

/* Whether the frame has the form of the common segment; fills it in. Sums are not looked at. */
static int has_its_form(PyObject *object, struct segment *found) {
    const uint8_t *ip = plain_packet(object, PROTOCOL_TCP, TCP);
    if (!ip) return 0;
    const uint8_t *tcp = ip + IPV4;
    const uint32_t header = (uint32_t)(tcp[12] >> 4) * 4;
    const uint32_t total = get16(ip + 2);
    if ((tcp[13] & ~PSH) != ACK || (header != TCP && header != STAMPED)) return 0;
    if (total < IPV4 + header) return 0;
    if (header == STAMPED && get32(tcp + TCP) != 0x0101080a) return 0;
    *found = (struct segment){tcp, header, get32(tcp + 4), get32(tcp + 8), total - IPV4 - header};
    return 1;
}

/* Whether it is to `mac`, with a TTL to go on with, and has the form. */
static int is_common(PyObject *object, const uint8_t *mac, struct segment *found) {
    if (!has_its_form(object, found)) return 0;
    const uint8_t *frame = (const uint8_t *)PyBytes_AS_STRING(object);
    return memcmp(frame, mac, 6) == 0 && frame[ETHERNET + 8] >= 2;
}

/* IPv4's addresses lie right before what it carries, `length` bytes: they are one sum. */
static int packet_is_right(const uint8_t *ip, uint32_t length) {
    const uint32_t sum = sum_of(ip + 12, 8 + length) + ip[9] + length;
    return fold(sum) == 0xffff && sum_of(ip, IPV4) == 0xffff;
}

static int sums_are_right(const struct segment *segment) {
    return packet_is_right(segment->tcp - IPV4, segment->header + segment->size);
}

/* Whether `next` only goes on with what `last` says: more bytes, or a higher acknowledgement. */
static int goes_on(const struct segment *last, const struct segment *next) {
    if (memcmp(last->tcp - 8, next->tcp - 8, 12) != 0 || last->header != next->header) return 0;
    if (!last->size)
        return !next->size && last->seq == next->seq && (int32_t)(next->ack - last->ack) > 0;
    return next->size && next->seq == last->seq + last->size && next->ack == last->ack &&
           !(last->tcp[13] & PSH) && memcmp(last->tcp + 14, next->tcp + 14, 2) == 0 &&
           memcmp(last->tcp + TCP, next->tcp + TCP, last->header - TCP) == 0;
}

/* The arguments (frames, at, mac) of those that look for a run; not 0 with an exception. */
struct place {
    PyObject *frames;
    Py_ssize_t at, count;
    const uint8_t *mac;
};

static int take_place(struct place *place, PyObject *args) {
    const char *mac;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "O!ny#", &PyList_Type, &place->frames, &place->at, &mac, &size))
        return -1;
    place->count = PyList_GET_SIZE(place->frames);
    place->mac = (const uint8_t *)mac;
    if (size == 6 && place->at >= 0 && place->at < place->count) return 0;
    PyErr_SetString(PyExc_ValueError, "no MAC of 6 bytes, or no such frame");
    return -1;
}

static PyObject *frame_at(const struct place *place, Py_ssize_t at) {
    return PyList_GET_ITEM(place->frames, at);
}

static PyObject *tcp_run(PyObject *self, PyObject *args) {
    (void)self;
    struct place place;
    if (take_place(&place, args)) return NULL;
    struct segment first, last, next;
    const Py_ssize_t at = place.at;
    if (!is_common(frame_at(&place, at), place.mac, &first) || !sums_are_right(&first))
        Py_RETURN_NONE;
    Py_ssize_t end = at + 1;
    Py_ssize_t size = first.size;
    for (last = first; end < place.count; end++, last = next) {
        if (!is_common(frame_at(&place, end), place.mac, &next)) break;
        if (!goes_on(&last, &next) || !sums_are_right(&next)) break;
        size += next.size;
    }
    PyObject *data = PyBytes_FromStringAndSize(NULL, size);
    if (!data) return NULL;
    char *to = PyBytes_AS_STRING(data);
    for (Py_ssize_t i = at; i < end; i++) {
        is_common(frame_at(&place, i), place.mac, &next);
        memcpy(to, next.tcp + next.header, next.size);
        to += next.size;
    }
    const uint8_t *tcp = last.tcp;
    if (last.header == TCP)
        return Py_BuildValue("nIIIIIIIN()", end - at, last.seq - first.seq, get16(tcp),
                             get16(tcp + 2), first.seq, last.ack, tcp[13], get16(tcp + 14), data);
    return Py_BuildValue("nIIIIIIIN(II)", end - at, last.seq - first.seq, get16(tcp),
                         get16(tcp + 2), first.seq, last.ack, tcp[13], get16(tcp + 14), data,
                         get32(tcp + 24), get32(tcp + 28));
}

/* Bytes behind the packet: none, or zeros up to the shortest frame; -1 for anything else. */
static Py_ssize_t padding_of(PyObject *frame, Py_ssize_t end) {
    const Py_ssize_t size = PyBytes_GET_SIZE(frame);
    if (size > end && size > SHORTEST_FRAME) return -1;
    for (Py_ssize_t at = end; at < size; at++)
        if (PyBytes_AS_STRING(frame)[at]) return -1;
    return size - end;
}

static PyObject *tcp_one(PyObject *self, PyObject *frame) {
    (void)self;
    struct segment found;
    if (!has_its_form(frame, &found) || !sums_are_right(&found)) Py_RETURN_NONE;
    const uint8_t *tcp = found.tcp;
    const Py_ssize_t padding = padding_of(frame, HEADERS - TCP + found.header + found.size);
    if (padding < 0 || (tcp[12] & 0x0f) || get16(tcp + 18)) Py_RETURN_NONE;
    const char *data = (const char *)tcp + found.header;
    if (found.header == TCP)
        return Py_BuildValue("nIIIIIIy#()", padding, get16(tcp), get16(tcp + 2), found.seq,
                             found.ack, tcp[13], get16(tcp + 14), data, (Py_ssize_t)found.size);
    return Py_BuildValue("nIIIIIIy#(II)", padding, get16(tcp), get16(tcp + 2), found.seq, found.ack,
                         tcp[13], get16(tcp + 14), data, (Py_ssize_t)found.size, get32(tcp + 24),
                         get32(tcp + 28));
}

static PyObject *tcp_segment(PyObject *self, PyObject *args) {
    (void)self;
    struct bytes ends[2], options;
    unsigned int ports[2], seq, ack, flags, window, urgent;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y#y#IIIIIIIy#y*", &ends[0].at, &ends[0].size, &ends[1].at,
                          &ends[1].size, &ports[0], &ports[1], &seq, &ack, &flags, &window, &urgent,
                          &options.at, &options.size, &data))
        return NULL;
    const Py_ssize_t header = TCP + options.size;
    const uint64_t around = (uint64_t)(header + data.len) + PROTOCOL_TCP +
                            sum_of((const uint8_t *)ends[0].at, ends[0].size) +
                            sum_of((const uint8_t *)ends[1].at, ends[1].size);
    PyObject *segment = NULL;
    if (header > LONGEST || header % 4 || (ends[0].size | ends[1].size) % 2)
        PyErr_SetString(PyExc_ValueError, "no segment: no addresses, or no words of options");
    else
        segment = PyBytes_FromStringAndSize(NULL, header + data.len);
    if (segment) {
        uint8_t *tcp = (uint8_t *)PyBytes_AS_STRING(segment);
        put16(tcp, ports[0]), put16(tcp + 2, ports[1]);
        put32(tcp + 4, seq), put32(tcp + 8, ack);
        tcp[12] = (uint8_t)(header << 2), tcp[13] = (uint8_t)flags;
        put16(tcp + 14, window), put16(tcp + 16, 0), put16(tcp + 18, urgent);
        memcpy(tcp + TCP, options.at, (size_t)options.size);
        memcpy(tcp + header, data.buf, (size_t)data.len);
        put16(tcp + 16, 0xffff - fold(around + sum_of(tcp, header + data.len)));
    }
    PyBuffer_Release(&data);
    return segment;
}

/* Where IPv4 begins in a frame with a whole datagram whose lengths and sums are right; else NULL.
 */
static const uint8_t *right_datagram(PyObject *frame) {
    const uint8_t *ip = plain_packet(frame, PROTOCOL_UDP, UDP);
    if (!ip) return NULL;
    const uint8_t *udp = ip + IPV4;
    const uint32_t length = get16(ip + 2) - IPV4;
    return get16(udp + 4) == length && get16(udp + 6) && packet_is_right(ip, length) ? ip : NULL;
}

static PyObject *udp_one(PyObject *self, PyObject *frame) {
    (void)self;
    const uint8_t *ip = right_datagram(frame);
    const Py_ssize_t padding = ip ? padding_of(frame, ETHERNET + (Py_ssize_t)get16(ip + 2)) : -1;
    if (padding < 0) Py_RETURN_NONE;
    return Py_BuildValue("nII", padding, get16(ip + IPV4), get16(ip + IPV4 + 2));
}

static void swapped(uint8_t *to, const uint8_t *from, size_t size) {
    memcpy(to, from + size, size);
    memcpy(to + size, from, size);
}

/* A frame like `request`, up to where its packet ends, that goes back. */
static void turn_round(uint8_t *reply, const uint8_t *request, size_t size, uint32_t ident) {
    uint8_t *ip = reply + ETHERNET, *icmp = ip + IPV4;
    memcpy(reply, request, size);
    swapped(reply, request, 6);
    ip[1] = 0, ip[8] = TTL;
    put16(ip + 4, ident), put16(ip + 6, 0), put16(ip + 10, 0);
    swapped(ip + 12, request + ETHERNET + 12, 4);
    put16(ip + 10, 0xffff - sum_of(ip, IPV4));
    icmp[0] = ECHO_REPLY;
    put16(icmp + 2, 0);
    put16(icmp + 2, 0xffff - sum_of(icmp, (Py_ssize_t)size - ETHERNET - IPV4));
}

static PyObject *echo_reply(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *frame;
    const char *mac;
    Py_ssize_t mac_size;
    unsigned int ident;
    if (!PyArg_ParseTuple(args, "Oy#I", &frame, &mac, &mac_size, &ident)) return NULL;
    const uint8_t *ip = plain_packet(frame, PROTOCOL_ICMP, ICMP);
    if (!ip || mac_size != 6 || memcmp(ip - ETHERNET, mac, 6) != 0) Py_RETURN_NONE;
    const uint8_t *icmp = ip + IPV4;
    const Py_ssize_t size = ETHERNET + (Py_ssize_t)get16(ip + 2);
    if (icmp[0] != ECHO_REQUEST || icmp[1] || sum_of(ip, IPV4) != 0xffff ||
        sum_of(icmp, size - ETHERNET - IPV4) != 0xffff)
        Py_RETURN_NONE;
    PyObject *reply = PyBytes_FromStringAndSize(NULL, size);
    if (reply) turn_round((uint8_t *)PyBytes_AS_STRING(reply), ip - ETHERNET, (size_t)size, ident);
    return reply;
}

/* The descriptor does not block, so nobody waits for the GIL longer than `limit` copies take. */
static PyObject *read_frames(PyObject *self, PyObject *args) {
    (void)self;
    int descriptor;
    Py_ssize_t limit;
    if (!PyArg_ParseTuple(args, "in", &descriptor, &limit)) return NULL;
    PyObject *frames = PyList_New(0);
    if (!frames) return NULL;
    char buffer[LONGEST_FRAME];
    int error = 0;
    while (PyList_GET_SIZE(frames) < limit) {
        const ssize_t size = read(descriptor, buffer, sizeof buffer);
        if (size < 0) {
            error = errno;
            break;
        }
        PyObject *frame = PyBytes_FromStringAndSize(buffer, size);
        const int failed = !frame || PyList_Append(frames, frame) < 0;
        Py_XDECREF(frame);
        if (failed) {
            Py_DECREF(frames);
            return NULL;
        }
    }
    return Py_BuildValue("Ni", frames, error);
}

/* What is written, in its order: frames, and runs of them. */
struct items {
    PyObject *all; /* a tuple, which keeps them while others may run */
    struct run *runs;
    Py_ssize_t taken;    /* of the runs */
    Py_ssize_t frames;   /* of all */
    struct iovec *views; /* as many as the frame with most of them may need */
};

static void release_items(struct items *items) {
    for (Py_ssize_t i = 0; i < items->taken; i++) release_run(&items->runs[i]);
    PyMem_Free(items->runs);
    PyMem_Free(items->views);
    Py_XDECREF(items->all);
}

/* 0, or -1 with an exception; to be released in any case. */
static int take_items(struct items *items, PyObject *sequence) {
    *items = (struct items){.all = PySequence_Tuple(sequence)};
    if (!items->all) return -1;
    const Py_ssize_t count = PyTuple_GET_SIZE(items->all);
    Py_ssize_t runs = 0, most = 0;
    for (Py_ssize_t i = 0; i < count; i++) runs += !PyBytes_Check(PyTuple_GET_ITEM(items->all, i));
    items->frames = count - runs;
    items->runs = PyMem_Calloc((size_t)runs + 1, sizeof(struct run));
    for (Py_ssize_t i = 0; items->runs && i < count; i++) {
        if (PyBytes_Check(PyTuple_GET_ITEM(items->all, i))) continue;
        struct run *run = &items->runs[items->taken];
        if (take_run(run, PyTuple_GET_ITEM(items->all, i))) return -1;
        items->taken++;
        items->frames += run->left ? (run->left - 1) / run->size + 1 : 1;
        if (run->count > most) most = run->count;
    }
    items->views = PyMem_Malloc(((size_t)most + 1) * sizeof(struct iovec));
    if (items->runs && items->views) return 0;
    PyErr_NoMemory();
    return -1;
}

struct written {
    Py_ssize_t frames, bytes, refused;
    int error; /* of the last one that was refused */
};

static void count_written(struct written *written, ssize_t size) {
    if (size < 0)
        written->refused++, written->error = errno;
    else
        written->frames++, written->bytes += size;
}

/* Who comes while frames are written. */
struct look {
    struct bytes busy; /* keys of flows that may wait; none: there are no looks */
    PyObject *came;
    int over; /* another has come, or there is an exception */
};

static int is_busy(const struct look *look, const char *frame, ssize_t size) {
    if (size < AT_KEY + KEY) return 0;
    for (Py_ssize_t at = 0; at < look->busy.size; at += KEY)
        if (memcmp(frame + AT_KEY, look->busy.at + at, KEY) == 0) return 1;
    return 0;
}

/* Needs no GIL, and takes it for what it finds. */
static void look_once(int descriptor, struct look *look) {
    char buffer[LONGEST_FRAME];
    for (int i = 0; i < AT_A_LOOK; i++) {
        const ssize_t size = read(descriptor, buffer, sizeof buffer);
        if (size < 0) return;
        const PyGILState_STATE state = PyGILState_Ensure();
        PyObject *frame = PyBytes_FromStringAndSize(buffer, size);
        const int failed = !frame || PyList_Append(look->came, frame) < 0;
        Py_XDECREF(frame);
        PyGILState_Release(state);
        look->over |= failed || !is_busy(look, buffer, size);
        if (failed) return;
    }
}

/* Needs no GIL. */
static void write_all(int descriptor, const struct items *items, struct written *written,
                      struct look *look) {
    const Py_ssize_t count = PyTuple_GET_SIZE(items->all);
    struct run *run = items->runs;
    uint8_t headers[MOST_BEFORE + LONGEST];
    for (Py_ssize_t i = 0; i < count && !look->over;) {
        PyObject *item = PyTuple_GET_ITEM(items->all, i);
        if (PyBytes_Check(item)) {
            const size_t size = (size_t)PyBytes_GET_SIZE(item);
            count_written(written, write(descriptor, PyBytes_AS_STRING(item), size));
            i++;
        } else {
            const int views = next_frame(run, headers, items->views);
            count_written(written, writev(descriptor, items->views, views));
            if (run->over) run++, i++;
        }
        if (look->busy.size && (written->frames + written->refused) % BETWEEN == 0)
            look_once(descriptor, look);
    }
}

static PyObject *write_frames(PyObject *self, PyObject *args) {
    (void)self;
    int descriptor;
    PyObject *sequence;
    struct items items;
    struct written written = {0};
    struct look look = {0};
    if (!PyArg_ParseTuple(args, "iO|y#O!", &descriptor, &sequence, &look.busy.at, &look.busy.size,
                          &PyList_Type, &look.came))
        return NULL;
    if (look.busy.size % KEY || (look.busy.size && !look.came)) {
        PyErr_SetString(PyExc_ValueError, "no keys of flows, or nowhere to put what comes");
        return NULL;
    }
    if (!take_items(&items, sequence)) {
        Py_BEGIN_ALLOW_THREADS;
        write_all(descriptor, &items, &written, &look);
        Py_END_ALLOW_THREADS;
    }
    const Py_ssize_t left = items.frames - written.frames - written.refused;
    release_items(&items);
    if (PyErr_Occurred()) return NULL;
    return Py_BuildValue("nnnin", written.frames, written.bytes, written.refused, written.error,
                         left);
}

/* ---------------------------------------------------------------------- datagrams */
struct datagram {
    const uint8_t *ip;
    uint32_t size; /* bytes of data */
};

/* Whether the frame has the form of the common datagram, with right sums; fills it in. */
static int is_datagram(PyObject *object, const uint8_t *mac, struct datagram *found) {
    const uint8_t *ip = right_datagram(object);
    if (!ip || memcmp(ip - ETHERNET, mac, 6) != 0 || ip[8] < 2) return 0;
    *found = (struct datagram){ip, get16(ip + IPV4 + 4) - UDP};
    return 1;
}

/* Whether both have the same ends, time to live and DF. */
static int same_way(const uint8_t *ip, const uint8_t *other) {
    return !memcmp(ip + 12, other + 12, 12) && ip[8] == other[8] && ip[6] == other[6];
}

static PyObject *udp_run(PyObject *self, PyObject *args) {
    (void)self;
    struct place place;
    if (take_place(&place, args)) return NULL;
    struct datagram first, next;
    if (!is_datagram(frame_at(&place, place.at), place.mac, &first)) Py_RETURN_NONE;
    PyObject *found = PyList_New(0);
    Py_ssize_t at = place.at;
    for (next = first; found; at++) {
        const char *data = (const char *)next.ip + IPV4 + UDP;
        PyObject *payload = PyBytes_FromStringAndSize(data, next.size);
        if (!payload || PyList_Append(found, payload) < 0) Py_CLEAR(found);
        Py_XDECREF(payload);
        if (at + 1 == place.count || !is_datagram(frame_at(&place, at + 1), place.mac, &next))
            break;
        if (!same_way(first.ip, next.ip)) break;
    }
    if (!found) return NULL;
    return Py_BuildValue("iNN", first.ip[8], PyBool_FromLong(first.ip[6] & 0x40), found);
}

static PyObject *one_datagram(const uint8_t *header, uint32_t ident, PyObject *payload) {
    const Py_ssize_t size = PyBytes_GET_SIZE(payload);
    const uint32_t length = UDP + (uint32_t)size;
    PyObject *frame = PyBytes_FromStringAndSize(NULL, ETHERNET + IPV4 + UDP + size);
    if (!frame) return NULL;
    uint8_t *ip = (uint8_t *)PyBytes_AS_STRING(frame) + ETHERNET;
    uint8_t *udp = ip + IPV4;
    memcpy(ip - ETHERNET, header, ETHERNET + IPV4 + UDP);
    memcpy(udp + UDP, PyBytes_AS_STRING(payload), (size_t)size);
    put16(ip + 2, IPV4 + length);
    put16(ip + 4, ident);
    put16(ip + 10, 0xffff - sum_of(ip, IPV4));
    put16(udp + 4, length);
    const uint32_t sum = fold(sum_of(ip + 12, 8 + length) + PROTOCOL_UDP + length);
    put16(udp + 6, sum == 0xffff ? 0xffff : 0xffff - sum);
    return frame;
}

static PyObject *udp_frames(PyObject *self, PyObject *args) {
    (void)self;
    const char *header;
    Py_ssize_t size;
    unsigned int ident;
    PyObject *payloads;
    if (!PyArg_ParseTuple(args, "y#IO!", &header, &size, &ident, &PyList_Type, &payloads))
        return NULL;
    const Py_ssize_t count = PyList_GET_SIZE(payloads);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *payload = PyList_GET_ITEM(payloads, i);
        if (!PyBytes_Check(payload) || PyBytes_GET_SIZE(payload) > LONGEST_DATAGRAM - IPV4 - UDP)
            size = 0;
    }
    if (size != ETHERNET + IPV4 + UDP) {
        PyErr_SetString(PyExc_ValueError, "no headers of 42 bytes, or no datagrams");
        return NULL;
    }
    PyObject *frames = PyList_New(count);
    for (Py_ssize_t i = 0; frames && i < count; i++) {
        const uint32_t mine = (ident + (uint32_t)i) & 0xffff;
        PyObject *frame = one_datagram((const uint8_t *)header, mine, PyList_GET_ITEM(payloads, i));
        if (frame)
            PyList_SET_ITEM(frames, i, frame);
        else
            Py_CLEAR(frames);
    }
    return frames;
}

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Its size; 0 where the address is of no version of IP. */
static socklen_t name_of(union name *name, const char *address, Py_ssize_t size, int port) {
    memset(name, 0, sizeof *name);
    if (size == 4) {
        name->v4.sin_family = AF_INET;
        name->v4.sin_port = htons((uint16_t)port);
        memcpy(&name->v4.sin_addr, address, 4);
        return sizeof name->v4;
    }
    name->v6.sin6_family = AF_INET6;
    name->v6.sin6_port = htons((uint16_t)port);
    if (size == 16) memcpy(&name->v6.sin6_addr, address, 16);
    return size == 16 ? sizeof name->v6 : 0;
}

/* The piece of bytes that each datagram is; all of them that fit. */
static int pieces_of(PyObject *datagrams, Py_ssize_t at, struct iovec *pieces) {
    int count = 0;
    for (; count < MOST_DATAGRAMS && at + count < PyTuple_GET_SIZE(datagrams); count++) {
        PyObject *one = PyTuple_GET_ITEM(datagrams, at + count);
        pieces[count] = (struct iovec){PyBytes_AS_STRING(one), (size_t)PyBytes_GET_SIZE(one)};
    }
    return count;
}

/* How many of them Linux can make of one message (UDP_SEGMENT in udp(7)): all of one size, but for
 * the last, which may be shorter. */
static int joinable(const struct iovec *pieces, int count) {
    size_t total = pieces[0].iov_len;
    int joined = 1;
    while (joined < count && pieces[joined - 1].iov_len == pieces[0].iov_len &&
           pieces[joined].iov_len && pieces[joined].iov_len <= pieces[0].iov_len &&
           (total += pieces[joined].iov_len) <= MOST_JOINED)
        joined++;
    return joined;
}

struct control {
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
    };
};

static void tell_size(struct msghdr *message, struct control *control, uint16_t size) {
    message->msg_control = control->bytes;
    message->msg_controllen = sizeof control->bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(header), &size, sizeof size);
}

struct target {
    int descriptor;
    union name name;
    socklen_t size; /* of the name */
    int joined;     /* whether Linux is to take messages apart */
};

/* Needs no GIL. How many were taken; errno tells why not all. */
static Py_ssize_t send_all(struct target *to, PyObject *datagrams) {
    const Py_ssize_t count = PyTuple_GET_SIZE(datagrams);
    struct iovec pieces[MOST_DATAGRAMS];
    struct mmsghdr messages[MOST_DATAGRAMS];
    struct control controls[MOST_DATAGRAMS];
    Py_ssize_t at = 0;
    while (at < count) {
        const int here = pieces_of(datagrams, at, pieces);
        unsigned made = 0;
        for (int i = 0, joined; i < here; i += joined, made++) {
            joined = to->joined ? joinable(pieces + i, here - i) : 1;
            messages[made] = (struct mmsghdr){.msg_hdr = {.msg_name = &to->name,
                                                          .msg_namelen = to->size,
                                                          .msg_iov = &pieces[i],
                                                          .msg_iovlen = (size_t)joined}};
            if (joined > 1)
                tell_size(&messages[made].msg_hdr, &controls[made], (uint16_t)pieces[i].iov_len);
        }
        const int sent = sendmmsg(to->descriptor, messages, made, MSG_DONTWAIT);
        if (sent < 0) break;
        for (int i = 0; i < sent; i++) at += (Py_ssize_t)messages[i].msg_hdr.msg_iovlen;
    }
    return at;
}

static PyObject *send_datagrams(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *sock, *list;
    const char *address;
    Py_ssize_t address_size;
    int port;
    struct target to;
    if (!PyArg_ParseTuple(args, "Oy#iO!p", &sock, &address, &address_size, &port, &PyList_Type,
                          &list, &to.joined))
        return NULL;
    to.descriptor = PyObject_AsFileDescriptor(sock);
    if (to.descriptor < 0) return NULL;
    to.size = name_of(&to.name, address, address_size, port);
    PyObject *datagrams = PyList_AsTuple(list); /* keeps them while others may run */
    if (!datagrams) return NULL;
    int are_bytes = 1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(datagrams); i++)
        are_bytes &= PyBytes_Check(PyTuple_GET_ITEM(datagrams, i));
    if (!to.size || !are_bytes) {
        Py_DECREF(datagrams);
        PyErr_SetString(PyExc_ValueError, "no packed address, or a datagram that is no bytes");
        return NULL;
    }
    Py_ssize_t sent;
    int error;
    Py_BEGIN_ALLOW_THREADS;
    sent = send_all(&to, datagrams);
    error = sent < PyTuple_GET_SIZE(datagrams) ? errno : 0;
    Py_END_ALLOW_THREADS;
    Py_DECREF(datagrams);
    return Py_BuildValue("ni", sent, error);
}

/* A datagram and who has sent it. */
static PyObject *received(const char *data, Py_ssize_t size, const union name *from) {
    if (from->any.sa_family == AF_INET)
        return Py_BuildValue("(y#i)y#", &from->v4.sin_addr, (Py_ssize_t)4, ntohs(from->v4.sin_port),
                             data, size);
    return Py_BuildValue("(y#i)y#", &from->v6.sin6_addr, (Py_ssize_t)16, ntohs(from->v6.sin6_port),
                         data, size);
}

/* Does not block; the GIL guards `buffers`, of which only what is used is ever in memory. */
static PyObject *receive_datagrams(PyObject *self, PyObject *args) {
    (void)self;
    static char buffers[MOST_DATAGRAMS][LONGEST_DATAGRAM];
    PyObject *sock;
    int limit;
    if (!PyArg_ParseTuple(args, "Oi", &sock, &limit)) return NULL;
    const int descriptor = PyObject_AsFileDescriptor(sock);
    if (descriptor < 0) return NULL;
    if (limit > MOST_DATAGRAMS) limit = MOST_DATAGRAMS;
    if (limit < 0) limit = 0; /* or it is a large number for Linux, which writes anywhere */
    struct iovec pieces[MOST_DATAGRAMS];
    struct mmsghdr messages[MOST_DATAGRAMS];
    union name names[MOST_DATAGRAMS] = {0};
    for (int i = 0; i < limit; i++) {
        pieces[i] = (struct iovec){buffers[i], LONGEST_DATAGRAM};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &names[i],
                                                   .msg_namelen = sizeof names[i],
                                                   .msg_iov = &pieces[i],
                                                   .msg_iovlen = 1}};
    }
    const int count = recvmmsg(descriptor, messages, (unsigned)limit, MSG_DONTWAIT, NULL);
    const int error = count < 0 ? errno : 0;
    PyObject *found = PyList_New(count < 0 ? 0 : count);
    for (int i = 0; found && i < count; i++) {
        PyObject *one = received(buffers[i], messages[i].msg_len, &names[i]);
        if (one)
            PyList_SET_ITEM(found, i, one);
        else
            Py_CLEAR(found);
    }
    return found ? Py_BuildValue("Ni", found, error) : NULL;
}

static PyMethodDef methods[] = {
    {"ones_sum", ones_sum, METH_O, NULL},
    {"tcp_frames", tcp_frames, METH_O, NULL},
    {"tcp_run", tcp_run, METH_VARARGS, NULL},
    {"tcp_one", tcp_one, METH_O, NULL},
    {"tcp_segment", tcp_segment, METH_VARARGS, NULL},
    {"udp_one", udp_one, METH_O, NULL},
    {"echo_reply", echo_reply, METH_VARARGS, NULL},
    {"read_frames", read_frames, METH_VARARGS, NULL},
    {"write_frames", write_frames, METH_VARARGS, NULL},
    {"udp_run", udp_run, METH_VARARGS, NULL},
    {"udp_frames", udp_frames, METH_VARARGS, NULL},
    {"send_datagrams", send_datagrams, METH_VARARGS, NULL},
    {"receive_datagrams", receive_datagrams, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "pynat._fast", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&module); }
