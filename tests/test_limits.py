"""What may be skipped in CI, and that nothing else may."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests import limits

ROOT = Path(__file__).parents[1]


def ran(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """pytest with the plugin, as `make test` starts it in CI."""
    (folder / "test_it.py").write_text(f"import pytest\nfrom tests import limits\n{test}\n")
    (folder / "test_other.py").write_text("def test_other(): pass\n")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no_skips", "-p", "no:cacheprovider")
    return subprocess.run(
        (*command, "--rootdir", str(folder), "-c", os.devnull, str(folder)),
        env=os.environ | {"PYTHONPATH": "scripts"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("reason", sorted(limits.REASONS))
def test_what_cannot_run_here_may_be_skipped(tmp_path: Path, reason: str) -> None:
    done = ran(tmp_path, f"def test_it():\n    pytest.skip({reason!r})")
    assert "CI: 1 skipped tests cannot run here" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    "test",
    [
        "def test_it():\n    pytest.skip('no reason')",
        "@pytest.mark.skip(reason='no reason')\ndef test_it(): pass",
        "pytest.skip(limits.ISA.reason, allow_module_level=True)",
    ],
)
def test_nothing_else_may(tmp_path: Path, test: str) -> None:
    done = ran(tmp_path, test)
    assert "CI: 1 skipped tests count as failures" in done.stdout
    assert done.returncode == pytest.ExitCode.TESTS_FAILED


def test_a_limit_that_does_not_hold_skips_nothing() -> None:
    limits.Limit("never", lambda: False).skip()
    with pytest.raises(pytest.skip.Exception, match="always"):
        limits.Limit("always", lambda: True).skip()


def test_the_version_of_ipxe_is_read_from_its_kernel(tmp_path: Path) -> None:
    kernel = tmp_path / "ipxe.lkrn"
    kernel.write_bytes(struct.pack("<526xH", 0x10).ljust(0x210, b"\0") + b"1.21.1+git2025\0rest")
    assert limits.ipxe_version(kernel) == (1, 21)
    kernel.write_bytes(bytes(1000))
    with pytest.raises(AssertionError, match="names no version of iPXE"):
        limits.ipxe_version(kernel)
