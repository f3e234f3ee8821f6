"""The catalogue of rules: reasons for dropping, and what is legal but wrong (docs/rules/).

A file for each protocol; codes are its letters and a number that is never used again. Every Rule
that a file defines is in the catalogue. Reasons for dropping are named as the drop names them and
have the low numbers; rules of the linter follow.
"""

from __future__ import annotations

from pynat.rules import (
    arp,
    dhcp,
    dhcp_client,
    dns,
    ethernet,
    icmp,
    ipv4,
    net,
    tcp,
    tcp_acking,
    tcp_form,
    tcp_opening,
    tcp_resending,
    tcp_sending,
    tftp,
    udp,
)
from pynat.rules.rule import Rule, Severity

__all__ = ["BY_CODE", "BY_NAME", "RULES", "Rule", "Severity"]

RULES: tuple[Rule, ...] = tuple(
    rule
    for protocol in (
        *(ethernet, arp, ipv4, icmp, udp),
        *(tcp, tcp_form, tcp_opening, tcp_sending, tcp_resending, tcp_acking),
        *(dhcp, dhcp_client, dns, tftp, net),
    )
    for rule in vars(protocol).values()
    if isinstance(rule, Rule)
)
BY_CODE = {rule.code: rule for rule in RULES}
BY_NAME = {rule.name: rule for rule in RULES}
