"""Rules of Ethernet II (IEEE 802.3). 001 to 019: why a frame is dropped; from 020: the linter's."""

from __future__ import annotations

from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "ETH001",
    "ethernet length",
    Severity.ERROR,
    "A frame is shorter than its header.",
    "RFC 894",
    "There are no addresses and no type to act on.",
    "Give the card the whole frame: destination, source (6 bytes each), type (2 bytes), payload.",
)

NOT_OURS = Rule(
    "ETH002",
    "ethernet not ours",
    Severity.ERROR,
    "A frame is addressed to a card that is not on this wire.",
    "RFC 894",
    "Nobody takes it.",
    "Ask for the router's MAC address by ARP and send to the one in the answer.",
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
)

TYPE_SWAPPED = Rule(
    "ETH004",
    "ethernet type swapped",
    Severity.ERROR,
    "The two bytes of the type are in the wrong order.",
    "RFC 894",
    "No host knows the type; the frame is thrown away.",
    "Store the type with its higher byte first: 08 00 for IPv4, 08 06 for ARP.",
)
