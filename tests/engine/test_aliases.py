"""An Internet that is on this machine: names and addresses of the guest's, real sockets."""

from __future__ import annotations

import asyncio
import socket

from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, UDP

from pynat.config import Config
from pynat.config.toml import read_toml
from tests.engine.running import Peer, running, scenario
from tests.frames import ROUTER, ping, udp

REMOTE = "93.184.216.34"


def config(target: str) -> Config:
    aliases = (
        f"'{REMOTE}:80' = '{target}'\n'www.test:80' = '{target}'\n'198.51.100.9' = '127.0.0.1'"
    )
    return read_toml(f"restricted = true\n[host_aliases]\n{aliases}", "net.toml")


def test_a_page_by_name() -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)).upper())
        writer.close()
        await writer.wait_closed()

    async def run() -> None:
        server = await asyncio.start_server(page, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with running(config(f"127.0.0.1:{port}")) as guest:
                guest.link.put(udp(ROUTER, 53, bytes(DNS(rd=1, qd=DNSQR(qname="www.test")))))
                address = (await guest.expect(DNS))[DNS].an[0].rdata
                for remote, sport in ((REMOTE, 1111), (address, 2222)):
                    peer = Peer(guest, 80, sport, remote)
                    await peer.open()
                    peer.send("PA", b"hello")
                    assert await peer.read_to_eof() == b"HELLO"

    scenario(run)


def test_datagrams_and_pings() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.setblocking(False)
            port = server.getsockname()[1]
            async with running(config(f"127.0.0.1:{port}")) as guest:
                guest.link.put(udp(REMOTE, 80, b"question"))
                data, back = await loop.sock_recvfrom(server, 100)
                await loop.sock_sendto(server, data[::-1], back)
                answer = await guest.expect(UDP)
                assert (answer[IP].src, answer[UDP].sport) == (REMOTE, 80)
                server.close()
                guest.link.put(udp(REMOTE, 80, b"anybody there?"))
                error = await guest.expect(ICMP)
                assert (error[ICMP].code, error[IP].src) == (3, REMOTE)
                assert (error["IP in ICMP"].dst, error["UDP in ICMP"].dport) == (REMOTE, 80)
                guest.link.put(ping("198.51.100.9"))
                reply = await guest.expect(ICMP)
                assert (reply[ICMP].type, reply[IP].src) == (0, "198.51.100.9")

    scenario(run)
