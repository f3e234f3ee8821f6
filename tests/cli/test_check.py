from __future__ import annotations

from pathlib import Path

import pytest

from pynat.cli.main import main


def test_a_right_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.toml"
    file.write_text('layout = "slirp"\n')
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: right; network 10.0.2.0/24, router 10.0.2.2\n"


def test_every_wrong_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, gone, good = tmp_path / "bad.toml", tmp_path / "gone.toml", tmp_path / "good.toml"
    bad.write_text("[tcp]\nmss = 1\n")
    good.write_text("")
    assert main(["check", str(bad), str(gone), str(good)]) == 1
    said = capsys.readouterr()
    assert [line.split(": ")[:2] for line in said.err.splitlines()] == [
        ["pynat", f"{bad}:2"],
        ["pynat", str(gone)],
    ]
    assert said.out.startswith(f"{good}: right")


def test_what_a_file_says_in_vain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "slirp.conf"
    file.write_text("# slirp config\nsmb_export = /srv\n")
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().err.startswith(f"pynat: {file}:2: smb_export = /srv is")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("#!/bin/bash\nifconfig tap0 up\n", "a shell script (#!/bin/bash); script= names a TOML"),
        ("ifconfig tap0 up\n", "a shell script; script= names a TOML"),
        ("\x7fELF", "a program; script= names a TOML"),
        ("megs: 32\nboot: disk\n", "neither TOML with a key of pynat's, nor a slirp or vnet file;"),
        (
            "hello = 1\n",
            "neither TOML with a key of pynat's, nor a slirp or vnet file; as TOML: 1: ",
        ),
        (None, "a folder; script= names a TOML"),
    ],
)
def test_a_file_that_is_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str | None, said: str
) -> None:
    file = tmp_path / "file"
    if written is None:
        file.mkdir()
    else:
        file.write_text(written)
    assert main(["check", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"pynat: {file}: {said}")


def test_the_home_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a card's line has it: a shell has done so already."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "net.toml").write_text("mss = 1\n")
    assert main(["check", "~/net.toml"]) == 1
    assert capsys.readouterr().err.startswith(f"pynat: {tmp_path / 'net.toml'}:1: mss")
