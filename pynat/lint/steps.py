"""The steps that show how far each protocol has come, for the summary (pynat/lint/summary.py).

A step with a reason has to follow the one above it: where that was done and this never was, the
protocol fails there, and that may be why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from pynat.lint.linter import Key
from pynat.lint.tcp.progress import Stage
from pynat.rules.occasions import Occasion as On


class Step(NamedTuple):
    key: Key
    name: str
    why: str = ""
    patience: int = 1  # times that the step above was done, or nothing is proved
    is_sure: bool = True  # that it is a failure, and not what the guest wants
    is_shown: bool = True  # where it was done

    @property
    def of_connections(self) -> bool:
        return isinstance(self.key, tuple)

    def done(self, count: int) -> str:
        return f"{count} {self.name}" if self.of_connections else f"{self.name} {times(count)}"

    @property
    def missing(self) -> str:
        return f"{'none' if self.of_connections else 'no'} {self.name}"


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _connections(*opening: Step, by_guest: bool) -> tuple[Step, ...]:
    return (
        *opening,
        Step((by_guest, Stage.GUESTS_DATA), "with data sent"),
        Step(
            (by_guest, Stage.GUESTS_DATA_TAKEN),
            "with it acknowledged",
            "the other end does not take the guest's data",
        ),
        Step((by_guest, Stage.OTHERS_DATA), "with data received"),
        Step(
            (by_guest, Stage.OTHERS_DATA_TAKEN),
            "with it acknowledged by the guest",
            "the guest does not take the data, or does not acknowledge it",
        ),
        Step((by_guest, Stage.CLOSED), "closed by both ends"),
        Step((by_guest, Stage.RESET_BY_GUEST), "reset by the guest"),
        Step((by_guest, Stage.RESET_BY_OTHER), "reset by the other end"),
    )


AS_SERVER = "TCP as server"
_AGAIN = 2  # SYNs sent again before one counts as unanswered
_BY_BROADCAST = "the guest does not take broadcasts, or drops the OFFER"
_BY_UNICAST = "the guest takes no frame for an address it does not have yet, or drops the OFFER"
_UNREAD = "maybe the guest does not find it in the answer (compressed names: RFC 1035 4.1.4)"
_REFUSED = "the server refuses the REQUEST by NAK"
_STRANGE = "what came has another id, name or port than the question"
_CLOSED = "each is refused by RST: nobody listens there, or another port is meant"
_DROPPED = "each is dropped, for its checksum or its length"
_RESET = "the other end has reset each of them"
PROTOCOLS: dict[str, tuple[Step, ...]] = {
    "link": (Step(On.FRAME, "frame sent"), Step(On.FRAME_CAME, "frame came")),
    "ARP": (
        Step(On.ARP_QUESTION, "request sent"),
        Step(On.ARP_REPLY_CAME, "reply came", "nobody has the address that it asks for", 3),
        Step(On.UNICAST_FRAME, "packet sent", "the guest does not learn from the reply", 2),
        Step(On.ARP_ASKED_ITS, "request came"),
        Step(On.ARP_REPLY, "reply sent", "the guest does not answer, so nothing can reach it", 3),
    ),
    "DHCP": (
        Step(On.DHCP_DISCOVER, "DISCOVER sent"),
        Step(On.DHCP_OFFER, "OFFER came", "the server does not take the DISCOVER"),
        Step(On.DHCP_REQUEST, "REQUEST sent", _BY_BROADCAST),
        Step(On.DHCP_ACK, "ACK came", "the server does not take the REQUEST"),
        Step(On.LEASE_USED, "address used", "the guest drops the ACK, or does not use its address"),
        Step(On.DHCP_NAK, "NAK came"),
    ),
    "ICMP": (
        Step(On.PING, "ping sent"),
        Step(On.PING_ANSWERED, "answer came", "nobody is there, or nobody takes the ping"),
        Step(On.PINGED, "ping came"),
        Step(On.ECHO_REPLY, "answer sent", "the guest does not answer pings"),
        Step(On.ICMP_ERROR, "error sent"),
    ),
    "UDP": (
        Step(On.DATAGRAM, "datagram sent"),
        Step(On.DATAGRAM_RIGHT, "right one", _DROPPED, is_shown=False),
        Step(On.DATAGRAM_CAME, "datagram came"),
    ),
    "DNS": (
        Step(On.DNS, "question sent"),
        Step(On.DNS_ANSWER, "answer came", "the name server does not take the question"),
        Step(On.DNS_TOLD, "address came"),
        Step(On.DNS_USED, "address used", _UNREAD, 3, is_sure=False),
    ),
    "TCP as client": _connections(
        Step((True, Stage.BEGUN), "begun"),
        Step((True, Stage.HEARD), "answered", "nobody is there, or nobody takes the SYN"),
        Step((True, Stage.ANSWERED), "by SYN-ACK", _CLOSED, is_sure=False),
        Step((True, Stage.OPEN), "opened", "the guest drops the SYN-ACK, or does not count it"),
        by_guest=True,
    ),
    AS_SERVER: _connections(
        Step((False, Stage.BEGUN), "begun"),
        Step((False, Stage.HEARD), "answered", "the guest does not take the SYN"),
        Step((False, Stage.ANSWERED), "by SYN-ACK"),
        Step((False, Stage.OPEN), "opened", "the other end does not take the SYN-ACK"),
        by_guest=False,
    ),
}


_SIGNS: dict[Key, tuple[On, str]] = {
    On.DHCP_REQUEST: (On.DHCP_OFFER_UNICAST, _BY_UNICAST),
    On.DHCP_ACK: (On.DHCP_NAK, _REFUSED),
    On.DNS_ANSWER: (On.DNS_WRONG, _STRANGE),
}


class Failure(NamedTuple):
    """A step that was never done, and had to be."""

    step: Step
    tries: int  # times that the step above was done


def failure(steps: tuple[Step, ...], counts: Mapping[Key, int]) -> Failure | None:
    """The first one."""
    for before, step in pairwise(steps):
        if step.why and not counts[step.key] and counts[before.key] >= step.patience:
            return Failure(_told_apart(step, counts), counts[before.key])
    return next(_reset(steps, counts), None)


def _reset(steps: tuple[Step, ...], counts: Mapping[Key, int]) -> Iterator[Failure]:
    """All connections that were opened."""
    keys = {step.key[1]: step for step in steps if isinstance(step.key, tuple)}
    if keys:
        opened, reset = (counts[keys[stage].key] for stage in (Stage.OPEN, Stage.RESET_BY_OTHER))
        if reset and reset == opened:
            step = keys[Stage.CLOSED]._replace(why=_RESET, is_sure=False)
            yield Failure(step, opened)


def unanswered(name: str, counts: Mapping[Key, int]) -> str:
    """Connections to the guest that it never answers, beside others that it does."""
    begun, heard = counts[False, Stage.BEGUN], counts[False, Stage.HEARD]
    is_again = counts[On.SYN_CAME] >= begun + _AGAIN
    if name != AS_SERVER or not heard or begun == heard or not is_again:
        return ""
    return f"{begun - heard} never answered: expected SYN-ACK, or RST where nobody listens"


def _told_apart(step: Step, counts: Mapping[Key, int]) -> Step:
    """By something else that was seen."""
    sign, why = _SIGNS.get(step.key, (On.NONE, ""))
    return step._replace(why=why) if counts[sign] else step
