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
    leads_to=("TFTP021",),
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

WRONG_ACK = Rule(
    "TFTP020",
    "tftp acknowledges another block",
    Severity.ERROR,
    "The guest acknowledges a block that has not come.",
    "RFC 1350 2",
    "The server sends the same block again and again, and gives up.",
    "Copy bytes 2 and 3 of the DATA packet into the ACK as they are; an OACK is acknowledged as"
    " block 0. Look at whether the number is counted before or after the ACK is sent.",
    exercised=Occasion.TFTP_ACK,
    leads_to=("TFTP021",),
)

NO_ACK = Rule(
    "TFTP021",
    "tftp block not acknowledged",
    Severity.ERROR,
    "A block, or an OACK, comes again and again, and the guest acknowledges nothing.",
    "RFC 1350 2",
    "The server sends the same block again and again, and gives up.",
    "Send an ACK, 00 04 and the block's number, to the port that the block came from. Whoever asks"
    " for options gets an OACK (opcode 6) first and acknowledges it as block 0 (RFC 2347). Look at"
    " whether the socket takes packets from another port than 69. Where the guest wants the file no"
    " more, an ERROR tells the server.",
    exercised=Occasion.TFTP,
)

LAST_UNHEARD = Rule(
    "TFTP022",
    "tftp last block not acknowledged",
    Severity.WARNING,
    "The last block of a file comes again and again: the guest does not acknowledge it.",
    "RFC 1350 6",
    "The guest has the file; the server keeps the transfer open and repeats the block for long.",
    "Acknowledge the block that is shorter than the others too, before the file is closed.",
    exercised=Occasion.TFTP,
)

MODE = Rule(
    "TFTP023",
    "tftp mode",
    Severity.ERROR,
    "The mode of a request is none of TFTP.",
    "RFC 1350 5",
    "The server refuses the request.",
    "Write octet behind the file name and its zero byte; it is followed by a zero byte, too.",
    exercised=Occasion.TFTP,
)

REQUEST_THERE = Rule(
    "TFTP024",
    "tftp request to a transfer",
    Severity.ERROR,
    "The guest sends its request to the port that the server's answer came from.",
    "RFC 1350 4",
    "The server refuses it and gives the transfer up.",
    "Acknowledge what came from that port: DATA by its number, an OACK (opcode 6) as block 0"
    " (RFC 2347). What is repeated when nothing comes is the last packet, and the request is none"
    " any more when an answer has come. Requests go to port 69 alone.",
    exercised=Occasion.TFTP,
)

TOO_FAST = Rule(
    "TFTP025",
    "tftp too fast",
    Severity.WARNING,
    "The guest repeats a packet without waiting for the answer, or a request that was refused.",
    "RFC 1123 4.2.3.2",
    "It loads server and wire; an answer that takes longer than usual is asked for many times, and"
    " each of them may be answered.",
    "Wait about a second before the second time, and longer each time. An ERROR ends the transfer:"
    " what it says of a file will not be otherwise a moment later.",
    exercised=Occasion.TFTP,
)

ONCE = Rule(
    "TFTP026",
    "tftp asked once",
    Severity.WARNING,
    "The guest asks for a file once, gets no answer, and does not ask again.",
    "RFC 1350 2",
    "One lost datagram, and the file is not read.",
    "Send the request again after a second or two, some times before you give up. Look at whether"
    " the wait for the answer has an end.",
    exercised=Occasion.TFTP_UNANSWERED,
)

OPTION_VALUE = Rule(
    "TFTP027",
    "tftp option value",
    Severity.WARNING,
    "The value of an option in a request is no number in decimal digits.",
    "RFC 2347",
    "The server leaves the option out of its answer, or refuses the request.",
    "Write the number as text: blksize, a zero byte, the digits 1 0 2 4, a zero byte. A length of a"
    " file that is not known yet is the digit 0.",
    exercised=Occasion.TFTP,
)

ACK_TWICE = Rule(
    "TFTP028",
    "tftp acknowledges twice",
    Severity.WARNING,
    "The guest acknowledges each block twice, at once.",
    "RFC 1123 4.2.3.1",
    "A server that answers each of them sends every block twice from then on, each of which is"
    " acknowledged twice: the Sorcerer's Apprentice.",
    "Send one ACK for each DATA that comes, in one place of the program.",
    exercised=Occasion.TFTP_ACK,
)
