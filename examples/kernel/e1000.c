/* Intel 8254x ("e1000"), polled: legacy descriptors, one ring each way. */
#include "kernel.h"

enum {                                                      /* registers; bytes from BAR 0 */
    CTRL = 0x0000, EERD = 0x0014, IMC = 0x00d8, RCTL = 0x0100, TCTL = 0x0400, TIPG = 0x0410,
    RDBAL = 0x2800, RDBAH = 0x2804, RDLEN = 0x2808, RDH = 0x2810, RDT = 0x2818,
    TDBAL = 0x3800, TDBAH = 0x3804, TDLEN = 0x3808, TDH = 0x3810, TDT = 0x3818,
    MTA = 0x5200, RAL = 0x5400, RAH = 0x5404,
};
enum { RX = 32, TX = 8, BUFFER = 2048 };                    /* 8 descriptors are the fewest there can be */
enum { DONE = 1, END = 2 };                                 /* status; END: of a packet */

struct descriptor { u32 address, address_high; u16 size; u8 sum, command, status, errors; u16 special; } PACKED;

static volatile u32 *registers;
static volatile struct descriptor rx[RX] __attribute__((aligned(16))), tx[TX] __attribute__((aligned(16)));
static u8 rx_buffer[RX][BUFFER], tx_buffer[TX][BUFFER];
static u32 rx_next, tx_next;

static u32 get(u32 at) { return registers[at / 4]; }
static void set(u32 at, u32 value) { registers[at / 4] = value; }

static void e1000_send(const void *frame, u32 size)
{
    volatile struct descriptor *d = &tx[tx_next];
    while (!(d->status & DONE))                             /* its last frame is still on its way */
        ;
    memcpy(tx_buffer[tx_next], frame, size);
    d->size = size;
    d->command = 0x0b;                                      /* end of packet, add the FCS, report */
    d->status = 0;
    tx_next = (tx_next + 1) % TX;
    set(TDT, tx_next);
}

static u32 e1000_receive(void *frame)
{
    volatile struct descriptor *d = &rx[rx_next];
    if (!(d->status & DONE))
        return 0;
    u32 size = d->status & END && !d->errors && d->size <= FRAME_MAX ? d->size : 0;
    memcpy(frame, rx_buffer[rx_next], size);
    d->status = 0;
    if (!MISTAKE(66))
        set(RDT, rx_next);                                  /* the card may use all up to here */
    rx_next = (rx_next + 1) % RX;
    return size;
}

static u16 eeprom(u32 word)
{
    u32 value;
    set(EERD, word << 8 | 1);
    while (!((value = get(EERD)) & 1 << 4))
        ;
    return value >> 16;
}

bool e1000_init(void)
{
    u32 device;
    if (!pci_find(0x8086, 0x100e, &device))
        return false;
    registers = (u32 *)(pci_read(device, 0x10) & ~15);
    set(IMC, ~0u);                                          /* no interrupts */
    set(CTRL, get(CTRL) | 1 << 26);                         /* reset */
    for (u32 until = ticks + 10; !due(until);)
        ;
    set(IMC, ~0u);
    set(CTRL, get(CTRL) | 1 << 6 | 1 << 5);                 /* link up, speed by itself */
    for (int i = 0; i < 3; i++)
        ((u16 *)nic.mac)[i] = eeprom(i);
    set(RAL, *(u32 *)nic.mac);
    set(RAH, *(u16 *)(nic.mac + 4) | 1u << 31);
    for (int i = 0; i < 128; i++)
        set(MTA + 4 * i, 0);                                /* no multicast */

    for (int i = 0; i < RX; i++)
        rx[i].address = (u32)rx_buffer[i];
    set(RDBAL, (u32)rx), set(RDBAH, 0), set(RDLEN, sizeof rx), set(RDH, 0), set(RDT, RX - 1);
    for (int i = 0; i < TX; i++)
        tx[i].address = (u32)tx_buffer[i], tx[i].status = DONE;
    set(TDBAL, (u32)tx), set(TDBAH, 0), set(TDLEN, sizeof tx), set(TDH, 0), set(TDT, 0);
    set(TIPG, 10 | 8 << 10 | 6 << 20);
    set(TCTL, 1 << 1 | 1 << 3 | 0x0f << 4 | 0x40 << 12);    /* on, pad short ones, collisions */
    set(RCTL, 1 << 1 | !MISTAKE(67) << 15 | 1 << 26);       /* on, broadcasts, without the FCS */
    nic.name = "e1000", nic.send = e1000_send, nic.receive = e1000_receive;
    return true;
}
