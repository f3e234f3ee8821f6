"""What the kernel's network has to do. `pytest --pynat-artifacts=out` keeps what a failure left."""

from pathlib import Path

import pytest

from pynat.testing.kit import Guest, Refused

ROUTER = "192.168.16.1"
WEB = Path(__file__).with_name("web.py")
DATA = bytes(range(256)) * 40
CARDS = [{"nic": nic} for nic in ("e1000", "ne2k-pci", "ne2k-isa")]


def echoed(guest: Guest, data: bytes) -> bytes:
    """What the kernel's echo server makes of it, which closes when we do."""
    guest.wait_listen(7)
    with guest.connect(7) as connection, connection.makefile("rb") as answer:
        connection.sendall(data)
        connection.shutdown(1)
        return answer.read()


def test_it_gets_an_address(guest: Guest) -> None:
    assert guest.wait_lease() == "192.168.16.2"
    guest.expect(f"^lease 192.168.16.2 router {ROUTER}")
    guest.lint.assert_clean(severity="note")


@pytest.mark.pynat(append=f"ping={ROUTER}")
@pytest.mark.parametrize("guest", CARDS, indirect=True, ids=lambda card: card["nic"])
def test_it_pings_on_every_card(guest: Guest) -> None:
    guest.expect(f"^ping {ROUTER}: 4 of 4 answered")
    guest.lint.assert_clean(severity="note")


def test_it_answers_pings(guest: Guest) -> None:
    guest.expect("^lease")
    for size in (0, 1, 1000, 1472):  # bytes; one of them is odd, and the last fills a frame
        assert len(guest.ping(count=3, size=size)) == 3
    guest.lint.assert_clean()


@pytest.mark.pynat(append="dns=web.test", config={"dns": {"names": {"web.test": "192.0.2.80"}}})
def test_it_resolves_a_name(guest: Guest) -> None:
    guest.expect("^dns web.test is 192.0.2.80")
    assert guest.dns_questions == ["web.test"]


@pytest.mark.pynat(append="dns=none.test")
def test_it_says_that_there_is_no_such_name(guest: Guest) -> None:
    guest.expect("^dns none.test: no answer")
    assert guest.dns_questions == ["none.test"]  # once: it has had its answer


@pytest.mark.pynat(append="get=http://web.test/", net=WEB)
def test_it_fetches_a_page(guest: Guest) -> None:
    guest.expect("^get: 13 bytes")
    flow = guest.expect_flow(r"^tcp .*:80 ")
    assert flow.to_guest.again == 0


@pytest.mark.pynat(append=f"get=http://{ROUTER}:81/")
def test_it_says_that_a_connection_is_refused(guest: Guest) -> None:
    guest.expect("^get: refused")
    guest.lint.assert_clean()


@pytest.mark.pynat(
    append="get=http://web.test/", net=WEB, impair=["drop from-guest tcp data first 2"]
)
def test_it_sends_again_what_is_lost(guest: Guest) -> None:
    guest.expect("^get: 13 bytes")
    flow = guest.expect_flow(r"^tcp .*:80 ")
    assert flow.from_guest.again == 2
    guest.lint.assert_clean()


@pytest.mark.pynat(append="echo=7")
def test_it_serves(guest: Guest) -> None:
    assert echoed(guest, DATA) == DATA
    guest.expect("^echo: done")
    guest.lint.assert_clean(severity="note")


@pytest.mark.pynat(append="pong=1 poweroff")
def test_it_says_what_it_does_not_know(guest: Guest) -> None:
    guest.expect("^unknown word: pong")
    guest.expect("^power off")


@pytest.mark.pynat(append="echo=7", impair=["loss 5%"])
@pytest.mark.pynat_seeds(3)
def test_it_serves_on_a_bad_wire(guest: Guest) -> None:
    assert echoed(guest, DATA) == DATA
    guest.lint.assert_clean()


@pytest.mark.pynat(append="echo=7", impair=["duplicate 20%", "delay 5ms 5ms reorder 20%"], seed=1)
def test_it_serves_where_frames_come_twice_and_late(guest: Guest) -> None:
    assert echoed(guest, DATA) == DATA
    guest.lint.assert_clean()


def test_it_refuses_what_nobody_serves(guest: Guest) -> None:
    guest.expect("^lease")
    with pytest.raises(Refused, match="refuse"):
        guest.connect(8)


@pytest.mark.pynat(append="sleep=100 poweroff", config={"dhcp": {"lease": 60}})
def test_it_renews_its_lease(guest: Guest) -> None:
    for _ in range(3):  # after 30 s each; a second of sleep takes milliseconds
        guest.expect("^renewed lease 192.168.16.2")


@pytest.mark.pynat(faults=["dhcp silent 2"])
def test_it_asks_again_for_an_address(guest: Guest) -> None:
    guest.wait_lease()
    assert guest.lint.counts["DHCP001"] == 0
    assert len([frame for frame in guest.frames if "DISCOVER" in frame.text]) > 2


def test_it_comes_back_when_the_cable_does(guest: Guest) -> None:
    guest.expect("^lease")
    guest.link_down()
    assert guest.ping(count=2, timeout=2) == []
    guest.link_up()
    assert len(guest.ping(count=2)) == 2


@pytest.mark.pynat(append="poweroff")
def test_it_switches_itself_off(guest: Guest) -> None:
    assert guest.wait_end().ending == "power off"
