"""Open something in another network namespace while this process stays in its own.

A descriptor of /dev/net/tun belongs to the namespace in which it was opened, and a process may
enter the user namespace that owns a network namespace only while it has a single thread. So a
child goes there, opens it and sends the descriptor back (SCM_RIGHTS); see setns(2),
user_namespaces(7) and ioctl_ns(2).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from pynat.errors import ConfigError

NAMED = Path("/run/netns")  # where ip-netns(8) keeps them

_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000
_NS_GET_USERNS = 0xB701
_MAX_MESSAGE = 4096


def path_of(netns: str) -> Path:
    """`netns` is a name of ip-netns(8) or a path such as /proc/PID/ns/net."""
    return Path(netns) if "/" in netns else NAMED / netns


def make(name: str) -> None:
    """As `ip netns add`, with its loopback up."""
    ip("netns", "add", name)
    ip("-n", name, "link", "set", "lo", "up")


def remove(name: str) -> None:
    ip("netns", "delete", name)


def open_there(netns: Path, opener: Callable[[], int]) -> int:
    """The descriptor that `opener` returns, called in `netns`. Raises ConfigError, also its own."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = os.fork()
        if child == 0:
            _open_and_send(netns, opener, theirs)
        theirs.close()
        message, descriptors, _, _ = socket.recv_fds(ours, _MAX_MESSAGE, 1)
    os.waitpid(child, 0)
    if not descriptors:
        raise ConfigError(
            message.decode(errors="replace") or f"{netns}: the child that went there has died"
        )
    os.set_inheritable(descriptors[0], False)
    return descriptors[0]


def _open_and_send(netns: Path, opener: Callable[[], int], to: socket.socket) -> None:
    """The child's whole life."""
    try:
        _enter(netns)
        socket.send_fds(to, [b"+"], [opener()])
    except ConfigError as error:
        to.send(_as_message(str(error)))
    except BaseException as error:  # whatever it is, it must not run on as a second parent
        to.send(_as_message(f"{netns}: {error}"))
    finally:
        os._exit(0)


def _as_message(text: str) -> bytes:
    """Names may be bytes that are no UTF-8."""
    return text.encode(errors="backslashreplace")[:_MAX_MESSAGE]


def _enter(netns: Path) -> None:
    try:
        network = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(
            f"netns {netns}: {error.strerror}; name one of `ip netns list`, or /proc/PID/ns/net"
        ) from None
    try:
        _enter_owner(network)
        _setns(network, _CLONE_NEWNET)
    except OSError as error:
        raise ConfigError(
            f"netns {netns}: cannot enter it: {error.strerror}; run this as root, or as the user"
            " who made it"
        ) from None


def _enter_owner(network: int) -> None:
    """The user namespace that the network belongs to, where we have the right to change it."""
    owner = fcntl.ioctl(network, _NS_GET_USERNS)
    if not os.path.sameopenfile(owner, os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)):
        _setns(owner, _CLONE_NEWUSER)


def _setns(descriptor: int, kind: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, kind) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def ip(*arguments: str) -> None:
    """The program of iproute2. Raises ConfigError."""
    found = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise ConfigError("the program `ip` is missing (Debian: apt-get install iproute2)")
    done = subprocess.run((found, *arguments), capture_output=True, errors="replace", check=False)
    if done.returncode != 0:
        raise ConfigError(f"`ip {' '.join(arguments)}`: {done.stderr.strip()}; run this as root")
