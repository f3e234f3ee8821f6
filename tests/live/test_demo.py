"""`pynat demo`: what a newcomer sees first, and that the linter has nothing against it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_all_of_it_happens_and_is_right(tmp_path: Path) -> None:
    pynat = (sys.executable, "-m", "pynat")
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    said = subprocess.check_output((*pynat, "demo"), text=True, env=environment, timeout=300)
    assert "3/3 answered" in said
    (capture,) = tmp_path.glob("*/demo.pcap")
    done = subprocess.run((*pynat, "lint", capture), capture_output=True, text=True, check=False)
    assert "nothing is to be mended" in done.stdout, done.stdout
    assert done.returncode == 0
