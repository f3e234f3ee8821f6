"""Rules of TFTP (RFC 1350, RFC 2347): why a packet is dropped."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "TFTP001",
    "tftp length",
    Severity.ERROR,
    "A packet is shorter than the shortest there is.",
    "RFC 1350 5",
    "It is thrown away; the transfer waits.",
    "Send at least four bytes: the opcode and a block number.",
    exercised=Occasion.TFTP,
)

OPCODE = Rule(
    "TFTP002",
    "tftp opcode",
    Severity.ERROR,
    "The opcode of a packet is unknown.",
    "RFC 1350 5",
    "It is thrown away; the transfer waits.",
    "Store 1 (read) to 6 (option acknowledgement), the higher byte first.",
    exercised=Occasion.TFTP,
)

REQUEST = Rule(
    "TFTP003",
    "tftp request",
    Severity.ERROR,
    "A request has no file name and mode, or is too long.",
    "RFC 1350 5",
    "It is thrown away.",
    "Send the opcode, the name, a zero byte, the mode (octet), a zero byte; 512 bytes at most.",
    exercised=Occasion.TFTP,
)

NO_REQUEST = Rule(
    "TFTP004",
    "tftp no request",
    Severity.ERROR,
    "What came to port 69 is no request.",
    "RFC 1350 4",
    "The transfer waits for it at another port.",
    "Send everything behind the request to the port that the server's first answer came from.",
    exercised=Occasion.TFTP,
)

UNKNOWN_TRANSFER = Rule(
    "TFTP005",
    "tftp unknown transfer",
    Severity.ERROR,
    "A packet came to the port of somebody else's transfer.",
    "RFC 1350 4",
    "It is answered with error 5, unknown transfer.",
    "Keep one port of the guest's for each transfer, from its request to its last block.",
    exercised=Occasion.TFTP,
)
