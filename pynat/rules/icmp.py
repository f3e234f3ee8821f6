"""Rules of ICMP (RFC 792, RFC 1122 3.2.2). 001 to 019: why a message is dropped; from 020: the
linter's."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "ICMP001",
    "icmp length",
    Severity.ERROR,
    "A packet says that it carries ICMP and is too short for its header.",
    "RFC 792",
    "It is thrown away without an answer.",
    "Send at least 8 bytes: type, code, checksum and four bytes that the type gives a meaning.",
    exercised=Occasion.ICMP,
)

CHECKSUM = Rule(
    "ICMP002",
    "icmp checksum",
    Severity.ERROR,
    "The checksum of an ICMP message is wrong.",
    "RFC 792",
    "Every host throws it away without an answer: a ping seems lost.",
    "Compute it over the whole message, from the type to the last byte of data, with a checksum of"
    " zero; ICMP has no pseudo-header.",
    exercised=Occasion.ICMP,
)

TYPE = Rule(
    "ICMP003",
    "icmp type",
    Severity.NOTE,
    "An ICMP message is of a type that this network does not carry.",
    "RFC 1812 4.3",
    "Only echo requests are forwarded and answered. An error about a packet that came from where it"
    " goes to is as it should be, and is not counted.",
    "Nothing, if it was meant.",
    exercised=Occasion.ICMP,
)

FORBIDDEN = Rule(
    "ICMP004",
    "icmp forbidden",
    Severity.NOTE,
    "A packet that cannot be delivered is of a kind about which no ICMP error may be sent.",
    "RFC 1122 3.2.2",
    "The guest is not told that it got nowhere.",
    "Nothing, if the packet was a broadcast or a fragment.",
    exercised=Occasion.PACKET,
)

NOT_ASKED = Rule(
    "ICMP020",
    "icmp reply that nobody asked for",
    Severity.ERROR,
    "An echo reply answers no request.",
    "RFC 1122 3.2.2.6",
    "Who pinged misses the answer to its own request.",
    "Send one reply for each request, to the address that it came from, with its identifier and"
    " sequence number as they came.",
    exercised=Occasion.ECHO_REPLY,
)

REPLY_DIFFERS = Rule(
    "ICMP021",
    "icmp reply with other data",
    Severity.ERROR,
    "The data of an echo reply is not that of the request.",
    "RFC 792",
    "Programs that compare the data take the reply for a damaged one.",
    "Copy the request's data, all of it, and change nothing but type and checksum.",
    exercised=Occasion.ECHO_REPLY,
)

ABOUT_ERROR = Rule(
    "ICMP022",
    "icmp error that must not be",
    Severity.WARNING,
    "An ICMP error is about an ICMP error, a broadcast or a fragment that is not the first.",
    "RFC 1122 3.2.2",
    "Two hosts could send each other errors for ever, or all hosts answer one broadcast.",
    "Look at the packet first: none about ICMP errors, broadcasts, multicasts, or later fragments.",
    exercised=Occasion.ICMP_ERROR,
)

REDIRECT = Rule(
    "ICMP023",
    "icmp redirect from a host",
    Severity.WARNING,
    "The guest sends a redirect.",
    "RFC 1122 3.2.2.2",
    "Only routers tell others of a better way; hosts do not believe it.",
    "Send no message of type 5.",
    exercised=Occasion.ICMP,
)

QUOTE = Rule(
    "ICMP024",
    "icmp error with too short a quote",
    Severity.WARNING,
    "An ICMP error does not quote, as they came, the header and 8 bytes of the packet in question.",
    "RFC 792",
    "The receiver cannot tell which of its sockets the error is for.",
    "Append the packet from its IPv4 header on, with its options and 8 bytes or more behind, as it"
    " came. It begins at byte 8 of the message, behind four bytes that are 0 in most.",
    exercised=Occasion.ICMP_ERROR,
    leads_to=("ICMP003",),
)

TOO_LONG_STILL = Rule(
    "ICMP025",
    "icmp fragmentation needed not heeded",
    Severity.ERROR,
    "The guest goes on sending packets that are longer than it was told to.",
    "RFC 1191 3",
    "None of them arrives: the connection opens and then hangs as soon as there is much to send.",
    "Take the next hop's MTU out of bytes 6 and 7 of the ICMP message, keep it for the destination,"
    " and cut segments to that; or send without DF.",
    exercised=Occasion.NARROW_PATH,
)

OTHER_TYPE = Rule(
    "ICMP026",
    "icmp type of a reply",
    Severity.ERROR,
    "The guest answers an echo request with a message of another type than that of a reply.",
    "RFC 1122 3.2.2.6",
    "Who pinged has no answer, and answers a request in its turn: a ping seems lost.",
    "Change the type from 8 to 0 in the reply, then make the checksum anew.",
    exercised=Occasion.PINGED,
    leads_to=("ICMP003",),
)

NO_RESET = Rule(
    "ICMP027",
    "icmp instead of a reset",
    Severity.WARNING,
    "The guest answers a TCP segment to a closed port with an ICMP error.",
    "RFC 9293 3.10.7.1",
    "The other end tries again for minutes; with a reset it knows at once.",
    "Look at what your TCP does with a segment for which there is no connection: answer it with"
    " RST, unless it is a RST itself. Port unreachable is for UDP.",
    exercised=Occasion.ICMP_ERROR,
)

REPLIES_TWICE = Rule(
    "ICMP028",
    "icmp replies twice",
    Severity.WARNING,
    "The guest replies a second time to one echo request.",
    "RFC 1122 3.2.2.6",
    "Who pinged counts a packet too many; everything else that comes may be handled twice as well.",
    "Look at whether a frame is taken out of the card's ring once only, and handed up once.",
    exercised=Occasion.ECHO_REPLY,
)

UNCHECKED = Rule(
    "ICMP029",
    "icmp checksum not looked at",
    Severity.WARNING,
    "The guest answers a ping whose ICMP checksum is wrong.",
    "RFC 1122 3.2.2",
    "It takes for right what was changed on the way, and acts on ICMP errors of that kind too.",
    "Sum the whole message as it came, with its checksum: the result must be 0xffff, or else throw"
    " it away without an answer.",
    exercised=Occasion.PING_SPOILT,
)

ECHO_CODE = Rule(
    "ICMP030",
    "icmp reply with a code",
    Severity.WARNING,
    "The code of an echo reply is not 0.",
    "RFC 792",
    "Firewalls and some programs that ping do not take it for the answer.",
    "Clear the second byte of the message together with the type, then make the checksum anew.",
    exercised=Occasion.ECHO_REPLY,
)

QUOTE_CHANGED = Rule(
    "ICMP035",
    "icmp error quotes another header",
    Severity.WARNING,
    "The header that an ICMP error quotes is not as it came.",
    "RFC 1122 3.2.2",
    "Who only looks at addresses and ports is not misled; a firewall that checks lengths or sums"
    " drops the error, and traceroute tells of it.",
    "Keep the header as it came for the quote: turn its fields to the host's order in variables of"
    " your own, not in the packet, or turn them back before it is copied.",
    exercised=Occasion.ICMP_ERROR,
    leads_to=("ICMP003",),
)
