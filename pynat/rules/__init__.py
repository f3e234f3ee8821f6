"""The catalogue of rules: reasons for dropping, and what is legal but wrong (docs/rules/).

A file for each protocol; codes are its letters and a number that is never used again. Every Rule
that a file defines is in the catalogue. Reasons for dropping are named as the drop names them and
have the low numbers; rules of the linter follow.
"""

from __future__ import annotations

import difflib

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
    tcp_congestion,
    tcp_ending,
    tcp_form,
    tcp_opening,
    tcp_resending,
    tcp_sending,
    tftp,
    udp,
)
from pynat.rules.rule import Rule, Severity

__all__ = ["BY_CODE", "BY_NAME", "RULES", "Rule", "Severity", "nearest"]

RULES: tuple[Rule, ...] = tuple(
    rule
    for protocol in (
        *(ethernet, arp, ipv4, icmp, udp),
        *(tcp, tcp_form, tcp_opening, tcp_sending, tcp_ending),
        *(tcp_resending, tcp_acking, tcp_congestion),
        *(dhcp, dhcp_client, dns, tftp, net),
    )
    for rule in vars(protocol).values()
    if isinstance(rule, Rule)
)
BY_CODE = {rule.code: rule for rule in RULES}
BY_NAME = {rule.name: rule for rule in RULES}


def nearest(code: str) -> str:
    """What is said of a code that there is not."""
    known = dict.fromkeys(rule.protocol for rule in RULES)
    code = code.upper()
    protocol = code.rstrip("0123456789")
    number = code[len(protocol) :]
    near = [protocol] if protocol in known else difflib.get_close_matches(protocol, known, n=1)
    if number and near:
        is_number = protocol in known or len(number) > 1  # else the 4 of IPv4
        meant = near[0] + (number.lstrip("0").zfill(3) if is_number else number)
        if meant in BY_CODE:
            return f"did you mean {meant}?"
    if protocol in known:
        return f"`pynat explain {protocol}` lists those of {protocol}"
    if not number:
        near = difflib.get_close_matches(code, BY_CODE, n=1, cutoff=0.8)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are those of {', '.join(known)}"
