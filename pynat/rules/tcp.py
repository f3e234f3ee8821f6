"""Rules of TCP (RFC 9293). 001 to 019: why a segment is dropped; from 020: the linter's."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

CHECKSUM = Rule(
    "TCP001",
    "tcp checksum",
    Severity.ERROR,
    "The checksum of a TCP segment is wrong.",
    "RFC 9293 3.1",
    "Every host throws such a segment away without an answer; the connection stands still.",
    "Compute it over the pseudo-header (addresses, protocol 6, length of header and data), the"
    " header with a checksum of zero, and the data; add the carries back; store the complement.",
    exercised=Occasion.SEGMENT,
    leads_to=("TCP004", "TCP042", "TCP054", "TCP104", "TCP107", "TCP117", "TCP137"),
)

LENGTH = Rule(
    "TCP002",
    "tcp length",
    Severity.ERROR,
    "A packet says that it carries TCP and is too short for a TCP header.",
    "RFC 9293 3.1",
    "There are no ports and no numbers to act on; the segment is thrown away.",
    "Count the TCP header, 20 bytes and its options, into the IPv4 total length.",
    exercised=Occasion.SEGMENT,
    leads_to=("TCP004", "TCP042", "TCP054", "TCP107", "TCP117"),
)

HEADER_LENGTH = Rule(
    "TCP003",
    "tcp header length",
    Severity.ERROR,
    "The data offset of a segment is below 5 words or points behind the segment's end.",
    "RFC 9293 3.1",
    "Nobody can tell where the data begins; the segment is thrown away.",
    "Store the header's length in words of four bytes in the upper half of byte 12: 0x50 for a"
    " header without options.",
    exercised=Occasion.SEGMENT,
    leads_to=("TCP004", "TCP042", "TCP054", "TCP107", "TCP117"),
)

NO_FLOW = Rule(
    "TCP004",
    "tcp no flow",
    Severity.WARNING,
    "A segment that is no SYN belongs to no connection.",
    "RFC 9293 3.10.7.1",
    "It is answered with RST. It comes when one side goes on with a connection that the other has"
    " ended or never had, or when ports or addresses change in the middle of one.",
    "Begin with a SYN, keep the four ends of a connection unchanged, and send nothing more once it"
    " is closed or reset. What answers late segments of a connection that has just ended is not"
    " counted: an RST, and in TIME-WAIT an acknowledgement.",
    exercised=Occasion.LATER,
)

DUPLICATE = Rule(
    "TCP005",
    "tcp duplicate",
    Severity.NOTE,
    "All of a segment has been received before.",
    "RFC 9293 3.10.7.4",
    "It is acknowledged again and its data is thrown away. Now and then that is a keep-alive or a"
    " late copy; in numbers it is a guest that does not see or does not understand"
    " acknowledgements. The first copy of what was acknowledged last may have crossed the"
    " acknowledgement, and is not counted.",
    "Take an acknowledgement for everything before its number, and drop what it covers from the"
    " queue of what is to be sent again.",
    exercised=Occasion.LATER,
    leads_to=("NET019",),
)

OUTSIDE = Rule(
    "TCP006",
    "tcp outside the window",
    Severity.ERROR,
    "A segment lies behind the end of the receive window.",
    "RFC 9293 3.10.7.4",
    "It is thrown away and answered with an acknowledgement, so it has to be sent again.",
    "Send no byte at or behind SND.UNA + SND.WND, shift the window by what the SYNs agreed on"
    " (RFC 7323 2.3), and check the arithmetic of sequence numbers where they wrap.",
    exercised=Occasion.LATER,
    leads_to=("NET019",),
)

BEFORE_OPEN = Rule(
    "TCP007",
    "tcp before the connection is open",
    Severity.ERROR,
    "A segment came before both SYNs were exchanged.",
    "RFC 9293 3.10.7.3",
    "There is no connection yet that could take it; it is thrown away.",
    "As a client send nothing but the SYN until the SYN-ACK has come. As a server send the SYN-ACK"
    " again, by a time-out and when the SYN comes again, until it is acknowledged.",
    exercised=Occasion.LATER,
)

ACK_OF_NOTHING = Rule(
    "TCP008",
    "tcp acknowledges what was not sent",
    Severity.ERROR,
    "The acknowledgement number is beyond everything that was sent.",
    "RFC 9293 3.10.7.4",
    "The segment is thrown away; in the handshake it is answered with RST.",
    "Acknowledge the number of the next byte expected: the other side's sequence number and the"
    " length of what came, with one more for a SYN and one for a FIN.",
    exercised=Occasion.LATER,
    leads_to=("NET019",),
)

RESET_BESIDE = Rule(
    "TCP009",
    "tcp reset beside the next number",
    Severity.ERROR,
    "The sequence number of an RST is not the next one expected.",
    "RFC 5961 3.2",
    "It does not end the connection, because anybody could guess a number in the window; the other"
    " side goes on.",
    "Give an RST the sequence number SND.NXT; in answer to a segment with ACK, that segment's"
    " acknowledgement number. Behind the guest's FIN, in answer to old data, a wrong one does no"
    " harm and is not counted.",
    exercised=Occasion.RESET,
    leads_to=("NET019",),
)

OLD_TIMESTAMP = Rule(
    "TCP010",
    "tcp old timestamp",
    Severity.ERROR,
    "The timestamp of a segment is older than that of a segment received before.",
    "RFC 7323 5.3",
    "It is taken for an old duplicate and thrown away.",
    "Let TSval come from a clock that only goes forward, one for the whole connection, and store it"
    " in network byte order.",
    exercised=Occasion.STAMPED,
    leads_to=("NET019",),
)

SYN_INSIDE = Rule(
    "TCP011",
    "tcp syn in a connection",
    Severity.ERROR,
    "A SYN came in a connection that is open.",
    "RFC 5961 4.2",
    "It is answered with an acknowledgement and otherwise has no effect.",
    "Set SYN in the first segment only; for a new connection take another port or another initial"
    " sequence number.",
    exercised=Occasion.SYN,
    leads_to=("NET019",),
)

WITHOUT_ACK = Rule(
    "TCP012",
    "tcp without acknowledgement",
    Severity.ERROR,
    "A segment of an open connection has no ACK flag.",
    "RFC 9293 3.10.7.4",
    "It is thrown away without an answer.",
    "Set ACK and a valid acknowledgement number in every segment but the first SYN.",
    exercised=Occasion.LATER,
)

BEHIND_FIN = Rule(
    "TCP013",
    "tcp behind the guest's fin",
    Severity.ERROR,
    "There is data behind the FIN.",
    "RFC 9293 3.10.7.4",
    "The stream has ended at the FIN; what is behind it is thrown away.",
    "Queue the FIN behind the last byte and send nothing new after it.",
    exercised=Occasion.FIN,
)

NO_ROOM = Rule(
    "TCP014",
    "tcp too many pieces out of order",
    Severity.NOTE,
    "More separate pieces arrived ahead of a gap than are kept.",
    "RFC 9293 3.10.7.4",
    "The piece is thrown away and has to be sent again once the gap is filled.",
    "Fill the gap first: send again what the acknowledgement number asks for.",
    exercised=Occasion.DATA,
)

WINDOW_CLOSED = Rule(
    "TCP015",
    "tcp while the window is closed",
    Severity.NOTE,
    "Data came while the receive window was closed.",
    "RFC 9293 3.8.6.1",
    "It is thrown away and answered with an acknowledgement: that is what a window probe is for.",
    "Nothing, if it is a probe: one segment, at longer and longer intervals.",
    exercised=Occasion.WINDOW_CLOSED,
    leads_to=("NET019",),
)

# What a segment may break because others have overtaken it, or because it came before.
OF_LATE_SEGMENTS = frozenset({NO_FLOW, DUPLICATE, RESET_BESIDE, OLD_TIMESTAMP})
