"""A socket of datagrams that leave with the guest's time to live and its DF.

DF is Linux's IP_PMTUDISC_DO: what is longer than the kernel's idea of the path is refused with
EMSGSIZE, here or by a router on the way, and the error queue tells the MTU. Without DF it is
IP_PMTUDISC_DONT: the kernel or the routers fragment (ip(7); ipv6(7) has the same numbers). The
error of a router about a datagram with DF is lost if the guest has sent one without DF meanwhile;
the kernel has learned the MTU all the same, so the next one with DF is refused at once.

Datagrams of one size in a row go down the kernel's stack as one (UDP_SEGMENT in udp(7), Linux 4.18)
and are taken apart at its end: a quarter of the work. Where they are too long for the path, or the
device cannot, the kernel says so and takes none, and from then on each goes by itself. On this host
and in its namespaces they are not taken apart before somebody gets them, and one ICMP error refuses
all of them: so a few are not joined.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

from pynat.host import errqueue
from pynat.host.families import BY_NUMBER
from pynat.loops import send_datagrams
from pynat.nat.messages import SocketError, UdpSendRun
from pynat.wire.addresses import Address, is_multicast

_WITH_DF, _WITHOUT_DF = 2, 0  # IP_PMTUDISC_DO, IP_PMTUDISC_DONT
_UDP_SEGMENT = 103  # linux/udp.h
_MANY = 8  # datagrams
_NOT_JOINED = {errno.EINVAL, errno.EIO, errno.EMSGSIZE}


class DatagramSocket:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.family = BY_NUMBER[sock.family]
        self.port = int(sock.getsockname()[1])
        self._options: dict[int, int] = {}  # that were set
        self._joins = _can_join(sock)
        errqueue.enable(sock)

    def send(
        self, flow: int, data: bytes, to: Address, ttl: int, dont_fragment: bool
    ) -> Iterator[SocketError]:
        """What went wrong with it, and what the kernel tells now of earlier ones."""
        family = self.family
        self._set_up(to, ttl, dont_fragment)
        for _ in range(2):
            try:
                self.sock.sendto(data, family.name(to))
                return
            except OSError as error:
                number = error.errno or errno.EIO
            mtu = 0
            for told in errqueue.read(self.sock, flow):
                if told.offender is not None:
                    yield told  # that was the error, of an earlier datagram: this one not sent yet
                else:
                    mtu = told.mtu
            if mtu:
                break
        yield SocketError(flow, number, to, data, mtu=mtu)

    def send_run(self, run: UdpSendRun, at: int) -> int:
        """How many of those from `at` on the kernel has taken, up to the first that it has not."""
        self._set_up(run.to, run.ttl, run.dont_fragment)
        payloads = run.payloads[at:]
        joined = self._joins and len(payloads) >= _MANY
        sent, why = send_datagrams(self.sock, *run.to, payloads, joined)
        if joined and why in _NOT_JOINED:
            self._joins = False
            sent += send_datagrams(self.sock, *run.to, payloads[sent:], False)[0]
        return sent

    def _set_up(self, to: Address, ttl: int, dont_fragment: bool) -> None:
        family = self.family
        self._set(family.group_hops if is_multicast(to[0]) else family.hops, max(1, ttl))
        self._set(family.mtu_discover, _WITH_DF if dont_fragment else _WITHOUT_DF)

    def _set(self, option: int, value: int) -> None:
        if self._options.get(option) != value:
            self.sock.setsockopt(self.family.level, option, value)
            self._options[option] = value


def _can_join(sock: socket.socket) -> bool:
    """Whether the kernel knows of it; an older one would send one long datagram."""
    try:
        sock.getsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT)
    except OSError:
        return False
    return True
