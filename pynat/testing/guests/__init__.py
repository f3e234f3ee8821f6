"""Guests for tests, the demo and the benchmarks: images made on the spot, and their boots."""

from pynat.bochs.machine import MODELS, Machine, Nic
from pynat.testing.guests.boot import Boot, GuestSilent
from pynat.testing.guests.files import GuestUnavailable
from pynat.testing.guests.grub import BOOTFILE, grub_folder, grub_image, multiboot_kernel
from pynat.testing.guests.ipxe import boot_rom, ipxe_image
from pynat.testing.guests.linux import DONE, READY, Check, fetch_kernel, linux_image, results
from pynat.testing.guests.multiboot_image import compiled_kernel, kernel_image
from pynat.testing.guests.nbp import PINGS, ping_program, ping_replies

__all__ = [
    "BOOTFILE",
    "DONE",
    "MODELS",
    "PINGS",
    "READY",
    "Boot",
    "Check",
    "GuestSilent",
    "GuestUnavailable",
    "Machine",
    "Nic",
    "boot_rom",
    "compiled_kernel",
    "fetch_kernel",
    "grub_folder",
    "grub_image",
    "ipxe_image",
    "kernel_image",
    "linux_image",
    "multiboot_kernel",
    "ping_program",
    "ping_replies",
    "results",
]
