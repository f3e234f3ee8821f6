"""Move this process where nothing it asks for can leave the machine.

`seal()` puts the calling thread, and every thread and process it starts afterwards, into a
network namespace that has only the loopback device, and gives it a resolv.conf that names a
resolver on loopback. There is no way back, so a test run calls it once, before its first
test. Addresses in UNREACHABLE answer "no route to host", all others "network unreachable".
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

RESOLVER = "127.0.0.53"  # port 53; a test that wants answers starts a server there
UNREACHABLE = ("203.0.113.0/24",)  # RFC 5737, TEST-NET-3

_CLONE_NEWNS = 0x0002_0000
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 0x4_0000


class Unsealable(Exception):  # noqa: N818 - what the machine is
    """The process cannot be sealed here; the text is one line and says why."""


def seal(*, resolver: str = RESOLVER, unreachable: Iterable[str] = UNREACHABLE) -> None:
    ip = _find_ip()
    _new_namespaces()
    _mount(None, Path("/"), _MS_REC | _MS_PRIVATE)
    _replace_resolv_conf(resolver)
    _run(ip, "link", "set", "lo", "up")
    for net in unreachable:
        _run(ip, "route", "add", "unreachable", net)
    # A new namespace allows ping sockets to nobody. Without them there are raw ones, for root.
    with contextlib.suppress(OSError):
        Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 0\n")


def interfaces() -> list[str]:
    """Names of the network devices that this process sees."""
    lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    return [line.split(":", 1)[0].strip() for line in lines]


def _find_ip() -> str:
    found = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise Unsealable("the program `ip` is missing (Debian: apt-get install iproute2)")
    return found


def _new_namespaces() -> None:
    flags = _CLONE_NEWNET | _CLONE_NEWNS
    user, group = os.geteuid(), os.getegid()
    if user != 0:
        flags |= _CLONE_NEWUSER
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        why = os.strerror(ctypes.get_errno())
        hint = "" if user == 0 else " (are user namespaces allowed to ordinary users?)"
        raise Unsealable(f"the kernel gives no new network namespace: {why}{hint}")
    if user != 0:
        _become_root(user, group)


def _become_root(user: int, group: int) -> None:
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError as error:
        raise Unsealable(f"no user can be mapped into the namespace: {error}") from error


def _replace_resolv_conf(resolver: str) -> None:
    target = Path("/etc/resolv.conf").resolve()
    if not target.is_file():
        raise Unsealable(f"{target} is missing, so none can be put in its place")
    text = f"nameserver {resolver}\n"
    if target.read_text() == text:
        return  # put there by an outer seal; nothing can be mounted on it
    descriptor, name = tempfile.mkstemp(prefix="resolv-")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    stub = Path(name)
    stub.chmod(0o644)
    _mount(stub, target, _MS_BIND)
    stub.unlink()  # the mount keeps it alive


def _mount(source: Path | None, target: Path, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    from_ = None if source is None else os.fsencode(source)
    if libc.mount(from_, os.fsencode(target), None, ctypes.c_ulong(flags), None) != 0:
        why = os.strerror(ctypes.get_errno())
        raise Unsealable(f"cannot mount {source or 'privately'} at {target}: {why}")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unsealable(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
