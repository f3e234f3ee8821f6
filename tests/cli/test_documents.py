from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import pynat
from pynat.cli import checks, documents
from pynat.cli.checks import State

Place = Callable[[str], Path]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """pynat is installed in `packages`, by nothing that keeps records; the sample lies there."""
    monkeypatch.setattr(pynat, "__file__", str(tmp_path / "packages" / "pynat" / "__init__.py"))
    monkeypatch.setattr(documents, "DISTRIBUTION", "bochs-pynat-of-nobody")

    def place(folder: str) -> Path:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "bochsrc.sample").touch()
        return tmp_path / folder

    return place


def test_in_a_clone() -> None:
    assert documents.documents() == Path(__file__).parents[2]


@pytest.mark.parametrize("folder", ["packages", "packages/share/doc/bochs-pynat-of-nobody"])
def test_beside_the_package(place: Place, folder: str) -> None:
    there = place(folder)
    assert documents.documents() == there
    (finding,) = checks.check_documents()
    assert finding.state is State.OK
    assert finding.text.endswith(f"in {there}")


def test_nowhere(place: Place) -> None:
    place("elsewhere")
    assert documents.documents() is None
    assert list(checks.check_documents()) == []
