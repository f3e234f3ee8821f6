"""The DHCP and BOOTP server at the router's address.

RFC 2131 sections 3.1, 4.1 and 4.3 first, RFC 2132 for the options, RFC 951 and 1542 for BOOTP.
`Leases` says who may have which address; here are the messages. Each message of a guest gets
one answer or none, at once: there is nothing to wait for and no timer, leases end when
somebody asks and finds their time over.

    DISCOVER                          OFFER
    REQUEST, selecting                ACK, or NAK if the address is taken; silence and the offer
                                      withdrawn if it names another server
    REQUEST, init-reboot or renewing  ACK, or NAK if the address is of another net or taken
    DECLINE, RELEASE                  nothing
    INFORM                            ACK with options only
    no option 53 (BOOTP)              a reply with an address for ever; a vendor's area that
                                      holds no options goes back as it came

One thing differs from RFC 2131 section 4.3.2 on purpose. A server without a record of the
client stays silent there, because another server may have one. Here is no other server, and a
guest whose simulator was started again, or restored from a snapshot, comes with a lease that
we have forgotten: it keeps its address if nobody else has it.

Left out: rapid commit (RFC 4039), forced renewal, authentication, other nets behind relays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from pynat import rules
from pynat.config import Config, Network
from pynat.log.notices import Level, Notices
from pynat.nat.guest_output import GuestOutput
from pynat.rules import Rule
from pynat.services import dhcp_options
from pynat.services.leases import Lease, Leases
from pynat.wire import dhcp, ethernet, ipv4, mistakes, udp
from pynat.wire.dhcp import Message
from pynat.wire.ipv4 import LIMITED_BROADCAST, dotted

CLIENT_PORT, SERVER_PORT = 68, 67
TRIES, CLIENTS = 4, 256  # OFFERs in a row until one goes another way; clients remembered
_EVEN = 3  # which of them has an even number of bytes
MIN_LEASE = 10.0  # seconds; a client that asks for less would do nothing but renew
HEADERS = 28  # bytes of IP and UDP; option 57 counts them


@dataclass(frozen=True, slots=True)
class Reply:
    """What the router sends from its own address and port 67."""

    source: bytes
    payload: bytes
    to_mac: bytes
    to_ip: bytes
    to_port: int = CLIENT_PORT
    comments: tuple[str, ...] = ()  # for the capture


def send(output: GuestOutput, reply: Reply) -> None:
    ends = reply.source, SERVER_PORT, reply.to_ip, reply.to_port
    since = output.queued
    output.send_to_mac(reply.to_mac, reply.to_ip, ipv4.UDP, udp.encode(*ends, reply.payload))
    output.comment(since, *reply.comments)


def _nobody(address: bytes, now: float) -> bytes | None:  # noqa: ARG001 - nobody watches
    return None


_EXPECTED = {
    rules.net.DHCP_OFF: "nothing: `dhcp.enabled` is false",
    rules.dhcp.SERVER_MESSAGE: "op 1 and a client's message (RFC 2131 4.3)",
    rules.dhcp.RELAY: "giaddr 0.0.0.0 or in the guest's net (RFC 2131 4.3.1)",
    rules.dhcp.NO_ADDRESS: "an address in option 50 or ciaddr (RFC 2131 4.3.2)",
    rules.dhcp.OTHER_SERVER: "this server (RFC 2131 4.3.2)",
    rules.dhcp.NOT_ITS_LEASE: "address and server of its lease (RFC 2131 4.3.4)",
}


class DhcpServer:
    def __init__(
        self,
        config: Config,
        notices: Notices,
        user_of: Callable[[bytes, float], bytes | None] = _nobody,
    ) -> None:
        self._notices = notices
        reserved = {mac: lease.address.packed for mac, lease in config.dhcp.static.items()}
        self.guests = Leases(config.network, user_of, config.claimed, reserved)
        self._begin(config)
        self._in_vain: dict[bytes, int] = {}  # OFFERs since the last REQUEST, by MAC

    def _begin(self, config: Config) -> None:
        self._config = config
        self._router = config.network.router.packed
        self._options = dhcp_options.configured(config)
        self._on_request = dhcp_options.on_request(config)

    def adopt(self, network: Network) -> None:
        """Nobody's lease is of that net."""
        self._begin(replace(self._config, network=network))
        self.guests.adopt(network)

    @property
    def leases(self) -> dict[bytes, Lease]:
        """By packed address; not to be changed."""
        return self.guests.table

    def from_guest(self, data: bytes, now: float) -> Reply | None:
        return self.answer(dhcp.decode(data), len(data), now)

    def answer(self, message: Message, length: int, now: float) -> Reply | None:
        """length: of the message in bytes, as it came."""
        for flaw in message.flaws:
            who = f"{message.mac.hex(':')}: {flaw.detail}"
            self._notices.drop(flaw.rule, who, now)
        if rule := self._refusal(message):
            self._drop(rule, message, now)
            return None
        match message.kind:
            case 0:
                return self._bootp(message, length, now)
            case dhcp.DISCOVER:
                return self._discover(message, now)
            case dhcp.ASK:
                return self._ask(message, now)
            case dhcp.INFORM:
                return self._answer(message, dhcp.ACK, dhcp.ZERO, None, now)
            case dhcp.DECLINE:
                self._decline(message, now)
            case dhcp.RELEASE:
                self._release(message, now)
            case _:
                self._drop(rules.dhcp.SERVER_MESSAGE, message, now)
        return None

    def _drop(self, rule: Rule, message: Message, now: float) -> None:
        server = message.options.get(dhcp.SERVER, self._router)
        named = ""
        if server != self._router:
            hint = mistakes.address_order(server, self._router.__eq__)
            named = f": option 54 is {dotted(server)}, expected {dotted(self._router)}{hint}"
        self._notices.drop(rule, f"{message}, expected {_EXPECTED[rule]}{named}", now)

    def _refusal(self, message: Message) -> Rule | None:
        if not self._config.dhcp.enabled:
            return rules.net.DHCP_OFF
        if message.op != dhcp.REQUEST:
            return rules.dhcp.SERVER_MESSAGE
        relay = IPv4Address(message.giaddr)
        if int(relay) and relay not in self._config.network.net:
            return rules.dhcp.RELAY
        return None

    # ------------------------------------------------------------ one message each
    def _discover(self, message: Message, now: float) -> Reply | None:
        wanted = message.options.get(dhcp.WANTED, message.ciaddr)
        address = self.guests.choose(message, wanted, now)
        if address is None:
            self._exhausted(message, now)
            return None
        self.guests.offer(address, message, now)
        offer = self._answer(message, dhcp.OFFER, address, self._lease_time(message), now)
        return self._changed(offer, message, address) if self._config.hermetic else offer

    def _changed(self, offer: Reply, message: Message, address: bytes) -> Reply:
        """Of OFFERs in a row: does the guest take an even number of bytes, or the other way?"""
        if len(self._in_vain) >= CLIENTS:
            self._in_vain.clear()
        number = self._in_vain[message.mac] = self._in_vain.get(message.mac, 0) + 1
        if number % TRIES == _EVEN:
            return _of_even_length(offer)
        is_due = number % TRIES == 0 and message.giaddr == dhcp.ZERO
        return _other_way(offer, message.mac, address) if is_due else offer

    def _ask(self, message: Message, now: float) -> Reply | None:
        self._in_vain.pop(message.mac, None)
        server = message.options.get(dhcp.SERVER)
        if server is not None and server != self._router:
            self.guests.withdraw_offers(message.mac)
            self._drop(rules.dhcp.OTHER_SERVER, message, now)
            return None
        address = message.options.get(dhcp.WANTED, message.ciaddr)
        if address == dhcp.ZERO:
            self._drop(rules.dhcp.NO_ADDRESS, message, now)
            return None
        if not self.guests.may_have(address, message.mac, now):
            return self._refuse(message, address, now)
        lease_time = self._lease_time(message)
        until = math.inf if lease_time == dhcp.FOREVER else now + lease_time
        self._bind(message, address, until, now)
        return self._answer(message, dhcp.ACK, address, lease_time, now)

    def _bootp(self, message: Message, length: int, now: float) -> Reply | None:
        address = self.guests.choose(message, message.ciaddr, now)
        if address is None:
            self._exhausted(message, now)
            return None
        self._bind(message, address, math.inf, now)
        limit = max(dhcp.MIN_MESSAGE, min(length, dhcp.MAX_MESSAGE))  # RFC 1542 section 2.1
        return self._answer(message, 0, address, None, now, limit=limit)

    def _decline(self, message: Message, now: float) -> None:
        lease = self.guests.table.get(message.options.get(dhcp.WANTED, dhcp.ZERO))
        if self._owns(message, lease, now) and lease is not None:
            self.guests.decline(lease, now)
            self._say(message, lease.address, "declined: somebody else uses it", now)

    def _release(self, message: Message, now: float) -> None:
        lease = self.guests.table.get(message.ciaddr)
        if self._owns(message, lease, now) and lease is not None:
            self.guests.release(lease, now)
            self._say(message, lease.address, "released", now)

    def _owns(self, message: Message, lease: Lease | None, now: float) -> bool:
        """Whether a client that gives an address back is the one that has it."""
        server = message.options.get(dhcp.SERVER, self._router)
        owns = lease is not None and lease.mac == message.mac and lease.live(now)
        if not owns or server != self._router:
            self._drop(rules.dhcp.NOT_ITS_LEASE, message, now)
            return False
        return True

    # ------------------------------------------------------------ granting and refusing
    def _bind(self, message: Message, address: bytes, until: float, now: float) -> None:
        before = self.guests.held_by(message.mac, now)
        self.guests.bind(address, message, until)
        if before is None or before.address != address:
            lasts = "for ever" if until == math.inf else f"for {until - now:.0f} s"
            self._say(message, address, f"leased {lasts}", now)

    def _refuse(self, message: Message, address: bytes, now: float) -> Reply:
        inside = int.from_bytes(address, "big") & int(self._config.network.net.netmask)
        same_net = inside == int(self._config.network.net.network_address)
        why = "is not free" if same_net else f"is not in {self._config.network.net}"
        self._say(message, address, f"refused: {why}", now)
        return self.nak(message, f"{dotted(address)} {why}")

    def nak(self, message: Message, why: str) -> Reply:
        options = {dhcp.KIND: bytes((dhcp.NAK,)), dhcp.SERVER: self._router}
        options[dhcp.MESSAGE] = why.encode()
        nak = Message(dhcp.REPLY, message.xid, message.mac, giaddr=message.giaddr)
        # Through a relay only broadcast reaches a client with a wrong address (section 4.3.2).
        flags = message.flags | (dhcp.BROADCAST if message.giaddr != dhcp.ZERO else 0)
        nak = replace(nak, flags=flags, options=options | dhcp_options.echoed(message))
        to_mac, to_ip, port = ethernet.BROADCAST, LIMITED_BROADCAST, CLIENT_PORT
        if message.giaddr != dhcp.ZERO:
            to_ip, port = message.giaddr, SERVER_PORT
        return Reply(self._router, dhcp.encode(nak)[0], to_mac, to_ip, port)

    def _exhausted(self, message: Message, now: float) -> None:
        text = (
            f"{message.mac.hex(':')} gets no address: all of {self._config.network.net} are taken"
        )
        self._notices.drop(rules.net.POOL, text, now, Level.ERROR)

    def _say(self, message: Message, address: bytes, what: str, now: float) -> None:
        text = f"{dotted(address)} {what} ({message.mac.hex(':')})"
        self._notices.limited(f"dhcp {what.partition(' ')[0]}", text, now)

    # ------------------------------------------------------------ the answer
    def _lease_time(self, message: Message) -> int:
        longest = self._config.dhcp.lease
        asked = message.options.get(dhcp.LEASE)
        if asked is None:
            return int(longest)
        return int(min(longest, max(MIN_LEASE, int.from_bytes(asked, "big"))))

    def _answer(
        self,
        message: Message,
        kind: int,
        address: bytes,
        lease_time: int | None,
        now: float,
        *,
        limit: int | None = None,
    ) -> Reply:
        wanted = message.options.get(dhcp.PARAMETERS, b"")
        options = {code: value for code, value in self._on_request.items() if code in wanted}
        options |= self._options | dhcp_options.for_client(self._config, message)
        if kind:
            options |= {dhcp.KIND: bytes((kind,)), dhcp.SERVER: self._router}
        if lease_time is not None:
            options |= dhcp_options.lease(lease_time)
        settings = self._config.dhcp
        bootfile, name = options.get(dhcp.BOOTFILE, b""), settings.server_name.encode()
        reply = Message(
            op=dhcp.REPLY,
            xid=message.xid,
            mac=message.mac,
            flags=message.flags,
            ciaddr=dhcp.ZERO if kind == dhcp.OFFER else message.ciaddr,
            yiaddr=address,
            siaddr=settings.next_server.packed if settings.next_server else self._router,
            giaddr=message.giaddr,
            sname=name if len(name) < 64 else b"",
            file=bootfile if len(bootfile) < 128 else b"",
            options=dhcp_options.in_order(options | dhcp_options.echoed(message), message),
            vendor=message.vendor,
        )
        payload, left_out = dhcp.encode(reply, limit or self._limit(message))
        if left_out:
            numbers = ", ".join(map(str, left_out))
            text = f"no room for DHCP options {numbers} in the answer to {message.mac.hex(':')}"
            self._notices.limited("dhcp options left out", text, now)
        return Reply(self._router, payload, *_destination(reply))

    def _limit(self, message: Message) -> int:
        """How long the answer may be: option 57, at least 576, and one packet of our MTU."""
        asked = int.from_bytes(message.options.get(dhcp.MAXIMUM, b""), "big")
        return max(dhcp.MAX_MESSAGE, min(asked, self._config.network.mtu) - HEADERS)


def _destination(reply: Message) -> tuple[bytes, bytes, int]:
    """RFC 2131 section 4.1. A relay's MAC is not known here, so its answer goes to all."""
    if reply.giaddr != dhcp.ZERO:
        return ethernet.BROADCAST, reply.giaddr, SERVER_PORT
    if reply.ciaddr != dhcp.ZERO:
        return reply.mac, reply.ciaddr, CLIENT_PORT
    if reply.flags & dhcp.BROADCAST or reply.yiaddr == dhcp.ZERO:
        return ethernet.BROADCAST, LIMITED_BROADCAST, CLIENT_PORT
    return reply.mac, reply.yiaddr, CLIENT_PORT


def _of_even_length(offer: Reply) -> Reply:
    """With a zero behind its end where that is missing to it."""
    if len(offer.payload) % 2 == 0:
        return offer
    remark = f"hermetic: OFFER {_EVEN} in a row has an even number of bytes, to see whether the"
    comments = (*offer.comments, f"{remark} guest takes that")
    return replace(offer, payload=offer.payload + b"\0", comments=comments)


def _other_way(offer: Reply, mac: bytes, address: bytes) -> Reply:
    """By broadcast instead of to the guest alone, or the other way round."""
    if offer.to_mac == ethernet.BROADCAST:
        to, way = (mac, address), "to the guest's MAC address"
    else:
        to, way = (ethernet.BROADCAST, LIMITED_BROADCAST), "by broadcast"
    remark = f"hermetic: OFFER {TRIES} in a row goes {way}, to see whether the guest takes that"
    return replace(offer, to_mac=to[0], to_ip=to[1], comments=(*offer.comments, remark))
