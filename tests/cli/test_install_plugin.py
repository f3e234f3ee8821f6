from __future__ import annotations

import errno
from pathlib import Path

import pytest

from pynat.bochs import find
from pynat.bochs.find import PLUGIN_FILE
from pynat.cli.main import main
from pynat.cli.shared import usual_folder
from tests.proving import ROOT

SHARE = ROOT / "share"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "pynat" / "plugin"
    directory.mkdir(parents=True)
    (directory / PLUGIN_FILE).touch()
    monkeypatch.setattr(find, "our_plugin_dir", lambda: directory)
    return directory / PLUGIN_FILE


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """Where the link goes, in a stand-in for Bochs's plugin directory."""
    (tmp_path / "its plugins").mkdir()
    return tmp_path / "its plugins" / PLUGIN_FILE


@pytest.fixture(autouse=True)
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the shells of this user look."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path / "share"


def _main(verb: str, link: Path) -> int:
    return main([verb, "--dir", str(link.parent)])


def links(folder: Path) -> set[str]:
    return {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_symlink()}


def test_install_and_uninstall_twice(built: Path, link: Path) -> None:
    assert [_main("install-plugin", link) for _ in range(2)] == [0, 0]
    assert link.readlink() == built
    assert [_main("uninstall-plugin", link) for _ in range(2)] == [0, 0]
    assert list(link.parent.iterdir()) == []


def test_the_link_of_an_installation_that_is_gone_is_replaced(built: Path, link: Path) -> None:
    link.symlink_to(f"/nowhere/site-packages/pynat/plugin/{PLUGIN_FILE}")
    assert _main("install-plugin", link) == 0
    assert link.readlink() == built


@pytest.mark.parametrize("verb", ["install-plugin", "uninstall-plugin"])
def test_a_foreign_file_is_left_alone(
    built: Path, link: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    link.write_text("foreign")
    assert _main(verb, link) == 1
    assert "is not a link that pynat made" in capsys.readouterr().err
    assert link.read_text() == "foreign"


@pytest.mark.parametrize("verb", ["install-plugin", "uninstall-plugin"])
def test_a_foreign_link_is_left_alone(built: Path, link: Path, verb: str) -> None:
    link.symlink_to("/elsewhere/libbx_eth_pynat.so")
    assert _main(verb, link) == 1
    assert link.is_symlink()


def test_without_permission_the_command_that_has_it_is_named(
    built: Path,
    link: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert _main("install-plugin", link) == 1
    said = capsys.readouterr().err
    assert f"-m pynat install-plugin --dir '{link.parent}'" in said
    assert "sudo /" in said


def test_not_built(link: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "our_plugin_dir", lambda: tmp_path)
    assert _main("install-plugin", link) == 1


def test_no_such_directory(built: Path, tmp_path: Path) -> None:
    assert main(["install-plugin", "--dir", str(tmp_path / "none")]) == 1


# Completion for shells, and manual pages


def test_shells_and_man_find_theirs(built: Path, link: Path, share: Path) -> None:
    assert [_main("install-plugin", link) for _ in range(2)] == [0, 0]
    made = {str(one.relative_to(SHARE)) for one in SHARE.rglob("*") if one.is_file()}
    assert links(share) == made
    assert (share / "man/man1/pynat.1").read_text() == (SHARE / "man/man1/pynat.1").read_text()
    assert [_main("uninstall-plugin", link) for _ in range(2)] == [0, 0]
    assert links(share) == set()


def test_root_shares_with_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert usual_folder() == Path("/usr/local/share")


def test_links_of_an_installation_that_is_gone_are_replaced(
    built: Path, link: Path, tmp_path: Path
) -> None:
    page = tmp_path / "elsewhere" / "man" / "man1" / "pynat.1"
    page.parent.mkdir(parents=True)
    page.symlink_to("/nowhere/share/man/man1/pynat.1")
    words = ["install-plugin", "--dir", str(link.parent), "--share", str(tmp_path / "elsewhere")]
    assert main(words) == 0
    assert page.readlink() == SHARE / "man/man1/pynat.1"


@pytest.mark.parametrize("verb", ["install-plugin", "uninstall-plugin"])
def test_a_foreign_completion_stays_and_the_rest_is_done(
    built: Path, link: Path, share: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = share / "bash-completion" / "completions" / "pynat"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("foreign")
    assert _main(verb, link) == 0
    assert f"{foreign} is not a link that pynat made; it stays" in capsys.readouterr().err
    assert foreign.read_text() == "foreign"
    assert link.is_symlink() == (verb == "install-plugin")
