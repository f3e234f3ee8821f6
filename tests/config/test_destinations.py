"""guestfwd, host_aliases, restricted and allow, as users write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address
from random import Random

import pytest

from pynat.config import Allowed, Command, Config, GuestForward, HostAlias, TcpServer, UnixPath
from pynat.config.destinations import (
    ALIAS_FORM,
    GUESTFWD_FORM,
    allowed,
    guest_forward,
    host_aliases,
)
from pynat.config.toml import read_toml
from pynat.config.values import Wrong
from pynat.errors import ConfigError
from tests.spoiling import respelt, samples, sift

LOCAL = IPv4Address("127.0.0.1")
SERVER = IPv4Address("192.168.16.100")


def toml(text: str) -> Config:
    return read_toml(text, "net.toml")


def mistake(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        toml(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


PATH = "the path of a socket: printable text of 1 to 107 bytes"
GUESTFWD = {
    "tcp:192.168.16.100:7-cmd:sh -c 'tr a-z A-Z'": Command(("sh", "-c", "tr a-z A-Z")),
    ":192.168.16.100:7-unix:/run/x-y:1": UnixPath("/run/x-y:1"),
    "tcp:192.168.16.100:7-tcp:127.0.0.1:80": TcpServer(LOCAL, 80),
    "tcp:192.168.16.100:7-tcp:[::1]:80": TcpServer(IPv6Address("::1"), 80),
}


@pytest.mark.parametrize(("rule", "to"), GUESTFWD.items())
def test_guestfwd(rule: str, to: Command | UnixPath | TcpServer) -> None:
    meaning = GuestForward(SERVER, 7, to)
    assert guest_forward(rule) == meaning
    assert guest_forward(str(meaning)) == meaning


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        ("tcp:192.168.16.100:7", "[tcp]:address:port-cmd:command"),
        ("udp:192.168.16.100:7-cmd:cat", "[tcp]:address:port-cmd:command"),
        ("tcp:192.168.16.100:0-cmd:cat", "a port from 1 to 65535"),
        ("tcp:192.168.16:7-cmd:cat", "[tcp]:address:port"),
        ("tcp:192.168.16.100:7-cmd:cat 'x", "no closing quotation"),
        ("tcp:192.168.16.100:7-cmd: ", "[tcp]:address:port"),
        ("tcp:192.168.16.100:7-unix:/" + "x" * 120, PATH),
        ("tcp:192.168.16.100:7-unix:/\ud800", "text in UTF-8"),
        ("tcp:192.168.16.100:7-cmd:cat \ud800", "text in UTF-8"),
        ("tcp:192.168.16.100:7-tcp:localhost:80", "the host is an address"),
    ],
)
def test_guestfwd_mistakes(rule: str, right: str) -> None:
    with pytest.raises(Wrong) as caught:
        guest_forward(rule)
    assert right in caught.value.right


def test_host_aliases() -> None:
    config = toml(
        """
        [host_aliases]
        "93.184.216.34:80" = "127.0.0.1:8080"
        "198.51.100.9" = "10.0.0.5"
        "Example.test" = "127.0.0.1"
        "other.test:443" = "127.0.0.1:8443"
        "other.test:80" = "127.0.0.1:8080"
        """
    )
    place = "net.toml:2: host_aliases"
    address = IPv4Address
    first, second = address("198.18.0.1"), address("198.18.0.2")
    assert config.host_aliases == (
        HostAlias(address("93.184.216.34"), 80, LOCAL, 8080, "", place),
        HostAlias(address("198.51.100.9"), 0, address("10.0.0.5"), 0, "", place),
        HostAlias(first, 0, LOCAL, 0, "example.test", place),
        HostAlias(second, 443, LOCAL, 8443, "other.test", place),
        HostAlias(second, 80, LOCAL, 8080, "other.test", place),
    )
    assert config.names == {"example.test": (first,), "other.test": (second,)}
    assert str(config.host_aliases[3]) == '"other.test:443" = "127.0.0.1:8443"'


def test_where_a_restricted_guest_may_go() -> None:
    config = toml('restricted = true\nallow = ["10.0.0.5", "192.0.2.0/24:443"]')
    assert config.restricted
    assert config.allow == (
        Allowed(IPv4Network("10.0.0.5/32")),
        Allowed(IPv4Network("192.0.2.0/24"), 443),
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("host_aliases = 'x'", "a table of addresses or names"),
        ("host_aliases = {'1.2.3.4' = 'localhost'}", "an IPv4 address of the host or beyond"),
        ("host_aliases = {'1.2.3.4' = '127.0.0.1:0'}", "a port from 1 to 65535"),
        ("host_aliases = {'1.2.3.4:0' = '127.0.0.1'}", "a port from 1 to 65535"),
        ("host_aliases = {'1.2.3' = '127.0.0.1'}", "a table of addresses or names"),
        ("host_aliases = {'a b' = '127.0.0.1'}", "a domain name"),
        ("host_aliases = {'224.0.0.1' = '127.0.0.1'}", "224.0.0.1 is no host"),
        ("[host_aliases]\nx.test = '127.0.0.1'", "names with dots need quotes"),
        (
            "host_aliases = {'192.168.16.2:80' = '127.0.0.1'}",
            "192.168.16.2 is the guest itself",
        ),
        ("host_aliases = {'192.168.16.1' = '127.0.0.1'}", "192.168.16.1 is the router"),
        ("host_aliases = {'192.168.16.255' = '127.0.0.1'}", "is not one host in"),
        ("guestfwd = ['tcp:192.168.16.1:53-cmd:cat']", "192.168.16.1 is the router"),
        (
            "guestfwd = ['tcp:1.2.3.4:7-cmd:cat', 'tcp:1.2.3.4:7-cmd:tac']",
            "net.toml:1: guestfwd[1]: tcp:1.2.3.4:7-cmd:tac: the same as net.toml:1: guestfwd[0]",
        ),
        (
            "guestfwd = ['tcp:1.2.3.4:7-cmd:cat']\nhost_aliases = {'1.2.3.4:7' = '127.0.0.1'}",
            'host_aliases: "1.2.3.4:7" = "127.0.0.1": the same as net.toml:1: guestfwd[0]',
        ),
        (
            "host_aliases = {'x.test' = '127.0.0.1'}\n[dns]\nnames = {'x.test' = '1.2.3.4'}",
            "dns.names has x.test too",
        ),
        (
            "host_aliases = {'x.test' = '127.0.0.1'}\n[network]\nnet = '198.18.0.0/24'",
            "network.net cannot be 198.18.0.0/24",
        ),
        ("allow = ['10.0.0.5']", 'allow = ["10.0.0.5/32"]: must be left out, or restricted'),
        ("restricted = true\nallow = ['x.test']", "an IPv4 address or net"),
        ("restricted = true\nallow = ['10.0.0.5/8']", "has host bits set"),
        ("restricted = 1", "must be true or false"),
    ],
)
def test_mistakes(written: str, message: str) -> None:
    assert message in mistake(written)


def test_a_spoilt_guestfwd_is_read_as_it_would_be_written_or_refused() -> None:
    def read(text: str) -> None:
        meaning = guest_forward(text)
        assert guest_forward(str(meaning)) == meaning

    sift(
        samples([*GUESTFWD], respelt),
        read,
        Wrong,
        least=0.25,
        said=[
            GUESTFWD_FORM,
            f"{GUESTFWD_FORM}; with a port from 1 to 65535",
            f"{GUESTFWD_FORM}; the host is an address, [::1] if it is IPv6",
            f"{GUESTFWD_FORM}; 0.168.16.100 is no host",
            "a command that can be read (no closing quotation)",
            PATH,
            "text in UTF-8",
        ],
    )


ALIASES = [
    ("93.184.216.34:80", "127.0.0.1:8080"),
    ("198.51.100.9", "10.0.0.5"),
    ("Example.test", "127.0.0.1"),
    ("other.test:443", "127.0.0.1:8443"),
]


def spoilt_alias(alias: tuple[str, str], dice: Random) -> tuple[str, str]:
    written, target = alias
    if dice.randrange(2):
        return respelt(written, dice), target
    return written, respelt(target, dice)


def test_a_spoilt_alias_is_read_as_it_would_be_written_or_refused() -> None:
    def read(alias: tuple[str, str]) -> None:
        (meaning,) = host_aliases(dict([alias]))
        written, target = str(meaning).split(" = ")
        assert host_aliases({written.strip('"'): target.strip('"')}) == (meaning,)

    sift(
        samples(ALIASES, spoilt_alias),
        read,
        Wrong,
        least=0.25,
        said=[
            ALIAS_FORM,
            "; with a port from 1 to 65535",
            "is no host",
            "an IPv4 address of the host or beyond",
            "a domain name",
        ],
    )


def test_a_spoilt_exception_is_read_as_it_would_be_written_or_refused() -> None:
    def read(text: str) -> None:
        meaning = allowed(text)
        port = f":{meaning.port}" if meaning.port else ""
        assert allowed(f"{meaning.net}{port}") == meaning

    valid = ["10.0.0.5", "192.0.2.0/24:443", "10.0.0.0/8", "0.0.0.0/0:80"]
    sift(
        samples(valid, respelt),
        read,
        Wrong,
        least=0.2,
        said=["; with a port from 1 to 65535", "has host bits set", "Octet", "netmask"],
    )
