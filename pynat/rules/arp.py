"""Rules of ARP (RFC 826). 001 to 019: why a packet is dropped; from 020: the linter's."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "ARP001",
    "arp length",
    Severity.ERROR,
    "An ARP packet is shorter than 28 bytes.",
    "RFC 826",
    "It is thrown away, and nobody answers.",
    "Send all fields: types, lengths, operation, and MAC and IPv4 address of sender and target.",
    exercised=Occasion.ARP,
    leads_to=("ARP007", "ARP021", "NET008"),
)

KIND = Rule(
    "ARP002",
    "arp kind",
    Severity.ERROR,
    "An ARP packet is not one of Ethernet and IPv4.",
    "RFC 826",
    "It is thrown away, and nobody answers.",
    "Begin with hardware type 1, protocol type 0x0800, lengths 6 and 4; the two types with their"
    " higher byte first.",
    exercised=Occasion.ARP,
    leads_to=("ARP007", "ARP021", "NET008"),
)

OPERATION = Rule(
    "ARP003",
    "arp operation",
    Severity.ERROR,
    "The operation of an ARP packet is neither request nor reply.",
    "RFC 826",
    "It is thrown away, and nobody answers.",
    "Store 1 (request) or 2 (reply) in bytes 6 and 7, the higher byte first.",
    exercised=Occasion.ARP,
    leads_to=("ARP007", "ARP021", "NET008"),
)

SENDER = Rule(
    "ARP004",
    "arp sender",
    Severity.ERROR,
    "The sender's MAC address in an ARP packet is not one that a guest can have.",
    "RFC 1812 3.3.2",
    "The packet is thrown away: an answer could not be addressed.",
    "Put the card's own MAC address into the sender's field, as into the Ethernet header.",
    exercised=Occasion.ARP,
    leads_to=("ARP007", "ARP021", "NET008"),
)

NOBODY = Rule(
    "ARP005",
    "arp not ours",
    Severity.NOTE,
    "The guest asks for an address of its net that nobody has.",
    "RFC 826",
    "There is no answer.",
    "Nothing, if it was meant. Otherwise look at where the guest has the address from.",
    exercised=Occasion.ARP_REQUEST,
)

CONFLICT = Rule(
    "ARP006",
    "arp conflict",
    Severity.ERROR,
    "The guest claims an address that is the router's.",
    "RFC 5227 2.4",
    "Two hosts with one address: packets go to one or the other by chance.",
    "Give the guest the address that DHCP offers, or another free one of the net.",
    exercised=Occasion.ARP,
)

NO_ANSWER = Rule(
    "ARP007",
    "arp no answer",
    Severity.ERROR,
    "Nobody answered the router's questions for the guest's address.",
    "RFC 826",
    "What was to go there is lost: the guest was there before, and does not answer ARP.",
    "Answer every request whose target address is the guest's own, at any time, with a reply to the"
    " sender's MAC address.",
    exercised=Occasion.ARP_ASKED_ITS,
    leads_to=("NET008",),
)

OTHER_NET = Rule(
    "ARP008",
    "arp other net",
    Severity.ERROR,
    "The guest's address and the gateway that it asks for are of another net than this network's.",
    "RFC 1122 3.3.1.1",
    "Nobody here has that gateway, so the guest reaches nothing.",
    "Write the key that the line names into the network's configuration, or `network.adopt = true`,"
    " or let the guest take its address from DHCP.",
    exercised=Occasion.ARP_REQUEST,
    leads_to=("IP007", "IP034", "ARP007"),
)

FAR_AWAY = Rule(
    "ARP009",
    "arp for a host far away",
    Severity.ERROR,
    "The guest asks its own wire for an address of another net.",
    "RFC 1122 3.3.1.1",
    "Nobody answers, so the guest reaches nothing beyond its wire.",
    "Look at how the next hop is chosen: what is for another net (destination and netmask) goes to"
    " the router, and the router's address is asked for. For 0.0.0.0 the router was never set: look"
    " at whether option 3 of the ACK is read, and when.",
    exercised=Occasion.ARP_REQUEST,
    leads_to=("TCP107",),
)

# ---------------------------------------------------------------- of the linter
UNASKED = Rule(
    "ARP020",
    "arp not asked",
    Severity.NOTE,
    "The guest sends packets to a MAC address from which nothing has ever come to it.",
    "RFC 826",
    "It works as long as the address that is built in or configured stays the router's.",
    "Ask for the next hop's address by ARP, and keep the answer. A static entry is legal, and so is"
    " what was learned before the recording began.",
    exercised=Occasion.UNICAST_FRAME,
)

UNANSWERED = Rule(
    "ARP021",
    "arp does not answer",
    Severity.ERROR,
    "The guest does not answer requests for the address that it uses.",
    "RFC 826",
    "What is for it waits and is lost, except while its own requests are remembered.",
    "Answer each request whose target address is the guest's own with a reply to its sender, also"
    " while the guest is busy.",
    exercised=Occasion.ARP_ASKED,
    leads_to=("ARP007", "NET008"),
)

TOO_OFTEN = Rule(
    "ARP022",
    "arp too often",
    Severity.WARNING,
    "The guest asks for one address again and again within a second.",
    "RFC 1122 2.3.2.1",
    "It floods the wire, and everybody has to look at each request.",
    "Ask once a second at most, keep the answer, and hold back the packets that wait for it.",
    exercised=Occasion.ARP_REQUEST,
)

NOT_WANTED = Rule(
    "ARP023",
    "arp reply to nobody",
    Severity.NOTE,
    "The guest sends a reply to one host that did not ask.",
    "RFC 826",
    "Many hosts take no answer that they did not ask for. That harms nobody: they ask themselves.",
    "Send a reply only when asked; who wants to announce an address sends a request for it to all"
    " (RFC 5227 3).",
    exercised=Occasion.ARP_REPLY,
)

OTHER_SENDER = Rule(
    "ARP024",
    "arp sender mac differs",
    Severity.ERROR,
    "The sender's MAC address in an ARP packet is not the one that the frame came from.",
    "RFC 826",
    "Others send to the address in the packet; switches learn the one in the frame.",
    "Put the card's own MAC address into both.",
    exercised=Occasion.ARP,
    leads_to=("ARP004", "ARP007", "DNS025", "NET008", "TFTP021"),
)

BAD_SENDER = Rule(
    "ARP025",
    "arp sender address",
    Severity.ERROR,
    "The sender's IPv4 address in an ARP packet is not one that a host can have, or the guest's own"
    " with its bytes swapped.",
    "RFC 826",
    "Others may learn it, or throw the packet away.",
    "Put the guest's own address there, as it is in the packets that it sends; 0.0.0.0 is for"
    " probes, which are requests (RFC 5227 2.1.1).",
    exercised=Occasion.ARP,
    leads_to=("ARP005", "ARP007", "ARP021", "ARP030", "NET008"),
)

REPLY_TO_ALL = Rule(
    "ARP026",
    "arp reply to all",
    Severity.NOTE,
    "The guest broadcasts its reply.",
    "RFC 826",
    "It reaches who asked, and troubles everybody else.",
    "Send the reply to the MAC address of the request's sender.",
    exercised=Occasion.ARP_REPLY,
)

WRONG_TARGET = Rule(
    "ARP027",
    "arp reply target",
    Severity.WARNING,
    "The target in a reply is not the sender of the request.",
    "RFC 826",
    "A host that looks at these fields takes the reply for somebody else's.",
    "Swap the fields: the request's sender addresses are the reply's target addresses.",
    exercised=Occasion.ARP_REPLY,
    leads_to=("ARP006", "ARP007", "ARP021", "NET008"),
)

NOT_ANNOUNCED = Rule(
    "ARP028",
    "arp not announced",
    Severity.NOTE,
    "The guest uses an address before it has probed for it or announced it.",
    "RFC 5227 2.1",
    "If another host has the address, nobody notices; who knows an old MAC address of it goes on"
    " sending there.",
    "Send three probes before the first use, and two announcements with it. Most stacks do so only"
    " where they are told to.",
    exercised=Occasion.ADDRESS,
)

USED_IN_CONFLICT = Rule(
    "ARP029",
    "arp address of another",
    Severity.ERROR,
    "The guest uses an address although its probe was answered.",
    "RFC 5227 2.1.1",
    "Two hosts with one address: packets go to one or the other by chance.",
    "Do not use the address: take another one, or decline it if it came by DHCP.",
    exercised=Occasion.PROBE_ANSWERED,
)

NOT_LEARNED = Rule(
    "ARP030",
    "arp reply not learned",
    Severity.ERROR,
    "The guest asks for an address again and again although each request was answered.",
    "RFC 826",
    "Its packets wait for an answer that it throws away, and never leave.",
    "Look at what becomes of a frame of type 0x0806 with operation 2: it must be handed to ARP, its"
    " sender read from bytes 8 to 17 of the packet and compared in the byte order in which it was"
    " asked for, and the packets that wait for it sent.",
    exercised=Occasion.ARP_REPLY_CAME,
    leads_to=("ARP022",),
)

PROBES = Rule(
    "ARP031",
    "arp probes",
    Severity.NOTE,
    "The guest's probes for an address are too few, too close, too far apart, or not empty where"
    " they should be.",
    "RFC 5227 2.1.1",
    "A host that is slow, or a probe that is lost, lets two hosts have one address.",
    "Send three probes, 1 to 2 s apart, with sender address 0.0.0.0 and target MAC address zero;"
    " use the address 2 s after the last one.",
    exercised=Occasion.PROBE,
)

ANNOUNCEMENTS = Rule(
    "ARP032",
    "arp announcements",
    Severity.NOTE,
    "The guest has probed for its address and does not announce it, or does so once only, or twice"
    " at one time.",
    "RFC 5227 2.3",
    "Where nothing is announced, or the one announcement is lost, others go on with an old MAC"
    " address.",
    "Announce the address when it is taken, and once more 2 s later.",
    exercised=Occasion.PROBED,
)

DEFENDS_TOO_OFTEN = Rule(
    "ARP033",
    "arp defends too often",
    Severity.WARNING,
    "Another host claims the guest's address, and the guest announces it again and again.",
    "RFC 5227 2.4",
    "Two such hosts flood the wire for ever, and neither of them can be reached.",
    "Announce the address once in 10 s at most; at a second conflict within 10 s give it up.",
    exercised=Occasion.CLAIMED,
)

REQUEST_FOR_REPLY = Rule(
    "ARP034",
    "arp request instead of a reply",
    Severity.ERROR,
    "The guest answers requests by requests: all is right in them but the operation.",
    "RFC 826",
    "Who asked goes on asking, and nothing can be sent to the guest.",
    "Store 2 into the operation of a reply, 00 02 on the wire; look at whether the request's buffer"
    " is sent back with the addresses exchanged alone.",
    exercised=Occasion.ARP_ASKED,
    leads_to=("ARP007", "ARP021"),
)

FOR_OTHERS = Rule(
    "ARP035",
    "arp replies for others",
    Severity.ERROR,
    "The guest replies to a request for an address that it does not have.",
    "RFC 826",
    "What is for other hosts comes to the guest, and they cannot be reached.",
    "Compare the request's target address with your own before anything is sent.",
    exercised=Occasion.ARP_ASKED,
)

ONCE = Rule(
    "ARP036",
    "arp asked once",
    Severity.WARNING,
    "The guest asks once for a host that is there, gets no answer, and does not ask again.",
    "RFC 1122 2.3.2",
    "One lost frame, and what was to be sent there never is: the guest waits for good.",
    "Keep what waits for the answer, and ask again after a second, some times; or ask anew when"
    " something is to be sent there. Look at whether a request under way is ever given up. Where"
    " nothing was to be sent there any more, all is well.",
    exercised=Occasion.ARP_UNANSWERED,
)

DEAF_TO_ALL = Rule(
    "ARP037",
    "arp requests to all do not come",
    Severity.ERROR,
    "The guest answers requests that go to its card alone, and none that go to all.",
    "RFC 826",
    "Others ask by broadcast: nobody can reach the guest but who has just heard from it. What else"
    " goes to all does not come either.",
    "Have the card take broadcasts: RCTL.BAM of the e1000 (bit 15), AB in the NE2000's RCR (bit 2)."
    " A stack that compares the destination of a frame itself takes ff:ff:ff:ff:ff:ff too.",
    exercised=Occasion.ARP_ASKED,
    leads_to=("ARP007", "ARP021", "NET008"),
)

MOVE_NOT_TAKEN = Rule(
    "ARP040",
    "arp announcement not taken",
    Severity.WARNING,
    "Another host has announced its address from another card, and the guest goes on sending to the"
    " one before.",
    "RFC 826",
    "When a second router takes over, or a card is exchanged, the guest reaches nothing any more"
    " until its entry is too old; for good, if it never is.",
    "From each ARP packet, request or reply, take the sender's MAC address into the entry that"
    " there is for the sender's IPv4 address, whoever is asked (RFC 826, the flag Merge). Let"
    " entries end after some minutes as well, or ask again when nothing comes back.",
    exercised=Occasion.ARP_MOVED,
    leads_to=("ETH002",),
)

NOT_KEPT = Rule(
    "ARP041",
    "arp packet not kept",
    Severity.WARNING,
    "The guest asks by ARP for a host to which it has something to send, and does not send it when"
    " the answer comes.",
    "RFC 1122 2.3.2.2",
    "The first packet to each host is lost: a connection or a name takes a second or more longer,"
    " and what nobody sends again never comes.",
    "Keep at least the newest packet with the question, and send it when the answer comes. Look at"
    " whether what waits is freed, or its buffer used again, before that.",
    exercised=Occasion.PING_RESOLVED,
)

PROBES_ON = Rule(
    "ARP042",
    "arp probes without a pause",
    Severity.WARNING,
    "The guest has found ten addresses in use, one after the other, and goes on probing at once.",
    "RFC 5227 2.1.1",
    "Where all addresses are taken, or a host answers for each of them, the guest floods the wire"
    " for ever.",
    "Count conflicts. Beyond ten wait a minute before each further address; with DHCP decline it,"
    " and wait ten seconds each time (RFC 2131 3.1).",
    exercised=Occasion.PROBE_ANSWERED,
)
