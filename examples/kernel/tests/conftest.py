"""The kernel under test is built from the sources beside this folder."""

import subprocess
from pathlib import Path

import pytest

KERNEL = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def pynat_options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What every guest of these tests boots."""
    out = tmp_path_factory.mktemp("kernel")
    subprocess.run(["make", "-s", "-C", KERNEL, f"OUT={out}/"], check=True)
    return {"kernel": out / "kernel.elf"}
