"""Rules of UDP (RFC 768). 001 to 019: why a datagram is dropped; from 020: the linter's."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "UDP001",
    "udp length",
    Severity.ERROR,
    "The length of a datagram is below 8 or above what the packet carries.",
    "RFC 768",
    "It is thrown away without an answer.",
    "Store the bytes of UDP header and data, without the IPv4 header, the higher byte first.",
    exercised=Occasion.DATAGRAM,
    leads_to=("DHCP036", "DHCP037", "DNS022"),
)

CHECKSUM = Rule(
    "UDP002",
    "udp checksum",
    Severity.ERROR,
    "The checksum of a datagram is wrong.",
    "RFC 768",
    "Every host throws it away without an answer.",
    "Compute it over the pseudo-header (addresses, protocol 17, length of header and data), the"
    " header with a checksum of zero, and the data; store a result of 0 as 0xffff. A stored 0 means"
    " that no checksum was made.",
    exercised=Occasion.DATAGRAM,
    leads_to=("DHCP036", "DHCP037", "DNS022"),
)

NO_CHECKSUM = Rule(
    "UDP020",
    "udp without checksum",
    Severity.NOTE,
    "A datagram has no checksum.",
    "RFC 1122 4.1.3.4",
    "It is delivered, and nobody sees when bytes of it were changed on the way.",
    "Compute the checksum; a result of 0 is stored as 0xffff.",
    exercised=Occasion.DATAGRAM,
)

TRAILING = Rule(
    "UDP021",
    "udp shorter than its packet",
    Severity.WARNING,
    "There are bytes between the datagram's end and the packet's.",
    "RFC 768",
    "They are thrown away: either one of the lengths is wrong, or data is lost.",
    "Let UDP's length be IPv4's total length without the IPv4 header.",
    exercised=Occasion.DATAGRAM,
)

PORT_SWAPPED = Rule(
    "UDP022",
    "udp port swapped",
    Severity.ERROR,
    "The destination port is the one of a service, with its bytes in the wrong order.",
    "RFC 768",
    "Nobody serves there; the question has no answer.",
    "Convert both ports with `htons` before they are stored: 53 is 00 35, 67 is 00 43.",
    exercised=Occasion.DATAGRAM,
    leads_to=("IP011", "IP021"),
)

UNCHECKED = Rule(
    "UDP023",
    "udp checksum not looked at",
    Severity.WARNING,
    "The guest answers a datagram whose checksum is wrong.",
    "RFC 1122 4.1.3.4",
    "Programs get data that was changed on the way, and datagrams that were for others.",
    "Unless the field is 0, sum pseudo-header, header and data as they came, with the checksum: the"
    " result must be 0xffff, or else throw the datagram away without an answer.",
    exercised=Occasion.DATAGRAM_SPOILT,
)

NO_PORT = Rule(
    "UDP024",
    "udp source port zero",
    Severity.WARNING,
    "The source port of a datagram is 0.",
    "RFC 768",
    "An answer has no port to go to, and firewalls throw such datagrams away.",
    "Give each socket a port of its own when it is opened, 49152 to 65535 where the program names"
    " none, and store that.",
    exercised=Occasion.DATAGRAM,
    leads_to=("DHCP053",),
)

ODD_NOT_TAKEN = Rule(
    "UDP025",
    "udp odd lengths not taken",
    Severity.ERROR,
    "The guest takes the OFFER with an even number of bytes, and none of those before it with an"
    " odd one.",
    "RFC 1071",
    "Half of all that comes by UDP, ICMP and TCP is lost: its checksum is taken for a wrong one.",
    "Sum the last byte of an odd number as the upper half of a word: byte * 256 + 0, in network"
    " order; where words are read in the order of an x86, as the byte alone. Do not read one byte"
    " beyond the end: what is there is no zero.",
    exercised=Occasion.DHCP_OFFER,
    leads_to=("DHCP035", "DHCP036", "DHCP037", "DHCP039", "TCP104"),
)

OTHER_PORT = Rule(
    "UDP026",
    "udp answer from another port",
    Severity.WARNING,
    "The guest answers from another port than the one that was asked.",
    "RFC 1122 4.1.3.5",
    "A socket that is connected, a NAT and a firewall know an answer by both ports: they throw it"
    " away, or say by ICMP that nobody listens.",
    "Answer by the socket at which the question came: its port is the source of the answer.",
    exercised=Occasion.DATAGRAM_CAME,
)
