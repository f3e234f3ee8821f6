"""The preparation of a test run from nothing, out of an archive of packages on loopback."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pynat.testing.guests import GuestUnavailable, fetch_kernel, linux
from pynat.testing.guests.files import cache_dir, made_once
from pynat.testing.servers import HttpServer
from tests import preparing
from tests.netns.lwip import build
from tests.netns.lwip.build import fetch_source, guest_program

ROOT = Path(__file__).parents[1]
VERSION = "6.9.9-1"
KERNEL = f"linux-image-{VERSION}-amd64"
FILES = {
    f"boot/vmlinuz-{VERSION}": bytes(4096),
    "lib/modules/net/e1000.ko": b"e1000",
    "lib/modules/net/8390.ko": b"8390",
    "lib/modules/net/ne2k-pci.ko": b"ne2k-pci",
    "lib/modules/net/other.ko": b"",
}


class Archive:
    """A Debian archive: what a mirror answers, by path, and apt's configuration for it."""

    def __init__(self, folder: Path, server: HttpServer) -> None:
        self._folder = folder
        self.bodies = server.bodies
        self._port = server.port
        self.packages: list[str] = []
        self.add("linux-image-amd64", VERSION, {}, depends=f"linux-base-amd64, {KERNEL}")
        self.add(KERNEL, VERSION, FILES)
        self.add("liblwip-dev", "2.1-1", {})
        self._add_source()
        self.publish()
        self.config = folder / "apt.conf"
        self._configure()

    def add(self, name: str, version: str, files: dict[str, bytes], depends: str = "") -> None:
        """A package; `publish` makes it known."""
        tree = self._folder / f"{name}-{version}"
        for path, data in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(data)
        control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\n"
        control += f"Maintainer: nobody <nobody@example.org>\nDescription: {name}\n"
        control += f"Depends: {depends}\n" if depends else ""
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(control)
        built = self._folder / f"{name}_{version}.deb"
        subprocess.run(
            ["dpkg-deb", "-Znone", "--build", tree, built], check=True, stdout=subprocess.DEVNULL
        )
        data = self._put(f"/pool/{built.name}", built.read_bytes())
        self.packages.append(
            f"{control}Filename: pool/{built.name}\nSize: {len(data)}\nSHA256: {_sha256(data)}\n"
        )

    def _add_source(self) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            member = tarfile.TarInfo("lwip-2.1/src/core/tcp.c")
            tar.addfile(member, io.BytesIO())
        sums = ""
        for name, data in {"lwip_2.1.orig.tar.gz": buffer.getvalue(), "lwip.dsc": b"dsc"}.items():
            self._put(f"/pool/{name}", data)
            sums += f"\n {_sha256(data)} {len(data)} {name}"
        self._sources = (
            "Package: lwip\nBinary: liblwip-dev\nVersion: 2.1-1\nDirectory: pool\n"
            f"Format: 3.0 (quilt)\nChecksums-Sha256:{sums}\n"
        )

    def publish(self) -> None:
        lists = {
            "main/binary-amd64/Packages": "\n".join(self.packages),
            "main/source/Sources": self._sources,
        }
        sums = ""
        for path, text in lists.items():
            data = self._put(f"/dists/stable/{path}", text.encode())
            sums += f"\n {_sha256(data)} {len(data)} {path}"
        release = f"Suite: stable\nCodename: stable\nArchitectures: amd64\nSHA256:{sums}\n"
        self._put("/dists/stable/Release", release.encode())

    def _put(self, path: str, data: bytes) -> bytes:
        self.bodies[path] = data
        return data

    def _configure(self) -> None:
        """With empty lists, as in a container."""
        (self._folder / "system-lists" / "partial").mkdir(parents=True)
        sources = self._folder / "sources.list"
        sources.write_text(f"deb http://127.0.0.1:{self._port} stable main\n")
        options = {
            "Dir::Etc::Main": "/dev/null",
            "Dir::Etc::Parts": "/dev/null",
            "Dir::Etc::SourceList": sources,
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": self._folder / "system-lists",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
            "APT::Get::AllowUnauthenticated": "true",
            "Acquire::AllowInsecureRepositories": "true",
        }
        self.config.write_text("".join(f'{key} "{value}";\n' for key, value in options.items()))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """The only one that apt knows; nothing of it is in the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with HttpServer() as server:
        archive = Archive(tmp_path, server)
        monkeypatch.setenv("APT_CONFIG", str(archive.config))
        yield archive


def test_the_kernel_comes_from_nothing(archive: Archive) -> None:
    told: list[str] = []
    kernel = fetch_kernel(told.append)
    assert {file.name for file in kernel.iterdir()} == {
        *("vmlinuz", "e1000.ko", "8390.ko", "ne2k-pci.ko"),
    }
    assert (kernel / "e1000.ko").read_bytes() == b"e1000"
    assert told == ["Reading Debian's package lists", f"Downloading {KERNEL} {VERSION}, 0 MB"]
    told.clear()
    assert fetch_kernel(told.append) == kernel
    assert told == []


def test_who_comes_at_the_same_time_waits(archive: Archive) -> None:
    """As the workers of a run do; apt itself would let the second one fail."""
    told: list[str] = []
    with ThreadPoolExecutor(4) as workers:
        made = list(workers.map(lambda _: fetch_kernel(told.append), range(4)))
    assert len(set(made)) == 1
    assert len(told) == 2  # the lists, and the package


def test_a_kernel_whose_parts_are_packages_of_their_own(archive: Archive) -> None:
    """As Debian 14 has it."""
    archive.packages.clear()
    lib = "usr/lib/modules/7.2-1"
    binary, modules = {f"{lib}/vmlinuz": bytes(4096)}, {f"{lib}/kernel/e1000.ko": b"e1000"}
    image = "linux-image-7.2-1-amd64"
    parts = {"linux-binary-7.2-1-amd64": binary, "linux-modules-7.2-1-amd64": modules}
    needs = ", ".join(["kmod, dracut | linux-initramfs-tool", *(f"{n} (= 7.2.1-1)" for n in parts)])
    archive.add("linux-image-amd64", "7.2.1-1", {}, depends=image)
    archive.add(image, "7.2.1-1", {}, depends=needs)
    for name, files in parts.items():
        archive.add(name, "7.2.1-1", files)
    archive.publish()
    told: list[str] = []
    kernel = fetch_kernel(told.append)
    assert {file.name for file in kernel.iterdir()} == {"vmlinuz", "e1000.ko"}
    assert [line.rpartition(" ")[0] for line in told[1:]] == [f"Downloading {image} 7.2.1-1, 0"]


def test_lwip_comes_from_nothing(archive: Archive) -> None:
    source = fetch_source()
    assert source.name == "lwip-source_2.1-1"
    assert (source / "core" / "tcp.c").is_file()


def test_lists_that_are_out_of_date_are_read_again(archive: Archive) -> None:
    """The mirror has a newer package, and no longer the one that the lists name."""
    fetch_kernel()
    archive.bodies.clear()
    archive.packages.clear()
    archive.add("linux-image-amd64", "7.0-1", {}, depends="linux-image-7.0-1-amd64")
    archive.add("linux-image-7.0-1-amd64", "7.0-1", {"boot/vmlinuz-7.0-1": bytes(4096)})
    archive.publish()
    _forget_kernels()
    assert fetch_kernel().name.startswith("linux-image-7.0-1-amd64_7.0-1_")


def _forget_kernels() -> None:
    for file in cache_dir().glob("linux-*/*"):
        file.unlink()
    for folder in cache_dir().glob("linux-*"):
        folder.rmdir()


def test_what_was_made_once_serves_without_a_mirror(archive: Archive) -> None:
    kernel, source = fetch_kernel(), fetch_source()
    archive.config.write_text(archive.config.read_text().replace("system-lists", "no-lists"))
    archive.bodies.clear()
    for file in (cache_dir() / "apt-lists").iterdir():
        if file.is_file():
            file.unlink()
    assert fetch_kernel() == kernel
    assert fetch_source() == source


def test_another_recipe_makes_another_kernel(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fetch_kernel()
    monkeypatch.setattr(linux, "_MODULES", {"e1000", "other"})
    second = fetch_kernel()
    assert first != second
    assert {file.name for file in second.iterdir()} == {"vmlinuz", "e1000.ko", "other.ko"}


def test_another_recipe_makes_another_guest_of_lwip(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    texts = tmp_path / "texts"
    shutil.copytree(build.HERE, texts)
    (texts / "lwipopts.h").write_text("#define LWIP_TCP 0\n")
    monkeypatch.setattr(build, "_compile", lambda _, target: target.touch())
    made = [guest_program()]
    assert guest_program() == made[0]
    for name, value in {"HERE": texts, "FLAGS": ("-O2",), "PARTS": ("core/*.c",)}.items():
        monkeypatch.setattr(build, name, value)
        made.append(guest_program())
    assert len(set(made)) == len(made)


def test_a_download_that_fails_leaves_nothing_half_made(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise GuestUnavailable("no mirror")

    with pytest.raises(GuestUnavailable):
        made_once(tmp_path / "cache" / "kernel", fail)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".kernel.lock"]


def test_without_a_mirror_the_reason_is_apts(archive: Archive) -> None:
    archive.bodies.clear()
    with pytest.raises(GuestUnavailable, match=r"apt-get .* failed: .*(Release|indices|index)"):
        fetch_kernel()
    assert cache_dir().is_dir()


NEEDY = """
    import pytest
    from pynat.testing.guests import fetch_kernel
    from pynat.testing.sealed import interfaces

    @pytest.mark.linux
    @pytest.mark.netns
    def test_needy():
        assert (fetch_kernel() / "vmlinuz").is_file()
        assert interfaces() == ["lo"]
"""


def test_who_boots_linux_is_marked_so() -> None:
    texts = {path.name: path.read_text() for path in (ROOT / "tests" / "live").glob("test_*.py")}
    boots_it = {name for name, text in texts.items() if "linux_image(" in text}
    assert boots_it == {name for name, text in texts.items() if "mark.linux" in text} != set()


@pytest.mark.netns
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_a_run_fetches_before_it_seals_itself(
    archive: Archive, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    """Behind the seal the archive cannot be reached: the run has a loopback of its own."""
    assert "1 passed" in _run_needy(tmp_path, *workers)


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("false", 0)])
def test_what_cannot_be_had_is_an_error_in_ci_alone(
    archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ci: str,
    code: int,
) -> None:
    """Ubuntu has no package of that name."""
    archive.packages.clear()
    archive.publish()
    monkeypatch.setenv("CI", ci)
    assert preparing.main(["linux"]) == code
    said = capsys.readouterr().err
    assert said.startswith("skipped tests, those marked linux: ")


@pytest.mark.netns
def test_a_run_without_a_mirror_says_what_it_skips(archive: Archive, tmp_path: Path) -> None:
    archive.bodies.clear()
    said = _run_needy(tmp_path)
    assert "1 skipped" in said
    assert "apt-get" in said


def _run_needy(folder: Path, *options: str) -> str:
    (folder / "test_needy.py").write_text(textwrap.dedent(NEEDY))
    markers = "".join(f"\n    {marker}" for marker in ("boots", "linux", "netns", "lwip", "gvisor"))
    (folder / "pytest.ini").write_text(f"[pytest]\nmarkers ={markers}\n")
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "tests.conftest", *options, "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr
