"""Whatever a script raises, wherever it does: the turn ends, it is told, the network goes on."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.l2 import ARP, Ether

from pynat.errors import ConfigError
from pynat.net import Datagram, Flow, Frame, Net, Request, Stream
from pynat.net.frame_hooks import MAX_MADE
from pynat.net.report import told
from pynat.serve.load import load
from pynat.testing.lab import GUEST_MAC, Lab, introduce
from pynat.testing.script import TcpScript
from pynat.testing.virtual import VirtualNetwork, virtual
from pynat.wire import ethernet
from tests.frames import GUEST, ROUTER, ping, udp

HOST = "192.0.2.7"
NOT_DONE = -1.0  # a deadline that no turn ends with


class Own(BaseException):
    """One that is no Exception, and cannot be shown."""

    def __str__(self) -> str:
        raise Own

    __repr__ = __str__


class Mute(Exception):  # noqa: N818 - what it is
    """One that cannot be shown."""

    def __str__(self) -> str:
        raise KeyboardInterrupt

    __repr__ = __str__


def chained() -> BaseException:
    error: BaseException = ValueError("the first")
    for number in range(1000):
        try:
            raise RuntimeError(f"number {number}") from error
        except RuntimeError as next_one:
            error = next_one
    return error


def nested() -> BaseException:
    error: Exception = ValueError("the first")
    for _ in range(500):
        error = ExceptionGroup("group", [error])
    return error


RAISED: dict[str, Callable[[], BaseException]] = {
    "fail": lambda: pytest.fail.Exception("failed"),
    "skip": lambda: pytest.skip.Exception("skipped"),
    "interrupt": KeyboardInterrupt,
    "exit": lambda: SystemExit(3),
    "generator": GeneratorExit,
    "cancelled": asyncio.CancelledError,
    "own": Own,
    "mute": Mute,
    "stop": StopIteration,
    "memory": MemoryError,
    "chain": chained,
    "groups": nested,
}


@pytest.fixture(params=sorted(RAISED))
def error(request: pytest.FixtureRequest) -> BaseException:
    return RAISED[request.param]()


class Watched:
    """A network in which every turn must end with `done`."""

    def __init__(self, network: VirtualNetwork) -> None:
        self.network = network
        self.card = network.card
        self.turn()

    def send(self, *frames: bytes) -> list[bytes]:
        """A batch, and what comes of it."""
        self.card.waiting += [(self.card.time, frame) for frame in frames]
        self.turn()
        found, self.card.delivered = self.card.delivered, []
        return found

    def turn(self) -> None:
        self.card.timer = NOT_DONE
        self.network.engine.turn()
        assert self.card.timer != NOT_DONE

    @property
    def log(self) -> str:
        return self.network.log


@contextmanager
def running(net: Net) -> Iterator[Watched]:
    with virtual(net.configured(), net) as network:
        yield Watched(network)


def hermetic() -> Net:
    return Net(hermetic=True, seed=1)


def check(log: str, error: BaseException, where: str) -> None:
    assert where in log
    assert "test_raising.py" in log
    assert type(error).__name__ in log or isinstance(error, StopIteration)
    assert "a fault in pynat itself" not in log


# ---------------------------------------------------------------- hooks
@pytest.mark.parametrize("direction", ["from_guest", "to_guest"])
def test_on_frame(error: BaseException, direction: str) -> None:
    net = hermetic()

    @net.on_frame(direction=direction)
    def look(frame: Frame) -> None:
        raise error

    with running(net) as network:
        introduced = [ping(ROUTER, bytes([number]) * 8) for number in range(5)]
        network.send(arp())
        assert len(network.send(*introduced)) == 5
    check(network.log, error, "in on_frame look")


def arp() -> bytes:
    mac = GUEST_MAC.hex(":")
    return bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=mac, psrc=GUEST, pdst=ROUTER))


def test_on_flow_and_on_end(error: BaseException) -> None:
    net = Net(hermetic=True, seed=1, udp={"idle": 1})

    @net.on_flow
    def go(flow: Flow) -> None:
        raise error

    @net.on_end
    def end(flow: Flow) -> None:
        raise error

    @net.udp(HOST, 7)
    def echo(datagram: Datagram) -> None:
        datagram.reply(datagram.data)

    with running(net) as network:
        network.send(arp())
        assert len(network.send(udp(HOST, 7, b"a"), udp(HOST, 7, b"b", sport=99))) == 2
        network.card.time += 10
        network.turn()
    check(network.log, error, "in on_flow go")
    check(network.log, error, "in on_end end")


def test_dns(error: BaseException) -> None:
    net = hermetic()

    @net.dns
    def names(name: str) -> None:
        raise error

    question = bytes(DNS(rd=1, qd=DNSQR(qname="a.test")))
    with running(net) as network:
        network.send(arp())
        (answer,) = network.send(udp(ROUTER, 53, question))
    check(network.log, error, "dns names")
    assert answer


class Unnameable:
    """A callable whose every attribute is a trap."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, *_: Any) -> None:
        raise self.error

    def __getattribute__(self, name: str) -> Any:
        if name in ("__name__", "__code__"):
            raise Own
        return super().__getattribute__(name)

    def __repr__(self) -> str:
        raise Own


def test_a_hook_that_has_no_name(error: BaseException) -> None:
    net = hermetic()
    hook = Unnameable(error)
    net.frames.hooks.append(("both", hook))
    net.flow_hooks.append(hook)
    with running(net) as network:
        network.send(arp())
        assert len(network.send(ping(ROUTER))) == 1
        network.send(udp(HOST, 7, b"x"))
    check(network.log, error, "in on_frame a Unnameable")


# ---------------------------------------------------------------- services and coroutines
def test_a_datagram(error: BaseException) -> None:
    net = hermetic()

    @net.udp(HOST, 7)
    def at_once(datagram: Datagram) -> None:
        raise error

    @net.udp(HOST, 8)
    async def later(datagram: Datagram) -> None:
        await net.sleep(1)
        raise error

    with running(net) as network:
        network.send(arp())
        network.send(udp(HOST, 7, b"a"), udp(HOST, 8, b"b"))
        network.card.time = 2
        network.turn()
    check(network.log, error, "in udp 192.0.2.7:7")
    check(network.log, error, "in udp 192.0.2.7:8")


def test_a_stream(error: BaseException) -> None:
    net = hermetic()

    @net.tcp(HOST, 80)
    async def serve(stream: Stream) -> None:
        raise error

    lab = Lab(net=net)
    flow = TcpScript(lab, remote=HOST)
    flow.guest("S 0:0(0)")
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1")
    assert "R" in flow.to_guest()[-1]
    check("\n".join(lab.log), error, "in tcp 192.0.2.7:80")


def test_a_page(error: BaseException) -> None:
    net = hermetic()

    @net.http(HOST)
    def page(request: Request) -> bytes:
        raise error

    lab = Lab(net=net)
    flow = TcpScript(lab, remote=HOST)
    flow.guest("S 0:0(0)")
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1")
    flow.guest("P. 1:39(38) ack 1", data=b"GET /x HTTP/1.1\r\nHost: example.test\r\n\r\n")
    assert flow.payload().startswith(b"HTTP/1.1 500")
    check("\n".join(lab.log), error, "in answer to GET /x")


def test_at_and_every(error: BaseException) -> None:
    net = hermetic()
    called: list[float] = []

    @net.at(1)
    def once() -> None:
        raise error

    @net.every(1)
    async def again() -> None:
        called.append(net.now())
        raise error

    with running(net) as network:
        for second in range(1, 4):
            network.card.time = second
            network.turn()
    assert called == [1, 2, 3]
    check(network.log, error, "in once")
    check(network.log, error, "in again")


def test_tasks_and_callbacks_of_the_scripts_own(error: BaseException) -> None:
    net = hermetic()

    async def task() -> None:
        raise error

    def call() -> None:
        raise error

    @net.at(0)
    async def begin() -> None:
        loop = asyncio.get_running_loop()
        background = asyncio.create_task(task())
        loop.call_soon(call)
        loop.call_later(1, call)
        await asyncio.wait([background])
        del background

    @net.udp(HOST, 7)
    def echo(datagram: Datagram) -> None:
        datagram.reply(datagram.data)

    with running(net) as network:
        network.send(arp())
        network.card.time = 2
        network.turn()
        answers = network.send(udp(HOST, 7, b"still here"))
        assert sum(b"still here" in frame for frame in answers) == 1
    assert network.log.count("Traceback") >= 2 or "nothing more can be told" in network.log


def test_tidying_up(error: BaseException) -> None:
    net = hermetic()

    @net.at(0)
    async def stay() -> None:
        try:
            await net.sleep(1000)
        finally:
            raise error

    with running(net) as network:
        network.turn()
    assert "seed 1" in network.log


def test_a_callback_that_cannot_be_shown() -> None:
    """asyncio makes a text of callback and arguments for the exception of an ordinary one."""
    net = hermetic()

    @net.at(0)
    def begin() -> None:
        asyncio.get_running_loop().call_soon(Unnameable(ValueError("x")), Own())

    with running(net) as network:
        network.turn()
        network.turn()
    assert "test_raising.py" in network.log


# ---------------------------------------------------------------- the loop, and too much
@pytest.mark.parametrize("method", ["close", "stop"])
def test_a_script_does_not_end_its_loop(method: str) -> None:
    net = hermetic()

    @net.at(0)
    async def end() -> None:
        getattr(asyncio.get_running_loop(), method)()

    @net.on_frame
    def hook(frame: Frame) -> None:
        getattr(asyncio.get_running_loop(), method)()

    @net.udp(HOST, 7)
    def echo(datagram: Datagram) -> None:
        datagram.reply(datagram.data)

    with running(net) as network:
        network.send(arp())
        answers = network.send(udp(HOST, 7, b"still here"))
        assert sum(b"still here" in frame for frame in answers) == 1
    assert f"RuntimeError: {method}: " in network.log
    assert "in on_frame hook" in network.log
    assert "in end (" in network.log


@pytest.mark.one_way("more frames than comments are kept of")
def test_hooks_make_a_bounded_number_of_frames() -> None:
    net = hermetic()

    @net.on_frame(direction="to_guest")
    def many(frame: Frame) -> list[bytes]:
        return [frame.bytes] * (MAX_MADE // 10)

    @net.on_frame(direction="to_guest")
    def more(frame: Frame) -> list[bytes]:
        return [frame.bytes] * (MAX_MADE // 10)

    with running(net) as network:
        network.send(arp())
        for _ in range(2):  # the bound is of each turn
            delivered = network.send(*(ping(ROUTER, bytes([n]) * 8) for n in range(20)))
            assert MAX_MADE * 0.9 < len(delivered) <= MAX_MADE + 20
    assert f"ValueError: hooks may make {MAX_MADE} more frames in one turn" in network.log


def test_a_traceback_is_made_only_for_a_line_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[BaseException] = []

    def counted(error: BaseException) -> str:
        made.append(error)
        return "told"

    monkeypatch.setattr("pynat.net.tasks.told", counted)
    net = hermetic()

    @net.on_frame(direction="from_guest")
    def look(frame: Frame) -> None:
        raise ValueError

    with running(net) as network:
        network.send(*[ping(ROUTER)] * 200)
    assert 0 < len(made) <= 20


def test_of_a_long_chain_the_last_exceptions_are_told() -> None:
    error = chained()
    text = told(error)
    assert text.startswith("(993 earlier exceptions)")
    assert "number 999" in text
    assert "number 992" in text
    assert "number 991" not in text
    cause = error.__cause__
    assert str(cause) == "number 998"
    for _ in range(7):
        assert cause is not None
        cause = cause.__cause__
    assert str(cause) == "number 991"  # it is as it was


# ---------------------------------------------------------------- the file itself
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import pytest; pytest.skip('not now', allow_module_level=True)", "Skipped: not now"),
        ("import pytest; pytest.fail('no')", "Failed: no"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("import asyncio; raise asyncio.CancelledError('x')", "CancelledError: x"),
        ("class E(BaseException):\n    __str__ = None\nraise E", "E;"),
    ],
)
def test_a_script_that_does_not_come_to_its_end(tmp_path: Path, line: str, said: str) -> None:
    script = tmp_path / "net.py"
    script.write_text(f"from pynat.net import Net\nnet = Net()\n{line}\n")
    with pytest.raises(ConfigError, match=r"net\.py:\d+: ") as caught:
        load(str(script), "")
    assert said in str(caught.value)


# ---------------------------------------------------------------- who wants to leave may
def test_control_c_within_a_hook_ends_the_program() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` ignores it
    try:
        _control_c_within_a_hook()
    finally:
        signal.signal(signal.SIGINT, before)


def _control_c_within_a_hook() -> None:
    net = hermetic()

    @net.on_frame
    def wait(frame: Frame) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10_000_000):
            pass

    lab = Lab(net=net)
    with pytest.raises(KeyboardInterrupt):
        lab.from_guest(ethernet.encode(b"\xff" * 6, GUEST_MAC, 0x1234, b""))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _of_a_future() -> None:
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    future.set_exception(KeyboardInterrupt())
    future.result()


def _of_asyncio() -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_exception(KeyboardInterrupt())
    future.result()


def _thrown() -> None:
    generator = iter(number for number in (1, 2))
    next(generator)
    generator.throw(KeyboardInterrupt())


def _of_pythons_handler() -> None:
    signal.default_int_handler(signal.SIGINT, None)


@pytest.fixture
def default_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


@pytest.mark.usefixtures("default_handler")
@pytest.mark.parametrize("interrupt", [_of_a_future, _of_asyncio, _thrown, _of_pythons_handler])
def test_an_interrupt_of_the_scripts_own_is_its_fault(interrupt: Callable[[], None]) -> None:
    net = hermetic()

    @net.on_frame
    def look(frame: Frame) -> None:
        interrupt()

    @net.udp("192.0.2.9", 5)
    async def answer(datagram: Datagram) -> None:
        interrupt()

    lab = Lab(net=net)
    introduce(lab)
    lab.from_guest(udp("192.0.2.9", 5, b"x"))
    told = "\n".join(lab.log)
    assert "in look" in told
    assert "answer" in told


@pytest.mark.usefixtures("default_handler")
def test_an_awaited_interrupt_is_the_scripts_fault() -> None:
    net = hermetic()

    @net.udp("192.0.2.9", 5)
    async def answer(datagram: Datagram) -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(KeyboardInterrupt())
        await future

    lab = Lab(net=net)
    introduce(lab)
    lab.from_guest(udp("192.0.2.9", 5, b"x"))
    assert "KeyboardInterrupt" in "\n".join(lab.log)
