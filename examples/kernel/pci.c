/* PCI configuration, mechanism 1. Without PCI all reads are ones, so nothing is found. */
#include "kernel.h"

static void pci_select(u32 device, u8 at) { outl(0xcf8, 1u << 31 | device | (at & ~3)); }

u32 pci_read(u32 device, u8 at)
{
    pci_select(device, at);
    return inl(0xcfc);
}

bool pci_find(u16 vendor, u16 id, u32 *device)
{
    for (*device = 0; *device < 1 << 24; *device += 1 << 8) {   /* bus, slot, function */
        if (pci_read(*device, 0) != ((u32)id << 16 | vendor))
            continue;
        u32 command = pci_read(*device, 4) & 0xffff;
        pci_select(*device, 4);
        outl(0xcfc, command | 7);                           /* I/O, memory, bus master */
        return true;
    }
    return false;
}
