"""Rules of Ethernet II (IEEE 802.3). 001 to 019: why a frame is dropped; from 020: the linter's."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

# What a guest breaks that hears late, or nothing at all.
_OF_HEARING_LATE = (
    *("ARP021", "ARP023", "ARP030", "ARP036", "ARP040", "DHCP035", "DHCP036", "DHCP039", "DHCP042"),
    *("DHCP049", "DNS022", "TCP004", "TCP009", "TCP038", "TCP042", "TCP049", "TCP058", "TCP088"),
    *("TCP099", "TCP104", "TCP107", "TCP115", "TCP137"),
)

LENGTH = Rule(
    "ETH001",
    "ethernet length",
    Severity.ERROR,
    "A frame is shorter than its header.",
    "RFC 894",
    "There are no addresses and no type to act on.",
    "Give the card the whole frame: destination, source (6 bytes each), type (2 bytes), payload.",
    exercised=Occasion.FRAME,
)

NOT_OURS = Rule(
    "ETH002",
    "ethernet not ours",
    Severity.ERROR,
    "A frame is addressed to a card that is not on this wire.",
    "RFC 894",
    "Nobody takes it.",
    "Ask for the router's MAC address by ARP and send to the one in the answer.",
    exercised=Occasion.FRAME,
)

TYPE = Rule(
    "ETH003",
    "ethernet type",
    Severity.NOTE,
    "The type of a frame is neither IPv4 nor ARP.",
    "RFC 894",
    "Nothing on this network speaks that protocol.",
    "Nothing, if the protocol was meant. Otherwise put 0x0800 for IPv4 and 0x0806 for ARP in bytes"
    " 12 and 13, the higher byte first, behind the two addresses.",
    exercised=Occasion.FRAME,
)

TYPE_SWAPPED = Rule(
    "ETH004",
    "ethernet type swapped",
    Severity.ERROR,
    "The two bytes of the type are in the wrong order.",
    "RFC 894",
    "No host knows the type; the frame is thrown away.",
    "Store the type with its higher byte first: 08 00 for IPv4, 08 06 for ARP.",
    exercised=Occasion.FRAME,
    leads_to=("ARP007", "ARP021", "DHCP036", "DHCP037"),
)

TYPE_HIDES = Rule(
    "ETH005",
    "ethernet type hides a packet",
    Severity.ERROR,
    "A frame carries IPv4 or ARP behind a length, or behind the tag of a VLAN.",
    "RFC 894, IEEE 802.1Q",
    "Nobody looks for a packet there; the frame is thrown away. That is so as well for a guest that"
    " tags on purpose: this network has no VLAN, so nobody answers it here.",
    "Put the type into bytes 12 and 13, 0x0800 or 0x0806, not the packet's length, and let the"
    " packet begin at byte 14. A tag has one of two causes. The guest means it (an interface like"
    " eth0.5): then use the interface without a tag, or VLAN 0, which is taken. Or it does not: the"
    " header is four bytes too long, or the driver or the card's descriptor asks for a tag (VLE of"
    " the e1000).",
    exercised=Occasion.FRAME,
    leads_to=("ARP007", "ARP021", "DHCP036", "DHCP037"),
)

UNPADDED = Rule(
    "ETH020",
    "ethernet without padding",
    Severity.WARNING,
    "A frame is shorter than 60 bytes, and the card does not lengthen it.",
    "IEEE 802.3 4.2.3.3",
    "A real NE2000 puts it on the wire as it is, where every receiver throws it away as the rest of"
    " a collision. (Cards that pad, the e1000 among them, are given short frames rightly.)",
    "Add zeros up to 60 bytes before the frame goes to the card.",
    exercised=Occasion.SMALL_FRAME,
)
PADDING = Rule(
    "ETH021",
    "ethernet padding not zero",
    Severity.WARNING,
    "What follows the packet in its frame is not zero.",
    "RFC 894",
    "The bytes come out of a buffer's earlier contents, and everybody on the wire can read them.",
    "Clear the bytes between the packet's end and the 60th byte; give the card no more than that.",
    exercised=Occasion.PADDED,
)

SOURCE_GROUP = Rule(
    "ETH022",
    "ethernet source is a group",
    Severity.ERROR,
    "The source address of a frame is a multicast or broadcast address.",
    "IEEE 802.3 3.2.3",
    "Switches throw such a frame away, and nobody can answer it.",
    "Put the card's own MAC address into bytes 6 to 11.",
    exercised=Occasion.FRAME,
    leads_to=("ETH002", "ETH024", "ARP007", "ARP020", "ARP024", "DHCP024", "NET008"),
)

SOURCE_CHANGED = Rule(
    "ETH023",
    "ethernet source changed",
    Severity.WARNING,
    "Packets from one IPv4 address come from different MAC addresses.",
    "RFC 826",
    "Others keep sending to the address that they have learnt; a switch sends to the port of the"
    " last one.",
    "Read the card's MAC address once, and put the same one into every frame and ARP packet.",
    exercised=Occasion.PACKET,
)

WRONG_KIND = Rule(
    "ETH024",
    "ethernet destination does not fit",
    Severity.WARNING,
    "A broadcast or multicast packet is in a frame to one card, or to another group.",
    "RFC 1122 3.3.6",
    "Only one host, or none, gets what is meant for all.",
    "Send 255.255.255.255 and the net's broadcast address to ff:ff:ff:ff:ff:ff, and a group to"
    " 01:00:5e and the lower 23 bits of its address (RFC 1112 6.4).",
    exercised=Occasion.GROUP_PACKET,
)

SOURCE_ZERO = Rule(
    "ETH025",
    "ethernet source is zero",
    Severity.ERROR,
    "The source address of a frame is 00:00:00:00:00:00.",
    "IEEE 802.3 3.2.3",
    "Answers go to an address that no card has, so none of them arrives.",
    "Read the MAC address out of the card (e1000: EEPROM words 0 to 2; NE2000: the PROM) before the"
    " first frame, and look at whether the code that fills bytes 6 to 11 runs at all.",
    exercised=Occasion.FRAME,
    leads_to=("ARP004", "ARP024", "DHCP003", "DHCP024"),
)

NOT_TAKEN = Rule(
    "ETH026",
    "ethernet card takes no frames",
    Severity.ERROR,
    "Frames wait for the guest, and its card has no room for them.",
    "",
    "Nothing reaches the guest any more. A guest that has just been reset looks so too.",
    "Look at the driver's receive path: is each descriptor given back once its frame was taken"
    " (e1000: RDT is moved on to it), is the index wrapped at the ring's end, is receiving switched"
    " on (e1000: RCTL.EN), and is the code called at all? An NE2000 loses frames without a word.",
    exercised=Occasion.FRAME_CAME,
)

LAGS = Rule(
    "ETH027",
    "ethernet one frame behind",
    Severity.ERROR,
    "The guest handles a frame only when the next one comes, or one still later.",
    "",
    "The last frame of all stays where it is: an answer that the guest waits for is read only when"
    " somebody else sends something, and all is slow that is not lost.",
    "Look at the driver's receive path: at an index that is advanced before the slot is read, or"
    " compared with `<` where the slot itself is done (E1000: read the descriptor behind the tail"
    " while its DD bit is set; NE2000: read from BNRY + 1 on up to CURR); at whether it takes all"
    " frames that are there, or one for each interrupt; at whether the interrupt is acknowledged at"
    " card and PIC before the ring is read, so that a frame that comes meanwhile raises it again.",
    exercised=Occasion.PINGED,
    leads_to=("ETH035", *_OF_HEARING_LATE),
    stays=True,
)

TWICE = Rule(
    "ETH028",
    "ethernet frames go out twice",
    Severity.WARNING,
    "Each frame of ARP comes from the guest twice, the second one behind the first.",
    "IEEE 802.3 4.2",
    "All that the guest sends costs twice the time, and looks to others like a question repeated, a"
    " second answer, or a retransmission.",
    "Look at how a frame is given to the card: whether the descriptor, or the tail of the ring, is"
    " written once for each frame, and whether both the stack and the driver send it.",
    exercised=Occasion.ARP_REQUEST,
    leads_to=(
        *("ARP022", "ARP023", "ARP031", "ARP032", "DHCP036", "DNS022", "ICMP028", "TCP071"),
        "TCP077",
    ),
    stays=True,
)

SOME_TWICE = Rule(
    "ETH030",
    "ethernet frame sent twice",
    Severity.WARNING,
    "Now and then a frame comes from the guest twice, the second one at once behind the first, with"
    " the same identification.",
    "IEEE 802.3 4.2",
    "To others it looks like a question repeated, a second answer, or a retransmission; copies of"
    " acknowledgements make them send again what has arrived.",
    "No stack sends so: the identification would be another. Look at how the driver gives a"
    " frame to the card: whether a descriptor is filled twice where the ring wraps or is full,"
    " whether the tail is written once for each frame, and whether a frame is queued again after a"
    " time-out although it went out.",
    exercised=Occasion.PACKET,
    leads_to=(
        *("ARP022", "ARP023", "ARP031", "ARP032", "DHCP036", "DNS022", "ICMP028", "TCP005"),
        *("TCP071", "TCP077"),
    ),
    stays=True,
)

SWAPPED = Rule(
    "ETH031",
    "ethernet frames change places",
    Severity.WARNING,
    "Of frames that the guest sends in a row the later one leaves first.",
    "RFC 4737",
    "The other end takes the earlier one for lost: it acknowledges the same number again, and"
    " three times make the guest send again what is under way, at half its speed.",
    "A stack sends in order. Look at the ring's indices in the driver: at frames that wait in"
    " a list while the ring is full, and that others overtake or that leave it last; at a tail"
    " that is advanced before the descriptor is filled; at two threads that send at once.",
    exercised=Occasion.DATA,
    leads_to=("TCP005", "TCP077"),
)

HELD = Rule(
    "ETH032",
    "ethernet last frame waits",
    Severity.ERROR,
    "A frame leaves the guest only when it sends the next one.",
    "",
    "Each question is late by the time until the next, each answer by the time until somebody asks"
    " again: the other end waits, sends again and gives up, and looks guilty of it.",
    "Look at the driver's transmit path: whether the tail is moved on behind the descriptor that"
    " was just filled, not before it (E1000: TDT is the first one that the card must not touch),"
    " whether a write to it is the last thing that happens, and whether the frame is written to"
    " memory before the card is told of it.",
    exercised=Occasion.FRAME,
    leads_to=(
        *("ARP023", "ARP032", "DHCP037", "DHCP049", "DHCP051", "ETH002", "ICMP020"),
        *("TCP004", "TCP005", "TCP071", "TCP078", "TCP085", "TCP116"),
    ),
)

TOO_LONG = Rule(
    "ETH033",
    "ethernet frame too long",
    Severity.WARNING,
    "Each frame is some bytes longer than its packet, by the same number whatever its length.",
    "RFC 894",
    "The longest packets make frames that are longer than a wire may carry: switches and cards"
    " throw them away, while short ones arrive.",
    "Give the card the bytes of the frame alone: 14 of the header and those of the packet, at least"
    " 60. The check sequence is the card's: the length of a frame that came may count it, that of"
    " one that is sent does not.",
    exercised=Occasion.PADDED,
)

EACH_LOST = Rule(
    "ETH034",
    "ethernet each nth frame is lost",
    Severity.WARNING,
    "The guest misses frames at a regular distance, which its card has taken.",
    "",
    "Each costs a retransmission, a question asked again, or the time until somebody gives up.",
    "Look for a descriptor of the receive ring that the driver never looks at, or gives back"
    " unread: an index that begins at 1 again where the ring is round, or a descriptor more in the"
    " card's length than in the driver's.",
    exercised=Occasion.RESENT_CAME,
)

DEAF = Rule(
    "ETH035",
    "ethernet guest hears nothing any more",
    Severity.ERROR,
    "The guest took frames, and from some moment on none has an effect, though its card takes them"
    " and it goes on sending.",
    "",
    "It asks for what it is told, and all that waits for it gives up.",
    "Look at the driver's receive path: whether each buffer is given back, also that of a frame"
    " that is long, bad or not wanted, and the index moved on behind it; whether the receive"
    " interrupt is still on, and acknowledged; whether the code that takes frames waits for a lock"
    " or for memory that nobody frees.",
    exercised=Occasion.FRAME_CAME,
    leads_to=_OF_HEARING_LATE,
    stays=True,
)

SHARED_BUFFER = Rule(
    "ETH036",
    "ethernet frames share a buffer",
    Severity.ERROR,
    "Of frames that the guest sends at once each has its own length and the bytes of the last one.",
    "",
    "All but the last are lost, and the last may come twice.",
    "The card reads a frame after the driver has given it away: give each descriptor of the"
    " transmit ring a buffer of its own, or wait until the descriptor is done (E1000: the DD bit of"
    " its status) before the buffer is filled again.",
    exercised=Occasion.FRAME,
    leads_to=(
        *("ARP030", "ETH021", "ETH030", "IP004", "IP016", "IP018", "TCP004", "TCP005"),
        *("TCP071", "TCP077", "UDP021"),
    ),
    stays=True,
)

KEPT_LENGTH = Rule(
    "ETH037",
    "ethernet descriptor keeps its length",
    Severity.ERROR,
    "Each so many frames one is as long as the first of them was, whatever its packet.",
    "RFC 894",
    "What is longer is cut, and behind what is shorter stands old memory.",
    "Write the length into the transmit descriptor each time it is used; look at the last one of"
    " the ring, where the index wraps.",
    exercised=Occasion.PADDED,
    leads_to=("ETH021", "ETH033", "IP004"),
    stays=True,
)
