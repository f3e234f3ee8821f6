"""The TOML language: every key, every kind of mistake, and the docs that describe it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from pynat.config import Config, Forward, StaticLease, Tftp, TimePolicy, Transport
from pynat.config.keys import KEYS
from pynat.config.slirp import read_slirp
from pynat.config.toml import read_toml
from pynat.config.values import Wrong
from pynat.errors import ConfigError
from tests.fuzzing import seeded
from tests.spoiling import NO_UTF_8, respelt, sift

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


def toml(text: str) -> Config:
    return read_toml(text, "net.toml")


def mistake(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        toml(text)
    return str(caught.value)


MOST_KEYS = """
time = "never"
patience = 2
host_loopback = false
forwards = ["tcp:127.0.0.1:8080-:80", "udp:0.0.0.0:0-10.1.0.10:53", "::2222-:22"]
capture = "out.pcap"
seed = 7
[network]
net = "10.1.0.0/16"
router = "10.1.0.9"
guest = "10.1.2.3"
dns = "10.1.0.8"
mac = "52-55-00-00-00-0A"
mtu = 1400
[dhcp]
enabled = false
lease = 60.5
hostname = "box"
domain = "lab.test"
search = ["a.test", "b.test."]
bootfile = "pxelinux.0"
next_server = "10.1.0.7"
server_name = "boot"
ipxe_bootfile = "http://10.1.0.9/boot.ipxe"
ntp = ["10.1.0.7", "1.2.3.4"]
routes = ["10.2.0.0/16 via 10.1.0.7"]
static = {"52:54:00:12:34:56" = "10.1.0.77"}
options = {150 = "ip:1.2.3.4, 1.2.3.5", 224 = "text:x y"}
[dns]
resolvers = ["1.1.1.1", "1.1.1.1:5353", "::1", "[::1]:54", "[2001:db8::1]"]
names = {"X.test" = "1.2.3.4", "y.test" = ["1.2.3.4", "5.6.7.8"]}
timeout = 1
tries = 3
[tftp]
root = "/"
write = true
max_size = 1000
[tcp]
idle = 10
mss = 1000
[udp]
idle = 20
"""
OTHER_KEYS = """
layout = "slirp"
hermetic = false
restricted = true
allow = ["10.0.0.5", "192.0.2.0/24:443"]
guestfwd = ["tcp:10.0.2.100:7-cmd:cat"]
host_aliases = {"93.184.216.34:80" = "127.0.0.1:8080", "other.test" = "127.0.0.1"}
peers = {"slow.test:80" = "accept after 3s, window 100", "192.0.2.9" = "reset"}
zoo = true
impair = ["to-guest delay 100ms 20ms loss 1%", "flip tcp.checksum frame 10"]
faults = ["dns www.test slow 2.5", "dhcp nak 3"]
control = "none"
backlog = 5
capture_size = 5
capture_files = 3
[lint]
enabled = false
silence = ["TCP020", "ARP020"]
json = "found.json"
[tcp]
window = 100000
window_scale = false
timestamps = false
sack = true
delayed_ack = 0
isn = 5
memory = 10000000
rto_initial = 1
rto_min = 0.5
rto_max = 30
retries = 5
forward_wait = 9.5
flows = 9
[udp]
broadcast = "forward"
dns_idle = 10
flows = 3
[icmp]
idle = 60
flows = 9
[network]
adopt = true
[nat]
keep_ports = true
[tap]
offload = true
"""


def test_an_empty_file_is_the_defaults() -> None:
    assert toml("") == Config()


def test_most_keys() -> None:
    config = toml(MOST_KEYS)
    assert config.time is TimePolicy.NEVER
    assert (config.patience, config.host_loopback, config.seed) == (2.0, False, 7)
    assert [str(forward) for forward in config.forwards] == [
        "tcp:127.0.0.1:8080-:80",
        "udp:0.0.0.0:0-10.1.0.10:53",
        "tcp:127.0.0.1:2222-:22",
    ]
    assert config.forwards[0] == Forward(
        Transport.TCP, IPv4Address("127.0.0.1"), 8080, None, 80, "net.toml:5: forwards[0]"
    )
    assert config.capture == Path("out.pcap")
    network = config.network
    assert network.net == IPv4Network("10.1.0.0/16")
    assert (str(network.router), str(network.guest)) == ("10.1.0.9", "10.1.2.3")
    assert (str(network.dns), network.mac.hex(), network.mtu) == ("10.1.0.8", "52550000000a", 1400)
    assert (config.dhcp.enabled, config.dhcp.lease) == (False, 60.5)
    assert (config.dhcp.hostname, config.dhcp.domain) == ("box", "lab.test")
    assert config.dhcp.search == ("a.test", "b.test")
    assert (config.dhcp.bootfile, config.dhcp.server_name) == ("pxelinux.0", "boot")
    assert config.dhcp.next_server == IPv4Address("10.1.0.7")
    assert config.dhcp.ipxe_bootfile == "http://10.1.0.9/boot.ipxe"
    assert config.dhcp.ntp == (IPv4Address("10.1.0.7"), IPv4Address("1.2.3.4"))
    assert config.dhcp.routes == ((IPv4Network("10.2.0.0/16"), IPv4Address("10.1.0.7")),)
    mac = bytes.fromhex("525400123456")
    assert config.dhcp.static == {mac: StaticLease(IPv4Address("10.1.0.77"))}
    assert config.dhcp.options == {150: bytes((1, 2, 3, 4, 1, 2, 3, 5)), 224: b"x y"}
    one, loopback = IPv4Address("1.1.1.1"), IPv6Address("::1")
    assert config.dns.resolvers == (
        (one, 53),
        (one, 5353),
        (loopback, 53),
        (loopback, 54),
        (IPv6Address("2001:db8::1"), 53),
    )
    assert config.dns.names["x.test"] == (IPv4Address("1.2.3.4"),)
    assert len(config.dns.names["y.test"]) == 2
    assert (config.dns.timeout, config.dns.tries) == (1.0, 3)
    assert (config.tcp.idle, config.tcp.mss, config.udp.idle) == (10.0, 1000, 20.0)
    assert config.tftp == Tftp(Path("/"), write=True, max_size=1000)
    assert config.warnings == ()


def test_a_capture_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert toml('capture = "~/x.pcap"').capture == tmp_path / "x.pcap"
    said = mistake('seed = 1\ncapture = "~/no/x.pcap"')
    assert said.startswith('net.toml:2: capture = "~/no/x.pcap": must be in a folder that is there')
    assert said.endswith(f"the folder {tmp_path}/no does not exist")


def test_forwards_that_do_not_collide() -> None:
    rules = [
        "::1-:1",
        "udp::1-:1",
        ":127.0.0.2:1-:1",
        "::2-:1",
        "::0-:1",
        "::0-:2",
        ":0.0.0.0:0-:3",
    ]
    assert len(toml(f"forwards = {rules}").forwards) == len(rules)


def test_addresses_move_along_with_the_net() -> None:
    network = toml('network.net = "10.0.0.0/30"').network
    assert [str(network.router), str(network.guest)] == ["10.0.0.1", "10.0.0.2"]
    assert network.dns == network.router


def test_the_layout_of_slirp() -> None:
    network = toml('layout = "slirp"').network
    addresses = [network.net, network.router, network.dns, network.guest]
    assert [str(one) for one in addresses] == ["10.0.2.0/24", "10.0.2.2", "10.0.2.3", "10.0.2.15"]
    assert read_slirp("# slirp config\n", "x").network == network
    written = 'layout = "slirp"\n[network]\nnet = "10.9.0.0/16"\nrouter = "10.9.0.1"'
    network = toml(written).network
    addresses = [network.net, network.router, network.dns, network.guest]
    assert [str(one) for one in addresses] == ["10.9.0.0/16", "10.9.0.1", "10.9.0.3", "10.9.0.15"]
    assert toml('layout = "pynat"') == Config()


def test_a_net_too_small_for_the_layout() -> None:
    for net in ("10.0.0.0/30", "223.255.255.252/30"):
        said = mistake(f'layout = "slirp"\nnetwork.net = "{net}"')
        assert f"must be an address in {net}" in said


def test_dns_moves_along_with_the_router() -> None:
    network = toml('[network]\nrouter = "192.168.16.254"').network
    assert network.dns == network.router == IPv4Address("192.168.16.254")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time = 'often'", 'net.toml:1: time = "often": must be one of auto, always, never'),
        ("\npatience = true", "net.toml:2: patience = true: must be a number of seconds from 0"),
        ("patience = nan", "net.toml:1: patience = NaN: must be a number of seconds"),
        ("patience = -1", "must be a number of seconds from 0 to 3600"),
        ("host_loopback = 1", "host_loopback = 1: must be true or false"),
        ("seed = 1.5", "seed = 1.5: must be a whole number from 0"),
        ("seed = true", "seed = true: must be a whole number from 0"),
        ("capture_files = 2", "must be together with capture_size, which says when the next file"),
        ("impair = ['loss 5']", 'impair[0] = "loss 5": must be a rule like'),
        ("[impair]\nloss = 5", "impair = {"),
        ("capture_size = 0", "must be a whole number from 1 to 1048576"),
        ("capture = ''", 'capture = "": must be the path of a file to write'),
        ("capture = '~nobody-of-this-name/x'", "a path whose ~ is the home folder of somebody"),
        ("forwards = 'x'", 'forwards = "x": must be a list in square brackets'),
        ("forwards = ['::1-:1', 'x']", 'net.toml:1: forwards[1] = "x": must be [tcp|udp]:[host'),
        ("forwards = ['::1-:0']", "a guest port of at least 1"),
        ("forwards = ['::70000-:1']", "with ports up to 65535"),
        ("forwards = [':localhost:1-:1']", "addresses are IPv4 in dotted form"),
        ("forwards = ['::1-10.0.0.1:1']", "net.toml:1: forwards[0] = tcp:127.0.0.1:1-10.0.0.1:1: "),
        ("forwards = ['::1-192.168.16.1:1']", "192.168.16.1 is the router itself"),
        ("forwards = ['::1-:1', '::1-:2']", "the same host port as net.toml:1: forwards[0]"),
        (
            "forwards = ['tcp::8124-:80', 'tcp:0.0.0.0:8124-:81']",
            "net.toml:1: forwards[1] = tcp:0.0.0.0:8124-:81: the same host port as"
            " net.toml:1: forwards[0] = tcp:127.0.0.1:8124-:80",
        ),
        ("forwards = ['udp:0.0.0.0:1-:1', ':127.0.0.2:1-:1', 'udp::1-:2']", "forwards[2] = udp"),
        ("[network]\nnet = '10.0.0.5/24'", 'the one around this address is "10.0.0.0/24"'),
        ("[network]\nnet = '10.0.0.0'", "an IPv4 network with its prefix length"),
        ("[network]\nnet = '10.0.0.0/31'", "a prefix length from 8 to 30"),
        ("[network]\nnet = '127.0.0.0/24'", "net.toml:2: network.net = "),
        ("[network]\nnet = 10", "network.net = 10: must be an IPv4 network"),
        ("network = {router = '10.0.0.1'}", "net.toml:1: network.router = "),
        ("[network]\nrouter = '192.168.16.255'", "from 192.168.16.1 to 192.168.16.254"),
        ("[network]\nrouter = '192.168.16.2'", "neither the router's nor the DNS address"),
        ("[network]\nrouter = '::1'", "must be an IPv4 address"),
        (
            "[network]\n\nmtu = 100",
            "net.toml:3: network.mtu = 100: must be a whole number from 576",
        ),
        ("[network]\nmac = '01:00:5e:00:00:01'", "a unicast MAC address"),
        ("[network]\nmac = '52:55'", "a MAC address, for example"),
        ("[dhcp]\nlease = 1", "a number of seconds from 10 to"),
        ("[dhcp]\nhostname = 'a b'", "must be a domain name"),
        ("[dhcp]\nsearch = ['a', 'b..c']", 'dhcp.search[1] = "b..c"'),
        ('[dhcp]\nbootfile = "a\\u0001"', "printable text"),
        ("[dns]\nresolvers = ['1.1.1.1:0']", "dns.resolvers[0]"),
        ("[dns]\nresolvers = ['dns.test']", 'an address like "1.1.1.1"'),
        ("[dns]\nnames = {'x.test' = 'y'}", 'net.toml:2: dns.names."x.test" = "y"'),
        ("[dns]\nnames = {'x.test' = ['1.2.3.4', 5]}", 'dns.names."x.test" = 5: must be'),
        ("[dns.names]\n'x.test' = []", 'net.toml:2: dns.names."x.test" = []: must be at least one'),
        (
            '[dns.names]\n"y.test" = "1.1.1.1"\nx.lab.test = "1.2.3.4"',
            'net.toml:3: dns.names.x.lab.test = "1.2.3.4": must be written as'
            ' "x.lab.test" = "1.2.3.4"; names with dots need quotes',
        ),
        ("[dns]\ntries = 1\nnames.x.test = '1.2.3.4'", "net.toml:3: dns.names.x.test"),
        ("[dns]\nnames.'x.test' = 5", 'net.toml:2: dns.names."x.test" = 5: must be an IPv4'),
        ("[dns.names]\nx.test = {}", "net.toml:2: dns.names.x.test = {}: must be"),
        ("seed = 1\ndns = {names = {'x.test' = 5}}", 'net.toml:2: dns.names."x.test" = 5'),
        ("seed = 1\nnetwork = {mtuu = 5}", "net.toml:2: network.mtuu: unknown key"),
        ("# a\u2028b\nseed = -1", "net.toml:2: seed"),
        ("[dhcp]\nlease = 5", "from 10 to 4294967295"),
        ("capture = C:\\temp\\x.pcap", "Invalid value (column 11); text goes in quotes"),
        ("forwards = [tcp::80-:80]", "; text goes in quotes"),
        ("[network]\nrouter = 192.168.16.1", "net.toml:2: not valid TOML: Expected newline"),
        ("[network]\nmac = 52:54:00:12:34:56", "; text goes in quotes"),
        ("host_loopback = True", "Invalid value (column 17); write true"),
        ('capture = "C:\\temp\\x.pcap"', "; text with backslashes goes in single quotes"),
        (
            "[tftp]\nroot = '/no/such'",
            'tftp.root = "/no/such": must be the path of a folder; there',
        ),
        ("[tftp]\nroot = ''", "the path of a folder: printable text"),
        ("[tftp]\nmax_size = 0", "net.toml:2: tftp.max_size = 0: must be a whole number from 1"),
        ("[tcp]\nmss = 1461", "at most network.mtu - 40, which is 1460"),
        (
            "[tcp]\nrto_min = 5\nrto_max = 1",
            "net.toml:2: tcp.rto_min = 5.0: must be at most tcp.rto_max",
        ),
        (
            'layout = "slirp"\nnetwork.net = "255.255.255.248/29"',
            'network.net = "255.255.255.248/29": must be a network of unicast addresses',
        ),
        ("tcp = 5", "tcp = 5: must be a table: write [tcp]"),
        ("[network]\nmtuu = 5", "net.toml:2: network.mtuu: unknown key; did you mean network.mtu?"),
        ("mtu = 1500", "net.toml:1: mtu: unknown key; did you mean network.mtu?"),
        ("idle = 5", "did you mean tcp.idle or udp.idle or icmp.idle?"),
        (
            "[firewall]\nx = 1",
            "net.toml:1: firewall: unknown key; known at the top: layout, time",
        ),
        ("[firewall]\nx = 1", ", seed, [network], "),
        ("[dhpc]\nlease = 1", "net.toml:1: dhpc: unknown key; did you mean [dhcp]?"),
        ("dhpc.lease = 1", "dhpc: unknown key; did you mean [dhcp]?"),
        ("[udp]\nzzz = 1", "udp.zzz: unknown key; known in [udp]: udp.idle"),
        ("time = \nseed = 1", "net.toml:1: not valid TOML: "),
        ("x = [1,\n2", "net.toml:2: not valid TOML: "),
        ("seed = " + "9" * 5000, "net.toml:1: not valid TOML: "),
        (r'"a\nb" = 1', r"net.toml: a\nb: unknown key"),
        (r'dns.names = {"\u001b[2J" = "1.2.3.4"}', r'dns.names."\x1b[2J" = '),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    said = mistake(text)
    assert message in said
    assert "\n" not in said
    assert said.startswith("net.toml")


@pytest.mark.parametrize("key", KEYS)
def test_every_key_refuses_a_date_and_names_itself(key: str) -> None:
    table, _, name = key.rpartition(".")
    header = f"[{table}]\n" if table else ""
    said = mistake(f"{header}{name} = 1979-05-27\n")
    assert said.startswith(f"net.toml:{2 if table else 1}: {key} = ")


def spoilt_files(each: int) -> Iterator[str]:
    """So many for each line, spoilt there; what they are does not hang on the other lines.

    What is no UTF-8 is no text of a file.
    """
    for text in (MOST_KEYS, OTHER_KEYS):
        lines = text.strip().split("\n")
        for at, line in enumerate(lines):
            dice = seeded(line)
            for _ in range(each):
                changed = respelt(line, dice, ["true", "True", "x"]).replace(NO_UTF_8, "?")
                yield "\n".join([*lines[:at], changed, *lines[at + 1 :]])


def test_a_spoilt_file_is_a_config_or_one_line() -> None:
    words = (*MOST_KEYS.split(), *OTHER_KEYS.split())
    named = {word for word in words if word.isidentifier()}
    assert {key.rpartition(".")[2] for key in KEYS} <= {*named, "script"}
    refusals = [
        *("not valid TOML", "text goes in quotes", "unknown key; did you mean", "write true"),
        *("must be a whole number", "must be one of"),
        *("must be a number of seconds", "must be an IPv4 address", "must be an address in"),
        *("must be a MAC", "must be a domain name"),
        *("must be [tcp|udp]", "is no word of a rule", "a behaviour"),
        "a fault of",
    ]
    for said in sift(spoilt_files(80), toml, ConfigError, least=0.1, said=refusals):
        assert re.match(r"net.toml(:\d+)?: ", said)
        assert said.isprintable()


def default_text(key: str) -> str:
    value: Any = Config()
    for part in key.split("."):
        value = getattr(value, part)
    match value:
        case None:
            return "not set"
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float():
            return f"`{value:.15g}`"
        case bytes():
            return f'`"{value.hex(":")}"`'
        case frozenset():
            return "`[]`"
        case tuple():
            return "`{}`" if key in ("host_aliases", "peers") else "`[]`"
        case dict():
            return "`{}`"
        case _:
            return f'`"{value}"`'


def test_docs_describe_every_key_with_its_default_and_range() -> None:
    text = DOCS.read_text()
    table = text[text.index("## Keys") : text.index("### Forwards")]
    rows = re.findall(r"^\| `([\w.]+)` \| (.+?) \| (.+?) \|", table, re.MULTILINE)
    assert {key: default for key, default, _ in rows} == {key: default_text(key) for key in KEYS}
    for key, _, allowed in rows:
        with pytest.raises(Wrong) as caught:
            KEYS[key].parser(None)
        if limits := re.search(r"(?:from|of) (\d\S* to \d\S*)", caught.value.right):
            assert limits[1] in allowed, key


def test_the_example_in_the_docs_loads() -> None:
    block = re.search(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert block
    config = toml(block[1])
    assert str(config.network.guest) == "192.168.77.2"


@pytest.mark.parametrize("line", ["{}# far right", '"a"{}', "a{}.b{}#"])
def test_blanks_take_no_time(line: str) -> None:
    text = 'capture = """\n' + line.replace("{}", " " * 20_000) + '"""'
    began = time.thread_time()
    with pytest.raises(ConfigError):
        toml(text)
    assert time.thread_time() - began < 2  # seconds; each blank by each other one would be 8


@pytest.mark.parametrize(
    "text",
    [
        "tcp.memory = {}",
        "forwards = [{}]",
        "dns.names = {x.y = {}}",
        'dns.names = {"x" = {}}',
        "dhcp.options = {150 = {}}",
        "peers = {1 = {}}",
        "tcp = {}",
        "time = {}",
        "unknown = {}",
    ],
)
@pytest.mark.parametrize("number", ["0x" + "f" * 5000, "-1", "0b" + "1" * 20_000])
def test_a_number_of_any_length_is_a_mistake_in_words(text: str, number: str) -> None:
    said = mistake(text.replace("{}", number))
    assert said.startswith("net.toml")
    assert len(said) < 1000
