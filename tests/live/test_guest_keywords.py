"""What only a guest with a network shows of the keywords of `boot` and of what is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.bochs.find import Bochs
from pynat.cli.main import main
from pynat.testing.guests import compiled_kernel, ipxe_image, kernel_image
from pynat.testing.kit import BootOptions, Guest
from tests.live.network import ETHMOD, HANGS, ROUTER
from tests.live.test_example_kernel import SOURCE
from tests.live.test_ipxe import SLOW_CPU
from tests.pytest_plugin.conftest import assert_lines, assert_outcomes

pytest_plugins = ["pytester"]
pytestmark = [
    pytest.mark.boots,
    pytest.mark.stack("iPXE", "examples/kernel"),
    pytest.mark.timeout(HANGS),
    pytest.mark.skipif(ETHMOD != "pynat", reason="the plugin is pynat's"),
]


@pytest.fixture(scope="module")
def kernel(module_artifacts: Path) -> Path:
    return compiled_kernel(SOURCE, module_artifacts / "kernel")


def test_a_cd_and_a_folder_to_serve(artifacts: Path, bochs: Bochs) -> None:
    served = artifacts / "served"
    served.mkdir()
    (served / "hello.txt").write_text("hello by TFTP")
    image = ipxe_image(
        artifacts / "ipxe.iso", f"dhcp net0 && imgfetch tftp://{ROUTER}/hello.txt ||\nshell"
    )
    options = BootOptions(cdrom=image, tftp=served, ips=SLOW_CPU)
    with Guest(options, artifacts / "boot", bochs=bochs) as guest:
        guest.expect_frame(lambda one: b"hello by TFTP" in one.data, timeout=240)
    assert "hermetic" in guest.log


def test_run_boots_a_cd(kernel: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = kernel_image(artifacts / "kernel.iso", kernel, f"ping={ROUTER} poweroff")
    monkeypatch.chdir(artifacts)
    serial = artifacts / "serial.txt"
    words = [
        "run",
        "--headless",
        "--cdrom",
        str(image),
        "--serial",
        str(serial),
        "--timeout",
        "300",
    ]
    assert main(words) == 0
    assert f"ping {ROUTER}: 4 of 4 answered" in serial.read_text()


def test_a_failure_shows_flows_and_how_far_the_stack_came(
    kernel: Path, pytester: pytest.Pytester
) -> None:
    """And its findings and lines are printed while it runs."""
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.pynat(
            kernel={str(kernel)!r}, append="get=http://peer.test/", hermetic=True,
            peers={{"peer.test": "mss 88"}}, faults=["dhcp silent 1"],
        )
        def test_it(guest):
            guest.expect("^get: 10000 bytes")
            flow = guest.expect_flow("> 198[.]18[.].*:80 #")
            assert flow.to_guest.octets > 10000
            found = guest.wait_finding("NET030")
            asked = guest.frames[found.frame - 1].scapy()
            assert "DHCP" in asked
            assert all("TCP" not in one or len(one["TCP"].payload) <= 88
                       for one in (frame.scapy() for frame in guest.frames if not frame.from_guest))
            guest.power_off()
            assert flow is None
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--pynat-live")
    assert_outcomes(result, failed=1)
    assert_lines(
        result,
        "test_it: *NET030 *dhcp silent 1*",
        "test_it: get: 10000 bytes*",
        "*pynat: linter*",
        "DHCP works: *",
        "TCP as client works: 1 begun, *",
        "*pynat: flows*",
        "tcp 192.168.16.2:* > 198.18.*:80 #*: *; * bytes from the guest, * to it",
    )
