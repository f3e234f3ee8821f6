"""A small internet for a guest: web pages, a chat, a clock, and a wire that is looked at.

pynat check examples/net.py, or script=examples/net.py on the line of the network card.
"""

import asyncio
from collections import Counter

from pynat.net import Datagram, Flow, Frame, Net, Request, Stream

net = Net(hermetic=True, seed=1, capture="net.pcapng")
talkers: list[Stream] = []
visits: Counter[str] = Counter()  # by page


@net.http("www.test")
def page(request: Request) -> str | tuple[int, str]:
    """wget http://www.test/"""
    visits[request.path] += 1
    if request.path == "/":
        return f"You are {request.guest}, visitor {visits['/']}.\n"
    return 404, "There is only the page /.\n"


@net.tcp("chat.test", 23)
async def chat(stream: Stream) -> None:
    """nc chat.test 23, twice: what one says the others hear."""
    talkers.append(stream)
    await stream.write(b"Hello. What you say goes to all others.\n")
    try:
        async for line in stream:
            others = [one for one in talkers if one is not stream]
            await asyncio.gather(*(one.write(line) for one in others))
    finally:
        talkers.remove(stream)


@net.udp("192.0.2.7", 9999)
def shout(datagram: Datagram) -> None:
    """echo hello | nc -u 192.0.2.7 9999"""
    datagram.reply(datagram.data.upper())


@net.tcp("slow.test", 80)
async def slow(stream: Stream) -> None:
    """Two seconds of the guest's, which may be no time at all."""
    await net.sleep(2)
    await stream.write(f"It is {net.now():.3f} s.\n".encode())


@net.every(10)
def tell() -> None:
    net.log(f"{visits.total()} visits, {len(talkers)} talk")


@net.on_flow
def gate(flow: Flow) -> object:
    """Telnet to anybody else is refused; port 25 answers nothing."""
    if flow.host.port == 23 and flow.name != "chat.test":
        return net.REFUSE
    return net.DROP if flow.host.port == 25 else None


@net.on_frame(direction="from_guest")
def look(frame: Frame) -> None:
    if len(frame.bytes) < 60:
        net.log(f"a frame of {len(frame.bytes)} bytes: the guest has to fill it up to 60")
