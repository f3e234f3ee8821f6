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
    assert "smb_export" in capsys.readouterr().err
