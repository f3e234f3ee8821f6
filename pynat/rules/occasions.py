"""What gives a rule its chance: a rule that never had one is not a pass.

Each rule names its occasion, and the linter counts occasions while it looks on. The text says what
is counted; the count is at least one where the rule has found something.
"""

from __future__ import annotations

from enum import StrEnum


class Occasion(StrEnum):
    NONE = "nothing that a guest does"
    # Ethernet
    FRAME = "frames from the guest"
    PADDED = "frames longer than their packet"
    SMALL_FRAME = "frames of 60 bytes at most, by a card that does not lengthen them"
    # ARP
    ARP = "ARP packets from the guest"
    ARP_REQUEST = "ARP requests from the guest"
    ARP_REPLY = "ARP replies from the guest"
    ARP_ASKED = "ARP requests to the guest"
    ADDRESS = "addresses that the guest began to use"
    PROBE_ANSWERED = "probes of an address that its owner answered"
    # IPv4
    PACKET = "IPv4 packets from the guest"
    GROUP_PACKET = "broadcast and multicast packets from the guest"
    UNICAST_FRAME = "IPv4 packets in frames to one card"
    IP_OPTIONS = "packets with IPv4 options"
    FRAGMENT = "fragments from the guest"
    MAY_BE_CUT = "packets that routers may cut"
    KNOWN_CARD = "cards whose addresses are known"
    # ICMP
    ICMP = "ICMP messages from the guest"
    ECHO_REPLY = "echo replies from the guest"
    ICMP_ERROR = "ICMP errors from the guest"
    NARROW_PATH = "packets with DF on a path whose MTU was told"
    # UDP and what is carried in it
    DATAGRAM = "UDP datagrams from the guest"
    DNS = "datagrams to name servers"
    DNS_ANSWER = "answers to questions of the guest's"
    DNS_NAMES = "names asked of one server, behind the first 3"
    DNS_LONG = "names asked of one server, behind the first 7 and over 2 s"
    DNS_LEASED = "questions of a guest to which DHCP has named its servers"
    TFTP = "datagrams of TFTP"
    # DHCP
    DHCP = "DHCP messages from the guest"
    DHCP_REQUEST = "DHCP REQUESTs"
    DHCP_SELECTS = "REQUESTs after an OFFER"
    DHCP_RENEWS = "REQUESTs that renew a lease"
    DHCP_AGAIN = "DHCP messages sent again"
    DHCP_RETURNS = "addresses given back: RELEASE, DECLINE"
    DHCP_DECLINE = "DECLINEs"
    DHCP_RELEASE = "RELEASEs of a lease"
    DHCP_ANEW = "DISCOVERs after an earlier lease"
    DHCP_OFFER = "OFFERs"
    DHCP_OFFER_UNICAST = "OFFERs to the guest's MAC address"
    DHCP_NAK = "NAKs"
    LEASE_DUE = "leases that had to be renewed"
    # TCP: segments by themselves
    SEGMENT = "TCP segments from the guest"
    SYN = "SYNs and SYN-ACKs from the guest"
    SYN_ACK = "SYN-ACKs from the guest"
    LATER = "segments from the guest without SYN"
    DATA = "segments from the guest with data"
    FIN = "FINs from the guest"
    RESET = "RSTs from the guest"
    NO_ACK = "segments from the guest without ACK"
    TCP_OPTIONS = "segments from the guest with options"
    # TCP: connections
    OPENING = "connections that the guest began"
    THIRD_OPENING = "connections that the guest began, behind the second"
    THIRD_NUMBER = "initial numbers of the guest's, behind the second"
    SYN_AGAIN = "SYNs that nobody had answered, sent again"
    SYN_ACK_CAME = "SYN-ACKs to the guest's SYNs"
    OPEN = "connections in which both SYNs were sent"
    REOPENED = "connections between ports of one that had ended"
    RESET_CAME = "RSTs that ended a connection of the guest's"
    FIN_CAME = "FINs to the guest"
    # TCP: what the guest sends
    WINDOW_CLOSED = "times that the other end closed its window"
    ANSWERED = "answers to data of the guest's"
    RESENT = "segments that the guest sent again"
    UNACKNOWLEDGED = "times that something of the guest's stayed unacknowledged for 30 s"
    TIMED_OUT = "time-outs of the guest's after which it sent again"
    FIRST_FLIGHT = "connections in which the guest sent data"
    RECOVERED = "losses that the guest mended without a time-out"
    KEEP_ALIVE = "keep-alives of the guest's"
    THIRD_DUPLICATE = "times that three duplicate acknowledgements came"
    # TCP: how it takes what comes
    DATA_CAME = "segments with data to the guest"
    OUT_OF_ORDER = "segments to the guest out of order"
    ACK_CAME = "acknowledgements without data to the guest"
    SMALL_WINDOW = "windows of the guest's below its MSS"
    CLOSED_ITS_WINDOW = "times that the guest closed its window"
    HOLE_FILLED = "holes that were filled, with data behind them"
    SACK = "SACK blocks from the guest"
    STAMPED = "connections with timestamps"
    UNSTAMPED = "connections without timestamps"
