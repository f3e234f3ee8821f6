"""Files of Bochs's slirp back end, unchanged."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from pynat.config import Config, Network
from pynat.config_slirp import KEYS, NO_EFFECT, is_slirp, read_slirp
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
        *("must be an address in", "must be [tcp|udp]", "must be a domain name", "pktlog"),
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
        ("mask = 255.0.255.0", "slirp.conf:2: mask = "),
        ("mask = 0.0.0.255", "slirp.conf:2: mask = "),
        ("mask = 255.255.255.248", 'slirp.conf: dhcpstart = "10.0.2.15": must be an address in'),
        ("host = 10.0.3.2", 'slirp.conf:2: host = "10.0.3.2": must be an address in 10.0.2.0/24'),
        ("dhcpstart = 10.0.2.2", "slirp.conf:2: dhcpstart"),
        ("restricted = yes", "slirp.conf:2: restricted = "),
        ("pktlog = no/x", 'slirp.conf:2: pktlog = "no/x": must be in a folder that is there; '),
        ("hostfwd = tcp:80-:80", "slirp.conf:2: hostfwd = "),
        ("hostfwd = ::80-10.0.3.1:80", "slirp.conf:2: hostfwd = tcp:127.0.0.1:80-10.0.3.1:80: "),
        ("bootfile = " + "x" * 128, "1 to 127 bytes"),
    ],
)
def test_mistakes(body: str, message: str) -> None:
    said = mistake(body)
    assert message in said
    assert "\n" not in said


def test_docs_name_every_key() -> None:
    text = DOCS.read_text()
    table = text[text.index("## slirp files") :]
    for key in [*KEYS, *NO_EFFECT]:
        assert f"`{key}`" in table
