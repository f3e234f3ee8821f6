"""The list of faults, and what DHCP does wrong when it is asked to."""

from __future__ import annotations

import pytest
from scapy.layers.dhcp import BOOTP
from scapy.layers.l2 import Ether

from pynat.config import Config
from pynat.config.toml import read_toml
from pynat.errors import ConfigError
from pynat.wire import dhcp
from tests.frames import GUEST, ROUTER
from tests.services.faulty import MAC, Faulty

OTHER = "192.168.16.3"


# ---------------------------------------------------------------- the list
def test_faults_have_numbers_that_are_never_given_twice() -> None:
    faults = Faulty("dhcp silent", "arp silent 2").router.faults
    assert faults.clear(1) == 1
    assert faults.add("dns * servfail") == 3
    assert faults.rows() == [
        {"number": 2, "fault": "arp silent 2", "met": 0, "left": 2},
        {"number": 3, "fault": "dns * servfail", "met": 0, "left": None},
    ]
    assert faults.clear() == 2
    assert not faults


def test_a_wrong_one_is_refused_with_what_would_be_right() -> None:
    with pytest.raises(ConfigError, match=r"fault 'dhcp silnt': must be .*did you mean silent"):
        Faulty("dhcp silnt")


def test_the_configuration_has_them_from_the_start() -> None:
    lab = Faulty(config=read_toml('faults = ["dhcp silent 1"]', "net.toml"))
    lab.discover()
    assert lab.replies() == []
    lab.discover()
    assert len(lab.replies()) == 1


def test_each_is_counted_and_told() -> None:
    lab = Faulty("dhcp silent 3")
    lab.discover()
    assert lab.met() == [1]
    assert lab.drops == {"fault": 1}
    assert lab.said(
        "fault 1, dhcp silent 3: DISCOVER 52:54:00:12:34:56 xid 0x00000007 not answered"
    )
    assert lab.said("(1 of 3)")


def test_the_capture_says_it_of_both_frames() -> None:
    lab = Faulty("dhcp lease 30")
    lab.router.notices.comments.want(True)
    lab.discover()
    (offer,) = lab.to_guest()
    assert "fault 1, dhcp lease 30: OFFER with lease 30 s (1)" in lab.router.notices.comments.pop(
        offer
    )


# ---------------------------------------------------------------- DHCP
def test_without_faults_all_is_well() -> None:
    ack = Faulty().leased()
    assert (ack.address, ack.options["lease_time"]) == (GUEST, 86_400)


def test_silent_for_the_first_ones() -> None:
    lab = Faulty("dhcp silent 2")
    for _ in range(3):
        lab.discover()
    assert [reply.kind for reply in lab.replies()] == ["offer"]


def test_silent_to_one_kind_of_message() -> None:
    lab = Faulty("dhcp silent request")
    lab.discover()
    lab.request()
    assert [reply.kind for reply in lab.replies()] == ["offer"]
    lab.router.faults.clear()
    lab.request()
    assert [reply.kind for reply in lab.replies()] == ["ack"]


def test_slow() -> None:
    lab = Faulty("dhcp slow 2.5 1")
    lab.discover()
    lab.wait(2.4)
    assert lab.replies() == []
    lab.wait(0.2)
    assert [reply.kind for reply in lab.replies()] == ["offer"]
    lab.discover()
    assert [reply.kind for reply in lab.replies()] == ["offer"]


def test_nak() -> None:
    lab = Faulty("dhcp nak 1")
    lab.discover()
    lab.request()
    lab.request()
    assert [reply.kind for reply in lab.replies()] == ["offer", "nak", "ack"]


def test_a_lease_shorter_than_any_real_one() -> None:
    lab = Faulty("dhcp lease 4")
    ack = lab.leased()
    times = {name: ack.options[name] for name in ("lease_time", "renewal_time", "rebinding_time")}
    assert times == {"lease_time": 4, "renewal_time": 2, "rebinding_time": 3}
    (lease,) = lab.router.dhcp.leases.values()
    assert lease.until == lab.now + 4


def test_odd_times_of_renewal() -> None:
    options = Faulty("dhcp t1 90000", "dhcp t2 0").leased().options
    assert (options["renewal_time"], options["rebinding_time"]) == (90_000, 0)


def test_another_address_on_renewal() -> None:
    lab = Faulty("dhcp moved 1")
    lab.leased()
    lab.renew()
    (ack,) = lab.replies()
    assert (ack.kind, ack.address) == ("ack", OTHER)
    assert [lease.address[3] for lease in lab.router.dhcp.leases.values()] == [3]
    lab.renew(OTHER)
    assert [reply.address for reply in lab.replies()] == [OTHER]


def test_another_address_also_for_a_guest_that_lost_the_news() -> None:
    lab = Faulty("dhcp moved")
    lab.leased()
    for third in (OTHER, GUEST[:-1] + "4"):
        lab.renew()
        assert [reply.address for reply in lab.replies()] == [third]


def test_another_address_than_the_offered_one() -> None:
    lab = Faulty("dhcp ack-other")
    assert lab.leased().address == OTHER


@pytest.mark.parametrize("length", [576, 577, 578, 1000, 1500])
def test_oversized(length: int) -> None:
    lab = Faulty(f"dhcp oversized {length}")
    ack = lab.leased()
    assert ack.length == length
    assert dhcp.decode(ack.payload).options[dhcp.MASK] == bytes((255, 255, 255, 0))


def test_options_in_file_and_sname() -> None:
    ack = Faulty("dhcp overload").leased()
    assert ack.options["dhcp-option-overload"] == 1
    assert "lease_time" not in ack.options
    assert dhcp.decode(ack.payload).options[dhcp.LEASE] == (86_400).to_bytes(4, "big")


def test_minimal() -> None:
    ack = Faulty("dhcp minimal").leased()
    assert ack.options.keys() == {"message-type", "server_id", "lease_time"}
    assert len(ack.payload) < 300


def test_wrong_fields() -> None:
    lab = Faulty("dhcp wrong-xid 1", "dhcp wrong-server 1")
    lab.discover()
    (offer,) = lab.replies()
    assert (offer.xid, offer.options["server_id"]) == (6, "192.168.16.255")
    lab.discover()
    (offer,) = lab.replies()
    assert (offer.xid, offer.options["server_id"]) == (7, ROUTER)


def test_an_answer_for_another_card_comes_to_the_guests() -> None:
    lab = Faulty("dhcp wrong-chaddr 1")
    lab.discover()
    (offer,) = lab.replies()
    assert offer.packet[BOOTP].chaddr[:6].hex(":") == "52:54:00:12:34:a9"
    assert offer.packet[Ether].dst == MAC
    lab.discover()
    (offer,) = lab.replies()
    assert offer.packet[BOOTP].chaddr[:6].hex(":") == MAC


@pytest.mark.parametrize("more", [[], ["dhcp oversized 576"]])
def test_options_in_another_order(more: list[str]) -> None:
    wanted = dhcp.decode(Faulty().leased().payload).options
    ack = Faulty("dhcp shuffled", *more).leased()
    options = dhcp.decode(ack.payload).options
    known = {code: value for code, value in options.items() if code in wanted}
    assert known == wanted
    assert list(known)[-1] == dhcp.KIND
    assert next(iter(options)) == 254
    assert (ack.length == 576) == bool(more)


@pytest.mark.parametrize(
    ("word", "option"),
    [
        ("mask", "subnet_mask"),
        ("router", "router"),
        ("dns", "name_server"),
        ("server", "server_id"),
        ("lease", "lease_time"),
    ],
)
def test_an_option_is_missing(word: str, option: str) -> None:
    assert option not in Faulty(f"dhcp without {word}").leased().options
    assert option in Faulty().leased().options


def test_several_at_once() -> None:
    options = Faulty("dhcp lease 60", "dhcp without router", "dhcp oversized 1000").leased().options
    assert options["lease_time"] == 60
    assert "router" not in options


def test_a_full_net_cannot_give_another_address() -> None:
    config = read_toml('[network]\nnet = "192.168.16.0/30"', "net.toml")
    lab = Faulty("dhcp ack-other", config=config)
    assert lab.leased().address == GUEST
    assert lab.met() == [0]


def test_nothing_is_different_once_they_are_cleared() -> None:
    lab = Faulty("dhcp silent", "dhcp lease 4", config=Config())
    lab.router.faults.clear()
    assert lab.leased().options["lease_time"] == 86_400
