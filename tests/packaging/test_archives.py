"""The sdist is all that git tracks; the wheel is all that a user of pynat needs."""

from __future__ import annotations

import re
import sysconfig
from dataclasses import replace
from pathlib import Path

from tests.packaging import checkout
from tests.packaging.builds import Archives, Offline, wheel_files

MADE_FOR_SDIST = re.compile(r"PKG-INFO|setup\.cfg|bochs_pynat\.egg-info/.*")
PLUGIN = "pynat/plugin/libbx_eth_pynat.so"
COMPILED = {PLUGIN, f"pynat/_fast{sysconfig.get_config_var('EXT_SUFFIX')}"}
SOURCES = (".c",)  # of the package's folder, and no use once they are compiled
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
FOR_READERS = (*PAGES, "LICENSE", "bochsrc.sample", "docs/", "examples/")
COMPILER = """#!/bin/sh
while [ $# -gt 0 ]; do
    [ "$1" = -o ] && echo compiled >"$2"
    shift
done
"""
NO_C = """#!/bin/sh
case "$*" in *_fast.c*) exit 1 ;; esac
"""
PYTHON = re.compile(rb"/[^\0]*/bin/python[0-9.]*(?=\0)")


def test_the_sdist_is_what_git_tracks(archives: Archives, tracked: checkout.Files) -> None:
    assert ours(archives.sdist_files()) == ours(tracked)


def ours(files: checkout.Files) -> checkout.Files:
    return {name: files[name] for name in files if not MADE_FOR_SDIST.fullmatch(name)}


def test_the_wheel_is_the_package_and_its_documents(
    archives: Archives, tracked: checkout.Files
) -> None:
    assert names(archives.wheel) == COMPILED | {
        *(name for name in tracked if name.startswith("pynat/") and not name.endswith(SOURCES)),
        *(f"share/doc/bochs-pynat/{name}" for name in tracked if name.startswith(FOR_READERS)),
        *(name for name in tracked if name.startswith("share/")),
    }


def test_a_used_checkout_gives_the_same_wheel_and_nothing_old(
    archives: Archives, used_checkout: Path, offline: Offline, tmp_path: Path
) -> None:
    compiler = tmp_path / "compiler"  # all it does is to leave a mark
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    names_of_it = dict.fromkeys(("CC", "CXX", "LDSHARED", "LDCXXSHARED"), str(compiler))
    marking = replace(offline, variables=names_of_it)
    marking.run("pip", "wheel", "--no-deps", "-w", tmp_path, used_checkout, folder=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    assert names(wheel) == names(archives.wheel)
    assert {wheel_files(wheel)[name] for name in COMPILED} == {b"compiled\n"}


def test_without_the_compiled_loops_there_is_a_wheel_too(
    archives: Archives, used_checkout: Path, offline: Offline, tmp_path: Path
) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_text(NO_C + COMPILER.removeprefix("#!/bin/sh\n"))
    compiler.chmod(0o755)
    names_of_it = dict.fromkeys(("CC", "CXX", "LDSHARED", "LDCXXSHARED"), str(compiler))
    failing = replace(offline, variables=names_of_it)
    wheels = ("wheel", "-v", "--no-deps", "-w", tmp_path)
    said = failing.run("pip", *wheels, used_checkout, folder=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    assert names(archives.wheel) - names(wheel) == COMPILED - {PLUGIN}
    assert "pynat._fast could not be compiled: pynat has its loops in Python" in said


def test_the_plugin_knows_a_python_that_outlives_the_build(archives: Archives) -> None:
    # The compiler may also have taken the text to pieces.
    python = max(PYTHON.findall(wheel_files(archives.wheel)[PLUGIN]), key=len)
    assert Path(python.decode()).exists()


def names(wheel: Path) -> set[str]:
    """Where pip puts the files, as seen from the package's folder or from that of `share`."""
    found = {re.sub(r"^[^/]*\.data/data/", "", name) for name in wheel_files(wheel)}
    return {name for name in found if ".dist-info/" not in name}
