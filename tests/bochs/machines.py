"""The smallest machines: a boot sector that does one thing, and the bochsrc that boots it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pynat.bochs import Bochs, find_bochs, rom_files

POWER_OFF = bytes.fromhex("ba04b0 b80020 ef")  # mov dx, 0xb004; mov ax, 0x2000; out dx, ax
HANG = bytes.fromhex("f4 ebfd")  # hlt; jmp back
# 8 bits (3 to port 0x3fb), then "H" to port 0x3f8
HELLO_SERIAL = bytes.fromhex("bafb03 b003 ee baf803 b048 ee")
HELLO_E9 = bytes.fromhex("bae900 b048 ee")
MAGIC_BREAK = bytes.fromhex("87db")  # xchg bx, bx
TRIPLE_FAULT = bytes.fromhex("0f011e0070 cc")  # lidt [0x7000], all zero there; int3

_FLOPPY = 1_474_560  # bytes, 3.5 inches
_CYLINDER = 16 * 63 * 512  # bytes; of a hard disk
_SIGNATURE = b"\x55\xaa"


def resets(count: int) -> bytes:
    """Reset the machine so many times, counted in the CMOS's byte 0x40, and go on."""
    one_more = "b040 e670 e471 fec0 88c4 b040 e670 88e0 e671"  # ah: the new count
    while_less = f"80fc{count + 1:02x} 7305 b0fe e664 f4"  # 0xfe to port 0x64; hlt
    return bytes.fromhex(f"{one_more} {while_less}")


def shutdown_port() -> bytes:
    """Write "Shutdown" to port 0x8900, a byte at a time."""
    return bytes.fromhex("ba0089") + b"".join(bytes([0xB0, byte, 0xEE]) for byte in b"Shutdown")


def bochsrc(folder: Path, code: bytes, *lines: str, signature: bytes = _SIGNATURE) -> Path:
    floppy = folder / "floppy.img"
    floppy.write_bytes(_sector(code, signature).ljust(_FLOPPY, b"\0"))
    path = folder / "bochsrc"
    boot = ["megs: 32", f"floppya: 1_44={floppy}, status=inserted", "boot: floppy"]
    roms = rom_files(find_bochs())
    assert roms is not None, "no BIOS installed"
    boot += [f"romimage: file={roms[0]}", f"vgaromimage: file={roms[1]}"]
    path.write_text("\n".join([*boot, *lines]) + "\n")
    return path


def disk(path: Path, code: bytes) -> Path:
    """A hard disk that boots `code`."""
    path.write_bytes(_sector(code, _SIGNATURE).ljust(_CYLINDER, b"\0"))
    return path


def _sector(code: bytes, signature: bytes) -> bytes:
    return (code + HANG).ljust(510, b"\0") + signature


@dataclass(frozen=True)
class Greeter:
    """A guest that says "H" on its serial port and then idles for ever."""

    bochsrc: Path
    serial: IO[bytes]

    def await_hello(self) -> None:
        assert self.serial.read(1) == b"H"


@contextlib.contextmanager
def greeter(folder: Path, *lines: str) -> Iterator[Greeter]:
    fifo = folder / "com1"
    os.mkfifo(fifo)
    path = bochsrc(folder, HELLO_SERIAL, f"com1: enabled=1, mode=file, dev={fifo}", *lines)
    # Open for both, so that Bochs finds a reader from its start to its end.
    with fifo.open("r+b", buffering=0) as serial:
        yield Greeter(path, serial)


def fake(executable: Path = Path("/usr/bin/bochs"), **changes: object) -> Bochs:
    values: dict[str, object] = {
        "executable": executable,
        "version": (2, 7),
        "plugin_dir": Path("/usr/lib/bochs/plugins"),
        "has_debugger": False,
        "needs_rc": False,
        "displays": frozenset({"rfb", "term"}),
    }
    return Bochs(**{**values, **changes})  # type: ignore[arg-type]
