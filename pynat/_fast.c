/* The loops over bytes and segments that Python is too slow for; every decision is Python's.
 *
 *   ones_sum(data)                                    RFC 1071, for pynat/wire/checksum.py
 *   tcp_headers(template, base, seq, last, payloads)  headers of a run, for pynat/wire/tcp.py
 *   tcp_run(frames, at, mac)                          common segments as one, for pynat/wire/tcp.py
 *   read_frames(descriptor, limit)                    one read(2) each, for pynat/link/tap.py
 *   write_frames(descriptor, frames, from)            one write(2) each, for pynat/link/tap.py
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum {
    ETHERNET = 14,
    IPV4 = 20,
    TCP = 20,
    STAMPED = TCP + 12, /* a header with timestamps as RFC 7323 appendix A lays them out */
    HEADERS = ETHERNET + IPV4 + TCP,
    LONGEST = 60,
    LONGEST_FRAME = 10 + ETHERNET + 4 +
        65535, /* of any MTU, with a VLAN tag, behind virtio's header */
    PROTOCOL_TCP = 6,
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

static PyObject *one_header(const uint8_t *template, Py_ssize_t size, uint32_t base, uint32_t seq,
                            uint32_t flags, const Py_buffer *payload) {
    PyObject *header = PyBytes_FromStringAndSize((const char *)template, size);
    if (!header) return NULL;
    uint8_t *at = (uint8_t *)PyBytes_AS_STRING(header);
    const uint64_t sum = (uint64_t)base + (seq >> 16) + (seq & 0xffff) + flags +
                         (uint64_t)payload->len + sum_of(payload->buf, payload->len);
    const uint32_t folded = fold(sum);
    put32(at + 4, seq);
    at[13] = (uint8_t)flags;
    put16(at + 16, folded ? 0xffff - folded : 0);
    return header;
}

static PyObject *tcp_headers(PyObject *self, PyObject *args) {
    (void)self;
    const char *template;
    Py_ssize_t size;
    unsigned int base, seq, last_flags;
    PyObject *payloads;
    if (!PyArg_ParseTuple(args, "y#IIIO!", &template, &size, &base, &seq, &last_flags, &PyList_Type,
                          &payloads))
        return NULL;
    if (size < TCP || size > LONGEST || base > 0xffff) {
        PyErr_SetString(PyExc_ValueError, "no TCP header, or a base of more than 16 bits");
        return NULL;
    }
    const Py_ssize_t count = PyList_GET_SIZE(payloads);
    const uint32_t flags = (uint8_t)template[13];
    PyObject *headers = PyList_New(count);
    for (Py_ssize_t i = 0; headers && i < count; i++) {
        Py_buffer view;
        PyObject *header = NULL;
        if (!PyObject_GetBuffer(PyList_GET_ITEM(payloads, i), &view, PyBUF_SIMPLE)) {
            const uint32_t mine = i + 1 < count ? flags : last_flags | (flags & URG);
            header = one_header((const uint8_t *)template, size, base, seq, mine, &view);
            seq += (uint32_t)view.len;
            PyBuffer_Release(&view);
        }
        if (header)
            PyList_SET_ITEM(headers, i, header);
        else
            Py_CLEAR(headers);
    }
    return headers;
}

struct segment {
    const uint8_t *tcp;
    uint32_t header; /* bytes */
    uint32_t seq, ack;
    uint32_t size; /* bytes of data */
};

/* Whether the frame has the form of the common segment; fills it in. Sums are not looked at. */
static int is_common(PyObject *object, const uint8_t *mac, struct segment *found) {
    if (!PyBytes_Check(object) || PyBytes_GET_SIZE(object) < HEADERS) return 0;
    const uint8_t *frame = (const uint8_t *)PyBytes_AS_STRING(object);
    const uint8_t *ip = frame + ETHERNET;
    const uint8_t *tcp = ip + IPV4;
    const uint32_t header = (uint32_t)(tcp[12] >> 4) * 4;
    const uint32_t total = get16(ip + 2);
    if (memcmp(frame, mac, 6) != 0 || get16(frame + 12) != 0x0800 || ip[0] != 0x45) return 0;
    if ((get16(ip + 6) & ~0x4000u) || ip[8] < 2 || ip[9] != PROTOCOL_TCP) return 0;
    if ((tcp[13] & ~PSH) != ACK || (header != TCP && header != STAMPED)) return 0;
    if (total < IPV4 + header || (Py_ssize_t)ETHERNET + total > PyBytes_GET_SIZE(object)) return 0;
    if (header == STAMPED && get32(tcp + TCP) != 0x0101080a) return 0;
    *found = (struct segment){tcp, header, get32(tcp + 4), get32(tcp + 8), total - IPV4 - header};
    return 1;
}

/* IPv4's addresses lie right before the TCP header: they and the segment are one sum. */
static int sums_are_right(const struct segment *segment) {
    const uint8_t *ip = segment->tcp - IPV4;
    const uint32_t length = segment->header + segment->size;
    const uint32_t sum = sum_of(ip + 12, 8 + length) + PROTOCOL_TCP + length;
    return fold(sum) == 0xffff && sum_of(ip, IPV4) == 0xffff;
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

static PyObject *tcp_run(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *frames;
    Py_ssize_t at;
    const char *mac;
    Py_ssize_t mac_size;
    if (!PyArg_ParseTuple(args, "O!ny#", &PyList_Type, &frames, &at, &mac, &mac_size)) return NULL;
    const Py_ssize_t count = PyList_GET_SIZE(frames);
    if (mac_size != 6 || at < 0 || at >= count) {
        PyErr_SetString(PyExc_ValueError, "no MAC of 6 bytes, or no such frame");
        return NULL;
    }
    struct segment first, last, next;
    const uint8_t *ours = (const uint8_t *)mac;
    if (!is_common(PyList_GET_ITEM(frames, at), ours, &first) || !sums_are_right(&first))
        Py_RETURN_NONE;
    Py_ssize_t end = at + 1;
    Py_ssize_t size = first.size;
    for (last = first; end < count; end++, last = next) {
        if (!is_common(PyList_GET_ITEM(frames, end), ours, &next)) break;
        if (!goes_on(&last, &next) || !sums_are_right(&next)) break;
        size += next.size;
    }
    PyObject *data = PyBytes_FromStringAndSize(NULL, size);
    if (!data) return NULL;
    char *to = PyBytes_AS_STRING(data);
    for (Py_ssize_t i = at; i < end; i++) {
        is_common(PyList_GET_ITEM(frames, i), ours, &next);
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

static PyObject *write_frames(PyObject *self, PyObject *args) {
    (void)self;
    int descriptor;
    Py_ssize_t from;
    PyObject *frames;
    if (!PyArg_ParseTuple(args, "iO!n", &descriptor, &PyList_Type, &frames, &from)) return NULL;
    PyObject *mine = PyList_AsTuple(frames); /* keeps them while others may run */
    if (!mine) return NULL;
    const Py_ssize_t count = PyTuple_GET_SIZE(mine);
    for (Py_ssize_t i = 0; i < count; i++)
        if (!PyBytes_Check(PyTuple_GET_ITEM(mine, i))) {
            Py_DECREF(mine);
            PyErr_SetString(PyExc_TypeError, "a frame is bytes");
            return NULL;
        }
    Py_ssize_t at = from < 0 ? 0 : from;
    int error = 0;
    Py_BEGIN_ALLOW_THREADS;
    for (; at < count; at++) {
        PyObject *frame = PyTuple_GET_ITEM(mine, at);
        if (write(descriptor, PyBytes_AS_STRING(frame), (size_t)PyBytes_GET_SIZE(frame)) < 0) {
            error = errno;
            break;
        }
    }
    Py_END_ALLOW_THREADS;
    Py_DECREF(mine);
    return Py_BuildValue("ni", at, error);
}

static PyMethodDef methods[] = {
    {"ones_sum", ones_sum, METH_O, NULL},
    {"tcp_headers", tcp_headers, METH_VARARGS, NULL},
    {"tcp_run", tcp_run, METH_VARARGS, NULL},
    {"read_frames", read_frames, METH_VARARGS, NULL},
    {"write_frames", write_frames, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "pynat._fast", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&module); }
