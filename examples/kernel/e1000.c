/* Intel 8254x ("e1000"), polled: legacy descriptors, one ring each way. */
#include "kernel.h"

enum { CTRL = 0x0000, EERD = 0x0014, IMC = 0x00d8, RCTL = 0x0100, TCTL = 0x0400, TIPG = 0x0410 };
enum { RX_RING = 0x2800, TX_RING = 0x3800, MTA = 0x5200, RAL = 0x5400, RAH = 0x5404 };
enum { SIZE = 8, HEAD = 0x10, TAIL = 0x18 }; /* of a ring */
enum { RING = 32, DONE = 1, END = 2 };       /* status; END: of a packet */

static volatile u32 *registers;
static struct ring {
    volatile struct {
        u32 address, address_high;
        u16 size;
        u8 sum, command, status, errors;
        u16 special;
    } descriptor[RING];
    u8 buffer[RING][2048];
    u32 next;
} rx __attribute__((aligned(16))), tx __attribute__((aligned(16)));

static u32 get(u32 at) { return registers[at / 4]; }
static void set(u32 at, u32 value) { registers[at / 4] = value; }

static void e1000_send(const struct packet *p) {
    typeof(*tx.descriptor) *d = &tx.descriptor[tx.next];
    while (get(TX_RING + HEAD) != tx.next); /* the last one is on its way */
    memcpy(tx.buffer[tx.next], p->data, p->size);
    d->size = p->size, d->command = 3; /* the whole packet, add the FCS */
    set(TX_RING + TAIL, tx.next = (tx.next + 1) % RING);
}

static bool e1000_receive(struct packet *p) {
    typeof(*rx.descriptor) *d = &rx.descriptor[rx.next];
    if (!(d->status & DONE)) return false;
    p->size = d->status & END && !d->errors && d->size <= FRAME_SIZE ? d->size : 0;
    memcpy(p->data, rx.buffer[rx.next], p->size);
    d->status = 0;
    if (!MISTAKE(66)) set(RX_RING + TAIL, rx.next); /* the card may use all up to here */
    rx.next = (rx.next + 1) % RING;
    return true;
}

static void set_ring(u32 at, struct ring *ring, u32 tail) {
    for (u32 i = 0; i < RING; i++) ring->descriptor[i].address = (u32)ring->buffer[i];
    set(at, (u32)ring), set(at + 4, 0), set(at + SIZE, RING * 16);
    set(at + HEAD, 0), set(at + TAIL, tail);
}

bool e1000_init(void) {
    if (!(registers = (u32 *)pci_find(0x100e8086))) return false;
    set(CTRL, get(CTRL) | 1 << 26); /* reset */
    for (u32 until = ticks + 10; !due(until););
    set(IMC, ~0u);                          /* no interrupts */
    set(CTRL, get(CTRL) | 1 << 6 | 1 << 5); /* link up, speed by itself */
    for (int i = 0; i < 3; i++) {
        set(EERD, i << 8 | 1);
        while (!(get(EERD) & 1 << 4));
        ((u16 *)nic.mac)[i] = get(EERD) >> 16;
    }
    set(RAL, *(u32 *)nic.mac), set(RAH, *(u16 *)(nic.mac + 4) | 1u << 31);
    for (int i = 0; i < 128; i++) set(MTA + 4 * i, 0); /* no multicast */
    set_ring(TX_RING, &tx, 0), set_ring(RX_RING, &rx, RING - 1);
    set(TIPG, 10 | 8 << 10 | 6 << 20);
    set(TCTL, 1 << 1 | 1 << 3 | 0x0f << 4 | 0x40 << 12);       /* on, pad short ones, collisions */
    set(RCTL, 1 << 1 | (MISTAKE(67) ? 0 : 1 << 15) | 1 << 26); /* on, broadcasts, without the FCS */
    nic.name = "e1000", nic.send = e1000_send, nic.receive = e1000_receive;
    return true;
}
