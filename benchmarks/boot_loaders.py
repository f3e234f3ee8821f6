"""Boot loaders in Bochs that fetch a file by HTTP: GRUB, and lpxelinux with its lwIP.

A card's boot ROM (iPXE) gets the boot loader by TFTP. Bochs's own slirp answers no option of TFTP,
and GRUB refuses such a server: so what it needs is part of its image. The kernel adds up the bytes
of the file, which are then known to be right. `ips=` is low, as suits a ROM that waits busily.

Two rows each: the whole boot, and from the boot loader's first word to the kernel's, which is
mostly the file.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.bochs import CONFIGS, LATEST, ROUTER
from benchmarks.results import Figure, Unmeasurable
from pynat.bochs.find import BochsError, find_bochs
from pynat.testing.guests import (
    Boot,
    GuestSilent,
    GuestUnavailable,
    Machine,
    Nic,
    boot_rom,
    grub_image,
    multiboot_kernel,
)
from pynat.testing.guests.files import installed
from pynat.testing.servers import HttpServer, pseudo_random

FILE = 1_500_000  # bytes
IPS = 8_000_000
SAYS = {"GRUB": "@@ begin", "lpxelinux": "PXELINUX"}  # first, before it fetches the file
SYSLINUX = Path("/usr/lib/syslinux/modules/bios")
BOOTFILES = {"slirp": "bootfile = {}\n", "pynat": '[dhcp]\nbootfile = "{}"\n'}


class Booted(NamedTuple):
    """Seconds of wall time."""

    boot: float
    file: float


def grub(root: Path, url: str) -> str:
    """Put it into `root`; the name of what is to be booted."""
    host, path = url.removeprefix("http://").split("/", 1)
    grub_image(
        root / "core.0",
        f"serial --unit=0\nterminal_output serial\necho\necho '{SAYS['GRUB']}'\n"
        f"multiboot (http,{host})/kernel\nmodule (http,{host})/{path}\nboot\n",
    )
    return "core.0"


def lpxelinux(root: Path, url: str) -> str:
    """As `grub`."""
    shutil.copy(installed(Path("/usr/lib/PXELINUX/lpxelinux.0"), "pxelinux"), root)
    for name in ("ldlinux.c32", "libcom32.c32", "mboot.c32"):
        shutil.copy(installed(SYSLINUX / name, "syslinux-common"), root)
    folder = root / "pxelinux.cfg"
    folder.mkdir()
    kernel = f"{url.rpartition('/')[0]}/kernel"
    (folder / "default").write_text(
        f"serial 0\ndefault it\nlabel it\n kernel mboot.c32\n append {kernel} --- {url}\n"
    )
    return "lpxelinux.0"


LOADERS: dict[str, Callable[[Path, str], str]] = {"GRUB": grub, "lpxelinux": lpxelinux}


def prepare() -> None:
    try:
        find_bochs()
        boot_rom("e1000")
        multiboot_kernel()
        for put in LOADERS.values():
            with TemporaryDirectory() as name:
                put(Path(name), "http://127.0.0.1/file")
    except (BochsError, GuestUnavailable) as error:
        raise Unmeasurable(str(error)) from None


@contextlib.contextmanager
def opened(contender: str) -> Iterator[Boots]:
    with TemporaryDirectory(prefix="pynat-bench-") as name:
        try:
            yield Boots(contender, Path(name))
        except GuestSilent as error:
            raise Unmeasurable(str(error)) from None


class Boots:
    """One by each loader, when it is asked for."""

    def __init__(self, contender: str, folder: Path) -> None:
        self._contender = contender
        self._folder = folder
        self._done: dict[str, Booted] = {}

    def by(self, loader: str) -> Booted:
        if loader not in self._done:
            folder = self._folder / loader
            folder.mkdir()
            self._done[loader] = boot(self._contender, loader, folder)
        return self._done[loader]


def boot(contender: str, loader: str, folder: Path) -> Booted:
    with booting(contender, loader, folder) as (bochs, last):
        began = bochs.wait_for(SAYS[loader], LATEST)
        ended = bochs.wait_for(last, LATEST)
        return Booted(ended - bochs.began, ended - began)


@contextlib.contextmanager
def booting(contender: str, loader: str, folder: Path) -> Iterator[tuple[Boot, str]]:
    """With what the kernel says when it has the file."""
    ethmod = contender.partition(" ")[0]
    data, root = pseudo_random(7, FILE), folder / "tftp"
    root.mkdir()
    with HttpServer({"/kernel": multiboot_kernel(), "/file": data}) as web:
        bootfile = LOADERS[loader](root, f"http://{ROUTER}:{web.port}/file")
        config = folder / "net.conf"
        config.write_text(CONFIGS[contender] + BOOTFILES[ethmod].format(bootfile))
        nic = Nic("e1000", ethmod, config, ethdev=root, bootrom=boot_rom("e1000"))
        with Boot(Machine(None, (nic,), ips=IPS), folder, find_bochs()) as bochs:
            yield bochs, f"multiboot: sum {sum(data):08x}"


def seconds(boots: Boots, loader: str, part: str) -> Figure:
    return Figure(getattr(boots.by(loader), part))
