"""The dynamic symbols and needed libraries of an ELF file (64 bits, little endian).

Enough to tell why Bochs would not load the plugin; layouts from elf(5).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# e_shoff at 40, e_shentsize, e_shnum after 10 bytes that we do not read
_HEADER = struct.Struct("<40xQ10xHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")  # name type flags addr offset size link info align entsize
_SYMBOL = struct.Struct("<IBBHQQ")  # name info other shndx value size
_DYNAMIC = struct.Struct("<qQ")  # tag value

_SHT_DYNAMIC = 6
_SHT_DYNSYM = 11
_DT_NEEDED = 1
_DT_RPATH = 15
_DT_RUNPATH = 29
# wanted by every shared object that gcc makes, defined by few programs
_OF_THE_COMPILER = {"__gmon_start__", "_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable"}


class NotElf(ValueError):  # noqa: N818
    """Not an ELF file of the kind that is read here."""


@dataclass(frozen=True, slots=True)
class Elf:
    machine: int
    needed: tuple[str, ...]
    run_path: tuple[str, ...]  # directories, $ORIGIN replaced
    defined: frozenset[str]
    undefined: frozenset[str]


def read_elf(path: Path) -> Elf:
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise NotElf(f"{path} is not a 64-bit little-endian ELF file")
    try:
        return _read(data, path.resolve().parent)
    except (struct.error, IndexError, ValueError) as error:
        raise NotElf(f"{path} is a damaged ELF file: {error}") from error


def _read(data: bytes, origin: Path) -> Elf:
    offset, size, count, _ = _HEADER.unpack_from(data)
    sections = [_SECTION.unpack_from(data, offset + size * i) for i in range(count)]
    needed: list[str] = []
    run_path: list[str] = []
    defined: set[str] = set()
    undefined: set[str] = set()
    for section in sections:
        if section[1] not in {_SHT_DYNAMIC, _SHT_DYNSYM}:
            continue
        names = sections[section[6]][4]  # the linked string table's offset
        body = data[section[4] : section[4] + section[5]]
        if section[1] == _SHT_DYNAMIC:
            for tag, value in _DYNAMIC.iter_unpack(body):
                if tag == _DT_NEEDED:
                    needed.append(_text(data, names + value))
                elif tag in {_DT_RPATH, _DT_RUNPATH}:
                    run_path += _text(data, names + value).split(":")
        else:
            for name, is_defined in _symbols(data, body, names):
                (defined if is_defined else undefined).add(name)
    places = tuple(place.replace("$ORIGIN", str(origin)) for place in run_path)
    machine = struct.unpack_from("<H", data, 18)[0]
    return Elf(machine, tuple(needed), places, frozenset(defined), frozenset(undefined))


def _symbols(data: bytes, table: bytes, names: int) -> Iterator[tuple[str, bool]]:
    for name, _, _, section, _, _ in _SYMBOL.iter_unpack(table):
        text = _text(data, names + name)
        if text and text not in _OF_THE_COMPILER:
            yield text, bool(section)


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode("ascii", "replace")
