"""pynat works where nothing of the checkout is: installed with pip as docs/running.md says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pynat.cli.main import main
from pynat.rules import RULES
from pynat.testing.guests import PINGS, ping_replies
from tests.packaging import checkout, guest
from tests.packaging.builds import Installation
from tests.packaging.links import broken

NEEDS = [  # of extras, or because pytest is who asks for it
    "pynat.cli.top_screen needs rich",
    "pynat.pytest_plugin needs pytest",
    "pynat.testing.script needs scapy",
]
SERVER = "192.0.2.1"  # of net.toml
IMPORT_ALL = """
import importlib, pkgutil, pynat
for module in pkgutil.walk_packages(pynat.__path__, "pynat."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        print(module.name, "needs", error.name)
print(pynat.__file__)
"""


def test_it_is_the_installed_one_and_all_of_it_imports(
    installation: Installation, tmp_path: Path
) -> None:
    *missing, place = installation.python("-c", IMPORT_ALL, folder=tmp_path).splitlines()
    assert Path(place).is_relative_to(installation.environment)
    assert missing == NEEDS


def test_help(installation: Installation, tmp_path: Path) -> None:
    assert installation.pynat("--help", folder=tmp_path).startswith("usage: pynat")


def test_doctor_finds_nothing_wrong(installation: Installation, tmp_path: Path) -> None:
    said = installation.pynat("doctor", folder=tmp_path)
    assert str(installation.environment / "lib") in said
    assert f"bochsrc.sample in {installation.documents}" in said
    assert "a guest with e1000 on pynat: power off" in said


def test_the_sample_is_where_the_docs_say(installation: Installation) -> None:
    sample = (checkout.ROOT / "bochsrc.sample").read_text()
    assert (installation.folder / "bochsrc").read_text() == sample


def test_the_examples_are_right(installation: Installation, tmp_path: Path) -> None:
    examples = installation.documents / "examples"
    for name in ("net.py", "first_tcp/net.toml"):
        installation.pynat("check", examples / name, folder=tmp_path)
    shutil.copytree(examples / "first_tcp", tmp_path / "first_tcp")
    said = installation.python("ask.py", SERVER, folder=tmp_path / "first_tcp")
    assert said.endswith(" bytes of a page\n")


def test_it_writes_out_the_same_repository_as_a_clone(
    installation: Installation, tmp_path: Path
) -> None:
    installation.pynat("new", tmp_path / "installed" / "mykernel", folder=tmp_path)
    assert main(["new", str(tmp_path / "clone" / "mykernel")]) == 0
    installed, cloned = (contents(tmp_path / name) for name in ("installed", "clone"))
    assert installed == cloned
    assert Path("mykernel/.github/workflows/test.yml") in installed


def contents(folder: Path) -> dict[Path, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_every_rule_is_explained_with_its_example(
    installation: Installation, tmp_path: Path
) -> None:
    codes = [rule.code for rule in RULES]
    said = installation.pynat("explain", *codes, folder=tmp_path)
    pages = [(checkout.ROOT / "docs" / "rules" / f"{code}.md").read_text() for code in codes]
    assert said == "\n".join(pages)


def test_the_links_of_its_documents_lead_somewhere(installation: Installation) -> None:
    pages = sorted(installation.documents.rglob("*.md"))
    assert pages
    assert [each for page in pages for each in broken(page)] == []


@pytest.mark.boots
def test_a_guest_has_its_network(installation: Installation, tmp_path: Path) -> None:
    installation.python(Path(guest.__file__), tmp_path, folder=tmp_path)
    installation.pynat("run", "--headless", "--timeout", "120", folder=tmp_path)
    serial = (tmp_path / "serial.txt").read_text(errors="replace")
    assert sorted(ping_replies(serial)) == list(range(1, PINGS + 1)), serial
