"""A script looks at frames and flows: passes, changes, drops, adds."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import replace

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from pynat.config import Udp
from pynat.errors import ConfigError
from pynat.net import Datagram, Flow, Frame, Net, Stream
from pynat.testing.lab import Lab
from pynat.testing.script import TcpScript, introduce
from tests.frames import ROUTER, ping, udp

HOST = "192.0.2.7"


def lab_of(net: Net) -> Lab:
    lab = Lab(net=net)
    introduce(lab)
    return lab


def test_frames_are_seen_both_ways_and_pass() -> None:
    net = Net()
    seen: list[str] = []

    @net.on_frame
    def look(frame: Frame) -> None:
        seen.append(f"{'<' if frame.from_guest else '>'} {frame.packet.summary()[:12]}")
        assert frame.time == net_time()

    lab = Lab(net=net)

    def net_time() -> float:
        return lab.now

    introduce(lab)
    lab.from_guest(ping(ROUTER))
    assert len(lab.to_guest()) == 1
    assert [one[0] for one in seen] == ["<", ">", "<", ">"]


def test_a_frame_is_dropped_and_counted() -> None:
    net = Net()

    @net.on_frame(direction="to_guest")
    def lose(frame: Frame) -> object:
        return net.DROP if ICMP in frame.packet else None

    lab = lab_of(net)
    lab.from_guest(ping(ROUTER))
    assert lab.to_guest() == []
    assert lab.drops == {"dropped by a script": 1}


def test_a_capture_is_told_what_a_script_did() -> None:
    net = Net()

    @net.on_frame
    def spoil(frame: Frame) -> object:
        if not frame.from_guest:
            return frame.bytes + b"x"
        return {b"drop": net.DROP, b"more": frame.bytes + b"x"}.get(frame.bytes[-4:])

    lab = lab_of(net)
    lab.to_guest()
    comments = lab.router.notices.comments
    comments.want(True)
    frames = [ping(ROUTER, data) for data in (b"drop", b"more", b"pass")]
    for frame in frames:
        lab.from_guest(frame)
    said = ["dropped by a script", "changed by a script", ""]
    assert [comments.pop(frame) for frame in frames] == said
    assert [comments.pop(frame) for frame in lab.to_guest()] == ["changed by a script"] * 2


def test_a_frame_is_changed_as_a_packet_and_as_bytes() -> None:
    net = Net()

    @net.on_frame(direction="to_guest")
    def double_ttl(frame: Frame) -> object:
        packet = frame.packet
        if ICMP not in packet:
            return None
        packet[IP].ttl = 7
        del packet[IP].chksum
        return packet

    @net.on_frame(direction="to_guest")
    def twice(frame: Frame) -> object:
        return [frame.bytes, bytearray(frame.bytes)] if ICMP in frame.packet else None

    lab = lab_of(net)
    lab.from_guest(ping(ROUTER))
    assert [Ether(frame)[IP].ttl for frame in lab.to_guest()] == [7, 7]


def test_what_the_guest_sends_is_changed_before_the_router_sees_it() -> None:
    net = Net()

    @net.on_frame(direction="from_guest")
    def spoil(frame: Frame) -> bytes:
        return frame.bytes[:-1] + b"\xff" if frame.bytes[12:14] == b"\x08\x00" else frame.bytes

    lab = lab_of(net)
    lab.from_guest(ping(ROUTER))
    assert lab.to_guest() == []
    assert lab.drops == {"icmp checksum": 1}


def test_frames_are_put_in_both_ways() -> None:
    net = Net()

    @net.on_frame(direction="from_guest")
    def answer(frame: Frame) -> None:
        if frame.bytes[12:14] == b"\x08\x00" and ICMP in frame.packet and len(seen) < 1:
            seen.append(frame)
            net.inject(b"\0" * 60)
            net.inject(Ether(ping(ROUTER, b"other")), to_guest=False)

    seen: list[Frame] = []
    lab = lab_of(net)
    lab.from_guest(ping(ROUTER))
    frames = lab.to_guest()
    assert frames[1] == b"\0" * 60
    payloads = [bytes(Ether(frame)[ICMP].payload)[:5] for frame in (frames[0], frames[2])]
    assert payloads == [b"abcde", b"other"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (7, "TypeError: a frame is bytes or a packet of scapy, not int"),
        (b"x", "ValueError: a frame has 14 to"),
    ],
)
def test_a_hook_that_fails_lets_its_frame_pass(answer: object, said: str) -> None:
    net = Net()
    net.on_frame(lambda frame: answer)
    lab = lab_of(net)
    lab.from_guest(ping(ROUTER))
    assert len(lab.to_guest()) == 1
    log = "\n".join(lab.log)
    assert said in log
    assert re.search(r"in on_frame <lambda> \(.*test_hooks.py:[0-9]+\); the frame passes", log)


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError(), GeneratorExit()])
def test_no_way_out_of_a_hook_ends_the_network(error: BaseException) -> None:
    net = Net()

    @net.on_frame(direction="from_guest")
    def leave(frame: Frame) -> None:
        raise error

    @net.on_flow
    def go(flow: Flow) -> None:
        raise error

    @net.udp(HOST, 7)
    def echo(datagram: Datagram) -> None:
        datagram.reply(datagram.data)

    lab = lab_of(net)
    lab.from_guest(udp(HOST, 7, b"still here"))
    assert len(lab.to_guest()) == 1
    log = "\n".join(lab.log)
    assert type(error).__name__ in log
    assert "in on_frame leave" in log
    assert "in on_flow go" in log


def test_a_direction_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match=r'test_hooks\.py:\d+: .*must be "both" or "from_guest"'):
        Net().on_frame(direction="sideways")


# ---------------------------------------------------------------- flows
def test_flows_are_refused_dropped_served_or_left() -> None:
    net = Net()
    seen: list[str] = []

    @net.on_flow
    def decide(flow: Flow) -> object:
        seen.append(str(flow))

        async def serve(stream: Stream) -> None:
            await stream.write(b"ours")

        def answer(datagram: Datagram) -> None:
            datagram.reply(b"ours")

        what = {1: net.REFUSE, 2: net.DROP, 3: serve if flow.protocol == "tcp" else answer}
        return what.get(flow.host.port)

    lab = lab_of(net)
    lab.to_host()
    outcome = []
    for port in (1, 2, 3, 4):
        script = TcpScript(lab, remote=HOST, remote_port=port, guest_port=40_000 + port)
        script.guest("S 0:0(0)")
        outcome.append((script.to_guest(), len(lab.to_host())))
    assert outcome == [(["R. 0:0(0) ack 1"], 0), ([], 0), (["S. 0:1(0) ack 1"], 0), ([], 1)]
    frames = []
    for port in (1, 2, 3, 3):
        lab.from_guest(udp(HOST, port, b"x"))
        frames += [Ether(frame) for frame in lab.to_guest()]
    assert frames[0][ICMP].code == 3
    assert [bytes(frame[UDP].payload)[:4] for frame in frames[1:]] == [b"ours", b"ours"]
    assert lab.to_host() == []
    assert len(seen) == 7  # once for each of UDP's
    assert seen[0] == "tcp 192.168.16.2:40001 > 192.0.2.7:1"


def test_a_hook_may_make_tasks_that_run_in_guest_time() -> None:
    net = Net()
    seen = []

    @net.on_flow
    def start(flow: Flow) -> None:
        tasks.append(asyncio.create_task(later(flow)))
        seen.append(net.now())

    async def later(flow: Flow) -> None:
        await asyncio.sleep(1)
        seen.append(net.now())

    tasks: list[asyncio.Task[None]] = []
    lab = lab_of(net)
    lab.wait(5)
    TcpScript(lab, remote=HOST).guest("S 0:0(0)")
    lab.wait(1)
    assert seen == [6.0, 7.0]


def test_the_end_of_a_flow_is_told() -> None:
    net = Net()
    ends: list[tuple[str, str]] = []

    @net.tcp("a.test", 80)
    async def serve(stream: Stream) -> None:
        await stream.read()

    @net.on_end
    def tell(flow: Flow) -> None:
        ends.append((str(flow), flow.why))

    lab = lab_of(net)
    flow = TcpScript(lab, remote="198.18.4.1")
    flow.guest("S 0:0(0)")
    flow.to_guest()
    flow.guest(". 1:1(0) ack 1")
    flow.guest("R. 1:1(0) ack 1")
    lab.from_guest(udp(HOST, 5, b"x", sport=1000))
    lab.wait(700)
    assert ends == [
        ("tcp 192.168.16.2:40000 > a.test:80", "reset by the guest"),
        ("udp 192.168.16.2:1000 > 192.0.2.7:5", "idle for 600 s (udp.idle)"),
    ]


def test_each_flow_that_ends_in_the_turn_of_its_beginning_is_told() -> None:
    """A guest that resets a connection and opens it anew; a UDP flow that makes room."""
    net = Net()
    opened: list[Flow] = []
    ends: list[Flow] = []
    net.on_flow(opened.append)
    net.on_end(ends.append)
    lab = Lab(replace(net.configured(), udp=Udp(flows=1)), net=net)
    flow = TcpScript(lab, remote=HOST)
    for turn in range(3):
        for segment in ("S 1:1(0)", "R 2:2(0)", "S 500:500(0)", "R 501:501(0)"):
            lab.router.from_guest(flow.frame(segment), lab.now)
        for port in (1000, 1001, 1000):
            lab.router.from_guest(udp(HOST, 5, b"x", sport=port), lab.now)
        lab.turn()
        assert [len(opened), len(ends)] == [4 * turn + 5, 4 * turn + 4]
    lab.wait(700)
    assert {id(one) for one in ends} == {id(one) for one in opened}
    assert len(ends) == len(opened)
    whys = Counter(one.why for one in ends)
    assert whys["the guest gave up before the host's connect succeeded"] == 6


def test_an_answer_that_is_none_is_told_and_leaves_the_flow() -> None:
    net = Net()
    net.on_flow(lambda flow: "refuse")
    lab = lab_of(net)
    TcpScript(lab, remote=HOST).guest("S 0:0(0)")
    assert len(lab.to_host()) == 1
    assert "on_flow returned 'refuse'; it may return None, REFUSE, DROP" in "\n".join(lab.log)


def test_tcp_of_a_hook_has_the_packet_of_scapy() -> None:
    net = Net()
    flags = []

    @net.on_frame
    def look(frame: Frame) -> None:
        if TCP in frame.packet:
            flags.append(str(frame.packet[TCP].flags))

    net.machine(HOST)
    flow = TcpScript(Lab(net=net), remote=HOST)
    flow.guest("S 0:0(0)")
    assert flags == ["S", "RA"]
