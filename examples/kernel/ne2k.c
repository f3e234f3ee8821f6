/* NE2000: National's DP8390 with 16 KiB of memory, on ISA or as a Realtek 8029 on PCI, polled. */
#include "kernel.h"

enum {                                                      /* registers of page 0, writing */
    CR = 0, PSTART = 1, PSTOP = 2, BNRY = 3, TPSR = 4, TBCR0 = 5, TBCR1 = 6, ISR = 7,
    RSAR0 = 8, RSAR1 = 9, RBCR0 = 10, RBCR1 = 11, RCR = 12, TCR = 13, DCR = 14, IMR = 15,
    PAR = 1, CURR = 7, MAR = 8,                             /* of page 1 */
    DATA = 16, RESET = 31,
};
enum { STOP = 0x21, START = 0x22, TRANSMIT = 0x26, PAGE1 = 0x40 };
enum { READ = 0x0a, WRITE = 0x12 };                         /* by remote DMA */
enum { RXE = 0x01, OVERRUN = 0x10, DMA_DONE = 0x40, IS_RESET = 0x80 };
enum { TX_PAGE = 0x40, RX_FIRST = 0x46, RX_END = 0x80 };    /* of 256 bytes each */

static u16 base;
static u8 next;                                             /* page of the next frame */

static u8 get(u8 at) { return inb(base + at); }
static void set(u8 at, u8 value) { outb(base + at, value); }

static void dma(u8 command, u32 at, u32 size)
{
    set(ISR, DMA_DONE);
    set(RBCR0, size & 255), set(RBCR1, size >> 8);
    set(RSAR0, at & 255), set(RSAR1, at >> 8);
    set(CR, command);
}

static void dma_end(void)
{
    for (u32 until = ticks + 20; !(get(ISR) & DMA_DONE) && !due(until);)
        ;
    set(CR, START);
}

static void copy_in(void *to, u32 at, u32 size)             /* size is even */
{
    dma(READ, at, size);
    for (u16 *word = to; size; size -= 2)
        *word++ = inw(base + DATA);
    dma_end();
}

static void ne2k_start(void)                                /* with an empty ring */
{
    set(CR, STOP);
    set(DCR, 0x49);                                         /* 16 bits, FIFO of 8 bytes */
    set(RBCR0, 0), set(RBCR1, 0);
    set(RCR, 0x20), set(TCR, 0x02);                         /* deaf and in loopback until all is set */
    set(PSTART, RX_FIRST), set(PSTOP, RX_END), set(BNRY, RX_END - 1), set(TPSR, TX_PAGE);
    set(IMR, 0);                                            /* no interrupts */
    set(CR, STOP | PAGE1);
    for (int i = 0; i < 6; i++)
        set(PAR + i, nic.mac[i]);
    for (int i = 0; i < 8; i++)
        set(MAR + i, 0);                                    /* no multicast */
    set(CURR, next = RX_FIRST);
    set(CR, START);
    set(ISR, 0xff);
    set(TCR, 0), set(RCR, 0x04);                            /* what is for us, and broadcasts */
}

static void ne2k_send(const void *frame, u32 size)
{
    const u16 *word = frame;
    for (u32 until = ticks + 20; get(CR) & 4 && !due(until);)   /* the last one is on its way */
        ;
    size = MAX(size, 60);
    dma(WRITE, TX_PAGE << 8, (size + 1) & ~1);
    for (u32 i = 0; i < size; i += 2)
        outw(base + DATA, *word++);
    dma_end();
    set(TBCR0, size & 255), set(TBCR1, size >> 8);
    set(CR, TRANSMIT);
}

static u32 ne2k_receive(void *frame)
{
    struct { u8 status, next; u16 size; } header;           /* size: with these 4 bytes */
    if (get(ISR) & OVERRUN)
        ne2k_start();                                       /* the ring was full: begin anew */
    set(CR, START | PAGE1);
    u8 current = get(CURR);
    set(CR, START);
    if (next == current)
        return 0;
    copy_in(&header, next << 8, 4);
    u32 size = header.size - 4, at = (next << 8) + 4;
    if (size > FRAME_MAX || header.next < RX_FIRST || header.next >= RX_END) {
        ne2k_start();
        return 0;
    }
    u32 first = MIN((size + 1) & ~1, (RX_END << 8) - at);   /* up to the ring's end */
    copy_in(frame, at, first);
    if (first < size)
        copy_in((u8 *)frame + first, RX_FIRST << 8, (size - first + 1) & ~1);
    next = header.next;
    set(BNRY, next == RX_FIRST ? RX_END - 1 : next - 1);
    return size;
}

bool ne2k_init(u16 io)
{
    u32 device;
    u8 prom[32];
    nic.name = io ? "ne2k-isa" : "ne2k-pci";
    if (!io && pci_find(0x10ec, 0x8029, &device))
        io = pci_read(device, 0x10) & ~3;
    if (!(base = io))
        return false;
    set(RESET, get(RESET));
    for (u32 until = ticks + 20; !(get(ISR) & IS_RESET);)
        if (due(until))
            return false;
    if (get(CR) == 0xff)
        return false;                                       /* nobody is there */
    ne2k_start();
    copy_in(prom, 0, sizeof prom);
    for (int i = 0; i < 6; i++)
        nic.mac[i] = prom[2 * i];                           /* each byte is there twice */
    ne2k_start();
    nic.send = ne2k_send, nic.receive = ne2k_receive;
    return true;
}
