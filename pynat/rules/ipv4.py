"""Rules of IPv4 (RFC 791, RFC 1122 3.2). 001 to 029: why a packet is dropped; then the linter's."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "IP001",
    "ipv4 length",
    Severity.ERROR,
    "A frame of type IPv4 is too short for an IPv4 header.",
    "RFC 791 3.1",
    "It is thrown away without an answer.",
    "Send the header's 20 bytes behind the Ethernet header, and give the card the right length.",
    exercised=Occasion.PACKET,
    leads_to=("TCP004", "TCP054", "TCP117", "IP018", "DHCP036", "DHCP037", "DNS022", "ARP007"),
)

VERSION = Rule(
    "IP002",
    "ipv4 version",
    Severity.ERROR,
    "The version in the first byte of a packet is not 4.",
    "RFC 791 3.1",
    "It is thrown away without an answer.",
    "The first byte is 0x45 for a header without options: 4 in the upper half, the number of words"
    " in the lower one. Bit fields of a C compiler may have the halves the other way round.",
    exercised=Occasion.PACKET,
    leads_to=("TCP004", "TCP054", "TCP117", "IP018", "DHCP036", "DHCP037", "DNS022", "ARP007"),
)

HEADER_LENGTH = Rule(
    "IP003",
    "ipv4 header length",
    Severity.ERROR,
    "The header length of a packet is below 5 words.",
    "RFC 791 3.1",
    "It is thrown away without an answer.",
    "Count the header in words of four bytes: 5 without options.",
    exercised=Occasion.PACKET,
    leads_to=("TCP004", "TCP054", "TCP117", "IP018", "DHCP036", "DHCP037", "DNS022", "ARP007"),
)

TOTAL_LENGTH = Rule(
    "IP004",
    "ipv4 total length",
    Severity.ERROR,
    "The total length is below the header's or above what the frame carries, or it leaves out the"
    " end of what the packet carries.",
    "RFC 791 3.1",
    "It is thrown away without an answer.",
    "Store the bytes of header and payload, the higher byte first, without Ethernet's header and"
    " padding; and hand all of them to the card.",
    exercised=Occasion.PACKET,
    leads_to=(
        *("TCP004", "TCP042", "TCP054", "TCP104", "TCP107", "TCP117", "TCP137"),
        *("IP018", "DHCP036", "DHCP037", "DNS022", "ETH021"),
    ),
)

CHECKSUM = Rule(
    "IP005",
    "ipv4 checksum",
    Severity.ERROR,
    "The header checksum is wrong.",
    "RFC 791 3.1",
    "Every router and host throws such a packet away without an answer.",
    "Sum the header's 16-bit words with a checksum of zero, add the carries back, store the"
    " complement; over the header only, and anew after every change of it.",
    exercised=Occasion.PACKET,
    leads_to=("TCP004", "TCP054", "TCP117", "IP018", "DHCP036", "DHCP037", "DNS022", "ARP007"),
)

OPTION = Rule(
    "IP006",
    "ipv4 option",
    Severity.ERROR,
    "The length of an option runs over the header's end, or is below 2.",
    "RFC 791 3.1",
    "The packet is thrown away and answered with a parameter problem.",
    "Let an option's length count its kind and length bytes, and pad the options with zeros to a"
    " whole number of words.",
    exercised=Occasion.IP_OPTIONS,
)

SOURCE = Rule(
    "IP007",
    "ipv4 source",
    Severity.ERROR,
    "The source address is none that the guest can have.",
    "RFC 1122 3.2.1.3",
    "Answers could not come back; routers throw such packets away (RFC 2827).",
    "Send from the address that DHCP gave, or one of the same net that is neither the router's nor"
    " the broadcast address; store it in network byte order.",
    exercised=Occasion.PACKET,
    leads_to=("TCP004",),
)

DESTINATION = Rule(
    "IP008",
    "ipv4 destination",
    Severity.ERROR,
    "The destination address is none of a host that can be reached.",
    "RFC 6890",
    "No router forwards it.",
    "Look at where the address comes from: is it stored in network byte order, was it read out of"
    " the right bytes of an answer, is it initialised at all? Keep 127.0.0.0/8 inside the guest.",
    exercised=Occasion.PACKET,
)

HOST_IN_BROADCAST = Rule(
    "IP009",
    "ipv4 host in a broadcast frame",
    Severity.ERROR,
    "A packet to one host came in a frame to all.",
    "RFC 1122 3.3.6",
    "Hosts and routers throw it away (RFC 1812 5.3.4).",
    "Ask for the next hop's MAC address by ARP before the first packet.",
    exercised=Occasion.PACKET,
)

SOURCE_ROUTE = Rule(
    "IP010",
    "ipv4 source route",
    Severity.ERROR,
    "A packet has a source route option.",
    "RFC 7126 4.3",
    "Routers throw such packets away, because they have been used to get around filters.",
    "Leave the option out.",
    exercised=Occasion.IP_OPTIONS,
)

BROADCAST = Rule(
    "IP011",
    "ipv4 broadcast",
    Severity.NOTE,
    "A broadcast is for a service that this network does not have.",
    "RFC 1812 5.3.5",
    "Nobody takes it; only DHCP is served by broadcast (`udp.broadcast` says otherwise).",
    "Nothing, if it was meant.",
    exercised=Occasion.GROUP_PACKET,
)

FRAGMENT_LENGTH = Rule(
    "IP012",
    "ipv4 fragment length",
    Severity.ERROR,
    "A fragment that is not the last has a length that is no multiple of 8.",
    "RFC 791 3.2",
    "The next fragment's offset cannot fit behind it; it is thrown away.",
    "Cut the payload at multiples of 8 bytes: 1,480 with an MTU of 1,500.",
    exercised=Occasion.FRAGMENT,
    leads_to=("IP018", "IP048"),
)

FRAGMENT_EMPTY = Rule(
    "IP013",
    "ipv4 fragment empty",
    Severity.ERROR,
    "A fragment has no data.",
    "RFC 791 3.2",
    "It is thrown away; if it was the last one the datagram stays incomplete.",
    "Send no fragment behind the end, and clear MF in the last one that has data.",
    exercised=Occasion.FRAGMENT,
    leads_to=("IP018",),
)

FRAGMENT_BEYOND = Rule(
    "IP014",
    "ipv4 fragment beyond the end",
    Severity.ERROR,
    "A fragment ends behind the longest packet there can be.",
    "RFC 791 3.1",
    "It is thrown away; receivers that do not check have crashed of it.",
    "Store the offset in units of 8 bytes, in the lower 13 bits of bytes 6 and 7.",
    exercised=Occasion.FRAGMENT,
    leads_to=("IP018",),
)

FRAGMENT_OVERLAP = Rule(
    "IP015",
    "ipv4 fragment overlap",
    Severity.ERROR,
    "Two fragments of a datagram overlap, or contradict each other about its end.",
    "RFC 5722",
    "The whole datagram is thrown away.",
    "Let each fragment begin where the one before ended, and give every datagram its own"
    " identification.",
    exercised=Occasion.FRAGMENT,
    leads_to=("IP017", "IP018"),
)

FRAGMENT_REPEATED = Rule(
    "IP016",
    "ipv4 fragment repeated",
    Severity.NOTE,
    "A fragment came twice.",
    "RFC 791 3.2",
    "The second one is thrown away, without harm.",
    "Send each fragment once.",
    exercised=Occasion.FRAGMENT,
)

FRAGMENT_REFUSED = Rule(
    "IP017",
    "ipv4 fragment of a refused datagram",
    Severity.ERROR,
    "A fragment belongs to a datagram that was thrown away because of another one.",
    "RFC 5722",
    "It is thrown away too, until the datagram's time is over.",
    "See IP015: the fragments overlapped. A datagram sent again needs a new identification.",
    exercised=Occasion.FRAGMENT,
)

FRAGMENTS_TIMED_OUT = Rule(
    "IP018",
    "ipv4 fragments timed out",
    Severity.ERROR,
    "Some fragments of a datagram never came.",
    "RFC 791 3.2",
    "Those that came are thrown away, and the sender is told by ICMP.",
    "Send all fragments, each with the same identification, source, destination and protocol, and"
    " clear MF in the last one only.",
    exercised=Occasion.FRAGMENT,
)

NEIGHBOR = Rule(
    "IP019",
    "ipv4 unreachable",
    Severity.ERROR,
    "A packet for a host on the guest's own wire was sent to the router.",
    "RFC 1122 3.3.1.1",
    "The router does not send it back to the wire that it came from; it answers host unreachable.",
    "Compare the destination with the own net by the netmask; ask for neighbors by ARP.",
    exercised=Occasion.PACKET,
    leads_to=("ICMP004",),
)

MULTICAST = Rule(
    "IP020",
    "ipv4 multicast",
    Severity.NOTE,
    "A packet is for a group in which nobody here is.",
    "RFC 5771 4",
    "Nobody takes it. IGMP, mDNS and SSDP of a right stack look so.",
    'Nothing, if it was meant. `udp.broadcast = "forward"` carries UDP to groups outside of'
    " 224.0.0.0/24 to the host's network.",
    exercised=Occasion.GROUP_PACKET,
)

FROM_NOBODY = Rule(
    "IP021",
    "ipv4 from nobody",
    Severity.ERROR,
    "The source address of a packet is 0.0.0.0, and it is not for a DHCP server.",
    "RFC 1122 3.2.1.3",
    "Nobody could answer it; routers throw it away.",
    "Look at where the source comes from: it must be read from the interface after DHCP has set it."
    " A DHCP client sends from port 68 to port 67.",
    exercised=Occasion.PACKET,
    leads_to=("ICMP020",),
)

IDENT_REUSED = Rule(
    "IP030",
    "ipv4 identification reused",
    Severity.WARNING,
    "Two packets that may be cut have the same identification within a short time.",
    "RFC 6864 4.3",
    "Where both are cut on their way, the receiver joins pieces of one with pieces of the other.",
    "Count the identification up with every packet to a destination, or set DF.",
    exercised=Occasion.MAY_BE_CUT,
)

TTL_ZERO = Rule(
    "IP031",
    "ipv4 time to live zero",
    Severity.ERROR,
    "A packet has a time to live of 0.",
    "RFC 1122 3.2.1.7",
    "The first router throws it away.",
    "Store 64 in byte 8 of the header.",
    exercised=Occasion.PACKET,
)

TTL_LOW = Rule(
    "IP032",
    "ipv4 time to live low",
    Severity.WARNING,
    "Data of a connection, or a question to a server, has a time to live below 32.",
    "RFC 1122 3.2.1.7",
    "Hosts further away than that are never reached.",
    "Store 64 in byte 8 of the header, which is what the assigned numbers recommend.",
    exercised=Occasion.PACKET,
)

DF_FRAGMENT = Rule(
    "IP033",
    "ipv4 fragment with DF",
    Severity.WARNING,
    "A fragment says that it must not be cut.",
    "RFC 791 3.2",
    "The two contradict each other. Some firewalls throw such packets away.",
    "Clear DF in packets that are cut, or keep them below the MTU.",
    exercised=Occasion.FRAGMENT,
)

NOT_ITS_ADDRESS = Rule(
    "IP034",
    "ipv4 source not its own",
    Severity.ERROR,
    "The source is an address that this card has neither leased nor announced.",
    "RFC 1122 3.3.4.2",
    "Answers go to whoever has that address, or to nobody.",
    "Take the source from the interface that the packet leaves by, after DHCP has set it.",
    exercised=Occasion.KNOWN_CARD,
    leads_to=("IP007", "TCP004", "ICMP020", "ARP028"),
)

TINY_FRAGMENT = Rule(
    "IP035",
    "ipv4 fragment tiny",
    Severity.WARNING,
    "The first fragment does not hold the whole header of TCP or UDP.",
    "RFC 1858 3",
    "Firewalls cannot see ports and flags, and throw it away.",
    "Cut by the MTU: 1,480 bytes of payload in each fragment with an MTU of 1,500.",
    exercised=Occasion.FRAGMENT,
)

OPTIONS = Rule(
    "IP036",
    "ipv4 options",
    Severity.WARNING,
    "A packet has options.",
    "RFC 7126 2",
    "Many routers throw such packets away, or take long over them.",
    "Leave them out, unless they were asked for (`ping -R`). Router alert is right in IGMP.",
    exercised=Occasion.PACKET,
)

RESERVED_FLAG = Rule(
    "IP037",
    "ipv4 reserved flag",
    Severity.WARNING,
    "The highest bit of the flags is set.",
    "RFC 791 3.1",
    "It must be zero; firewalls throw the packet away.",
    "Store 0x4000 for DF and 0x2000 for MF in bytes 6 and 7, the higher byte first.",
    exercised=Occasion.PACKET,
)

TOO_LONG = Rule(
    "IP038",
    "ipv4 longer than the MTU",
    Severity.WARNING,
    "A packet is longer than the wire's MTU.",
    "RFC 894",
    "A real card or switch throws the frame away.",
    "Cut packets at the MTU (1,500 bytes on Ethernet, or what DHCP's option 26 says); with TCP, let"
    " no segment's data be longer than the other side's MSS.",
    exercised=Occasion.PACKET,
)

DESTINATION_SWAPPED = Rule(
    "IP039",
    "ipv4 destination swapped",
    Severity.ERROR,
    "The destination is the router, the name server or what DNS has answered, with the bytes of its"
    " address reversed.",
    "RFC 791 3.1",
    "The packet goes to a stranger, and what was meant never gets it.",
    "Store addresses in network byte order; look at where one is converted twice or not at all"
    " (`htonl`), when it is read from DHCP, DNS, ARP or the command line.",
    exercised=Occasion.PACKET,
    leads_to=("ICMP020", "IP008"),
)

IDENT_SWAPPED = Rule(
    "IP040",
    "ipv4 identification swapped",
    Severity.NOTE,
    "The identification counts up by 256, as one does whose bytes are swapped.",
    "RFC 791 3.1",
    "It does no harm as long as all numbers differ; the same code may store lengths so too.",
    "Convert the counter with `htons` before it is stored.",
    exercised=Occasion.PACKET,
)

FLAGS_SWAPPED = Rule(
    "IP041",
    "ipv4 flags swapped",
    Severity.ERROR,
    "A whole packet says that it is the fragment at byte 512: DF, 0x4000, is stored as 0x0040.",
    "RFC 791 3.1",
    "The receiver waits for the other fragments, and throws it away after half a minute.",
    "Convert the word of flags and offset with `htons`: 0x40 goes into byte 6, 0 into byte 7.",
    exercised=Occasion.FRAGMENT,
    leads_to=("IP011", "IP018", "IP021"),
)

UNCHECKED = Rule(
    "IP042",
    "ipv4 checksum not looked at",
    Severity.WARNING,
    "The guest takes a packet whose header checksum is wrong.",
    "RFC 1122 3.2.1.2",
    "A header that was changed on the way is believed: its addresses, its length, its fragments.",
    "Sum the header's words as they came, with the checksum: the result must be 0xffff, or else"
    " throw the packet away without an answer.",
    exercised=Occasion.PING_SPOILT_IP,
)

FRAGMENTS_IGNORED = Rule(
    "IP043",
    "ipv4 fragments not joined",
    Severity.WARNING,
    "The guest answers pings, but none that comes in fragments.",
    "RFC 1122 3.3.2",
    "Nothing longer than the MTU of the way reaches it: long answers of DNS, files by NFS or TFTP.",
    "Look at the offset and at MF in bytes 6 and 7 of each packet. Keep fragments by source,"
    " destination, protocol and identification until all is there, then go on with the whole. A"
    " small stack that does without asks for nothing long (no EDNS above 1,232 bytes, no blksize of"
    " TFTP above 1,428), and has IP043 silenced.",
    exercised=Occasion.PING_CUT,
)

OPTIONS_UNREAD = Rule(
    "IP044",
    "ipv4 options not skipped",
    Severity.WARNING,
    "The guest answers pings, but none that has IPv4 options.",
    "RFC 1122 3.2.1.8",
    "Packets with options are lost; a stack that takes them for data reads a wrong message.",
    "Take the header's length from the lower half of its first byte, in words of four bytes; the"
    " payload begins there and not at byte 20.",
    exercised=Occasion.PING_OPTIONS,
)

NOT_FOR_IT = Rule(
    "IP045",
    "ipv4 takes what is not for it",
    Severity.WARNING,
    "The guest answers a packet that came to its card and is for another address.",
    "RFC 1122 3.2.1.3",
    "Where frames go astray it answers in the place of others, and resets their connections.",
    "Compare the destination with your own address, with those of broadcasts, and with the groups"
    " that were joined; throw away all else.",
    exercised=Occasion.PING_OTHERS,
    leads_to=("IP007", "IP034", "TCP004"),
)

MORE_OF_NOTHING = Rule(
    "IP046",
    "ipv4 whole packet with MF",
    Severity.ERROR,
    "A packet that is whole says that more fragments follow.",
    "RFC 791 3.2",
    "The receiver waits for the rest, and throws it away after half a minute.",
    "Set MF, 0x2000, in all fragments of a packet but the last. In one that is not cut, bytes 6 and"
    " 7 are 0 or, with DF, 0x4000.",
    exercised=Occasion.FRAGMENT,
    leads_to=("IP011", "IP018", "IP021", "DHCP036", "DHCP037", "DNS022"),
)

PROTOCOL_AND_TTL = Rule(
    "IP047",
    "ipv4 protocol and time to live exchanged",
    Severity.ERROR,
    "The time to live is the number of a protocol, and the protocol a usual time to live.",
    "RFC 791 3.1",
    "Nobody knows such a protocol: the packet is thrown away.",
    "Store the time to live in byte 8, the protocol in byte 9: 1 for ICMP, 6 for TCP, 17 for UDP.",
    exercised=Occasion.PACKET,
    leads_to=("IP021", "NET002", "DHCP036", "DHCP037", "DNS022"),
)

LONG_NOT_TAKEN = Rule(
    "IP048",
    "ipv4 long packets not taken",
    Severity.WARNING,
    "The guest answers pings, but none in a packet of more than 576 bytes.",
    "RFC 1122 3.3.2",
    "Data that comes in long packets is lost; a connection hangs as soon as the other end has much"
    " to send, unless a small MSS keeps it from that.",
    "Look at how long the buffers are that the card is given, and that a frame is copied to: 1,514"
    " bytes for an MTU of 1,500, without the check sequence.",
    exercised=Occasion.PING_LONG,
    leads_to=("TCP004", "TCP104"),
)

PADDING_COUNTED = Rule(
    "IP051",
    "ipv4 length counts the padding",
    Severity.ERROR,
    "The total length of a short packet is that of the shortest frame, 46: it ends in padding.",
    "RFC 791 3.1",
    "The other end takes the padding for data: checksums of TCP are wrong there, and replies differ"
    " from their requests.",
    "Store the total length out of header and payload first. Lengthen the frame to 60 bytes where"
    " it is handed to the card, and change nothing of the packet for that.",
    exercised=Occasion.PACKET,
    leads_to=("ICMP021", "UDP021", "TCP001", "TCP004", "TCP104", "TCP107", "TCP137"),
)

IGMP_CHECKSUM = Rule(
    "IP049",
    "igmp checksum",
    Severity.ERROR,
    "A message of IGMP is too short, or its checksum is wrong.",
    "RFC 2236 2.3",
    "Routers and switches throw it away, so what is for the group never comes to the guest.",
    "Sum all of the message, from its type to its end, with 0 in the field; there is no"
    " pseudo-header. IPv4's own options are no part of it.",
    exercised=Occasion.IGMP,
)

IGMP_WAY = Rule(
    "IP050",
    "igmp sent the wrong way",
    Severity.WARNING,
    "A message of IGMP has not the time to live 1, or goes to another address than it should.",
    "RFC 2236 2",
    "Routers and switches that look at it ignore it, or carry it where it must not go.",
    "Set the time to live to 1. Send a report of version 1 or 2 to the group itself, a leave to"
    " 224.0.0.2, a report of version 3 to 224.0.0.22.",
    exercised=Occasion.IGMP,
)

JOINED_AS_THEY_COME = Rule(
    "IP055",
    "ipv4 fragments joined as they come",
    Severity.WARNING,
    "The guest answers pings in fragments, but none whose fragments come out of order.",
    "RFC 791 3.2",
    "On a path where packets overtake each other nothing long arrives, or it arrives with its parts"
    " exchanged where no checksum covers it.",
    "Copy each fragment to its offset in the packet (the lower 13 bits of bytes 6 and 7, times 8),"
    " and remember which bytes are there. The packet is whole when all are, up to the end that the"
    " fragment without MF tells, whichever came last.",
    exercised=Occasion.PING_SHUFFLED,
)

JOINED_WITH_OTHERS = Rule(
    "IP056",
    "ipv4 fragments of others mixed in",
    Severity.WARNING,
    "The guest answers pings in fragments, but none where fragments of another packet come in"
    " between.",
    "RFC 791 3.2",
    "As soon as two long packets are under way at once both are lost, or a wrong one is made of"
    " their parts.",
    "Keep fragments by source, destination, protocol and identification, all four, each packet in a"
    " buffer of its own. A stack that has one buffer alone takes the newest packet into it.",
    exercised=Occasion.PING_MIXED,
)

# What a packet may break because the wire has cut it: who has no address yet sends no fragments.
OF_CUT_PACKETS = frozenset({BROADCAST, FROM_NOBODY})
