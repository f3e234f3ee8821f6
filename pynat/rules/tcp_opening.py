"""Rules of TCP about how a connection begins, and about which ends and numbers it begins with."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

NO_MSS = Rule(
    "TCP030",
    "tcp syn without mss",
    Severity.WARNING,
    "A SYN has no MSS option.",
    "RFC 9293 3.7.1",
    "The other end must send segments of at most 536 bytes: nearly three times as many as needed.",
    "Put the MSS option (2, 4, then the MTU less 40 in network byte order) into every SYN and"
    " SYN-ACK.",
    exercised=Occasion.SYN,
)

SMALL_MSS = Rule(
    "TCP031",
    "tcp mss too small",
    Severity.WARNING,
    "A SYN announces an MSS so small that nearly everything sent is headers.",
    "RFC 9293 3.7.1",
    "Hosts raise it to a least value of their own (Linux: 48), or refuse the connection.",
    "Announce the MTU less 40: 1460 on Ethernet. Every host must take packets of 576 bytes.",
    exercised=Occasion.SYN,
)

LARGE_MSS = Rule(
    "TCP032",
    "tcp mss too large",
    Severity.WARNING,
    "A SYN announces an MSS that no frame of this network carries.",
    "RFC 9293 3.7.1",
    "The other end sends packets that are fragmented on the way or never arrive.",
    "Announce the MTU less 40 (20 for the IPv4 header, 20 for TCP's): 1460 on Ethernet, in network"
    " byte order.",
    exercised=Occasion.SYN,
    leads_to=("TCP084",),
)

SYN_DATA = Rule(
    "TCP033",
    "tcp syn with data",
    Severity.NOTE,
    "A SYN carries data.",
    "RFC 9293 3.4",
    "It is legal, but most hosts throw the data away, and they must be sent again (Fast Open"
    " apart).",
    "Send data once the SYN is acknowledged.",
    exercised=Occasion.SYN,
)

LARGE_SHIFT = Rule(
    "TCP034",
    "tcp window scale too large",
    Severity.WARNING,
    "A SYN offers a window scale above 14.",
    "RFC 7323 2.3",
    "The other end takes 14 instead, and both compute different windows from then on.",
    "Offer the least shift with which the buffer fits 65535: 0 to 14.",
    exercised=Occasion.SYN,
)

SYN_OPTION = Rule(
    "TCP035",
    "tcp option of a syn elsewhere",
    Severity.NOTE,
    "MSS, window scale or SACK-permitted is in a segment without SYN.",
    "RFC 9293 3.2, RFC 7323 2.2, RFC 2018 2",
    "It means nothing there: what was agreed on in the SYNs stays.",
    "Send these options with SYN only.",
    exercised=Occasion.LATER,
)

NOT_OFFERED = Rule(
    "TCP036",
    "tcp option that was not offered",
    Severity.ERROR,
    "A SYN-ACK has a window scale, timestamps or SACK-permitted that the SYN did not have.",
    "RFC 7323 2.2, 3.2",
    "Both ends must have sent such an option for it to be used; here each believes something else.",
    "Answer with these options only if the SYN had them.",
    exercised=Occasion.SYN_ACK,
)

SCALED_SYN = Rule(
    "TCP037",
    "tcp window of a syn scaled",
    Severity.WARNING,
    "The window of a SYN looks as if the scale had been applied to it.",
    "RFC 7323 2.2",
    "A SYN's window is never scaled: the other end sees a tiny one and sends little at first.",
    "Store min(window, 65535) in a SYN and a SYN-ACK, and window >> shift in every other segment.",
    exercised=Occasion.SYN,
)

SYN_MOVES = Rule(
    "TCP038",
    "tcp syn again with another number",
    Severity.WARNING,
    "SYNs of one opening have different sequence numbers, or SYN-ACKs of one answer.",
    "RFC 9293 3.8.1",
    "A retransmission is the same segment again; an answer to the first SYN acknowledges a number"
    " that is not the last one's, and is refused.",
    "Choose the initial sequence number once, when the connection is created.",
    exercised=Occasion.SYN_AGAIN,
    leads_to=("TCP011", "TCP042"),
)

ISN = Rule(
    "TCP039",
    "tcp initial numbers predictable",
    Severity.NOTE,
    "The initial sequence numbers of several connections are the same, or the same step apart.",
    "RFC 6528 3",
    "Who guesses the number can send into the connection; late segments of an old connection fit"
    " into a new one with the same ends.",
    "Add a clock that ticks each 4 microseconds to a keyed hash of addresses and ports.",
    exercised=Occasion.THIRD_NUMBER,
)

TIME_WAIT = Rule(
    "TCP040",
    "tcp time-wait skipped",
    Severity.WARNING,
    "The end that closed first opens the same pair of ports again at once, with a number that is"
    " not above the last one's.",
    "RFC 9293 3.6.1",
    "Late segments of the old connection can be taken for the new one's; the other end may still"
    " hold the old one and answer with its numbers.",
    "Keep a connection that you closed first in TIME-WAIT (at least a minute), or take the next"
    " source port, or begin above the old connection's last number. A guest that has been"
    " restarted had better choose its first port at random.",
    exercised=Occasion.REOPENED,
)

SAME_PORT = Rule(
    "TCP041",
    "tcp same source port each time",
    Severity.WARNING,
    "Several connections in a row to one server were opened from one port.",
    "RFC 6056 3",
    "The other end may still have the connection before in TIME-WAIT and refuse the new one.",
    "Take another source port for each connection, from 49152 to 65535.",
    exercised=Occasion.THIRD_OPENING,
)

SYN_ACK_IGNORED = Rule(
    "TCP042",
    "tcp syn-ack ignored",
    Severity.ERROR,
    "The guest goes on sending its SYN although the right SYN-ACK has come.",
    "RFC 9293 3.10.7.3",
    "The connection never opens.",
    "Look a segment's connection up with source and destination exchanged; accept SYN and ACK"
    " together when the acknowledgement is your initial number plus one.",
    exercised=Occasion.SYN_ACK_CAME,
)

SYN_ACK_RESET = Rule(
    "TCP043",
    "tcp syn-ack reset",
    Severity.NOTE,
    "The guest answers the right SYN-ACK to its own SYN with RST.",
    "RFC 9293 3.10.7.3",
    "The connection never opens. It is right if the program gave up in the meantime.",
    "If it did not: the SYN-ACK found no connection, or its acknowledgement was compared with the"
    " initial number instead of that number plus one.",
    exercised=Occasion.SYN_ACK_CAME,
)

SYN_NOT_ACKED = Rule(
    "TCP044",
    "tcp syn not counted in the acknowledgement",
    Severity.ERROR,
    "The guest acknowledges the other end's initial number: a SYN takes one number.",
    "RFC 9293 3.4",
    "The other end sends its SYN-ACK again and again; the connection never opens.",
    "Acknowledge the initial number plus one.",
    exercised=Occasion.OPEN,
    leads_to=("TCP004", "TCP007", "TCP008", "TCP042", "TCP066"),
)

SYN_NOT_COUNTED = Rule(
    "TCP045",
    "tcp syn not counted in the sequence number",
    Severity.ERROR,
    "The first segment behind the SYN has the SYN's own number: a SYN takes one number.",
    "RFC 9293 3.4",
    "The other end takes it for old: it throws the segment or the first byte of the data away.",
    "Go on with the initial number plus one after the SYN.",
    exercised=Occasion.OPEN,
    leads_to=("TCP004", "TCP005", "TCP006", "TCP007", "TCP115"),
)

OPTIONS_OUTSIDE = Rule(
    "TCP046",
    "tcp options outside of the header",
    Severity.ERROR,
    "The data of a SYN are TCP options, or data begin with timestamps: the data offset does not"
    " count them in.",
    "RFC 9293 3.1, 3.2",
    "The other end does not see the options and takes them for data, or throws them away.",
    "Store the length of header and options in words of four bytes in the upper half of byte 12:"
    " 0x60 with an MSS option of four bytes, 0x80 with timestamps (12 bytes).",
    exercised=Occasion.SYN,
    leads_to=("TCP025", "TCP030", "TCP033", "TCP092"),
)

WRONG_SYN_ACK = Rule(
    "TCP047",
    "tcp takes a wrong syn-ack",
    Severity.WARNING,
    "The guest goes on with a SYN-ACK that acknowledges another number than its SYN's plus one.",
    "RFC 9293 3.10.7.3",
    "A late SYN-ACK of an earlier connection is taken for the answer, and both ends believe in"
    " different numbers.",
    "In SYN-SENT compare the acknowledgement with your initial number plus one; where it differs,"
    " send RST with the number that it acknowledges, and wait for the right one.",
    exercised=Occasion.WRONG_SYN_ACK_CAME,
    leads_to=("TCP004", "TCP007", "TCP008"),
)

ANSWER_FLAGS = Rule(
    "TCP048",
    "tcp answer to a syn lacks a flag",
    Severity.ERROR,
    "The guest answers a SYN by a SYN without ACK, or by an ACK without SYN.",
    "RFC 9293 3.10.7.2",
    "The other end takes the one for an opening of the guest's own, the other for a segment of an"
    " old connection; none opens.",
    "Set both flags, SYN and ACK (0x12), in the answer to a SYN, with your initial number and the"
    " other end's plus one.",
    exercised=Occasion.SYN_CAME,
    leads_to=("TCP004", "TCP007", "TCP008", "TCP042", "TCP101"),
)

OPENS_WITH_ACK = Rule(
    "TCP049",
    "tcp opens with syn and ack",
    Severity.ERROR,
    "The guest begins a connection by a SYN-ACK: nobody has sent it a SYN.",
    "RFC 9293 3.10.1",
    "It is the answer to a SYN that was never sent, so the other end resets it.",
    "Set SYN alone (0x02) in the segment that opens a connection, and leave the acknowledgement"
    " number zero.",
    exercised=Occasion.SYN_ACK,
    leads_to=("TCP004",),
)

SILENT_PORT = Rule(
    "TCP107",
    "tcp syn without answer",
    Severity.WARNING,
    "A SYN came to the guest again and again, and it has answered neither by SYN-ACK nor by RST.",
    "RFC 9293 3.10.7.1, 3.10.7.2",
    "Whoever connects waits for minutes before it learns that nobody is there.",
    "Answer a SYN to a port where nobody listens by RST and ACK, with number 0 and the SYN's number"
    " plus one acknowledged. If a program does listen, look why the SYN is dropped: checksum, port,"
    " length.",
    exercised=Occasion.SYN_CAME,
)

NEVER_OPENS = Rule(
    "TCP117",
    "tcp syn-ack not acknowledged",
    Severity.ERROR,
    "The right SYN-ACK came again and again, and the guest, whose SYN it answers, has said nothing"
    " more in this connection.",
    "RFC 9293 3.5, 3.10.7.3",
    "The other end does not hold the connection for open: it takes no data, sends none, and gives"
    " up.",
    "In SYN-SENT answer the SYN-ACK by an acknowledgement of its number plus one, at once, also if"
    " there are no data to send, and each one that comes again. If that is done, look where the"
    " SYN-ACK is lost: checksum, ports, length of the header.",
    exercised=Occasion.SYN_ACK_CAME,
    leads_to=("TCP066",),
)

NOT_BOTH = Rule(
    "TCP123",
    "tcp simultaneous open not known",
    Severity.WARNING,
    "A SYN without ACK came behind the guest's own, for both ends open the connection at once, and"
    " the guest has not answered it by SYN-ACK.",
    "RFC 9293 3.5, 3.10.7.3",
    "Other connections open; one with a host that opens it at the same moment does not. Hosts"
    " behind firewalls reach each other in this way.",
    "In SYN-SENT take a SYN without ACK as well: keep its number and options, go to SYN-RECEIVED,"
    " and send SYN and ACK with your own initial number once more. An acknowledgement of that opens"
    " the connection.",
    exercised=Occasion.BOTH_OPEN,
    leads_to=("TCP009", "TCP066", "TCP072"),
)

WEAK_REFUSAL = Rule(
    "TCP108",
    "tcp reset that refuses nothing",
    Severity.ERROR,
    "The guest answers a SYN by an RST that does not acknowledge it.",
    "RFC 9293 3.10.7.1, 3.10.7.3",
    "In SYN-SENT only an RST counts that acknowledges the SYN: the other end goes on asking.",
    "Answer a segment without ACK by RST and ACK (0x14), with number 0, and acknowledge its number"
    " plus its length, where a SYN counts one.",
    exercised=Occasion.SYN_CAME,
    leads_to=("TCP007", "TCP008", "TCP107"),
)
