/* NE2000: National's DP8390 with 16 KiB of memory, on ISA or as a Realtek 8029 on PCI, polled. */
#include "kernel.h"

enum { CR, PSTART, PSTOP, BNRY, TPSR, TBCR, ISR = 7, RSAR, RBCR = 10, RCR = 12, TCR, DCR, IMR };
enum { PAR = 1, CURR = 7 }; /* registers of page 1; those above: of page 0, writing */
enum { DATA = 16, RESET = 31, STOP = 0x21, START = 0x22, TRANSMIT = 0x26, PAGE1 = 0x40 };
enum { READ = 0x0a, WRITE = 0x12, WORDS = 0x49 }; /* remote DMA, by 16 bits, FIFO of 8 bytes */
enum { OVERRUN = 0x10, DMA_DONE = 0x40, IS_RESET = 0x80 };
enum { TX_PAGE = 0x40, RX_FIRST = 0x46, RX_END = 0x80 }; /* of 256 bytes each */

static u16 base;
static u8 next; /* page of the next frame */

static u8 get(u8 at) { return inb(base + at); }
static void set(u8 at, u8 value) { outb(base + at, value); }
static void set16(u8 at, u16 value) { set(at, value & 255), set(at + 1, value >> 8); }

static void dma(u8 command, void *data, u32 at, u32 size) { /* size is even */
    set(ISR, DMA_DONE), set16(RBCR, size), set16(RSAR, at), set(CR, command);
    for (u16 *word = data; size; size -= 2, word++)
        command == READ ? (void)(*word = inw(base + DATA)) : outw(base + DATA, *word);
    while (!(get(ISR) & DMA_DONE));
    set(CR, START);
}

static void ne2k_start(void) { /* with an empty ring */
    set(CR, STOP), set(DCR, WORDS), set16(RBCR, 0);
    set(RCR, 0x20), set(TCR, 0x02); /* deaf and in loopback until all is set */
    set(PSTART, RX_FIRST), set(PSTOP, RX_END), set(BNRY, RX_END - 1), set(TPSR, TX_PAGE);
    set(IMR, 0), set(ISR, 0xff); /* no interrupts */
    set(CR, STOP | PAGE1), set(CURR, next = RX_FIRST);
    for (int i = 0; i < 6; i++) set(PAR + i, nic.mac[i]);
    set(CR, START), set(TCR, 0), set(RCR, 0x04); /* what is for us, and broadcasts */
}

static void ne2k_send(const struct packet *p) {
    while (get(CR) & 4); /* the last one is on its way */
    dma(WRITE, p->data, TX_PAGE << 8, (p->size + 1) & ~1);
    set16(TBCR, p->size), set(CR, TRANSMIT);
}

static bool ne2k_receive(struct packet *p) {
    u8 header[4];                         /* status, next page, size with these 4 bytes */
    if (get(ISR) & OVERRUN) ne2k_start(); /* the ring was full: begin anew */
    set(CR, START | PAGE1);
    u8 current = get(CURR);
    set(CR, START);
    if (next == current) return false;
    dma(READ, header, next << 8, 4);
    p->size = (header[2] | header[3] << 8) - 4;
    if (p->size > FRAME_SIZE || header[1] < RX_FIRST || header[1] >= RX_END)
        return ne2k_start(), false;                          /* that is no frame: begin anew */
    dma(READ, p->data, (next << 8) + 4, (p->size + 1) & ~1); /* the ring's end leads to its start */
    next = header[1];
    set(BNRY, next == RX_FIRST ? RX_END - 1 : next - 1);
    return true;
}

bool ne2k_init(void) {
    const u16 ports[] = {pci_find(0x802910ec), 0x300, 0x280, 0x320, 0x340, 0x240};
    foreach (port, ports) {
        u8 prom[32];
        if (!(base = *port)) continue;
        set(RESET, get(RESET));
        for (u32 until = ticks + 3; !due(until););
        if (!(get(ISR) & IS_RESET) || get(CR) == 0xff) continue; /* nobody is there */
        set(DCR, WORDS);
        dma(READ, prom, 0, sizeof prom);
        for (int i = 0; i < 6; i++) nic.mac[i] = prom[2 * i]; /* each byte is there twice */
        ne2k_start();
        nic.name = port == ports ? "ne2k-pci" : "ne2k-isa";
        nic.send = ne2k_send, nic.receive = ne2k_receive;
        return true;
    }
    return false;
}
