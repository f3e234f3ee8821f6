/* The loops over bytes and segments that Python is too slow for; every decision is Python's.
 *
 *   ones_sum(data)                                    RFC 1071, for pynat/wire/checksum.py
 *   tcp_headers(template, base, seq, last, payloads)  headers of a run, for pynat/wire/tcp.py
 *   tcp_common(frame, mac)                            the common segment, for pynat/wire/tcp.py
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

enum {
    ETHERNET = 14,
    IPV4 = 20,
    TCP = 20,
    STAMPED = TCP + 12, /* a header with timestamps as RFC 7323 appendix A lays them out */
    HEADERS = ETHERNET + IPV4 + TCP,
    LONGEST = 60,
    PROTOCOL_TCP = 6,
    ACK = 0x10,
    PSH = 0x08,
    URG = 0x20,
};

static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }
static void put16(uint8_t *at, uint32_t value) { at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value; }
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

/* Where the segment's data begins; 0 for anything that is not quite common. */
static uint32_t common(const uint8_t *frame, Py_ssize_t size, const uint8_t *mac, uint32_t end) {
    const uint8_t *ip = frame + ETHERNET;
    const uint8_t *tcp = ip + IPV4;
    const uint32_t header = (uint32_t)(tcp[12] >> 4) * 4;
    const uint32_t data = ETHERNET + IPV4 + header;
    if (memcmp(frame, mac, 6) || get16(frame + 12) != 0x0800 || ip[0] != 0x45) return 0;
    if ((get16(ip + 6) & ~0x4000u) || ip[8] < 2 || ip[9] != PROTOCOL_TCP) return 0;
    if ((tcp[13] & ~PSH) != ACK || (header != TCP && header != STAMPED)) return 0;
    if (data > end || (Py_ssize_t)end > size) return 0;
    if (header == STAMPED && get32(tcp + TCP) != 0x0101080a) return 0;
    /* IPv4's addresses lie right before the TCP header: they and the segment are one sum. */
    const uint32_t length = end - ETHERNET - IPV4;
    const uint32_t sum = sum_of(ip + 12, 8 + length) + PROTOCOL_TCP + length;
    return fold(sum) == 0xffff && sum_of(ip, IPV4) == 0xffff ? data : 0;
}

static PyObject *tcp_common(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    if (count != 2 || !PyBytes_Check(args[0]) || !PyBytes_Check(args[1]) ||
        PyBytes_GET_SIZE(args[1]) != 6) {
        PyErr_SetString(PyExc_TypeError, "tcp_common(frame: bytes, mac: bytes of 6)");
        return NULL;
    }
    const uint8_t *frame = (const uint8_t *)PyBytes_AS_STRING(args[0]);
    const Py_ssize_t size = PyBytes_GET_SIZE(args[0]);
    if (size < HEADERS) Py_RETURN_NONE;
    const uint32_t end = ETHERNET + get16(frame + ETHERNET + 2);
    const uint32_t data = common(frame, size, (const uint8_t *)PyBytes_AS_STRING(args[1]), end);
    if (!data) Py_RETURN_NONE;
    const uint8_t *tcp = frame + ETHERNET + IPV4;
    if (data == HEADERS)
        return Py_BuildValue("IIIIIIII()", get16(tcp), get16(tcp + 2), get32(tcp + 4),
                             get32(tcp + 8), tcp[13], get16(tcp + 14), data, end);
    return Py_BuildValue("IIIIIIII(II)", get16(tcp), get16(tcp + 2), get32(tcp + 4),
                         get32(tcp + 8), tcp[13], get16(tcp + 14), data, end, get32(tcp + 24),
                         get32(tcp + 28));
}

static PyMethodDef methods[] = {
    {"ones_sum", ones_sum, METH_O, NULL},
    {"tcp_headers", tcp_headers, METH_VARARGS, NULL},
    {"tcp_common", (PyCFunction)(void (*)(void))tcp_common, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef module = {PyModuleDef_HEAD_INIT, "pynat._fast", NULL, 0, methods,
                             NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&module); }
