"""Runs the shim in a stand-in for Bochs (bochs_shim/test/fake_bochs.cc) and reads what it says."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.shim import builds

STUBS = Path(__file__).parent / "stubs"
LIMIT = 30  # seconds


@dataclass(frozen=True)
class Outcome:
    """How a run of fake_bochs ended."""

    status: int
    lines: list[str]
    stderr: str

    def starting(self, prefix: str) -> list[str]:
        return [line.removeprefix(prefix) for line in self.lines if line.startswith(prefix)]

    def log(self, level: str = "info") -> list[str]:
        return self.starting(f"log {level} ")

    def frames(self, card: int = 0) -> list[bytes]:
        return [bytes.fromhex(text) for text in self.starting(f"frame {card} ")]


def fake_bochs_program(without: int = 0) -> Path:
    variant = builds.Variant(f"without{without}", builds.PLAIN.flags) if without else builds.PLAIN
    flags = (f"-DWITHOUT={without}",) if without else ()
    source = builds.SHIM / "test" / "fake_bochs.cc"
    return builds.program(variant, source, [], "-rdynamic", compile_flags=flags)


def run_fake_bochs(
    plugin: Path,
    engine: str,
    script: str,
    *,
    cards: int = 1,
    without: int = 0,
    environment: dict[str, str] | None = None,
) -> Outcome:
    command = [str(fake_bochs_program(without)), str(plugin), str(cards), "xl0", engine]
    done = subprocess.run(
        command,
        input=script,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**os.environ, "PYTHONPATH": str(STUBS), **(environment or {})},
    )
    return Outcome(done.returncode, done.stdout.splitlines(), done.stderr)


def asan_environment() -> dict[str, str]:
    """The sanitizer's library must be the first in a process that it did not build."""
    paths = [
        subprocess.run(
            [builds.compiler(), f"-print-file-name={name}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for name in ("libasan.so", "libstdc++.so")
    ]
    return {
        "LD_PRELOAD": " ".join(paths),
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
        "PYTHONMALLOC": "malloc",
    }
