"""A Linux kernel that needs no decompression at boot.

A distribution's bzImage unpacks itself with xz, which costs an emulated processor minutes, or with
zstd, which Python knows from 3.14 on.
`stored()` makes the same kernel into a bzImage that any boot loader takes, whose protected
mode part is the unpacked kernel and a few instructions that put it where it was linked to:

    0x100000   entry: 32-bit code (below)         } _HEAD bytes
    0x100100   64-bit code                        }
    0x100800   descriptor table                   }
    0x101000   page tables, the first 4 GB 1:1    }
    0x110000   the kernel, to be copied to 0x1000000

See "The real-mode kernel header" and "32-bit boot protocol" in Linux's
Documentation/x86/boot.rst; offsets into the header are from there.
"""

from __future__ import annotations

import lzma
import struct
import sys
from collections.abc import Callable

_LOADED = 0x100000  # where a boot loader puts a kernel that is not relocatable
_LINKED = 0x1000000  # CONFIG_PHYSICAL_START
_HEAD = 0x10000
_CODE64, _GDT, _GDTR, _PML4, _PDPT, _PD = 0x100, 0x800, 0x840, 0x1000, 0x2000, 0x3000
_HUGE = 1 << 21
_SETUP_SECTORS, _SYSSIZE, _RELOCATABLE, _PAYLOAD = 0x1F1, 0x1F4, 0x234, 0x248
_PT_LOAD = 1
# What is behind the compressed kernel is its length.
_COMPRESSED: dict[bytes, Callable[[bytes], bytes]] = {
    b"\xfd7zXZ\0": lambda payload: lzma.LZMADecompressor().decompress(payload)
}
if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor

    _COMPRESSED[b"\x28\xb5\x2f\xfd"] = lambda payload: ZstdDecompressor().decompress(payload)


def stored(image: bytes) -> bytes:
    """`image` is a bzImage. Given back unchanged if its kernel is compressed in another way."""
    setup_size = ((image[_SETUP_SECTORS] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", image, _PAYLOAD)
    payload = image[setup_size + offset : setup_size + offset + length]
    unpack = next(
        (unpack for mark, unpack in _COMPRESSED.items() if payload.startswith(mark)), None
    )
    if unpack is None:
        return image
    entry, kernel = _load(unpack(payload))
    body = _head(entry, len(kernel)) + kernel
    setup = bytearray(image[:setup_size])
    struct.pack_into("<I", setup, _SYSSIZE, len(body) // 16)
    struct.pack_into("<II", setup, _PAYLOAD, 0, 0)
    setup[_RELOCATABLE] = 0
    return bytes(setup) + body


def _load(elf: bytes) -> tuple[int, bytes]:
    """Entry point and memory image of vmlinux, from _LINKED on; its trailing zeros are bss."""
    entry, headers = struct.unpack_from("<QQ", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 54)
    memory = bytearray()
    for i in range(count):
        kind, _, start, _, address, length = struct.unpack_from("<IIQQQQ", elf, headers + size * i)
        if kind == _PT_LOAD:
            at = address - _LINKED
            memory.extend(bytes(max(0, at + length - len(memory))))
            memory[at : at + length] = elf[start : start + length]
    kernel = bytes(memory).rstrip(b"\0")
    return entry, kernel + bytes(-len(kernel) % 4096)


def _head(entry: int, kernel_size: int) -> bytes:
    head = bytearray(_HEAD)
    code = _to_long_mode(kernel_size)
    head[: len(code)] = code
    # mov esi,esi (clears the upper half); mov eax,entry; jmp rax
    code = b"\x89\xf6\xb8" + struct.pack("<I", entry) + b"\xff\xe0"
    head[_CODE64 : _CODE64 + len(code)] = code
    struct.pack_into("<4Q", head, _GDT, 0, 0, 0x00AF9A00_0000FFFF, 0x00CF9200_0000FFFF)
    struct.pack_into("<HI", head, _GDTR, 31, _LOADED + _GDT)
    struct.pack_into("<Q", head, _PML4, _LOADED + _PDPT | 7)
    for gigabyte in range(4):
        struct.pack_into("<Q", head, _PDPT + 8 * gigabyte, _LOADED + _PD + 4096 * gigabyte | 7)
    for page in range(4 * 512):
        struct.pack_into("<Q", head, _PD + 8 * page, page * _HUGE | 0x83)
    return bytes(head)


def _to_long_mode(kernel_size: int) -> bytes:
    word = struct.Struct("<I").pack
    return b"".join(
        [
            b"\xfa\xfc\x89\xf3",  # cli; cld; mov ebx,esi (esi: the boot parameters)
            *_copies(kernel_size),
            b"\x89\xde",  # mov esi,ebx
            b"\xb8" + word(_LOADED + _PML4) + b"\x0f\x22\xd8",  # mov eax,PML4; mov cr3,eax
            b"\x0f\x20\xe0\x83\xc8\x20\x0f\x22\xe0",  # cr4 |= PAE
            b"\xb9\x80\0\0\xc0\x0f\x32\x0d\0\x01\0\0\x0f\x30",  # EFER |= LME
            b"\x0f\x01\x15" + word(_LOADED + _GDTR),  # lgdt
            b"\x0f\x20\xc0\x0d\0\0\0\x80\x0f\x22\xc0",  # cr0 |= PG
            b"\xb8\x18\0\0\0\x8e\xd8\x8e\xc0\x8e\xd0\x8e\xe0\x8e\xe8",  # ds es ss fs gs = 0x18
            b"\xea" + word(_LOADED + _CODE64) + b"\x10\0",  # jmp 0x10:code64
        ]
    )


def _copies(kernel_size: int) -> list[bytes]:
    """`rep movsd` upwards, the last piece first: source and target overlap, no piece does."""
    source = _LOADED + _HEAD
    piece = _LINKED - source
    word = struct.Struct("<I").pack
    return [
        # mov esi,source; mov edi,target; mov ecx,count; rep movsd
        b"\xbe" + word(source + at) + b"\xbf" + word(_LINKED + at)
        + b"\xb9" + word(min(piece, kernel_size - at) // 4) + b"\xf3\xa5"
        for at in reversed(range(0, kernel_size, piece))
    ]  # fmt: skip
