"""Rules of TCP about a segment by itself: flags, ports, the options' form."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

FLAGS = Rule(
    "TCP020",
    "tcp flags contradict each other",
    Severity.ERROR,
    "A segment has flags that no segment has: none at all, SYN with FIN, SYN with RST, RST with"
    " FIN.",
    "RFC 9293 3.5",
    "Each host and firewall does something else with it; most throw it away, some log an attack.",
    "Set SYN alone or with ACK, RST alone or with ACK, and ACK in every other segment.",
    exercised=Occasion.SEGMENT,
)

RESERVED = Rule(
    "TCP021",
    "tcp reserved bits",
    Severity.WARNING,
    "Reserved bits of the header (the lower half of byte 12) are set.",
    "RFC 9293 3.1",
    "Later standards give these bits meanings, and middleboxes throw such segments away.",
    "Store the data offset in the upper half of byte 12 and zero in the lower: words << 4.",
    exercised=Occasion.SEGMENT,
)

NO_ACK_FLAG = Rule(
    "TCP022",
    "tcp segment without ack flag",
    Severity.ERROR,
    "A segment of an open connection has no ACK flag.",
    "RFC 9293 3.10.7.4",
    "The other end throws it away unread, so its data never arrive.",
    "Set ACK and the acknowledgement number in every segment but the first SYN and some RSTs.",
    exercised=Occasion.LATER,
    leads_to=("TCP012", "TCP066", "TCP117"),
)

ACK_WITHOUT_FLAG = Rule(
    "TCP023",
    "tcp acknowledgement number without ack flag",
    Severity.NOTE,
    "The acknowledgement number is not zero in a segment without the ACK flag.",
    "RFC 9293 3.1",
    "Nobody reads it. It is often a sign of a forgotten flag, or of a header that was not cleared.",
    "Clear the header before you fill it, or set ACK if the number is meant.",
    exercised=Occasion.NO_ACK,
)

URGENT = Rule(
    "TCP024",
    "tcp urgent pointer",
    Severity.NOTE,
    "The urgent pointer is set without the URG flag, is zero with it, or names bytes"
    " behind the FIN.",
    "RFC 9293 3.8.5",
    "Without the flag nobody reads it; with it, zero names a byte that came before the segment, and"
    " one that never comes leaves the other end in urgent mode.",
    "Clear the header before you fill it; with URG, store the offset behind the last urgent byte.",
    exercised=Occasion.SEGMENT,
)

OPTION_MALFORMED = Rule(
    "TCP025",
    "tcp option malformed",
    Severity.ERROR,
    "An option has a length that its kind cannot have, or that runs out of the header.",
    "RFC 9293 3.2",
    "What stands behind it cannot be read, and many hosts throw the whole segment away.",
    "Count the kind and the length byte into the length: MSS 4, window scale 3, SACK-permitted 2,"
    " timestamps 10, SACK 2 + 8 for each block.",
    exercised=Occasion.TCP_OPTIONS,
    leads_to=("TCP030", "TCP083", "TCP091"),
)

PADDING = Rule(
    "TCP026",
    "tcp option padding",
    Severity.NOTE,
    "Bytes behind the end of the option list are not zero.",
    "RFC 9293 3.1",
    "They are ignored; they are often what was in the buffer before.",
    "Fill the options up to a multiple of four bytes with zeros, or with NOP (1) between options.",
    exercised=Occasion.TCP_OPTIONS,
)

PORT_ZERO = Rule(
    "TCP027",
    "tcp port zero",
    Severity.ERROR,
    "A segment is from or to port 0.",
    "RFC 6335 6",
    "Port 0 is reserved; hosts and firewalls throw such segments away.",
    "Choose a source port from 49152 to 65535 before the SYN; look whether the ports are stored"
    " at bytes 0 and 2, in network byte order.",
    exercised=Occasion.SEGMENT,
)

PRIVILEGED_PORT = Rule(
    "TCP028",
    "tcp privileged source port",
    Severity.NOTE,
    "The guest opens a connection from a port below 1024.",
    "RFC 6056 3.2",
    "These ports are for servers; some hosts and firewalls take such a client for one.",
    "Choose source ports from 49152 to 65535; look at the byte order if you do.",
    exercised=Occasion.OPENING,
)

PORT_ORDER = Rule(
    "TCP029",
    "tcp port in the wrong byte order",
    Severity.ERROR,
    "A port that nobody knows is one that is known, with its two bytes exchanged.",
    "RFC 9293 3.1",
    "The segment belongs to no connection or no service, and is answered with RST.",
    "Store both ports in network byte order, the higher byte first, in every segment: htons(80).",
    exercised=Occasion.SEGMENT,
    leads_to=("TCP004", "TCP042", "TCP043", "TCP058", "TCP107", "TCP117"),
)
