"""Services of a network written in Python, as a guest meets them."""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether

from pynat.errors import ConfigError
from pynat.net import Datagram, Net, Stream
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, introduce
from tests.frames import ROUTER, ping, udp

HOST = "192.0.2.7"


def opened(lab: Lab, remote: str = HOST, port: int = 80, guest_port: int = 40_000) -> TcpScript:
    flow = TcpScript(lab, remote=remote, remote_port=port, guest_port=guest_port)
    flow.guest("S 0:0(0) <mss 1460>")
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    flow.guest(". 1:1(0) ack 1")
    return flow


def log_of(lab: Lab) -> str:
    return "\n".join(lab.log)


def test_lines_are_answered_and_the_end_of_the_handler_is_fin() -> None:
    net = Net()

    @net.tcp(HOST, 80)
    async def greet(stream: Stream) -> None:
        async for line in stream:
            await stream.write(b"hello " + line)

    lab = Lab(net=net)
    flow = opened(lab)
    flow.guest("P. 1:4(3) ack 1", b"Ann")
    flow.guest("P. 4:8(4) ack 1", b"\nBob")
    assert flow.payload() == b"hello Ann\n"
    flow.guest("F. 8:8(0) ack 11")
    assert flow.to_guest()[-1] == "FP. 11:21(9) ack 9"
    assert "fault" not in log_of(lab)


def test_sleep_is_in_guest_time() -> None:
    net = Net()
    woken = []

    @net.tcp(HOST, 80)
    async def slow(stream: Stream) -> None:
        await asyncio.sleep(1)
        woken.append(net.now())
        await stream.write(b"late")

    lab = Lab(net=net)
    lab.now = 10.0
    flow = opened(lab)
    lab.wait(0.999)
    assert flow.to_guest() == []
    lab.wait(0.001)
    assert flow.payload() == b"late"
    assert woken == [11.0]
    assert lab.router.hold_until(lab.now) == 0  # the guest may run on


def test_a_script_that_does_not_read_closes_the_window() -> None:
    net = Net()
    go_on = asyncio.Event()
    got = []

    @net.tcp(HOST, 80)
    async def lazy(stream: Stream) -> None:
        await go_on.wait()
        got.append(await stream.readexactly(65_535))

    lab = Lab(net=net)
    flow = opened(lab)
    for at in range(1, 65_536, 1285):
        flow.guest(f". {at}:{at + 1285}(1285) ack 1")
    lab.wait(0.1)
    assert flow.to_guest(detail=True)[-1].endswith("win 0")
    go_on.set()
    lab.wait(1)
    assert len(got[0]) == 65_535
    assert not flow.to_guest(detail=True)[-1].endswith("win 0")


def test_a_write_waits_while_the_guest_does_not_take_it() -> None:
    net = Net()
    written = []

    @net.tcp(HOST, 80)
    async def flood(stream: Stream) -> None:
        for number in range(100):
            await stream.write(bytes(10_000))
            written.append(number)

    lab = Lab(net=net)
    flow = opened(lab)
    assert 20 <= len(written) < 30  # 256 KiB are buffered
    at = 1
    for _ in range(2000):
        flow.guest(f". 1:1(0) ack {at}")
        lab.wait(0.01)
        at += len(flow.payload())
        if at > 1_000_000:
            break
    assert len(written) == 100


def test_a_half_close() -> None:
    net = Net()
    rest = []

    @net.tcp(HOST, 80)
    async def first(stream: Stream) -> None:
        await stream.write(b"x")
        stream.write_eof()
        rest.append(await stream.read())
        with pytest.raises(RuntimeError, match="after write_eof"):
            await stream.write(b"y")

    lab = Lab(net=net)
    flow = opened(lab)
    assert flow.to_guest() == ["FP. 1:3(1) ack 1"]
    flow.guest("P. 1:6(5) ack 3", b"still")
    assert rest == [b"still"]
    flow.guest("F. 6:6(0) ack 3")
    assert flow.to_guest()[-1] == ". 3:3(0) ack 7"


def test_an_exception_is_reported_and_resets_its_connection_only() -> None:
    net = Net()

    @net.tcp(HOST, 80)
    async def divide(stream: Stream) -> None:
        number = int(await stream.readline())
        await stream.write(b"%d" % (1 // number))

    lab = Lab(net=net)
    other = opened(lab, guest_port=40_001)
    flow = opened(lab)
    flow.guest("P. 1:3(2) ack 1", b"0\n")
    assert flow.to_guest() == ["R. 1:1(0) ack 3"]
    other.guest("P. 1:3(2) ack 1", b"1\n")
    assert other.payload() == b"1"
    log = log_of(lab)
    assert "ZeroDivisionError: integer division or modulo by zero" in log
    assert 'tests/net/test_services.py", line' in log
    assert "pynat/net/" not in log
    assert "the connection from 192.168.16.2:40000 is reset" in log
    assert "a fault in pynat itself" not in log


@pytest.mark.filterwarnings("default:coroutine")
def test_a_missing_await_is_told_with_its_line() -> None:
    net = Net()

    @net.tcp(HOST, 80)
    async def greet(stream: Stream) -> None:
        stream.write(b"hello")  # type: ignore[unused-coroutine]

    @net.tcp(HOST, 81)
    async def echo(stream: Stream) -> None:
        await stream.write(stream.read())  # type: ignore[arg-type]

    lab = Lab(net=net)
    opened(lab)
    TcpScript(lab, remote=HOST, remote_port=81).guest("S 0:0(0)")
    log = log_of(lab)
    assert "coroutine 'Stream.write' was never awaited: write await before the call" in log
    assert re.search(r"test_services.py:[0-9]+: coroutine", log)
    assert "write: bytes, not a coroutine; await is missing before the call" in log
    assert "'Stream.read'" not in log


def test_a_guest_that_resets_is_no_fault_of_the_script() -> None:
    net = Net()
    seen = []

    @net.tcp(HOST, 80)
    async def wait(stream: Stream) -> None:
        try:
            await stream.read()
        except ConnectionResetError as error:
            seen.append(str(error))
            raise

    lab = Lab(net=net)
    flow = opened(lab)
    flow.guest("R. 1:1(0) ack 1")
    assert seen == ["reset by the guest"]
    assert "Traceback" not in log_of(lab)


def test_a_thousand_faults_are_ten_lines() -> None:
    net = Net()

    @net.udp(HOST, 9)
    def fail(datagram: Datagram) -> None:
        raise ValueError(datagram.data)

    lab = Lab(net=net)
    introduce(lab)
    for _ in range(100):
        lab.from_guest(udp(HOST, 9, b"x"))
    assert log_of(lab).count("Traceback") == 10


# ---------------------------------------------------------------- datagrams, names, hosts
def test_datagrams_are_answered_by_functions_of_both_kinds() -> None:
    net = Net()

    @net.udp(HOST, 9999)
    def shout(datagram: Datagram) -> None:
        datagram.reply(datagram.data.upper())

    @net.udp(HOST, 9998)
    async def later(datagram: Datagram) -> None:
        await asyncio.sleep(1)
        datagram.reply(f"{datagram.source} > {datagram.destination}".encode())

    lab = Lab(net=net)
    introduce(lab)
    lab.from_guest(udp(HOST, 9999, b"hello", sport=1234))
    lab.from_guest(udp(HOST, 9998, b"", sport=1234))
    first = [Ether(frame) for frame in lab.to_guest()]
    assert [bytes(one[UDP].payload)[:5] for one in first] == [b"HELLO"]
    lab.wait(1)
    (second,) = [Ether(frame) for frame in lab.to_guest()]
    assert bytes(second[UDP].payload) == b"192.168.16.2:1234 > 192.0.2.7:9998"


def test_a_datagram_can_be_refused() -> None:
    net = Net()

    @net.udp(HOST, 9999)
    def refuse(datagram: Datagram) -> None:
        datagram.refuse()

    lab = Lab(net=net)
    introduce(lab)
    lab.from_guest(udp(HOST, 9999, b"hello"))
    (error,) = [Ether(frame) for frame in lab.to_guest()]
    assert (error[IP].src, error[ICMP].type, error[ICMP].code) == (HOST, 3, 3)


def asked(lab: Lab, name: str) -> str:
    lab.from_guest(udp(ROUTER, 53, bytes(DNS(rd=1, qd=DNSQR(qname=name))), sport=1053))
    (answer,) = [DNS(bytes(Ether(frame)[UDP].payload)) for frame in lab.to_guest()]
    return str(answer.an[0].rdata)


def test_names_are_known_to_the_dns_and_have_addresses() -> None:
    net = Net(dns={"names": {"old.test": "192.0.2.9"}})
    net.name("fixed.test", "192.0.2.1")

    async def nothing(stream: Stream) -> None:
        await stream.read()

    for host in ("a.test", "b.test", "Fixed.test", "old.test"):
        net.tcp(host, 80)(nothing)
    net.tcp("a.test", 81)(nothing)
    lab = Lab(net=net)
    introduce(lab)
    found = [asked(lab, name) for name in ("a.test", "b.test", "fixed.test", "old.test")]
    assert found == ["198.18.4.1", "198.18.4.2", "192.0.2.1", "192.0.2.9"]
    for number, address in enumerate(found):
        opened(lab, address, guest_port=41_000 + number)


def test_a_function_that_answers_for_names() -> None:
    net = Net(hermetic=True)
    asked_for = []

    @net.dns
    def answer(name: str) -> str | list[str] | None:
        asked_for.append(name)
        known: dict[str, str | list[str]] = {"b.test": ["192.0.2.2", "192.0.2.3"], "none.test": ""}
        return "192.0.2.1" if name.startswith("a") else known.get(name, "rubbish")

    lab = Lab(net=net)
    introduce(lab)
    assert asked(lab, "a1.test") == "192.0.2.1"
    assert asked(lab, "B.test") == "192.0.2.2"
    codes = []
    for name in ("none.test", "c.test"):
        lab.from_guest(udp(ROUTER, 53, bytes(DNS(rd=1, qd=DNSQR(qname=name))), sport=1053))
        (reply,) = [DNS(bytes(Ether(frame)[UDP].payload)) for frame in lab.to_guest()]
        codes.append((reply.rcode, reply.ancount))
    assert codes == [(0, 0), (3, 0)]  # it has no address; nobody knows it
    assert asked_for == ["a1.test", "b.test", "none.test", "c.test"]
    assert "ValueError: " in log_of(lab) or "AddressValueError: " in log_of(lab)


def test_a_host_without_a_service_answers_ping_and_refuses() -> None:
    net = Net()
    net.machine("192.0.2.8")
    lab = Lab(net=net)
    introduce(lab)
    lab.from_guest(ping("192.0.2.8"))
    assert Ether(lab.to_guest()[0])[ICMP].type == 0
    flow = TcpScript(lab, remote="192.0.2.8")
    flow.guest("S 0:0(0)")
    assert flow.to_guest() == ["R. 0:0(0) ack 1"]


def test_every_host_that_has_nothing_else() -> None:
    net = Net(hermetic=True)
    seen = []

    @net.tcp("*", "*")
    async def record(stream: Stream) -> None:
        seen.append(str(stream.local))

    lab = Lab(net=net)
    introduce(lab)
    opened(lab, "203.0.113.5", 8080)
    opened(lab, "8.8.8.8", 443, guest_port=40_001)
    assert seen == ["203.0.113.5:8080", "8.8.8.8:443"]


def test_an_address_of_the_guests_own_net() -> None:
    net = Net()

    @net.udp("192.168.16.50", 9)
    def echo(datagram: Datagram) -> None:
        datagram.reply(datagram.data)

    lab = Lab(net=net)
    introduce(lab)
    lab.from_guest(udp("192.168.16.50", 9, b"x"))
    assert Ether(lab.to_guest()[0])[IP].src == "192.168.16.50"


# ---------------------------------------------------------------- what a script does by itself
def test_times() -> None:
    net = Net()
    seen: list[tuple[str, float]] = []

    @net.at(5)
    async def once() -> None:
        seen.append(("once", net.now()))

    @net.every(2)
    def often() -> None:
        seen.append(("often", net.now()))
        if len(seen) == 1:
            raise ValueError("told, and it goes on")

    lab = Lab(net=net)
    lab.wait(7)
    assert seen == [("often", 3), ("once", 5), ("often", 5), ("often", 7)]
    assert "ValueError: told" in log_of(lab)


def test_a_connection_to_the_guest() -> None:
    net = Net()
    said = []

    @net.at(0)
    async def call() -> None:
        stream = await net.connect(22, host="192.0.2.9", port=1000)
        async with stream:
            said.append(await stream.readline())
            await stream.write(b"hello\r\n")

    lab = Lab(net=net)
    flow = TcpScript(lab, guest_port=22, remote="192.0.2.9", remote_port=1000)
    lab.wait(1)
    lab.to_guest()
    lab.wait(2)  # the SYN comes again, as the guest's card was not there at first
    assert flow.to_guest() == ["S 0:1(0)"]
    flow.guest("S. 0:0(0) ack 1")
    flow.guest("P. 1:6(5) ack 1", b"SSH2\n")
    assert said == [b"SSH2\n"]
    assert flow.payload() == b"hello\r\n"


def test_a_guest_that_refuses() -> None:
    net = Net()
    failed = []

    @net.at(2)
    async def call() -> None:
        try:
            await net.connect(22, port=1000)
        except ConnectionRefusedError as error:
            failed.append(str(error))

    lab = Lab(net=net)
    flow = TcpScript(lab, guest_port=22, remote=ROUTER, remote_port=1000)
    lab.wait(1.5)
    assert flow.to_guest() == ["S 0:1(0)"]
    flow.guest("R. 0:0(0) ack 1")
    assert failed == ["refused by the guest"]


def test_a_datagram_to_the_guest() -> None:
    net = Net()

    @net.at(2)
    def send() -> None:
        net.send_udp(b"hello", 5000, host="192.0.2.9", port=53)

    lab = Lab(net=net)
    introduce(lab)
    lab.wait(2)
    (frame,) = [Ether(frame) for frame in lab.to_guest()]
    assert (frame[IP].src, frame[UDP].sport, frame[UDP].dport) == ("192.0.2.9", 53, 5000)


def test_a_fault_of_a_service() -> None:
    net = Net()

    @net.at(0)
    def break_dns() -> None:
        net.fault("dns host.internal servfail")

    lab = Lab(net=net)
    introduce(lab)
    lab.from_guest(udp(ROUTER, 53, bytes(DNS(rd=1, qd=DNSQR(qname="host.internal"))), sport=1053))
    (answer,) = [DNS(bytes(Ether(frame)[UDP].payload)) for frame in lab.to_guest()]
    assert answer.rcode == 2


def test_the_dice_are_those_of_the_seed() -> None:
    def thrown(seed: int) -> list[int]:
        net = Net()
        found: list[int] = []
        net.at(0)(lambda: found.append(net.random.randrange(1000)))
        Lab(net=net, seed=seed).wait(1)
        return found

    assert thrown(1) == thrown(1) != thrown(2)


# ---------------------------------------------------------------- what it must not do
def test_sockets_threads_and_processes_are_refused_with_the_way_out() -> None:
    net = Net()
    said: list[str] = []

    @net.at(0)
    async def try_all() -> None:
        for attempt in (
            lambda: asyncio.open_connection("127.0.0.1", 1),
            lambda: asyncio.to_thread(print),
            lambda: asyncio.create_subprocess_exec("true"),
        ):
            try:
                await attempt()
            except RuntimeError as error:
                said.append(str(error))
        work = asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="there is no host"):
            await net.host(work)

    lab = Lab(net=net)
    lab.wait(1)
    assert len(said) == 3
    assert all("await net.host(coroutine)" in one for one in said)
    assert "Traceback" not in log_of(lab)


def test_a_loop_without_end_does_not_stop_the_network() -> None:
    net = Net()

    @net.at(0)
    async def spin() -> None:
        while True:  # noqa: ASYNC110 - that is what it is about
            await asyncio.sleep(0)

    lab = Lab(net=net)
    introduce(lab)
    lab.from_guest(ping(ROUTER))
    assert len(lab.to_guest()) == 1
    lab.wait(0.002)
    assert "is there a loop without end?" in log_of(lab)


def test_sys_exit_ends_nothing() -> None:
    net = Net()

    @net.at(0)
    async def leave() -> None:
        raise SystemExit(1)

    lab = Lab(net=net)
    lab.wait(1)
    assert "SystemExit" in log_of(lab)


def test_what_the_guest_sends_cannot_steer_a_terminal() -> None:
    net = Net()

    @net.udp(HOST, 9)
    def tell(datagram: Datagram) -> None:
        net.log(datagram.data.decode(errors="surrogateescape"))
        raise ValueError(datagram.data.decode("latin-1"))

    lab = Lab(net=net)
    introduce(lab)
    lab.from_guest(udp(HOST, 9, b"\x1b[2J\xff"))
    assert "script: \\x1b[2J\\udcff" in log_of(lab)
    assert "ValueError: \\x1b[2J" in log_of(lab)
    assert "\x1b" not in log_of(lab)


def test_reads_that_are_given_up_leave_nothing() -> None:
    net = Net()
    streams = []

    @net.tcp(HOST, 80)
    async def poll(stream: Stream) -> None:
        streams.append(stream)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stream.read(), 0.1)

    lab = Lab(net=net)
    opened(lab)
    lab.wait(10)
    assert len(streams[0]._waiting) <= 1


def test_more_than_one_thing_at_once() -> None:
    """Groups, queues and time-outs of asyncio work in guest time."""
    net = Net()
    seen: list[object] = []

    @net.at(0)
    async def all_of_it() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()

        async def put(number: int) -> None:
            await asyncio.sleep(3 - number)
            await queue.put(number)

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(put(number))
        seen.extend(queue.get_nowait() for _ in range(3))
        try:
            async with asyncio.timeout(2):
                await asyncio.sleep(10)
        except TimeoutError:
            seen.append(net.now())

    Lab(net=net).wait(20)
    assert seen == [2, 1, 0, 6.0]


def test_nothing_can_be_done_before_the_network_runs() -> None:
    with pytest.raises(RuntimeError, match="does not run yet"):
        Net().now()


def test_wrong_configurations_are_told_with_the_line_of_the_script() -> None:
    with pytest.raises(ConfigError, match=r"test_services\.py:\d+: dhcp\.lease = 1: must be"):
        Net(dhcp={"lease": 1}).configured()
