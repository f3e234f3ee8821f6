"""The kernel of examples/kernel: all that it can do, on each of the cards, and nothing to lint.

Bochs's clock is left alone, so an idle second of the kernel's costs next to nothing.
"""

from __future__ import annotations

import socket
import threading
import zlib
from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.bochs.outcome import Ending
from pynat.testing.guests import Boot, Machine, Nic, compiled_kernel, kernel_image
from pynat.testing.servers import DnsStub, HttpServer, pseudo_random
from tests.bochs.nic_lines import LINES, with_pynat
from tests.linting import findings, never_asked
from tests.live.frames import verify_capture
from tests.live.network import ETHMOD, HANGS, ROUTER
from tests.live.test_reboot import forwarded

pytestmark = [
    pytest.mark.boots,
    pytest.mark.stack("examples/kernel"),
    pytest.mark.timeout(HANGS),
    pytest.mark.skipif(ETHMOD != "pynat", reason="the configuration is pynat's"),
]

SOURCE = Path(__file__).parents[2] / "examples" / "kernel"
MODELS = ("e1000", "ne2k-pci", "ne2k-isa")
LEASE = f"lease 192.168.16.2 router {ROUTER} dns {ROUTER} mask 255.255.255.0"
SIZE = 200_000
PAGE = f"/bytes/1/{SIZE}"
ECHO = 7


@pytest.fixture(scope="module")
def kernel(module_artifacts: Path) -> Path:
    return compiled_kernel(SOURCE, module_artifacts / "kernel")


def started(
    kernel: Path, folder: Path, bochs: Bochs, words: str, *, model: str = "e1000", config: str = ""
) -> Boot:
    """`config`: lines of TOML, before any table."""
    image = kernel_image(folder / "kernel.iso", kernel, words)
    script = folder / "net.toml"
    script.write_text(f'capture = "{folder / "net.pcapng"}"\n{config}')
    return Boot(Machine(image, (Nic(model, script=script),)), folder, bochs)


def echoed(port: int, data: bytes) -> bytes:
    """What comes back until the kernel closes the connection, which it does after our end."""
    back = bytearray()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(HANGS / 3)

        def send() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        while piece := connection.recv(65536):
            back += piece
        sender.join()
    return bytes(back)


def ended_well(boot: Boot) -> None:
    outcome = boot.wait(60)
    assert outcome.ending is Ending.POWER_OFF, str(outcome)
    log = (boot.folder / "bochs.log").read_text(errors="replace")
    assert not findings(log)


@pytest.mark.parametrize("model", MODELS)
def test_everything(
    model: str, kernel: Path, artifacts: Path, bochs: Bochs, web: HttpServer, dns: DnsStub
) -> None:
    words = (
        f"ping={ROUTER} dns=quick.test dns=late.test dns=none.test"
        f" get=http://host.internal:{web.port}{PAGE} echo={ECHO} poweroff"
    )
    config = f'forwards = ["tcp:127.0.0.1:0-:{ECHO}"]\n'
    data = pseudo_random(2, SIZE)
    with started(kernel, artifacts, bochs, words, model=model, config=config) as boot:
        boot.wait_for("echo: port", 60)
        assert echoed(forwarded((artifacts / "bochs.log").read_text(), ECHO), data) == data
        ended_well(boot)
    said = boot.text.splitlines()
    assert said[0] == f"card {model} 52:54:00:12:34:56"
    assert said[1].startswith(LEASE)
    assert f"ping {ROUTER}: 4 of 4 answered" in said
    assert "dns quick.test is 10.9.8.7" in said
    assert "dns late.test is 10.9.8.6" in said
    assert "dns none.test: no answer" in said
    assert f"get: {SIZE} bytes, crc32 {zlib.crc32(pseudo_random(1, SIZE))}" in said
    assert said[-2:] == ["echo: done", "power off"]
    assert "dropped: " not in (artifacts / "bochs.log").read_text()
    kinds = verify_capture(artifacts / "net.pcapng")
    assert kinds["tcp"] > 2 * SIZE // 1460


@pytest.mark.parametrize("model", ["e1000", "ne2k-pci"])
def test_a_bad_wire(
    model: str, kernel: Path, artifacts: Path, bochs: Bochs, web: HttpServer
) -> None:
    words = f"get=http://{ROUTER}:{web.port}{PAGE} echo={ECHO} poweroff"
    config = f'seed = 1\nimpair = ["loss 5%"]\nforwards = ["tcp:127.0.0.1:0-:{ECHO}"]\n'
    data = pseudo_random(2, SIZE)
    with started(kernel, artifacts, bochs, words, model=model, config=config) as boot:
        boot.wait_for("echo: port", 120)
        assert echoed(forwarded((artifacts / "bochs.log").read_text(), ECHO), data) == data
        ended_well(boot)
    assert f"get: {SIZE} bytes, crc32 {zlib.crc32(pseudo_random(1, SIZE))}" in boot.text


@pytest.mark.parametrize("model", MODELS)
def test_what_a_hermetic_network_asks_on_purpose(
    model: str, kernel: Path, artifacts: Path, bochs: Bochs
) -> None:
    """It answers all of that, and there is nothing to mend."""
    words = f"sleep=4 ping={ROUTER} poweroff"
    with started(kernel, artifacts, bochs, words, model=model, config="hermetic = true\n") as boot:
        ended_well(boot)
    assert never_asked(artifacts / "net.pcapng") == set()


def test_what_is_not_there(kernel: Path, artifacts: Path, bochs: Bochs, web: HttpServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    at = f"http://{ROUTER}"
    words = f"get={at}:{closed}/ get={at}:{web.port} ping=192.168.16.9 poweroff"
    with started(kernel, artifacts, bochs, words) as boot:
        ended_well(boot)
    assert "get: refused" in boot.text
    assert "get: 9 bytes" in boot.text  # "not here"
    assert "arp: no answer from 192.168.16.9" in boot.text
    assert "ping 192.168.16.9: 0 of 4 answered" in boot.text


def test_its_lease_is_renewed(kernel: Path, artifacts: Path, bochs: Bochs) -> None:
    with started(
        kernel, artifacts, bochs, "sleep=100 poweroff", config="[dhcp]\nlease = 60\n"
    ) as boot:
        ended_well(boot)
    assert boot.text.count(f"renewed {LEASE}") == 3


def test_faults_of_the_server(kernel: Path, artifacts: Path, bochs: Bochs) -> None:
    met = ("silent", "nak", "wrong-xid", "wrong-chaddr", "overload", "shuffled")
    config = f"faults = {[f'dhcp {kind} 1' for kind in met]}\n"
    with started(kernel, artifacts, bochs, "poweroff", config=config) as boot:
        boot.wait_for("power off", 60)
        ended_well(boot)
    assert "dhcp: 192.168.16.2 refused" in boot.text
    assert LEASE in boot.text


def test_an_address_that_another_host_has(kernel: Path, artifacts: Path, bochs: Bochs) -> None:
    config = 'faults = ["arp conflict 1"]\n'
    with started(kernel, artifacts, bochs, "poweroff", config=config) as boot:
        ended_well(boot)
    assert "dhcp: 192.168.16.2 belongs to another host" in boot.text
    assert "lease 192.168.16.3" in boot.text


def test_an_isa_card_where_no_boot_loader_looks(
    kernel: Path, artifacts: Path, bochs: Bochs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is verbatim from a public repository but for its back end; iPXE does not find it."""
    monkeypatch.chdir(artifacts)
    line = LINES["6"]
    assert not line.pci
    words = f"ping={ROUTER} poweroff"
    image = kernel_image(artifacts / "kernel.iso", kernel, words)
    boot = Boot(Machine(image, ()), artifacts, bochs)
    with (artifacts / "bochsrc").open("a") as file:
        file.write("\n".join([*map(with_pynat, line.lines), "pci: enabled=0", ""]))
    with boot:
        ended_well(boot)
    said = boot.text.splitlines()
    assert said[0] == "card ne2k-isa b0:c4:20:00:00:01"
    assert said[1].startswith(LEASE)
    assert f"ping {ROUTER}: 4 of 4 answered" in said


@pytest.mark.one_way("a peer that has gone at once has no TIME-WAIT, which no wire shows")
def test_among_peers_that_misbehave(kernel: Path, artifacts: Path, bochs: Bochs) -> None:
    """docs/peers.md has the zoo; those that end a page of theirs."""
    whole = ["plain", "dupack", "duplicate", "lateack", "onebyte", "overlap", "reorder"]
    whole += ["shrink", "smallwindow", "tinymss", "wrap", "zerowindow"]
    names = [*whole, "refuse", "unreachable", "resetfin"]
    words = " ".join(f"get=http://{name}.test" for name in names)
    with started(kernel, artifacts, bochs, f"{words} poweroff", config="zoo = true\n") as boot:
        ended_well(boot)
    said = [line for line in boot.text.splitlines() if line.startswith("get: ")]
    assert [line.split(",")[0] for line in said] == [
        *("get: 300 bytes" if name == "onebyte" else "get: 10000 bytes" for name in whole),
        "get: refused",
        "get: timed out",
        "get: reset",
    ]
