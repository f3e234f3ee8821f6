"""What is dropped because of a limit or setting of this network, or trouble of the host: none of it
is the guest's mistake."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

IPV6 = Rule(
    "NET001",
    "ipv6",
    Severity.NOTE,
    "The guest sent IPv6.",
    "",
    "This network is IPv4 only.",
    "Nothing; a guest with both goes on with IPv4.",
    exercised=Occasion.NONE,
)

PROTOCOL = Rule(
    "NET002",
    "ipv4 protocol",
    Severity.NOTE,
    "A packet carries neither TCP nor UDP nor ICMP.",
    "RFC 1122 3.2.2.1",
    "Nobody here knows the protocol; the guest is told by ICMP.",
    "Nothing, if it was meant. 1 is ICMP, 6 TCP, 17 UDP.",
    exercised=Occasion.NONE,
)

RESTRICTED = Rule(
    "NET003",
    "restricted",
    Severity.NOTE,
    "The configuration does not let the guest go there.",
    "",
    "The guest is told that it is prohibited.",
    "Name the destination in `allow`, or set `restricted = false`.",
    exercised=Occasion.NONE,
)

TOO_LONG = Rule(
    "NET004",
    "ipv4 too long",
    Severity.NOTE,
    "A packet for the guest is longer than the MTU and must not be cut.",
    "RFC 1191 3",
    "It is lost.",
    "Raise `network.mtu` if the guest can take longer packets.",
    exercised=Occasion.NONE,
)

FRAGMENTS_EVICTED = Rule(
    "NET005",
    "ipv4 fragments evicted",
    Severity.NOTE,
    "More incomplete datagrams wait for their fragments than are kept.",
    "RFC 1122 3.3.2",
    "The one that began first is thrown away.",
    "Send all fragments of a datagram one behind the other.",
    exercised=Occasion.NONE,
)

ERROR_RATE = Rule(
    "NET006",
    "icmp rate",
    Severity.NOTE,
    "There were too many ICMP errors to tell the guest of.",
    "RFC 1812 4.3.2.8",
    "The guest is not told of this one.",
    "Look at the other lines for what goes wrong so often.",
    exercised=Occasion.NONE,
)

ARP_QUESTIONS = Rule(
    "NET007",
    "arp questions",
    Severity.NOTE,
    "The router asks for too many addresses at once.",
    "RFC 1122 2.3.2.1",
    "A packet for the guest's net is lost.",
    "Send less at once to addresses that nobody has.",
    exercised=Occasion.NONE,
)

ARP_QUEUE = Rule(
    "NET008",
    "arp queue full",
    Severity.NOTE,
    "Too many packets wait for the guest to answer ARP.",
    "RFC 1122 2.3.2.2",
    "The packet is lost.",
    "Answer ARP requests at once.",
    exercised=Occasion.NONE,
)

HOST_SOCKETS = Rule(
    "NET009",
    "host sockets",
    Severity.NOTE,
    "The host has no more sockets, or no port for one.",
    "",
    "The guest's connection is refused, or its datagram lost and the UDP port used longest ago"
    " closed.",
    "Raise the host's limit of open files (`ulimit -n`), widen its range of ports (sysctl"
    " net.ipv4.ip_local_port_range), or have the guest close connections that are done.",
    exercised=Occasion.NONE,
)

TCP_FLOWS = Rule(
    "NET010",
    "tcp flows",
    Severity.NOTE,
    "More connections are open than are allowed.",
    "",
    "The new one is refused.",
    "Close connections that are done, or raise `tcp.flows`.",
    exercised=Occasion.NONE,
)

PING_FORBIDDEN = Rule(
    "NET011",
    "ping not permitted",
    Severity.NOTE,
    "The host does not let this user ping.",
    "",
    "The guest is told that it is prohibited.",
    "Let sysctl net.ipv4.ping_group_range take in your group.",
    exercised=Occasion.NONE,
)

PING_SOCKET = Rule(
    "NET012",
    "ping socket",
    Severity.NOTE,
    "The host could not send a ping.",
    "",
    "It is lost.",
    "The line says what the host's kernel said.",
    exercised=Occasion.NONE,
)

UDP_SOCKET = Rule(
    "NET013",
    "udp socket",
    Severity.NOTE,
    "The host could not send a datagram.",
    "",
    "It is lost.",
    "The line says what the host's kernel said.",
    exercised=Occasion.NONE,
)

UDP_PEERS = Rule(
    "NET014",
    "udp forward peers",
    Severity.NOTE,
    "Too many programs send through one UDP forward.",
    "",
    "The datagram is lost.",
    "Send from fewer ports, or wait until some have been silent for `udp.idle`.",
    exercised=Occasion.NONE,
)

FORWARD_SOCKET = Rule(
    "NET015",
    "forward socket",
    Severity.NOTE,
    "The host had trouble with a forward.",
    "",
    "What came through it is lost.",
    "The line says what the host's kernel said.",
    exercised=Occasion.NONE,
)

DHCP_OFF = Rule(
    "NET016",
    "dhcp is off",
    Severity.NOTE,
    "The guest asks for an address and the configuration has no DHCP.",
    "",
    "There is no answer.",
    "Give the guest a fixed address, or set `dhcp.enabled = true`.",
    exercised=Occasion.NONE,
)

POOL = Rule(
    "NET017",
    "dhcp pool exhausted",
    Severity.NOTE,
    "All addresses of the net are taken.",
    "RFC 2131 4.3.1",
    "The guest gets none.",
    "Take a larger net, or shorter leases (`dhcp.lease`).",
    exercised=Occasion.NONE,
)

PEER_ANSWERS = Rule(
    "NET018",
    "peer answers",
    Severity.NOTE,
    "Too many late answers of a peer that misbehaves wait for their time.",
    "",
    "The datagram is not answered.",
    "Ask more slowly, or let the peer answer at once (docs/peers.md).",
    exercised=Occasion.NONE,
)

ANSWER_RATE = Rule(
    "NET019",
    "tcp answer rate",
    Severity.NOTE,
    "Too many segments of a connection were not acceptable.",
    "RFC 5961 7",
    "This one is not answered: 10 in 5 s are, and all that carry text.",
    "Look at the other lines for what is wrong with them: two ends that find each other's answers"
    " wrong would send them for ever.",
    exercised=Occasion.NONE,
)

TCP_MEMORY = Rule(
    "NET020",
    "tcp memory",
    Severity.NOTE,
    "All TCP connections together hold much, and this one its share.",
    "",
    "What the guest sent is not kept; it is not acknowledged either.",
    "Have the programs read, on both sides, or raise `tcp.memory`.",
    exercised=Occasion.NONE,
)

ENGINE_BUG = Rule(
    "NET021",
    "engine fault",
    Severity.ERROR,
    "A fault in pynat itself cost a packet or a turn.",
    "",
    "Everything else goes on; the log has the lines of the fault.",
    "Report it with those lines, please.",
    exercised=Occasion.NONE,
)

NOBODY_THERE = Rule(
    "NET022",
    "nobody there yet",
    Severity.NOTE,
    "Packets are for an address from which no guest has been heard of so far.",
    "RFC 826",
    "They are lost.",
    "Wait until the guest is up, or look at whether a forward names the address that it has.",
    exercised=Occasion.NONE,
)

FAULT = Rule(
    "NET030",
    "fault",
    Severity.NOTE,
    "A fault that was asked for (docs/faults.md) met the packet.",
    "",
    "It is not answered, or gets no further, as on a network that is out of order.",
    "Let the guest cope with it: ask again later, and more and more rarely.",
    exercised=Occasion.NONE,
)

ON_FRAME = Rule(
    "NET031",
    "dropped by a script",
    Severity.NOTE,
    "A hook of the network's script (docs/python.md) has dropped the frame.",
    "",
    "The script wants it so: it is as if the wire had lost it.",
    "Let the guest cope with the loss, or change the script.",
    exercised=Occasion.NONE,
)
