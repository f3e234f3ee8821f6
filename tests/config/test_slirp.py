"""Files of Bochs's slirp back end, unchanged."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from pynat.config import Config, Network
from pynat.config.slirp import KEYS, NO_EFFECT, is_slirp, read_slirp
from pynat.errors import ConfigError
from tests.spoiling import NO_UTF_8, respelt, samples, sift

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


def slirp(body: str) -> Config:
    return read_slirp("# slirp config\n" + body, "slirp.conf")


def mistake(body: str) -> str:
    with pytest.raises(ConfigError) as caught:
        slirp(body)
    return str(caught.value)


def addresses(network: Network) -> list[str]:
    return [str(a) for a in (network.net, network.router, network.dns, network.guest)]


def test_the_first_line_decides() -> None:
    assert is_slirp("# slirp config\r\nnet = 10.0.2.0\r\n")
    assert is_slirp("\n# slirp config")
    assert not is_slirp("# Slirp config")
    assert not is_slirp("")


def test_slirps_own_defaults() -> None:
    assert addresses(slirp("").network) == ["10.0.2.0/24", "10.0.2.2", "10.0.2.3", "10.0.2.15"]


EVERYTHING = (
    "# a comment\n\n"
    "restricted = 0\n"
    "NET=192.168.10.0\n"
    "mask = 255.255.255.128\n"
    "host = 192.168.10.1\r\n"
    "DHCPstart = 192.168.10.20\n"
    "dns = 192.168.10.2\n"
    "hostname = slirp\n"
    "bootfile = /pxelinux.0\n"
    "tftp_srvname = boot\n"
    "dnssearch = a.test, b.test ,\n"
    "pktlog = slirp.txt\n"
    "ipv6_enabled = 0\n" + "".join(f"hostfwd = tcp:0.0.0.0:{8000 + i}-:80\n" for i in range(8))
)


def spoilt_file(text: str, dice: Random) -> str:
    """In one line; what is no UTF-8 is no text of a file."""
    lines = text.strip().split("\n")
    at = dice.choice([number for number, line in enumerate(lines) if "=" in line])
    lines[at] = respelt(lines[at], dice).replace(NO_UTF_8, "?")
    return "\n".join(lines)


def test_a_spoilt_file_is_a_config_or_one_line() -> None:
    refusals = [
        *("unknown key; did you mean", "must be written as key = value", "must be an IPv4 address"),
        *("must be [tcp|udp]", "pktlog"),
        *("mask", "dhcpstart", "restricted"),
    ]
    inputs = samples([EVERYTHING], spoilt_file)
    for said in sift(inputs, slirp, ConfigError, least=0.2, said=refusals):
        assert said.startswith("slirp.conf:")
        assert said.isprintable()


def test_a_file_with_everything() -> None:
    config = slirp(EVERYTHING)
    wanted = ["192.168.10.0/25", "192.168.10.1", "192.168.10.2", "192.168.10.20"]
    assert addresses(config.network) == wanted
    assert (config.dhcp.hostname, config.dhcp.bootfile) == ("slirp", "/pxelinux.0")
    assert (config.dhcp.server_name, config.dhcp.search) == ("boot", ("a.test", "b.test"))
    assert config.capture == Path("slirp.txt")
    assert len(config.forwards) == 8
    assert config.forwards[1].source == "slirp.conf:17: hostfwd"
    assert config.warnings == ()


def test_addresses_keep_their_places_in_another_net() -> None:
    wanted = ["10.9.0.0/16", "10.9.0.2", "10.9.0.3", "10.9.0.15"]
    assert addresses(slirp("net = 10.9.0.0\nmask = 255.255.0.0").network) == wanted


def test_the_last_line_of_a_key_counts_and_an_empty_value_does_not() -> None:
    config = slirp("hostname = one\nhostname = two\nhostname =\n")
    assert config.dhcp.hostname == "two"


def test_a_restricted_guest_is_shut_in() -> None:
    assert slirp("restricted = 1").restricted
    assert not slirp("restricted = 0").restricted


def test_what_has_no_effect_is_told() -> None:
    config = slirp("restricted = 0\nsmb_export = /srv\nsmb_srv=10.0.2.4\nhostfwd = ::2222-:22")
    assert config.warnings == (
        "slirp.conf:3: smb_export = /srv is understood but has no effect",
        "slirp.conf:4: smb_srv = 10.0.2.4 is understood but has no effect",
        "slirp.conf:5: hostfwd = ::2222-:22 listens on 127.0.0.1 only;"
        " name the host address 0.0.0.0 to listen on all, as slirp does",
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("hostnam = x", "slirp.conf:2: hostnam: unknown key; did you mean hostname?"),
        ("qqqqqqq = x", "slirp.conf:2: qqqqqqq: unknown key; known: net, mask"),
        ("\nhostname", "slirp.conf:3: hostname: must be written as key = value"),
        ("net = x", 'slirp.conf:2: net = "x": must be an IPv4 address'),
        ("hostfwd = tcp:80-:80", "slirp.conf:2: hostfwd = "),
        ("hostfwd = tcp::09-:80\nhostfwd = tcp::0-:0x0", "slirp.conf:3: hostfwd = "),
        ("hostfwd = tcp:1.2.3.4.5:80-:80", "slirp.conf:2: hostfwd = "),
        ("bootfile = " + "x" * 128, "1 to 127 bytes"),
    ],
)
def test_mistakes(body: str, message: str) -> None:
    said = mistake(body)
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("net = 10.5   # ours", "10.0.0.0/24 10.0.0.2 10.0.0.3 10.0.0.15"),
        ("net = 0xa050000", "10.5.0.0/24 10.5.0.2 10.5.0.3 10.5.0.15"),
        ("net = 10.0.011.0\nhost = 10.0.9.1", "10.0.9.0/24 10.0.9.1 10.0.9.3 10.0.9.15"),
        ("NET = 10.0.2.77", "10.0.2.0/24 10.0.2.2 10.0.2.3 10.0.2.15"),
        ("mask = 255.255.0.0", "10.0.0.0/16 10.0.0.2 10.0.0.3 10.0.0.15"),
        ("mask = 255.255.255.248", "10.0.2.0/29 10.0.2.2 10.0.2.3 10.0.2.1"),
        ("mask = 255.255.255.252", "10.0.2.0/30 10.0.2.2 10.0.2.2 10.0.2.1"),
        ("host = 10.0.2.3", "10.0.2.0/24 10.0.2.3 10.0.2.3 10.0.2.15"),
        ("  # an indented comment = ok", "10.0.2.0/24 10.0.2.2 10.0.2.3 10.0.2.15"),
    ],
)
def test_addresses_are_read_as_c_reads_them(body: str, wanted: str) -> None:
    config = slirp(body)
    assert addresses(config.network) == wanted.split()
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        ("mask = 255.0.255.0", "mask = 255.0.255.0 is no netmask"),
        ("mask = 0.0.0.255", "mask = 0.0.0.255 is no netmask"),
        ("mask = 255.255.255.255", "mask = 255.255.255.255 is no netmask"),
        ("net = 127.0.0.0", "net = 127.0.0.0 must be a network of unicast"),
        ("host = 10.0.3.2", "host = 10.0.3.2 is no free host of 10.0.2.0/24: it is 10.0.2.2"),
        ("host = 0.0.0.0", "host = 0.0.0.0 is no free host of 10.0.2.0/24: it is 10.0.2.2"),
        ("dhcpstart = 10.0.2.2", "dhcpstart = 10.0.2.2 is no free host of 10.0.2.0/24: it is"),
        ("dhcpstart = 192.168.1.10", "dhcpstart = 192.168.1.10 is no free host"),
        ("dns = 0.0.0.0", "dns = 0.0.0.0 is no host of 10.0.2.0/24: DHCP names no DNS server"),
        ("dns = 8.8.8.8", "dns = 8.8.8.8 is no host of 10.0.2.0/24: DHCP names it to the guest"),
        ("restricted = yes", "restricted = yes counts as 0, as with slirp"),
        ("restricted = 1 # all", "restricted = 1 # all counts as 1, as with slirp"),
        ('hostname = "box"', 'hostname = "box" goes to the guest as it stands'),
        ("hostname = my box", "hostname = my box goes to the guest as it stands"),
        ('bootfile = "pxe.0"', 'bootfile = "pxe.0" goes to the guest with its quotes'),
        ("tftp_srvname = 'x'", "tftp_srvname = 'x' goes to the guest with its quotes"),
        ("dnssearch = a.test, b c, -", "dnssearch = a.test, b c, - is taken without b c, -: no"),
        ("pktlog = no/x", "pktlog = no/x has no effect: its folder does not exist"),
        ("ipv6_enabled = 1", "ipv6_enabled = 1 is understood but has no effect"),
        ("smb_srv = here", "smb_srv = here is understood but has no effect"),
        (
            "hostfwd = tcp:127.0.0.1:80-10.0.3.1:80",
            "hostfwd = tcp:127.0.0.1:80-10.0.3.1:80: the guest address must be a host in",
        ),
        (
            "hostfwd = tcp:127.0.0.1:80-10.0.2.2:80",
            "hostfwd = tcp:127.0.0.1:80-10.0.2.2:80: 10.0.2.2 is the router itself",
        ),
    ],
)
def test_what_slirp_takes_is_taken(body: str, warning: str) -> None:
    config = slirp(body)
    (said,) = config.warnings
    assert said.startswith(f"slirp.conf:2: {warning}")
    assert addresses(config.network) == ["10.0.2.0/24", "10.0.2.2", "10.0.2.3", "10.0.2.15"]
    assert config.forwards == ()


@pytest.mark.parametrize("zero", ["0", "off", "0x1", "ipv6", "no"])
def test_switches_are_numbers(zero: str) -> None:
    config = slirp(f"ipv6_enabled = {zero}\ndebug_switches = {zero}\nrestricted = {zero}")
    assert not config.restricted
    assert len(config.warnings) == (zero != "0")


def test_names_go_to_the_guest_as_they_stand() -> None:
    dhcp = slirp('hostname = "my box"\nbootfile="a b"\ndnssearch=a.test, -').dhcp
    assert (dhcp.hostname, dhcp.bootfile, dhcp.search) == ('"my box"', '"a b"', ("a.test",))


def test_a_dns_server_elsewhere_is_told_and_none_is_none() -> None:
    assert slirp("dns = 8.8.8.8").dhcp.options == {6: bytes([8, 8, 8, 8])}
    assert slirp("dns = 0.0.0.0").dhcp.options == {6: b""}
    assert slirp("dns = 10.0.2.9").dhcp.options == {}


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("tcp:0.0.0.0:0x1f90-:0120", "tcp:0.0.0.0:8080-:80"),
        ("udp:127.1:53-0.0.0.0:53", "udp:127.0.0.1:53-:53"),
        (":0:80-10.0.2.16: 80", "tcp:0.0.0.0:80-10.0.2.16:80"),
        ("tcp:[::1]:80-:80", "tcp:[::1]:80-:80"),
    ],
)
def test_forwards_have_slirps_numbers(written: str, rule: str) -> None:
    config = slirp(f"hostfwd = {written}")
    assert [str(one) for one in config.forwards] == [rule]
    assert config.warnings == ()


def test_docs_name_every_key() -> None:
    text = DOCS.read_text()
    table = text[text.index("## slirp files") :]
    for key in [*KEYS, *NO_EFFECT]:
        assert f"`{key}`" in table


@pytest.mark.parametrize(
    "line",
    [
        "hostfwd = tcp::{}-:80",
        "hostfwd = tcp::8080-:{}",
        "hostfwd = tcp:{}:80-:80",
        "net = {}",
    ],
)
@pytest.mark.parametrize(
    "number", ["9" * 5000, "0x" + "f" * 5000, "0" + "7" * 5000, "-" + "9" * 5000]
)
def test_a_number_of_any_length_is_a_mistake_in_words(line: str, number: str) -> None:
    assert mistake(line.format(number)).startswith("slirp.conf:2")


@pytest.mark.parametrize(
    ("number", "shut_in"),
    [("9" * 5000, True), ("-" + "9" * 5000, True), ("0" * 5000, False), ("0" * 5000 + "1", True)],
)
def test_a_number_as_long_as_atoi_takes(number: str, shut_in: bool) -> None:
    assert slirp(f"restricted = {number}").restricted is shut_in
    assert slirp(f"restricted = {number}x").restricted is shut_in
    assert slirp(f"ipv6_enabled = {number}")
