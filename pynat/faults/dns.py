"""A name server that does wrong what `faults` says (RFC 1035; RFC 5452 for what guests must check).

It stands before the forwarder's own answers: a question gets one at once, none, or the true one
later or changed on its way back. `truncated`, `wrong-address` and `wrong-port` are of UDP only.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from pynat.config import Network
from pynat.errors import Malformed
from pynat.faults.active import ActiveFault, ActiveFaults, LateReply
from pynat.nat.guest_output import GuestOutput
from pynat.services.dns import Answer, NameServer
from pynat.wire import dns
from pynat.wire.addresses import Address
from pynat.wire.dns import Query

_RCODES = {
    "servfail": dns.SERVFAIL,
    "nxdomain": dns.NXDOMAIN,
    "refused": dns.REFUSED,
    "empty": dns.NOERROR,
}
_GARBAGE = 40  # bytes behind a header that announces one question and one answer
_WRONG_PORT = 10_053


class FaultyDns:
    def __init__(
        self, server: NameServer, faults: ActiveFaults, output: GuestOutput, network: Network
    ) -> None:
        self._server = server
        self._faults = faults
        self._output = output
        self._elsewhere = _nobody(network)

    def adopt(self, network: Network) -> None:
        self._elsewhere = _nobody(network)

    def ask(self, query: bytes, *, tcp: bool, now: float, answer: Answer) -> None:
        through: Answer | None = answer
        if self._faults.dns and (question := _question(query)) is not None:
            through = self._meet(question, tcp, now, answer)
        if through is not None:
            self._server.ask(query, tcp=tcp, now=now, answer=through)

    def too_long(self, head: bytes, size: int, longest: int, now: float) -> bytes:
        return self._server.too_long(head, size, longest, now)

    def _meet(self, question: Query, tcp: bool, now: float, answer: Answer) -> Answer | None:
        """What the true answer is to go through; None: there is to be none."""
        for one in list(self._faults.dns):
            if one.spent or not _concerns(one, question):
                continue
            made = self._instead(one, question, tcp, now)
            if made is not None:
                self._commented(one, f"{question}: {one.fault.kind}", now, answer)(made, now)
                return None
            if one.fault.kind == "silent":
                self._faults.tell(one, f"{question} not answered", now, lost=True)
                return None
            answer = self._through(one, question, now, answer)
        return answer

    def source(self, data: bytes, source: Address, now: float) -> Address:
        """From where a question by UDP is answered."""
        question = _question(data) if self._faults.dns else None
        if question is None:
            return source
        address, port = source
        if one := self._named("wrong-address", question):
            address = self._elsewhere
            self._faults.tell(one, f"{question} answered from another address", now)
        if one := self._named("wrong-port", question):
            port = _WRONG_PORT
            self._faults.tell(one, f"{question} answered from port {port}", now)
        return address, port

    def _named(self, kind: str, question: Query) -> ActiveFault | None:
        concerned = [one for one in self._faults.dns if _concerns(one, question)]
        return self._faults.find(concerned, kind)

    # ------------------------------------------------------------ instead of the true answer
    def _instead(self, one: ActiveFault, question: Query, tcp: bool, now: float) -> bytes | None:
        kind = one.fault.kind
        if kind in _RCODES:
            return dns.reply(question, _RCODES[kind])
        if kind == "truncated" and not tcp:
            return dns.truncated(dns.reply(question), question)
        if kind == "garbage":
            header = dns.HEADER.pack(question.ident, dns.QR | dns.RA, 1, 1, 0, 0)
            return header + self._output.dice.randbytes(_GARBAGE)
        return None

    # ------------------------------------------------------------ the true one, changed
    def _through(self, one: ActiveFault, question: Query, now: float, answer: Answer) -> Answer:
        match one.fault.kind:
            case "slow":
                return self._later(one, question, now, answer)
            case "wrong-id":
                what, change = f"id {question.ident ^ 1:#06x}", _with_wrong_id
            case "wrong-question":
                what, change = "the question of another name", _with_wrong_name
            case _:
                return answer
        commented = self._commented(one, f"{question} answered with {what}", now, answer)
        return lambda message, when: commented(change(message), when)

    def _later(self, one: ActiveFault, question: Query, now: float, answer: Answer) -> Answer:
        seconds = one.fault.number
        commented = self._commented(one, f"{question} answered {seconds:g} s late", now, answer)

        def late(message: bytes, _: float) -> None:
            self._output.timers.set(LateReply(lambda when: commented(message, when)), now + seconds)

        return late

    def _commented(self, one: ActiveFault, what: str, now: float, answer: Answer) -> Answer:
        """It happens; the frame that carries the answer has the comment."""
        text = self._faults.tell(one, what, now)

        def commented(message: bytes, when: float) -> None:
            since = self._output.queued
            answer(message, when)
            self._output.comment(since, text)

        return commented


def _nobody(network: Network) -> bytes:
    """An address at which there is no name server."""
    return next(one for one in (network.net[-2], network.net[-3]) if one != network.dns).packed


def _question(query: bytes) -> Query | None:
    """None: one that is refused without being looked at any further."""
    try:
        question = dns.decode(query)
    except Malformed:
        return None
    flags = int.from_bytes(query[2:4], "big")
    return None if flags & (dns.QR | dns.OPCODE) or question.version else question


def _concerns(one: ActiveFault, question: Query) -> bool:
    return fnmatchcase(question.name or ".", one.fault.about)


def _with_wrong_id(message: bytes) -> bytes:
    return bytes((message[0], message[1] ^ 1)) + message[2:]


def _with_wrong_name(message: bytes) -> bytes:
    """The first letter of the name is another one."""
    at = dns.HEADER.size + 1
    if len(message) <= at or not message[at - 1]:
        return message
    letter = b"x" if message[at : at + 1] != b"x" else b"y"
    return message[:at] + letter + message[at + 1 :]
