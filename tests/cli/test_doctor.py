from __future__ import annotations

import shutil
import socket
import sys
import sysconfig
from pathlib import Path

import pytest

from pynat.bochs.elf import NotElf, read_elf
from pynat.bochs.find import PLUGIN_FILE, find_bochs
from pynat.cli import checks, doctor
from pynat.cli.checks import Finding, State
from pynat.cli.main import main
from tests.bochs.machines import fake


def _states(findings: list[Finding]) -> list[tuple[str, State]]:
    return [(finding.about, finding.state) for finding in findings]


def test_everything_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor"])
    said = capsys.readouterr().out
    assert code == 0, said
    assert "a guest with e1000 on pynat: power off" in said
    assert "fail" not in said


def test_no_bochs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--bochs", str(tmp_path / "bochs")]) == 1
    assert "fail  bochs" in capsys.readouterr().out


def test_a_bochs_without_cards_and_displays(tmp_path: Path) -> None:
    findings = list(checks.check_bochs(fake(plugin_dir=tmp_path, displays=frozenset())))
    assert _states(findings) == [
        ("bochs", State.OK),
        ("NIC models", State.FAIL),
        ("displays", State.WARN),
        ("displays", State.WARN),
    ]
    assert all(finding.remedy for finding in findings[1:])


@pytest.mark.parametrize(("version", "is_wanted"), [((3, 0), False), ((3, 1), True)])
def test_a_bochs_that_wants_mac_addresses(
    tmp_path: Path, version: tuple[int, int], *, is_wanted: bool
) -> None:
    (tmp_path / "libbx_e1000.so").touch()
    found = checks.check_bochs(fake(plugin_dir=tmp_path, version=version))
    (models,) = (each for each in found if each.about == "NIC models")
    assert models.state is State.OK
    assert ("mac=" in models.remedy) == is_wanted


@pytest.mark.parametrize(
    ("displays", "state", "remedy"),
    [
        ({"rfb", "term"}, State.WARN, "apt-get install bochs-x or bochs-sdl"),
        ({"rfb", "x"}, State.WARN, "apt-get install bochs-term"),
        ({"rfb", "x", "term"}, State.OK, ""),
        ({"sdl2"}, State.OK, ""),
    ],
)
def test_displays(displays: set[str], state: State, remedy: str) -> None:
    found = list(checks.check_bochs(fake(displays=frozenset(displays))))
    (finding,) = (each for each in found if each.about == "displays")
    assert finding.state is state
    assert remedy in finding.remedy


def test_a_link_to_an_installation_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / PLUGIN_FILE).symlink_to(f"/nowhere/pynat/plugin/{PLUGIN_FILE}")
    monkeypatch.setattr(doctor, "find_bochs", lambda _: fake(plugin_dir=tmp_path))
    (finding,) = (each for each in doctor.examine(None) if each.about == "plain bochs")
    assert finding.state is State.WARN
    assert "install-plugin" in finding.remedy


def test_plugin_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "our_plugin_dir", lambda: tmp_path)
    assert _states(list(checks.check_plugin(fake()))) == [("plugin", State.FAIL)]


def test_plugin_that_is_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / PLUGIN_FILE).write_bytes(b"\x7fELF\x02\x01 and then nothing")
    monkeypatch.setattr(checks, "our_plugin_dir", lambda: tmp_path)
    assert _states(list(checks.check_plugin(fake()))) == [("plugin", State.WARN)]


def test_another_programs_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that wants functions which this "Bochs" does not have."""
    bochs = find_bochs()
    shutil.copy(bochs.plugin_dir / "libbx_eth_null.so", tmp_path / PLUGIN_FILE)
    monkeypatch.setattr(checks, "our_plugin_dir", lambda: tmp_path)
    assert _states(list(checks.check_plugin(bochs))) == [
        ("plugin", State.OK),
        ("symbols", State.OK),
    ]
    not_bochs = fake(executable=Path(sys.executable).resolve())
    symbols = list(checks.check_plugin(not_bochs))[-1]
    assert symbols.state is State.FAIL
    assert "eth_locator_c" in symbols.text


def test_elf_reader() -> None:
    library = Path(sysconfig.get_config_var("LIBDIR")) / sysconfig.get_config_var("INSTSONAME")
    if not library.exists():  # Debian's: in a directory of the architecture
        library = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("MULTIARCH"))
        library /= sysconfig.get_config_var("INSTSONAME")
    elf = read_elf(library)
    assert "libc.so.6" in elf.needed
    assert "Py_IsInitialized" in elf.defined
    assert "malloc" in elf.undefined


def test_elf_reader_refuses_a_script() -> None:
    with pytest.raises(NotElf):
        read_elf(Path(__file__))


@pytest.mark.parametrize(
    ("installed", "state"),
    [
        ({"bochs-pynat"}, State.OK),
        ({"bochs-pynat", "pynat"}, State.FAIL),
        ({"pynat"}, State.FAIL),
        (set(), State.WARN),
    ],
)
def test_the_other_project_of_the_same_name(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], state: State
) -> None:
    monkeypatch.setattr(checks, "_is_installed", installed.__contains__)
    assert _states(list(checks.check_distribution())) == [("pynat", state)]


def test_python_without_a_shared_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: 0)
    assert _states(list(checks.check_python())) == [("python", State.FAIL)]


def test_ping_is_not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)
    (finding,) = checks.check_ping()
    assert finding.state is State.WARN
    assert "ping_group_range" in finding.remedy


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("nameserver 10.0.0.1\nnameserver fe80::1%eth0\n", State.OK),
        ("# nameserver 10.0.0.1\nsearch example.org\n", State.WARN),
        (None, State.WARN),
    ],
)
def test_resolvers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, state: State
) -> None:
    path = tmp_path / "resolv.conf"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(checks, "_RESOLV_CONF", path)
    assert _states(list(checks.check_resolvers())) == [("resolvers", state)]
