"""The NIC's core without Bochs and Python: bochs_shim/test/nic_test.cc, three ways."""

from __future__ import annotations

import subprocess

import pytest

from tests.shim import builds

pytestmark = pytest.mark.timeout(300)  # the first run compiles


@pytest.mark.parametrize(
    "variant", [builds.PLAIN, builds.ASAN, builds.TSAN], ids=lambda variant: variant.name
)
def test_core(variant: builds.Variant) -> None:
    source = builds.SHIM / "test" / "nic_test.cc"
    program = builds.program(variant, source, builds.core(variant))
    done = subprocess.run([program], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
