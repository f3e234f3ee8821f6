"""Rules of DHCP (RFC 2131). 001 to 019: why a message is dropped; from 020: the linter's."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "DHCP001",
    "dhcp length",
    Severity.ERROR,
    "A message is shorter than the fixed fields.",
    "RFC 2131 2",
    "It is thrown away; the guest gets no address.",
    "Send all 236 bytes of fixed fields, then the cookie and the options.",
    exercised=Occasion.DHCP,
    leads_to=("DHCP036", "DHCP037"),
)

OP = Rule(
    "DHCP002",
    "dhcp op",
    Severity.ERROR,
    "The first byte of a message is neither request nor reply.",
    "RFC 2131 2",
    "It is thrown away; the guest gets no address.",
    "A client sends op 1.",
    exercised=Occasion.DHCP,
    leads_to=("DHCP036", "DHCP037"),
)

HARDWARE = Rule(
    "DHCP003",
    "dhcp hardware address",
    Severity.ERROR,
    "The client's hardware address is none of an Ethernet card.",
    "RFC 2131 2",
    "Nobody could be given an address; the message is thrown away.",
    "Store type 1, length 6 and the card's MAC address at the beginning of chaddr.",
    exercised=Occasion.DHCP,
    leads_to=("DHCP035", "DHCP036", "DHCP037"),
)

COOKIE = Rule(
    "DHCP004",
    "dhcp cookie",
    Severity.ERROR,
    "The options do not begin with the magic cookie.",
    "RFC 2131 3",
    "The options cannot be read. The message is answered as one of BOOTP, without options; a DHCP"
    " client does not take such an answer.",
    "Store the bytes 63 82 53 63 behind the fixed fields.",
    exercised=Occasion.DHCP,
    leads_to=("DHCP036", "DHCP037"),
)

OVERLOAD = Rule(
    "DHCP005",
    "dhcp overload",
    Severity.WARNING,
    "The option that says where further options are has a value that does not exist.",
    "RFC 2132 9.3",
    "It is left out; options in the fields for server and file name are not read.",
    "Leave option 52 out, or give it one byte of 1, 2 or 3.",
    exercised=Occasion.DHCP,
)

OPTION = Rule(
    "DHCP006",
    "dhcp option",
    Severity.WARNING,
    "An option runs over the message's end or has a length that it cannot have.",
    "RFC 2132 2",
    "It is left out, and with one that runs over the end all behind it; other servers throw the"
    " message away.",
    "Let an option's length count its value only, without code and length, and close with 255.",
    exercised=Occasion.DHCP,
    leads_to=("DHCP010", "DHCP021", "DHCP033", "DHCP036", "DHCP037"),
)

KIND = Rule(
    "DHCP007",
    "dhcp message type",
    Severity.ERROR,
    "The message type is none of DHCP.",
    "RFC 2132 9.6",
    "Nobody knows what is asked; the message is thrown away.",
    "Give option 53 one byte: 1 DISCOVER, 3 REQUEST, 4 DECLINE, 7 RELEASE, 8 INFORM.",
    exercised=Occasion.DHCP,
    leads_to=("DHCP036", "DHCP037"),
)

SERVER_MESSAGE = Rule(
    "DHCP008",
    "dhcp server message from the guest",
    Severity.ERROR,
    "The guest sends what only a server sends.",
    "RFC 2131 4.3",
    "It is thrown away; the guest gets no address.",
    "A client sends op 1 and DISCOVER, REQUEST, DECLINE, RELEASE or INFORM.",
    exercised=Occasion.DHCP,
)

RELAY = Rule(
    "DHCP009",
    "dhcp relay of another net",
    Severity.ERROR,
    "The relay agent's address is not in the guest's net.",
    "RFC 2131 4.3.1",
    "There are no addresses for another net; the message is thrown away.",
    "A client leaves giaddr zero.",
    exercised=Occasion.DHCP,
    leads_to=("DHCP036", "DHCP037"),
)

NO_ADDRESS = Rule(
    "DHCP010",
    "dhcp request without an address",
    Severity.ERROR,
    "A REQUEST names no address.",
    "RFC 2131 4.3.2",
    "There is nothing to grant; the message is thrown away.",
    "Put the offered address into option 50 after an OFFER, or the guest's own address into ciaddr"
    " to renew.",
    exercised=Occasion.DHCP_REQUEST,
    leads_to=("DHCP036", "DHCP037", "DHCP044"),
)

NOT_ITS_LEASE = Rule(
    "DHCP011",
    "dhcp for a lease that it does not have",
    Severity.WARNING,
    "The guest gives back or declines an address that it does not have.",
    "RFC 2131 4.3.4",
    "Nothing happens; the address that was meant stays taken.",
    "RELEASE names the address in ciaddr, DECLINE in option 50; both name the server in option 54"
    " and the same client as the REQUEST did.",
    exercised=Occasion.DHCP_RETURNS,
)

OTHER_SERVER = Rule(
    "DHCP012",
    "dhcp for another server",
    Severity.ERROR,
    "The guest takes the offer of another server.",
    "RFC 2131 4.3.2",
    "This server stays silent, and its offer is withdrawn. There is no other server here.",
    "Put the server of the OFFER, its option 54, into the REQUEST.",
    exercised=Occasion.DHCP_REQUEST,
    leads_to=("DHCP036", "DHCP037"),
)
