"""What `script=` and `ethdev=` still name from another back end of Bochs.

There `script=` is a shell script that sets up an interface (tuntap, linux), the slirp program, or
a path of another machine. Such a file stops no network; one that was meant for pynat and is wrong
does. Whose it is shows in its name, else in its text.
"""

from __future__ import annotations

import codecs
import difflib
import os
import re
import stat
import tomllib
from pathlib import Path

from pynat.config.keys import KEYS, TABLES
from pynat.config.slirp import is_almost_slirp, is_slirp
from pynat.config.vnet import is_vnet

OURS = (".toml", ".py")  # what is meant for pynat by its name, whatever is in it
MAX_FILE_SIZE = 1 << 20  # bytes; a longer file is no configuration file
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MIN_LIKENESS = 0.75  # of difflib: "caputre" is capture
_LOOKED_AT = 200  # keys of a file

_NAMES = sorted({*KEYS, *TABLES, *(key.rpartition(".")[2] for key in KEYS)})
_BLANK = r"[^\S\n]"  # within a line: what crosses lines takes time that grows with their square
_KEY = re.compile(
    rf"^{_BLANK}*(?:\[+{_BLANK}*([\w.-]+)|([\w.-]+){_BLANK}*=)",
    re.MULTILINE,
)
_COMMAND = re.compile(
    rf"^{_BLANK}*(?:sudo{_BLANK}+)?(?:/\S*/)?(?:ifconfig|ip|iptables|nft|route|brctl|tunctl|sysctl|modprobe|echo"
    rf"|export|exit|if|set|sleep|dhclient|dnsmasq|vde_\w+)(?=[\s;]|$)(?!{_BLANK}*=)",
    re.MULTILINE,
)
# eth0, enp0s25, tap0, br-lan0.5; ports of Bochs's socket; Windows's devices
_INTERFACE = re.compile(r"[A-Za-z](?:[^\W\d]|-)*\d[\w.:-]*|\d+|[A-Za-z][\w.-]*:\d+|\\Device\\.*")


def script(path: Path) -> str:
    """What the file is, if it is none of ours."""
    if path.suffix in OURS:
        return ""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "a folder" if stat.S_ISDIR(status.st_mode) else "no file but a device or socket"
        with path.open("rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
    except FileNotFoundError:
        return f"no such file (looked in {Path.cwd()})"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return f"cannot be read ({getattr(error, 'strerror', None) or error})"
    return _content(data)


def _content(data: bytes) -> str:
    if data.startswith(b"\x7fELF"):
        return "a program"
    if data.startswith(b"#!"):
        interpreter = data[2:].partition(b"\n")[0].decode(errors="replace").strip()
        kind = "a shell script" if interpreter.endswith("sh") else "a script"
        return f"{kind} (#!{interpreter[:60]})"
    if b"\0" in data and not data.startswith(UTF_16):
        return "a binary file"
    if len(data) > MAX_FILE_SIZE:
        return "a file of more than 1 MiB"
    written = data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig", errors="replace")
    return "" if not written.strip() else _text(written)


def _text(written: str) -> str:
    if is_slirp(written) or is_vnet(written) or is_almost_slirp(written):
        return ""
    keys = [table or key for table, key in _KEY.findall(written)[:_LOOKED_AT]]
    has_ours = any(difflib.get_close_matches(key, _NAMES, n=1, cutoff=MIN_LIKENESS) for key in keys)
    if _COMMAND.search(written) and not (has_ours and _is_toml(written)):
        return "a shell script"
    return "" if has_ours else "neither TOML with a key of pynat's, nor a slirp or vnet file"


def _is_toml(written: str) -> bool:
    try:
        tomllib.loads(written)
    except (ValueError, RecursionError):
        return False
    return True


# ---------------------------------------------------------------- ethdev=
def ethdev(written: str) -> str:
    """Why no folder is served, for who may have meant one; "" for an interface's name too."""
    path = Path(written)
    if is_folder(path):
        is_switch = (path / "ctl").is_socket()
        return "is a switch of VDE, to which pynat does not connect" if is_switch else ""
    if written.startswith("/dev/") or _INTERFACE.fullmatch(written):
        return ""
    return "is no folder" if os.path.exists(path) else "no such folder"  # noqa: PTH110


def is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # of a folder around it that this user may not enter
        return False
