"""What the linter says of a guest is held against the row of its stack, wherever the log lies."""

from __future__ import annotations

from pathlib import Path

from tests.linting import unexplained_in

OF_IPXE = "lint: IP040 the identification is zero or swapped: as seen"
OF_LWIP = "lint: TCP072 the time between retransmissions does not double: as seen"


def test_a_finding_of_one_stack_does_not_excuse_another(tmp_path: Path) -> None:
    (tmp_path / "bochs.log").write_text(f"{OF_IPXE}\n")
    assert unexplained_in(tmp_path, "iPXE") == []
    assert unexplained_in(tmp_path, "Linux") == [OF_IPXE]
    assert unexplained_in(tmp_path) == [OF_IPXE]


def test_a_log_in_a_folder_of_its_own_is_read(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    (first / "bochs.log").write_text(f"{OF_LWIP}\n")
    assert unexplained_in(tmp_path, "Linux", "iPXE") == [OF_LWIP]


def test_what_is_true_of_any_stack_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / "bochs.log").write_text("lint: TCP066 the connection was left open: as seen\n")
    assert unexplained_in(tmp_path, "examples/kernel") == []
