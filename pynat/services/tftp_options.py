"""What a TFTP client asks for beside the file, and what it gets (RFC 2347, 2348, 2349, 7440).

An option that is unknown, or whose value makes no sense, is left out of the answer, which tells
the client that it does not hold (RFC 2347).

    blksize     what was asked for, but no more than one packet of the MTU carries. 32 bytes of
                it are headers: IPv4 20, UDP 8, TFTP 4. A larger block would travel in fragments:
                boot ROMs do not put them together, and a lost one costs the whole block.
    windowsize  at most WINDOW blocks, so that a transfer's memory is bounded
    timeout     the first time-out before a retransmission, whole seconds
    tsize       of a file to be read its size, unless the transfer changes it (netascii); of one
                to be written what the client said
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pynat.wire import tftp

PLAIN_BLOCK = 512  # bytes (RFC 1350)
MIN_BLOCK, MAX_BLOCK = 8, 65464  # bytes (RFC 2348)
HEADERS = 32  # bytes of IPv4, UDP and TFTP
WINDOW = 32  # blocks
TIMEOUT = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class TransferOptions:
    block: int = PLAIN_BLOCK
    window: int = 1
    timeout: float = TIMEOUT
    told: dict[str, str] = field(default_factory=dict)  # the OACK; empty if there is none


def agree(request: tftp.Packet, size: int, mtu: int, window: int = WINDOW) -> TransferOptions:
    """`size`: of the file to be read. `window`: how many blocks the guest's card takes."""
    block, windowsize, timeout = PLAIN_BLOCK, 1, TIMEOUT
    told: dict[str, str] = {}
    for name, text in request.options.items():
        value = _number(text)
        if name == "blksize" and MIN_BLOCK <= value <= MAX_BLOCK:
            told[name] = str(block := min(value, mtu - HEADERS))
        elif name == "windowsize" and 1 <= value <= 65535:
            told[name] = str(windowsize := min(value, window))
        elif name == "timeout" and 1 <= value <= 255:
            timeout = float(value)
            told[name] = str(value)
        elif name == "tsize" and value >= 0:
            if request.opcode == tftp.WRQ:
                told[name] = str(value)
            elif request.mode == "octet":
                told[name] = str(size)
    return TransferOptions(block, windowsize, timeout, told)


def announced(request: tftp.Packet) -> int:
    """How long the file is that the client wants to write, as far as it has said; else -1."""
    return _number(request.options.get("tsize", ""))


def _number(text: str) -> int:
    """-1 for what is no number of at most 19 digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
