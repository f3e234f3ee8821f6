"""A link to a TAP device of Linux, whose own network stack is then the guest.

The device is at the guest's end of the wire: what Linux sends through it we read, what we write
Linux receives. Frames are plain Ethernet, with their checksums and no longer than the MTU; with
offloads each has a header before it, which `pynat.link.offload` knows. Guest time is this machine's
monotonic clock. The doorbell is an epoll descriptor over the device and an eventfd that timers and
`close` ring.

See Linux's Documentation/networking/tuntap.rst and netdevice(7).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import Struct

from pynat.errors import ConfigError
from pynat.log.notices import Level
from pynat.loops import read_frames, write_frames
from pynat.wire.frame_run import Sendable

DEVICE = "/dev/net/tun"
MAX_NAME = 15  # IFNAMSIZ without its NUL
# Frames from the guest that may wait in a device made here: the windows of twenty flows, and then
# some. Linux's 500 overflow as soon as a few flows send at once, and each loss is sent again.
QUEUE = 4096
GUEST_MAC = bytes.fromhex("525400123456")  # of a device made here, the same in every run

_AT_ONCE = 64  # frames of up to 64 KiB

_TUNSETIFF = 0x400454CA
_TUNSETOFFLOAD = 0x400454D0
_IFF_TAP = 0x0002
_IFF_NO_PI = 0x1000
_IFF_VNET_HDR = 0x4000
_TUN_F_CSUM, _TUN_F_TSO4, _TUN_F_USO4, _TUN_F_USO6 = 0x01, 0x02, 0x20, 0x40
_OFFLOADS = _TUN_F_CSUM | _TUN_F_TSO4
_ALL_OFFLOADS = _OFFLOADS | _TUN_F_USO4 | _TUN_F_USO6  # of Linux 6.2; it takes both or none
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_SIOCSIFMTU = 0x8922
_SIOCSIFHWADDR = 0x8924
_IFF_UP = 0x1
_ARPHRD_ETHER = 1
_IFREQ_FLAGS = Struct("16sH22x")
_IFREQ_NUMBER = Struct("16si20x")
_IFREQ_MAC = Struct("16sH6s16x")
# nlmsghdr (RTM_NEWLINK, with an answer), ifinfomsg, rtattr (IFLA_TXQLEN); nlmsgerr in the answer
_SET_QUEUE = Struct("=IHHIIHxxiIIHHI")
_ANSWER = Struct("16xi")

_NO_DEVICE = f"{DEVICE} is missing; load the kernel's module `tun`, or give it to the container"
_NO_RIGHT = (
    "run this as root, or without root in a network of your own: `unshare -Urn` (docs/tap.md)"
)


def _is_name(text: str) -> bool:
    if not text.isprintable() or set(text) & set("/ :%"):
        return False
    return 0 < len(text.encode()) <= MAX_NAME


@dataclass(frozen=True, slots=True)
class Tap:
    """A device by name: made by opening it if it is not there, taken over if it is."""

    name: str
    mtu: int
    offload: bool = False

    def open(self) -> int:
        """A descriptor of the device, which is up then. Raises ConfigError."""
        if not _is_name(self.name):
            raise ConfigError(
                f"{self.name!r} is no name for a device: use 1 to {MAX_NAME} letters and digits"
            )
        descriptor = _open_device()
        try:
            is_new = not self._is_there()
            self._attach(descriptor)
            self._set_offloads(descriptor)
            self._set_up(is_new)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _is_there(self) -> bool:
        try:
            socket.if_nametoindex(self.name)
        except OSError:
            return False
        return True

    def _attach(self, descriptor: int) -> None:
        flags = _IFF_TAP | _IFF_NO_PI | (_IFF_VNET_HDR if self.offload else 0)
        request = _IFREQ_FLAGS.pack(self.name.encode(), flags)
        try:
            fcntl.ioctl(descriptor, _TUNSETIFF, request)
        except OSError as error:
            match error.errno:
                case errno.EPERM:
                    remedy = _NO_RIGHT
                case errno.EBUSY:
                    remedy = "another program serves it: end that one, or choose another name"
                case errno.EINVAL:
                    remedy = "a device of this name is there and is no TAP: choose another name"
                case _:
                    remedy = "choose another name"
            raise ConfigError(f"TAP device {self.name}: {error.strerror}; {remedy}") from None

    def _set_offloads(self, descriptor: int) -> None:
        """A device that was there may still have those of who served it before."""
        if not self.offload:
            fcntl.ioctl(descriptor, _TUNSETOFFLOAD, 0)
            return
        try:
            fcntl.ioctl(descriptor, _TUNSETOFFLOAD, _ALL_OFFLOADS)
        except OSError:
            fcntl.ioctl(descriptor, _TUNSETOFFLOAD, _OFFLOADS)

    def _set_up(self, is_new: bool) -> None:
        name = self.name.encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:

            def ask(request: int, argument: bytes) -> bytes:
                return fcntl.ioctl(any_socket, request, argument)

            try:
                if is_new:
                    ask(_SIOCSIFHWADDR, _IFREQ_MAC.pack(name, _ARPHRD_ETHER, GUEST_MAC))
                    _set_queue(self.name)
                ask(_SIOCSIFMTU, _IFREQ_NUMBER.pack(name, self.mtu))
                _, flags = _IFREQ_FLAGS.unpack(ask(_SIOCGIFFLAGS, _IFREQ_FLAGS.pack(name, 0)))
                ask(_SIOCSIFFLAGS, _IFREQ_FLAGS.pack(name, flags | _IFF_UP))
            except OSError as error:
                raise ConfigError(
                    f"TAP device {self.name}: cannot be set up: {error.strerror}; {_NO_RIGHT}"
                ) from None


def _set_queue(name: str) -> None:
    """By rtnetlink(7): for this an ioctl wants to be root outside of any namespace, too."""
    index = socket.if_nametoindex(name)
    message = _SET_QUEUE.pack(_SET_QUEUE.size, 16, 5, 0, 0, 0, index, 0, 0, 8, 13, QUEUE)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.send(message)
        (error,) = _ANSWER.unpack_from(kernel.recv(4096))
    if error:
        raise OSError(-error, os.strerror(-error))


def _open_device() -> int:
    try:
        return os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ConfigError(_NO_DEVICE) from None
    except OSError as error:
        if error.errno in (errno.ENODEV, errno.ENXIO):
            raise ConfigError(_NO_DEVICE) from None
        raise ConfigError(f"{DEVICE}: {error.strerror}; {_NO_RIGHT}") from None


@dataclass(slots=True)
class Traffic:
    frames: int = 0
    bytes: int = 0
    dropped: int = 0  # the device took no more, or was down; or what came is none of Linux's
    left: int = 0  # waited when the network ended

    def __str__(self) -> str:
        dropped = f", {self.dropped} dropped" if self.dropped else ""
        left = f", {self.left} more waited at the end and are lost" if self.left else ""
        return f"{self.frames} frames ({self.bytes} bytes){dropped}{left}"


class TapLink:
    def __init__(
        self,
        descriptor: int,
        loop: asyncio.AbstractEventLoop,
        log: Callable[[int, str], None],
        ahead: int = 0,
    ) -> None:
        """ahead: bytes before each frame that are not counted."""
        self._descriptor = descriptor
        self._ahead = ahead
        self._loop = loop
        self._start = time.monotonic()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._rung = False
        self._early: list[bytes] = []  # frames that came while others were written
        self._poll = select.epoll()
        for each in (descriptor, self._bell):
            self._poll.register(each, select.EPOLLIN)
        self.doorbell = self._poll.fileno()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self.closing = False
        self.speed = 0
        self.refuses_since: float | None = None
        self.resets = 0  # nobody says
        self.log = log
        self.from_guest = Traffic()
        self.to_guest = Traffic()

    def close(self) -> None:
        """The engine ends at its next turn."""
        self.closing = True
        self._ring()

    def refuse(self) -> None:
        """A frame that was received."""
        self.from_guest.dropped += 1

    def count_rest(self, received: int = 0) -> None:
        """What nobody takes any more, of a guest that sends on and on as much as may wait.

        received: frames that were, and are lost nevertheless.
        """
        self.from_guest.left += received
        while self.from_guest.left < QUEUE:
            frames, _ = read_frames(self._descriptor, _AT_ONCE)
            if not frames:
                return
            self.from_guest.left += len(frames)

    def dispose(self) -> None:
        """After the engine has ended. A device that was made by opening it goes away."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._poll.close()
        os.close(self._bell)
        os.close(self._descriptor)

    # ------------------------------------------------------------------ the engine's end
    def now(self) -> float:
        return time.monotonic() - self._start

    def receive(self, limit: int) -> list[tuple[float, bytes]]:
        frames = self.receive_runs(limit)
        now = self.now()
        return [(now, frame) for frame in frames]

    def receive_runs(self, limit: int) -> list[bytes]:
        """With offloads there are some, which `pynat.link.offload` knows."""
        if self._rung:
            self._rung = False
            os.eventfd_read(self._bell)
        early, self._early = self._early, []
        frames, error = read_frames(self._descriptor, limit - len(early))
        frames = early + frames if early else frames
        if error not in (0, errno.EAGAIN):
            self._lost(OSError(error, os.strerror(error)))
        self.from_guest.frames += len(frames)
        self.from_guest.bytes += sum(map(len, frames)) - self._ahead * len(frames)
        return frames

    def send(self, frames: list[bytes]) -> int:
        before = self.to_guest.frames
        self.send_runs(frames)
        return self.to_guest.frames - before

    def send_runs(self, items: Sequence[Sendable], busy: bytes = b"") -> int:
        """Each frame is offered once: a network drops what its wire does not take."""
        traffic = self.to_guest
        written = write_frames(self._descriptor, items, busy, self._early)
        frames, octets, refused, error, left = written
        traffic.frames += frames
        traffic.bytes += octets - self._ahead * frames
        traffic.dropped += refused
        if error == errno.EBADFD:
            self._lost(OSError(error, os.strerror(error)))
        return left

    def done(self, hold_until: float, timer: float | None) -> None:
        """An alarm that rings early costs a turn, so one that is set stays while it is early.

        hold_until: a guest that lives in wall time never outruns it.
        """
        if timer is None or (self._alarm is not None and self._alarm_at <= timer):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = timer
        self._alarm = self._loop.call_later(max(0.0, timer - self.now()), self._wake)

    # ------------------------------------------------------------------ inside
    def _wake(self) -> None:
        self._alarm = None
        self._ring()

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            with contextlib.suppress(BlockingIOError):
                os.eventfd_write(self._bell, 1)

    def _lost(self, error: OSError) -> None:
        """The device was deleted under us (EBADFD), or is down for good."""
        if not self.closing:
            self.log(Level.ERROR, f"pynat: the TAP device is gone: {error.strerror}")
            self.close()
