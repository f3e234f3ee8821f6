"""The Linux guest: Debian's kernel, busybox and a shell script, booted from CD in half a minute.

The script runs as root with these helpers; what it prints goes to the serial file:

    nic_up eth0              DHCP by udhcpc; RESOLV, ROUTER and IP are set from the lease
    check NAME COMMAND...    runs it between two markers that `results()` reads back
    now                      the guest's clock in seconds, to microseconds
    mark TEXT                one marker line
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pynat.testing.guests import kernel
from pynat.testing.guests.debian import (
    Apt,
    Package,
    Tell,
    newest_package,
    silent,
    unpack_package,
    with_any_lists,
)
from pynat.testing.guests.files import (
    GuestUnavailable,
    bootable_iso,
    cache_dir,
    cpio,
    digest,
    installed,
    made_once,
    program,
    run,
)
from pynat.testing.guests.kernel import stored

KERNEL = "linux-image-amd64"
READY = "@@ ready"  # the line before the script's first command
DONE = "@@ done"  # the line after its last one
DRIVERS = {
    "e1000": ("e1000",),
    "ne2k-pci": ("8390", "ne2k-pci"),
}

# Work at boot that has nothing to do with networks and costs an emulated processor seconds:
# self-tests of ciphers, certificates, kernel type information, a check of all page tables.
_COMMAND_LINE = (
    "quiet console=ttyS0,115200 nokaslr mitigations=off no_timer_check noreplace-smp"
    " cryptomgr.notests rodata=off lsm=capability tsc=reliable panic=-1 initcall_blacklist="
    "load_system_certificate_list,init_kprobe_trace,init_blk_tracer,cubictcp_register,"
    "bpf_rstat_kfunc_init,bpf_prog_test_run_init,bpf_mptcp_kfunc_init,"
    "init_evm,init_ima,crypto_kdf108_init"
)

_DIRECTORY, _PROGRAM, _LINK = 0o40755, 0o100755, 0o120777

_INIT = """#!/bin/sh
export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /tmp /etc
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
exec </dev/null >/dev/ttyS0 2>&1
ulimit -c 0
for module in {modules}; do insmod /modules/$module.ko; done
ip link set lo up
now() {{ adjtimex | awk '/tv_sec:/{{s=$2}} /tv_usec:/{{u=$2}} END{{printf "%d.%06d", s, u}}'; }}
mark() {{ echo "@@ $*"; }}
nic_up() {{
  ip link set "$1" up
  udhcpc -q -n -f -t 5 -T 2 -i "$1" -s /lease.sh || return
  . "/tmp/lease.$1"
}}
check() {{
  name=$1; shift
  echo "@@ begin $name $(now)"
  "$@" 2>&1
  rc=$?
  echo
  echo "@@ end $name rc=$rc $(now)"
}}
mark ready
. /script.sh
mark done
poweroff -f
"""

_LEASE = """#!/bin/sh
case $1 in bound|renew)
  ip addr flush dev $interface
  ip addr add $ip/$mask dev $interface
  [ -n "$KEEP_ROUTES" ] || ip route replace default via $router dev $interface
  : >/etc/resolv.conf
  for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
  echo "IP=$ip ROUTER=${router%% *} RESOLV='$dns' DOMAIN='$domain' LEASE=$lease" \\
    | tee /tmp/lease.$interface;;
esac
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One `check` of the script; began and ended are seconds of the guest's clock."""

    name: str
    rc: int
    output: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def linux_image(
    target: Path,
    script: str,
    *,
    nic_models: Iterable[str] = ("e1000",),
    programs: Iterable[str] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """Write a CD image whose Linux runs `script` and then powers the machine off.

    programs: of the host, to be in the guest's PATH, with the shared libraries they need.
    files: name in the guest's top folder -> contents.
    """
    folder = _known_kernel(cache_dir(), _recipe())
    modules = list(dict.fromkeys(m for model in nic_models for m in DRIVERS[model]))
    busybox = installed(Path("/bin/busybox"), "busybox-static").read_bytes()
    entries: dict[str, tuple[int, bytes]] = {
        **dict.fromkeys(("bin", "dev", "modules"), (_DIRECTORY, b"")),
        "bin/busybox": (_PROGRAM, busybox),
        "bin/sh": (_LINK, b"busybox"),
        "init": (_PROGRAM, _INIT.format(modules=" ".join(modules)).encode()),
        "lease.sh": (_PROGRAM, _LEASE.encode()),
        "script.sh": (_PROGRAM, script.encode() + b"\n"),
    }
    for name in programs:
        entries.update(_with_libraries(name))
    for name, text in (files or {}).items():
        entries[name] = (_PROGRAM, text.encode())
    for module in modules:
        entries[f"modules/{module}.ko"] = (0o100644, (folder / f"{module}.ko").read_bytes())
    config = (
        f"DEFAULT linux\nLABEL linux\n KERNEL /vmlinuz\n INITRD /initrd\n APPEND {_COMMAND_LINE}\n"
    )
    bootable_iso(target, config, {"vmlinuz": folder / "vmlinuz", "initrd": cpio(entries)})
    return target


def _with_libraries(name: str) -> dict[str, tuple[int, bytes]]:
    path = program(name, name)
    listing = run([program("ldd", "libc-bin"), path])
    libraries = re.findall(r"(?:=> )?(/\S+) \(0x", listing)
    folders = {str(parent)[1:] for library in libraries for parent in Path(library).parents}
    entries = {folder: (_DIRECTORY, b"") for folder in sorted(folders) if folder}
    entries |= {library[1:]: (_PROGRAM, Path(library).read_bytes()) for library in libraries}
    return {**entries, f"bin/{name}": (_PROGRAM, Path(path).read_bytes())}


def results(serial: str) -> dict[str, Check]:
    """The checks that the guest has finished, by name."""
    return {check.name: check for check in _checks(serial)}


_CHECK = re.compile(
    r"^@@ begin (?P<name>\S+) (?P<began>[\d.]+)\n(?P<output>.*?)"
    r"^@@ end (?P=name) rc=(?P<rc>\d+) (?P<ended>[\d.]+)$",
    re.MULTILINE | re.DOTALL,
)


def _checks(serial: str) -> Iterator[Check]:
    for found in _CHECK.finditer(serial.replace("\r", "")):
        began, ended = float(found["began"]), float(found["ended"])
        yield Check(found["name"], int(found["rc"]), found["output"].strip(), began, ended)


def fetch_kernel(tell: Tell = silent) -> Path:
    """The folder with vmlinuz and the modules, made at the first call for each version.

    That call needs apt's mirror, so a test run calls it before it seals itself. `tell` gets a line
    before each download.
    """
    try:
        return with_any_lists(lambda apt: _fetch(apt, tell), tell)
    except GuestUnavailable:
        kept = sorted(cache_dir().glob(f"linux-*_{_recipe()}/vmlinuz"))
        if not kept:
            raise
        return kept[-1].parent


@functools.cache
def _known_kernel(_cache: Path, _of: str) -> Path:
    """Asked for once in a process: each time apt needs seconds, where it keeps no index."""
    return fetch_kernel()


def _fetch(apt: Apt, tell: Tell) -> Path:
    package = newest_package(apt, KERNEL)
    name = f"{package.name}_{package.version}_{_recipe()}".replace(":", "_")
    return made_once(cache_dir() / name, lambda folder: _make_kernel(package, folder, tell))


def _make_kernel(package: Package, folder: Path, tell: Tell) -> None:
    tell(f"Downloading {package}")
    unpack_package(package, folder, _wanted)
    image = folder / "bzImage"
    (folder / "vmlinuz").write_bytes(stored(image.read_bytes()))
    image.unlink()


def _recipe() -> str:
    """Another one where anything changes that makes the folder out of the package."""
    return digest(inspect.getsource(kernel), *sorted(_MODULES))


_MODULES = {module for modules in DRIVERS.values() for module in modules}


def _wanted(path: str) -> str | None:
    file = path.rsplit("/", 1)[-1]
    if "/boot/vmlinuz-" in path or file == "vmlinuz":
        return "bzImage"
    module = file.split(".ko", 1)[0]
    return f"{module}.ko" if ".ko" in file and module in _MODULES else None
