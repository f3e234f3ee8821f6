"""The DHCP server; scapy writes the questions and reads the answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address
from random import Random

import pytest
from scapy.layers.dhcp import BOOTP

from pynat.config import Config, Dhcp, Network
from pynat.errors import Malformed
from pynat.services.leases import State
from pynat.wire import dhcp
from tests.services.dhcp_net import BROADCAST, A, Answer, B, C, Net, config, question
from tests.spoiling import samples, sift, spoilt


@pytest.fixture
def net() -> Net:
    return Net()


# ---------------------------------------------------------------- the usual exchange
def test_the_first_guest_gets_the_second_address(net: Net) -> None:
    offer = net.ask(A, "discover", xid=77)
    assert (offer.kind, offer.address, offer.to) == (
        "offer",
        "192.168.16.2",
        (A, "192.168.16.2", 68),
    )
    assert offer.packet.xid == 77
    assert offer.packet.siaddr == "192.168.16.1"
    assert offer.options == {
        "message-type": (2,),
        "server_id": ("192.168.16.1",),
        "lease_time": (86400,),
        "renewal_time": (43200,),
        "rebinding_time": (75600,),
        "subnet_mask": ("255.255.255.0",),
        "router": ("192.168.16.1",),
        "name_server": ("192.168.16.1",),
        "broadcast_address": ("192.168.16.255",),
    }
    ack = net.ask(A, "request", requested_addr="192.168.16.2", server_id="192.168.16.1")
    assert (ack.kind, ack.address) == ("ack", "192.168.16.2")
    assert ack.options == offer.options | {"message-type": (5,)}
    assert net.said == [f"192.168.16.2 leased for 86400 s ({A})"]
    assert [str(lease) for lease in net.server.leases.values()] == [
        f"192.168.16.2 bound {A} until 86400"
    ]


def test_further_guests_get_the_next_ones(net: Net) -> None:
    assert [net.lease(mac) for mac in (A, B, C)] == [f"192.168.16.{i}" for i in (2, 3, 4)]


def test_an_offer_is_kept_for_its_client(net: Net) -> None:
    net.ask(A, "discover")
    assert net.ask(B, "discover").address == "192.168.16.3"
    net.now = 61
    assert net.ask(C, "discover").address == "192.168.16.4"  # fresh ones before forgotten ones


def test_the_same_client_gets_its_address_again(net: Net) -> None:
    assert net.lease(A) == "192.168.16.2"
    net.ask(B, "discover")
    assert net.lease(A) == "192.168.16.2"
    net.send(A, "release", ciaddr="192.168.16.2", server_id="192.168.16.1")
    assert net.lease(C) == "192.168.16.4"
    assert net.lease(A) == "192.168.16.2"


def test_another_identifier_of_the_same_mac_is_the_same_client(net: Net) -> None:
    """A boot ROM, then the system that it loaded."""
    assert net.lease(A, client_id=b"\0rom") == "192.168.16.2"
    assert net.lease(A, client_id=b"\xffsystem") == "192.168.16.2"


def test_an_identifier_keeps_its_address_with_another_mac_once_it_is_free(net: Net) -> None:
    fields = {"requested_addr": "192.168.16.9", "server_id": "192.168.16.1", "client_id": b"\0x"}
    assert net.ask(A, "request", **fields).kind == "ack"
    assert net.ask(C, "discover", client_id=b"\0x").address == "192.168.16.2"
    net.send(A, "release", ciaddr="192.168.16.9")
    assert net.ask(B, "discover", client_id=b"\0x").address == "192.168.16.9"


# ---------------------------------------------------------------- asking for an address
def test_a_free_address_is_given_to_whoever_asks(net: Net) -> None:
    assert net.lease(A, requested_addr="192.168.16.50") == "192.168.16.50"
    assert net.ask(B, "discover", ciaddr="192.168.16.51").address == "192.168.16.51"


@pytest.mark.parametrize("last", [0, 1, 50, 60, 255])
def test_no_address_that_is_not_free(last: int) -> None:
    net = Net(used={"192.168.16.60": A})
    net.lease(A, requested_addr="192.168.16.50")
    wanted = f"192.168.16.{last}"
    assert net.ask(B, "discover", requested_addr=wanted).address == "192.168.16.2"
    nak = net.ask(B, "request", requested_addr=wanted)
    assert (nak.kind, nak.address, nak.to) == ("nak", "0.0.0.0", BROADCAST)
    assert nak.options["error_message"] == (f"{wanted} is not free".encode(),)
    assert net.said[-1] == f"{wanted} refused: is not free ({B})"


def test_an_address_of_another_net(net: Net) -> None:
    assert net.ask(A, "discover", requested_addr="10.0.2.15").address == "192.168.16.2"
    nak = net.ask(A, "request", requested_addr="10.0.2.15")
    assert nak.kind == "nak"
    assert set(nak.options) == {"message-type", "server_id", "error_message"}
    assert net.said[-1] == f"10.0.2.15 refused: is not in 192.168.16.0/24 ({A})"
    assert net.ask(A, "request", ciaddr="10.0.2.15").to == BROADCAST


def test_addresses_in_use_are_passed_over() -> None:
    net = Net(used={"192.168.16.2": B, "192.168.16.3": B})
    assert net.lease(A) == "192.168.16.4"


def test_a_guest_is_not_in_its_own_way() -> None:
    net = Net(used={"192.168.16.2": A, "192.168.16.9": A})
    assert net.lease(A) == "192.168.16.2"
    assert net.ask(A, "request", requested_addr="192.168.16.9").kind == "ack"


def test_a_guest_takes_another_address_and_leaves_its_old_one(net: Net) -> None:
    net.lease(A)
    net.lease(A, requested_addr="192.168.16.7")
    assert net.lease(B) == "192.168.16.2"
    assert [str(IPv4Address(a)) for a in net.server.leases] == ["192.168.16.7", "192.168.16.2"]


def test_another_server_is_chosen(net: Net) -> None:
    offer = net.ask(A, "discover")
    asked = {"requested_addr": offer.address, "server_id": "192.168.16.77"}
    assert net.send(A, "request", **asked) is None
    assert net.server.leases[IPv4Address(offer.address).packed].state is State.FREE


def test_a_request_without_an_address(net: Net) -> None:
    assert net.send(A, "request") is None
    assert net.notices.dropped == {"dhcp request without an address": 1}


# ---------------------------------------------------------------- renewing
def test_renewing_keeps_the_lease_quietly(net: Net) -> None:
    net.lease(A)
    net.now = 50_000
    ack = net.ask(A, "request", ciaddr="192.168.16.2", flags="B")
    assert (ack.kind, ack.to) == ("ack", (A, "192.168.16.2", 68))
    assert ack.packet.ciaddr == "192.168.16.2"
    assert next(iter(net.server.leases.values())).until == 136_400
    assert len(net.said) == 1


def test_a_lease_from_before_the_start_goes_on() -> None:
    """A guest restored from a snapshot; the router sees its address in use, by itself."""
    net = Net(used={"192.168.16.30": A})
    assert net.ask(A, "request", ciaddr="192.168.16.30").kind == "ack"
    assert net.ask(B, "request", requested_addr="192.168.16.31").kind == "ack"


def test_a_lease_ends_in_guest_time(net: Net) -> None:
    net.lease(A)
    net.now = 86_400
    assert net.ask(B, "request", requested_addr="192.168.16.2").kind == "ack"
    assert net.ask(A, "request", ciaddr="192.168.16.2").kind == "nak"


def test_a_shorter_lease_may_be_asked_for(net: Net) -> None:
    offer = net.ask(A, "discover", lease_time=100)
    times = ("lease_time", "renewal_time", "rebinding_time")
    assert [offer.options[name] for name in times] == [(100,), (50,), (87,)]
    assert net.ask(A, "discover", lease_time=1).options["lease_time"] == (10,)
    assert net.ask(A, "discover", lease_time=2**32 - 1).options["lease_time"] == (86400,)


def test_a_lease_for_ever() -> None:
    net = Net(config("dhcp.lease = 4294967295"))
    net.lease(A)
    assert net.said == [f"192.168.16.2 leased for ever ({A})"]
    net.now = 1e12
    assert net.lease(B) == "192.168.16.3"


# ---------------------------------------------------------------- giving back
def test_declined_addresses_rest(net: Net) -> None:
    net.lease(A)
    declined = {"requested_addr": "192.168.16.2", "server_id": "192.168.16.1"}
    assert net.send(A, "decline", **declined) is None
    assert net.said[-1] == f"192.168.16.2 declined: somebody else uses it ({A})"
    assert net.ask(A, "discover", requested_addr="192.168.16.2").address == "192.168.16.3"
    net.now = 601
    assert net.ask(B, "discover", requested_addr="192.168.16.2").address == "192.168.16.2"


@pytest.mark.parametrize("kind", ["release", "decline"])
def test_nobody_gives_back_what_another_has(net: Net, kind: str) -> None:
    net.lease(A)
    fields = {"ciaddr": "192.168.16.2", "requested_addr": "192.168.16.2"}
    assert net.send(B, kind, **fields) is None
    assert net.send(A, kind, **fields, server_id="192.168.16.9") is None
    assert net.notices.dropped == {"dhcp for a lease that it does not have": 2}
    assert net.lease(A) == "192.168.16.2"


def test_released(net: Net) -> None:
    net.lease(A)
    net.send(A, "release", ciaddr="192.168.16.2")
    assert net.said[-1] == f"192.168.16.2 released ({A})"
    assert net.ask(B, "request", requested_addr="192.168.16.2").kind == "ack"


# ---------------------------------------------------------------- the net is full
def test_a_full_net_says_so_and_lets_expired_addresses_go() -> None:
    net = Net(config('network.net = "10.0.0.0/29"'))
    for i in range(5):
        net.ask(f"52:54:00:00:01:{i:02x}", "request", requested_addr=f"10.0.0.{i + 2}")
        net.now += 1
    assert net.send(A, "discover") is None
    assert net.said[-1].endswith(f"{A} gets no address: all of 10.0.0.0/29 are taken")
    net.now = 86_401.5
    assert net.ask(A, "discover").address == "10.0.0.2"  # the one that ended first


def test_made_up_macs_fill_no_memory() -> None:
    net = Net(config('network.net = "10.0.0.0/8"'))
    for i in range(4096):
        net.server.from_guest(discover(i), 0.0)
    assert len(net.server.leases) == 4096
    assert net.server.from_guest(discover(9999), 0.0) is None
    assert net.server.from_guest(discover(9999), 61.0) is not None
    assert len(net.server.leases) == 4096


def test_addresses_that_became_free_are_given_again_the_lowest_first(net: Net) -> None:
    for number in range(5):
        net.lease(mac(number))
    for number in (3, 1):
        net.lease(mac(number), requested_addr=f"192.168.16.{100 + number}")
    assert [net.lease(mac(10 + number)) for number in range(3)] == [
        "192.168.16.3",
        "192.168.16.5",
        "192.168.16.7",
    ]


def test_all_addresses_of_a_net_are_given() -> None:
    net = Net(config('network = {net = "10.0.0.0/28", guest = "10.0.0.9"}'))
    wanted = [*range(9, 15), *range(2, 9)]
    assert [net.lease(mac(number)) for number in range(13)] == [f"10.0.0.{n}" for n in wanted]
    assert net.send(mac(13), "discover") is None


def test_who_was_seen_at_an_address_may_go_away() -> None:
    seen: dict[str, str] = {f"10.0.0.{number}": C for number in range(2, 14)}
    net = Net(config('network.net = "10.0.0.0/28"'), seen)
    assert net.lease(A) == "10.0.0.14"
    assert net.send(B, "discover") is None
    net.used.clear()
    assert net.lease(B) == "10.0.0.2"


def mac(number: int) -> str:
    return f"52:54:00:00:01:{number:02x}"


def discover(number: int) -> bytes:
    mac = b"\x52\x54" + number.to_bytes(4, "big")
    asked = IPv4Address("10.77.0.0").packed[:2] + (number + 1).to_bytes(2, "big")
    options = {dhcp.KIND: b"\1", dhcp.WANTED: asked}
    return dhcp.encode(dhcp.Message(1, number, mac, options=options))[0]


# ---------------------------------------------------------------- BOOTP, INFORM, relays
def test_plain_bootp_gets_an_address_for_ever(net: Net) -> None:
    reply = net.ask(A)
    assert (reply.kind, reply.address, reply.to) == (
        "bootp",
        "192.168.16.2",
        (A, "192.168.16.2", 68),
    )
    assert set(reply.options) == {"subnet_mask", "router", "name_server", "broadcast_address"}
    assert len(reply.reply.payload) == 300
    net.now = 1e9
    assert net.ask(B, "discover").address == "192.168.16.3"
    assert net.said == [f"192.168.16.2 leased for ever ({A})"]


@pytest.mark.parametrize("magic", [b"CMU\0", b"NeXT", b"\x63\x53\x82\x63"])
def test_bootp_with_a_vendors_own_area_gets_it_back(net: Net, magic: bytes) -> None:
    header = bytes(BOOTP(op=1, chaddr=bytes.fromhex(A.replace(":", "")), xid=9))[:236]
    reply = net.server.from_guest(header + magic + b"\7" * 60, 0.0)
    assert reply is not None
    assert (BOOTP(reply.payload).yiaddr, BOOTP(reply.payload).xid) == ("192.168.16.2", 9)
    assert reply.payload[236:] == magic + b"\7" * 60
    swapped = magic[0] == 0x63
    assert net.notices.dropped == ({"dhcp cookie": 1} if swapped else {})


def test_an_option_of_a_wrong_length_is_counted_and_the_message_answered(net: Net) -> None:
    options = {dhcp.KIND: b"\1", dhcp.MAXIMUM: b"\5", dhcp.WANTED: bytes((192, 168, 16, 9))}
    message = dhcp.Message(dhcp.REQUEST, 1, bytes.fromhex(A.replace(":", "")), options=options)
    reply = net.server.from_guest(dhcp.encode(message)[0], 0.0)
    assert reply is not None
    assert (Answer(reply).kind, Answer(reply).address) == ("offer", "192.168.16.9")
    assert net.notices.dropped == {"dhcp option": 1}
    (line,) = net.said
    said = f"dropped: DHCP006 dhcp option: {A}: option 57 has 1 bytes, expected 2 (RFC 2132);"
    assert line.startswith(f"{said} it is left out; look at: ")


def test_inform_gets_options_only(net: Net) -> None:
    ack = net.ask(A, "inform", ciaddr="192.168.16.99")
    assert (ack.kind, ack.address, ack.to) == ("ack", "0.0.0.0", (A, "192.168.16.99", 68))
    assert not {"lease_time", "renewal_time", "rebinding_time"} & set(ack.options)
    assert ack.options["router"] == ("192.168.16.1",)
    assert net.server.leases == {}


def test_who_wants_broadcast_gets_broadcast(net: Net) -> None:
    offer = net.ask(A, "discover", flags="B")
    assert offer.to == BROADCAST
    assert offer.packet.flags == 0x8000


@pytest.mark.parametrize("flags", ["", "B"])
def test_in_a_hermetic_net_the_fourth_offer_goes_the_other_way(flags: str) -> None:
    """To see whether the guest takes that."""
    net = Net(config("hermetic = true"))
    to_one = (A, "192.168.16.2", 68)
    usual, other = (BROADCAST, to_one) if flags else (to_one, BROADCAST)
    offers = [net.ask(A, "discover", flags=flags) for _ in range(4)]
    assert [offer.to for offer in offers] == [usual, usual, usual, other]
    (said,) = offers[-1].reply.comments
    assert ("by broadcast" in said) is (other == BROADCAST)
    assert ("to the guest's MAC address" in said) is (other == to_one)


def test_through_a_relay(net: Net) -> None:
    relay = "192.168.16.200"
    offer = net.ask(A, "discover", giaddr=relay, relay_agent_information=b"\1\1x")
    assert (offer.to[1:], offer.packet.giaddr) == ((relay, 67), relay)
    nak = net.ask(A, "request", giaddr=relay, requested_addr="10.0.0.1")
    assert (nak.to[1:], nak.packet.flags) == ((relay, 67), 0x8000)
    assert net.send(A, "discover", giaddr="10.0.0.1") is None
    assert net.notices.dropped == {"dhcp relay of another net": 1}


def test_servers_in_the_guest_are_not_answered(net: Net) -> None:
    assert net.send(A, "offer") is None
    reply = dhcp.encode(dhcp.Message(2, 1, b"\x52\x54\0\0\0\1"))[0]
    assert net.server.from_guest(reply, 0.0) is None
    assert net.notices.dropped == {"dhcp server message from the guest": 2}


def test_switched_off() -> None:
    net = Net(replace(Config(), dhcp=Dhcp(enabled=False)))
    assert net.send(A, "discover") is None
    assert net.notices.dropped == {"dhcp is off": 1}


# ---------------------------------------------------------------- options
FULL = """
network.mtu = 1400
[dhcp]
hostname = "box"
domain = "lab.test"
search = ["a.test", "b.lab.test"]
bootfile = "pxelinux.0"
next_server = "192.168.16.44"
server_name = "boot"
"""


def test_everything_configured_is_told() -> None:
    offer = Net(config(FULL)).ask(A, "discover", client_id=b"\0me")
    assert offer.options["interface-mtu"] == (1400,)
    assert offer.options["hostname"] == (b"box",)
    assert offer.options["domain"] == (b"lab.test",)
    assert offer.options["boot-file-name"] == (b"pxelinux.0",)
    assert offer.options["tftp_server_name"] == (b"boot",)
    assert offer.options["client_id"] == (b"\0me",)
    assert dhcp.decode(offer.reply.payload).options[119] == b"\1a\4test\0\1b\3lab\4test\0"
    assert offer.packet.siaddr == "192.168.16.44"
    assert offer.packet.file.rstrip(b"\0") == b"pxelinux.0"
    assert offer.packet.sname.rstrip(b"\0") == b"boot"


def test_options_come_in_the_order_asked_for_but_the_mask_before_the_router() -> None:
    offer = Net(config(FULL)).ask(A, "discover", param_req_list=[15, 3, 1, 12, 200])
    assert offer.order[:9] == [
        "message-type",
        "server_id",
        "lease_time",
        "renewal_time",
        "rebinding_time",
        "subnet_mask",
        "domain",
        "router",
        "hostname",
    ]


def many_domains(count: int) -> Config:
    domains = ", ".join(f'"{"x" * 40}{i}.test"' for i in range(count))
    return config(f'[dhcp]\nsearch = [{domains}]\nbootfile = "b"')


def test_options_that_do_not_fit_are_left_out_with_a_notice() -> None:
    net = Net(many_domains(4))
    offer = net.ask(A, "discover", client_id=b"\0" * 200)
    assert dhcp.SEARCH not in dhcp.decode(offer.reply.payload).options
    assert len(offer.reply.payload) <= 548
    assert net.said == [f"no room for DHCP options 119 in the answer to {A}"]


def test_a_client_that_takes_more_gets_more() -> None:
    net = Net(many_domains(12))
    offer = net.ask(A, "discover", max_dhcp_size=1500)
    assert len(dhcp.decode(offer.reply.payload).options[119]) == 12 * 48 + 2
    assert 548 < len(offer.reply.payload) <= 1472
    assert net.said == []
    assert len(net.ask(A, "discover", max_dhcp_size=60).reply.payload) <= 548


# ---------------------------------------------------------------- fuzz
SENT = [
    question(A, "discover", param_req_list=[1, 3, 6, 15, 26], hostname=b"guest"),
    question(A, "request", requested_addr="192.168.16.2", server_id="192.168.16.1"),
    question(B, "request", requested_addr="192.168.16.3", client_id=b"\1abc", max_dhcp_size=600),
    question(B, "inform", ciaddr="192.168.16.3", client_id=b"\1" + bytes(200)),
    question(C, "decline", requested_addr="192.168.16.4", server_id="192.168.16.1"),
    question(A, "release", ciaddr="192.168.16.2", server_id="192.168.16.1"),
    question(C),
]
GUESTS = [*Network().net.hosts()][1:]
REASONS = [
    *("dhcp length", "dhcp op:", "dhcp hardware address", "dhcp cookie", "dhcp message type"),
    *("option 50 has", "option 54 has", "option 57 has", "runs over the end", "dhcp overload"),
]


def spoilt_question(data: bytes, dice: Random) -> bytes:
    """Somewhere, or in one of its options."""
    if dice.randrange(2):
        return spoilt(data, dice)
    overload = bytes((52, 1, dice.randrange(6))) if dice.randrange(4) == 0 else b""
    return data[:240] + overload + spoilt(data[240:], dice)


def test_a_spoilt_question_is_answered_dropped_or_malformed() -> None:
    net = Net(replace(Config(), network=Network(mtu=576)))
    answers = Counter[str]()

    def ask(data: bytes) -> None:
        net.now += 1
        asked = dhcp.decode(data)
        if reply := net.server.from_guest(data, net.now):
            answer = Answer(reply)
            answers[answer.kind] += 1
            assert (answer.packet.xid, answer.packet.chaddr[:6]) == (asked.xid, asked.mac)
            assert len(reply.payload) <= 548
            assert IPv4Address(answer.address) in (*GUESTS, IPv4Address(0))
        for flaw in asked.flaws:
            raise flaw

    sift(samples(SENT, spoilt_question, 3000), ask, Malformed, least=0.25, said=REASONS)
    assert min(answers[kind] for kind in ("offer", "ack", "nak", "bootp")) > 50
    assert net.notices.dropped.keys() == {
        *("dhcp cookie", "dhcp option", "dhcp overload"),  # left out, and the rest answered
        "dhcp for a lease that it does not have",
        "dhcp for another server",
        "dhcp relay of another net",
        "dhcp request without an address",
        "dhcp server message from the guest",
    }
