"""A network written in Python on a running engine: with a host, and in runs that are alike."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import ARP, Ether

from pynat.net import Datagram, Frame, Net, Stream
from pynat.testing.lab import GUEST_MAC
from pynat.testing.simguest import SimGuest, Wire
from tests.engine.running import Peer, running, scenario
from tests.engine.stepped import Stepped, stepped
from tests.frames import GUEST, ROUTER, udp

HOST = "192.0.2.7"


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"host says " + await reader.readline())
    await writer.drain()
    writer.close()


async def ask(port: int, line: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(line)
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def a_script_asks_the_host() -> None:
    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    net = Net()
    held = []

    @net.udp(HOST, 9999)
    async def relay(datagram: Datagram) -> None:
        held.append(net.running.hold_until(net.now()) if net.running else None)
        datagram.reply(await net.host(ask(port, datagram.data)))

    @net.udp(HOST, 9998)
    async def fail(datagram: Datagram) -> None:
        try:
            await net.host(ask(1, b""))
        except ConnectionRefusedError:
            datagram.reply(b"refused")

    async with server, running(net.configured(), net) as guest:
        guest.link.put(udp(HOST, 9999, b"hello\n"))
        assert bytes((await guest.expect(UDP))[UDP].payload).startswith(b"host says hello\n")
        guest.link.put(udp(HOST, 9998, b""))
        assert bytes((await guest.expect(UDP))[UDP].payload).startswith(b"refused")
        assert guest.link.hold_until < guest.link.now() + 2


async def a_script_leaves_by_the_hosts_loop() -> None:
    net = Net()
    asked: list[asyncio.Task[None]] = []

    async def leave(error: BaseException) -> None:
        raise error

    async def leave_behind(error: BaseException) -> None:
        asked.append(asyncio.create_task(leave(error)))
        asyncio.get_running_loop().call_soon(lambda: (_ for _ in ()).throw(error))

    @net.udp(HOST, 9999)
    async def relay(datagram: Datagram) -> None:
        error = {b"e": SystemExit(3), b"k": KeyboardInterrupt()}[datagram.data[:1]]
        await net.host(leave_behind(error))
        try:
            await net.host(leave(error))
        except (SystemExit, KeyboardInterrupt) as gone:
            datagram.reply(type(gone).__name__.encode())

    async with running(net.configured(), net) as guest:
        for which, name in ((b"e", b"SystemExit"), (b"k", b"KeyboardInterrupt")) * 2:
            guest.link.put(udp(HOST, 9999, which))
            assert bytes((await guest.expect(UDP))[UDP].payload).startswith(name)
        log = "\n".join(text for _, text in guest.link.lines)
    assert "SystemExit: 3" in log
    assert "in leave\n" in log
    assert len(asked) == 4


def test_a_script_leaves_by_the_hosts_loop() -> None:
    scenario(a_script_leaves_by_the_hosts_loop)


def test_a_script_asks_the_host() -> None:
    scenario(a_script_asks_the_host)


async def a_connection_with_timers() -> None:
    net = Net()

    @net.tcp(HOST, 80)
    async def count(stream: Stream) -> None:
        for number in range(3):
            await asyncio.sleep(0.01)
            await stream.write(b"%d" % number)

    async with running(net.configured(), net) as guest:
        peer = Peer(guest, 80, 40_000, HOST)
        await peer.open()
        data = b""
        while len(data) < 3:
            packet = await guest.expect(TCP)
            data += bytes(packet[TCP].payload)[: packet["IP"].len - 40]
        assert data == b"012"


def test_a_connection_with_timers() -> None:
    scenario(a_connection_with_timers)


async def a_script_is_ended_with_the_engine() -> None:
    net = Net()
    ended = []

    @net.tcp(HOST, 80)
    async def hang(stream: Stream) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append(stream.peer.host)

    async with running(net.configured(), net) as guest:
        await Peer(guest, 80, 40_000, HOST).open()
    assert ended == [GUEST]


def test_a_script_is_ended_with_the_engine() -> None:
    scenario(a_script_is_ended_with_the_engine)


# ---------------------------------------------------------------- runs that can be repeated
def network(seed: int, capture: Path) -> Net:
    """Whatever of asyncio has an order that could depend on hashes."""
    net = Net(hermetic=True, seed=seed, capture=str(capture), impair=["loss 1%"])

    @net.tcp("*", 80)
    async def echo(stream: Stream) -> None:
        async def piece(data: bytes) -> None:
            await asyncio.sleep(0.01)
            await stream.write(data[::-1])

        while data := await stream.read(1000):
            pieces = [data[start : start + 100] for start in range(0, len(data), 100)]
            for done in asyncio.as_completed([piece(one) for one in pieces]):
                await done

    @net.every(0.1)
    async def send() -> None:
        group = {asyncio.ensure_future(send_one(number)) for number in range(20)}
        await asyncio.wait(group)

    async def send_one(number: int) -> None:
        await asyncio.sleep(0)
        net.send_udp(b"%d %d" % (number, net.random.randrange(1000)), 5000)

    @net.on_frame(direction="to_guest")
    def double(frame: Frame) -> object:
        return [frame.bytes] * 2 if net.random.random() < 0.1 else None

    return net


class OnlyTcp(Stepped):
    """For a guest that knows nothing else."""

    def to_guest(self) -> list[bytes]:
        return [frame for frame in super().to_guest() if frame[23] != 17]


def exchange(capture: Path, seed: int) -> None:
    script = network(seed, capture)
    with stepped(script.configured(), script) as whole:
        net = OnlyTcp(whole.config, whole.network)
        guest = SimGuest(net, Wire(), 1, bytes(100_000), selective=True)
        net.from_guest(bytes(Ether(src=GUEST_MAC.hex(":")) / ARP(psrc=GUEST, pdst=ROUTER)))
        while not guest.done and net.now < 600:
            guest.step()
        assert guest.done, net.network.log
        assert len(guest.incoming) == 100_000
        assert "Traceback" not in net.network.log


def test_runs_are_alike_whatever_order_hashing_has(tmp_path: Path) -> None:
    def captured(name: str, seed: int, hashing: str) -> bytes:
        path = tmp_path / name
        command = (
            "import sys, pathlib; from tests.engine.test_program import exchange;"
            f"exchange(pathlib.Path({str(path)!r}), {seed})"
        )
        subprocess.run(
            [sys.executable, "-c", command],
            check=True,
            timeout=60,
            env={"PYTHONHASHSEED": hashing},
        )
        return path.read_bytes()

    first = captured("first.pcapng", 5, "1")
    assert first == captured("second.pcapng", 5, "2")
    assert first != captured("other.pcapng", 6, "1")
