"""Rules of ARP (RFC 826). 001 to 019: why a packet is dropped; from 020: the linter's."""

from __future__ import annotations

from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "ARP001",
    "arp length",
    Severity.ERROR,
    "An ARP packet is shorter than 28 bytes.",
    "RFC 826",
    "It is thrown away, and nobody answers.",
    "Send all fields: types, lengths, operation, and MAC and IPv4 address of sender and target.",
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
)

OPERATION = Rule(
    "ARP003",
    "arp operation",
    Severity.ERROR,
    "The operation of an ARP packet is neither request nor reply.",
    "RFC 826",
    "It is thrown away, and nobody answers.",
    "Store 1 (request) or 2 (reply) in bytes 6 and 7, the higher byte first.",
)

SENDER = Rule(
    "ARP004",
    "arp sender",
    Severity.ERROR,
    "The sender's MAC address in an ARP packet is not one that a guest can have.",
    "RFC 1812 3.3.2",
    "The packet is thrown away: an answer could not be addressed.",
    "Put the card's own MAC address into the sender's field, as into the Ethernet header.",
)

NOBODY = Rule(
    "ARP005",
    "arp not ours",
    Severity.NOTE,
    "The guest asks for an address that nobody on the wire has.",
    "RFC 826",
    "There is no answer. A guest that asks so for hosts far away has a wrong netmask or no route.",
    "Send what is for another net to the router, and ask for the router's address.",
)

CONFLICT = Rule(
    "ARP006",
    "arp conflict",
    Severity.ERROR,
    "The guest claims an address that is the router's.",
    "RFC 5227 2.4",
    "Two hosts with one address: packets go to one or the other by chance.",
    "Give the guest the address that DHCP offers, or another free one of the net.",
)

NO_ANSWER = Rule(
    "ARP007",
    "arp no answer",
    Severity.WARNING,
    "Nobody answered the router's questions for the guest's address.",
    "RFC 826",
    "What was to go there is lost. Either the guest is not up yet, or it does not answer ARP.",
    "Answer every request whose target address is the guest's own, at any time, with a reply to the"
    " sender's MAC address.",
)
