"""docs/python.md and examples/net.py are as things are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pynat.net import Datagram, Flow, Frame, Net, Request, Stream
from pynat.net.script import run
from pynat.serve.load import Loaded, load
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript
from tests.frames import udp
from tests.net.test_http import Browser

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "python.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
HEAD = "from pynat.net import Net\nnet = Net()\n"
FIRST = BLOCKS[0]


def lab_of(block: str) -> Lab:
    whole = "net = Net(" in block
    return Lab(net=run(Path("docs.py"), block if whole else HEAD + block))


@pytest.mark.parametrize("block", BLOCKS[:-1])
def test_the_examples_are_right(block: str) -> None:
    lab = lab_of(block)
    lab.wait(100)
    assert [line for line in lab.log if not line.startswith("info")] == []


def test_the_first_example_and_how_it_is_tested() -> None:
    assert "\nassert " in BLOCKS[-1]
    exec(compile(FIRST + BLOCKS[-1], "docs.py", "exec", dont_inherit=True), {})


def test_a_page_of_it() -> None:
    net = run(Path("docs.py"), FIRST)
    assert Browser(net, "198.18.4.2").get("/").endswith(b"hello, 192.168.16.2:40000\n")


@pytest.mark.parametrize("port", [22, 443])
def test_the_gate(port: int) -> None:
    block = next(one for one in BLOCKS if "only_the_web" in one)
    flow = TcpScript(lab_of(block), remote_port=port)
    flow.guest("S 0:0(0)")
    assert bool(flow.to_guest()) == (port == 22)


def test_the_window_that_is_spoilt() -> None:
    block = next(one for one in BLOCKS if "def spoil" in one)
    net = run(Path("docs.py"), HEAD + block)
    net.tcp("192.0.2.7", 80)(_hold)
    flow = TcpScript(Lab(net=net))
    flow.guest("S 0:0(0)")
    assert " win 0" in flow.to_guest(detail=True)[0]


async def _hold(stream: Stream) -> None:
    await stream.read()


@pytest.mark.parametrize("kind", [Net, Stream, Datagram, Frame, Flow, Request])
def test_whatever_there_is_is_described(kind: type) -> None:
    inside = {
        "services",
        "hosts",
        "names",
        "timed",
        "frames",
        "flow_hooks",
        "end_hooks",
        "name_hook",
    }
    inside |= {"configured", "run_by", "running", "where", "established", "tell"}
    made = kind() if kind is Net else kind
    for name in sorted(set(dir(made)) - inside):
        if not name.startswith("_"):
            assert re.search(rf"\b{name}\b", TEXT), name


# ---------------------------------------------------------------- examples/net.py
@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    monkeypatch.chdir(tmp_path)  # its capture goes there
    return load(str(ROOT / "examples" / "net.py"), "")


def test_the_chat(example: Loaded) -> None:
    lab = Lab(example.config, net=example.program)
    address = str(example.config.virtual.names["chat.test"][0])
    one, other = (
        TcpScript(lab, remote=address, remote_port=23, guest_port=40_000 + number)
        for number in range(2)
    )
    for flow in (one, other):
        flow.guest("S 0:0(0) <mss 1460>")
        flow.to_guest()
        flow.guest(". 1:1(0) ack 1")
        assert flow.payload().startswith(b"Hello.")
    one.guest("P. 1:4(3) ack 41", b"hi\n")
    assert other.payload() == b"hi\n"


def test_the_rest_of_the_example(example: Loaded) -> None:
    assert example.program is not None
    browser = Browser(example.program, str(example.config.virtual.names["www.test"][0]))
    assert browser.get("/").endswith(b"visitor 1.\n")
    lab = browser.lab
    lab.from_guest(udp("192.0.2.7", 9999, b"hello"))
    assert b"HELLO" in lab.to_guest()[-1]
    lab.wait(20)
    assert any("script: 1 visits, 0 talk" in line for line in lab.log)
    refused = TcpScript(lab, remote_port=23)
    refused.guest("S 0:0(0)")
    assert refused.to_guest()[0].startswith("R.")
