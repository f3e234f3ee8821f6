"""Linux's own stack and programs in a network written in Python."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pynat.testing.servers import sha256
from tests.netns.network import HANGS, TapNetwork

pytestmark = pytest.mark.timeout(HANGS)

SCRIPT = '''
import asyncio
from pynat.net import Net

net = Net()
BODY = bytes(range(256)) * 8192


@net.http("web.test")
async def page(request):
    if request.method == "POST":
        return str(len(request.body))
    return BODY


@net.tcp("slow.test", 7)
async def slow_echo(stream):
    """Reads less than it is sent, so that windows close."""
    async for data in pieces(stream):
        await asyncio.sleep(0.005)
        await stream.write(data)


async def pieces(stream):
    while data := await stream.read(20_000):
        yield data


@net.tcp("down.test", 1)
async def fail(stream):
    await stream.readline()
    raise ValueError("on purpose")


@net.on_flow
def gate(flow):
    return net.REFUSE if flow.host.port == 99 else None


@net.on_frame
def look(frame):
    """All of them are."""
'''


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TapNetwork]:
    folder = tmp_path_factory.mktemp("python")
    (folder / "net.py").write_text(SCRIPT)
    with TapNetwork(folder, f'script = "{folder}/net.py"') as network:
        yield network


def run(network: TapNetwork, line: str) -> str:
    return network.guest.run("sh", "-c", line).stdout


def test_pages(network: TapNetwork) -> None:
    web = "curl -s --max-time 300 --resolve web.test:80:198.18.4.1 http://web.test/"
    body = bytes(range(256)) * 8192
    assert run(network, f"{web} | sha256sum").split()[0] == sha256(body)
    assert run(network, f"head -c 1000000 /dev/zero | {web} --data-binary @-") == "1000000"


def test_a_service_that_is_slow(network: TapNetwork) -> None:
    echo = run(network, "head -c 2000000 /dev/zero | nc -N -w 300 198.18.4.2 7 | wc -c")
    assert int(echo) == 2_000_000


def test_a_service_that_fails(network: TapNetwork) -> None:
    run(network, "echo x | nc -w 60 198.18.4.3 1 || true")
    assert "ValueError: on purpose" in network.log
    assert 'net.py", line' in network.log


def test_names_ping_and_refusals(network: TapNetwork) -> None:
    assert run(network, "dig +short @192.168.16.1 slow.test").strip() == "198.18.4.2"
    assert "1 received" in run(network, "ping -c 1 -W 60 198.18.4.2")
    assert "refused" in run(network, "nc -v -w 60 192.0.2.9 99 2>&1 || true")
    assert "refused" in run(network, "nc -v -w 60 198.18.4.2 8 2>&1 || true")
