"""What a failed test shows and leaves, on guests that are one boot sector."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pynat.report.merge import write_merged
from tests.bochs.machines import HANG
from tests.cli.test_run_options import floppy, serial
from tests.pytest_plugin.conftest import Suite, assert_lines, assert_outcomes

pytest_plugins = ["pytester"]

FAILS = """
@pytest.mark.pynat(**GUEST, seed=9, impair=["to-guest loss 1%"])
def test_bad(guest):
    guest.expect("hello")
    assert guest.exit_code == 0

@pytest.mark.pynat(**GUEST)
def test_good(guest):
    guest.expect("hello")
"""


def test_a_failure_tells_all_that_is_known(suite: Suite) -> None:
    result = suite(FAILS, serial("hello"))
    assert_outcomes(result, failed=1, passed=1)
    assert_lines(
        result,
        "*pynat: reason*",
        "AssertionError: assert None == 0",
        "*pynat: serial port*",
        "hello",
        "*pynat: again*",
        "cd * && * -m pytest test_*.py::test_bad --pynat-seed=9",
    )


def test_its_artifacts_are_kept(suite: Suite, artifacts: Path) -> None:
    result = suite(FAILS, serial("hello"), "--pynat-artifacts=out")
    assert_lines(result, "*pynat: artefacts*", f"{artifacts}/test_*-test_bad")
    (bad,) = artifacts.glob("*-test_bad")
    names = {"net.pcapng", "serial.txt", "bochs.log", "report.html", "repro.sh", "result.json"}
    assert names <= {path.name for path in bad.iterdir()}
    assert (bad / "serial.txt").read_text() == "hello\n"
    stamped = json.loads((bad / "serial.json").read_text())
    assert stamped["text"] == "hello"
    assert f'data-ms="{stamped["time"] * 1000:.3f}"' in (bad / "report.html").read_text()
    told = json.loads((bad / "result.json").read_text())
    assert told["outcome"] == "failed"
    assert told["reason"] == "AssertionError: assert None == 0"
    assert (told["seed"], told["findings"]) == (9, {})
    (good,) = artifacts.glob("*-test_good")
    assert {path.name for path in good.iterdir()} == {"repro.sh", "result.json"}


def test_the_report_of_shards_reads_them(suite: Suite, artifacts: Path) -> None:
    suite(FAILS, serial("hello"), "--pynat-artifacts=out", "--junit-xml=out/junit.xml")
    bad, good = write_merged([artifacts], artifacts / "all.html")
    assert (bad.outcome, bad.seed, good.outcome) == ("failed", 9, "passed")
    assert "net.pcapng" in dict(bad.files)


def test_the_script_repeats_the_run(suite: Suite, artifacts: Path) -> None:
    suite(FAILS, serial("hello"), "--pynat-artifacts=out")
    (script,) = artifacts.glob("*-test_bad/repro.sh")
    where = Path(sys.executable).parent
    path = f"{where}:{os.environ['PATH']}"
    command = [str(script), "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "AssertionError: assert None == 0" in done.stdout


def test_the_script_repeats_what_was_run_above_the_root_and_needs_no_path(
    pytester: pytest.Pytester, artifacts: Path
) -> None:
    floppy(pytester.path, HANG)
    inner = pytester.mkdir("tests")
    (inner / "pytest.ini").write_text("[pytest]\n")
    (inner / "test_it.py").write_text(
        "import pytest\n\n@pytest.mark.pynat(floppy='floppy.img')\n"
        "def test_it(guest):\n    assert guest.seed is None\n"
    )
    again = ("-p", "no:cacheprovider", "--pynat-artifacts=out", "tests")
    pytester.runpytest_subprocess(*again).assert_outcomes(failed=1)
    (script,) = artifacts.glob("*/repro.sh")
    bare = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    said = subprocess.run([script], capture_output=True, text=True, env=bare, check=False)
    assert "assert 0 is None" in said.stdout, said.stdout + said.stderr


def test_artifacts_of_good_tests_are_kept_on_demand(suite: Suite, artifacts: Path) -> None:
    suite(FAILS, serial("hello"), "--pynat-artifacts=out", "--pynat-keep")
    (good,) = artifacts.glob("*-test_good")
    assert (good / "serial.txt").read_text() == "hello\n"


def test_to_keep_needs_a_place(suite: Suite) -> None:
    result = suite(FAILS, b"", "--pynat-keep")
    assert_lines(result, "*--pynat-keep: where to? Give --pynat-artifacts DIR too")


def test_a_guest_that_does_not_start_leaves_its_log(suite: Suite, artifacts: Path) -> None:
    tests = """
    @pytest.mark.pynat(**GUEST, cpu="z80")
    def test_it(guest):
        pass
    """
    assert_outcomes(suite(tests, b"", "--pynat-artifacts=out"), errors=1)
    told = json.loads(next(artifacts.glob("*/result.json")).read_text())
    assert told["outcome"] == "error"
    assert "cpu directive malformed" in told["reason"]


def test_two_guests_have_two_folders(suite: Suite, artifacts: Path) -> None:
    tests = """
    def test_it(boot):
        for _ in range(2):
            boot(**GUEST).expect("hello")
        assert False
    """
    result = suite(tests, serial("hello"), "--pynat-artifacts=out")
    assert_lines(result, "*serial port of guest 1*", "*serial port of guest 2*")
    (second,) = artifacts.glob("*/guest-2")
    assert (second / "serial.txt").is_file()


def test_a_failure_with_a_shared_guest_has_its_files(suite: Suite, artifacts: Path) -> None:
    tests = """
    pytestmark = pytest.mark.pynat(**GUEST)

    def test_good(module_guest):
        module_guest.expect("hello")

    def test_bad(module_guest):
        assert not module_guest.lines
    """
    assert_outcomes(suite(tests, serial("hello"), "--pynat-artifacts=out"), passed=1, failed=1)
    (bad,) = artifacts.glob("*-test_bad")
    assert (bad / "serial.txt").read_text() == "hello\n"


def test_names_that_look_alike_are_kept_apart(suite: Suite, artifacts: Path) -> None:
    tests = """
    @pytest.mark.parametrize("text", ["a b", "a-b", "a*b"])
    def test_it(boot, text):
        boot(**GUEST)
    """
    assert_outcomes(suite(tests, b"", "--pynat-artifacts=out"), passed=3)
    assert len(list(artifacts.iterdir())) == 3


def test_a_guest_that_never_was_leaves_its_story_too(suite: Suite, artifacts: Path) -> None:
    tests = """
    @pytest.mark.pynat(**GUEST, memroy=3)
    def test_word(guest): pass

    @pytest.mark.pynat("e1000", **GUEST)
    def test_place(guest): pass

    def test_without(boot): pass
    """
    result = suite(tests, b"", "--pynat-artifacts=out")
    assert_outcomes(result, errors=2, passed=1)
    assert_lines(result, "pynat('e1000'): expected keywords, as in pynat(nic='e1000')")
    (told,) = (path.read_text() for path in artifacts.glob("*-test_word/result.json"))
    assert "memroy=3: no keyword of a guest; did you mean memory?" in json.loads(told)["reason"]
    assert len(list(artifacts.glob("*"))) == 2


# ---------------------------------------------------------------- seeds
SEEDS = """
@pytest.mark.pynat_seeds(5)
@pytest.mark.pynat(**GUEST)
def test_it(guest):
    assert guest.seed != 2
"""


def test_seeds_stop_at_the_first_bad_one(suite: Suite) -> None:
    result = suite(SEEDS, b"", "-rs")
    assert_outcomes(result, passed=1, failed=1, skipped=3)
    assert_lines(
        result, "*::test_it?seed-2?' --pynat-seed=2", "SKIPPED ?3? *: seed-2 is bad already"
    )


def test_workers_tell_each_other_of_a_bad_seed(suite: Suite) -> None:
    """The first worker is in its first seed until the other one's first is known to be bad."""
    tests = """
    import os, time
    @pytest.mark.pynat_seeds(12)
    def test_it(pynat_seed, tmp_path_factory):
        assert os.environ["PYTEST_XDIST_WORKER"] == "gw0"
        while not list(tmp_path_factory.getbasetemp().parent.glob("bad-seeds-*/*/*")):
            time.sleep(0.01)
    """
    result = suite(tests, b"", "-n2", "-rs", apart=True)
    assert_outcomes(result, passed=1, failed=1, skipped=10)
    assert_lines(result, "SKIPPED * seed-* is bad already")


def test_one_seed_is_tried_again(suite: Suite) -> None:
    assert_outcomes(suite(SEEDS, b"", "--pynat-seed=2"), failed=1)
    assert_outcomes(suite(SEEDS, b"", "--pynat-seed=3"), passed=1)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("@pytest.mark.pynat_seeds(2)\ndef test_it(tmp_path):", "*no seed reaches it"),
        (
            "@pytest.mark.pynat_seeds('2')\ndef test_it(guest):",
            "*: pynat_seeds('2'): expected a number of seeds above 0, as in pynat_seeds(20)",
        ),
    ],
)
def test_seeds_for_nothing_are_told(suite: Suite, head: str, told: str) -> None:
    result = suite(f"{head}\n    pass")
    assert_lines(result, told)


# ---------------------------------------------------------------- others
def test_junit_files_say_what_the_network_knows(suite: Suite, artifacts: Path) -> None:
    suite(FAILS, serial("hello"), "--junit-xml=junit.xml", "--pynat-artifacts=out")
    root = ET.parse(artifacts.parent / "junit.xml").getroot()
    (bad,) = root.iterfind(".//testcase[@name='test_bad']")
    found = {one.get("name"): one.get("value", "") for one in bad.iter("property")}
    assert found["pynat_seed"] == "9"
    assert found["pynat_findings"] == ""
    assert found["pynat_artifacts"].endswith("test_bad")


def test_what_a_guest_says_is_shown_while_it_runs(suite: Suite) -> None:
    result = suite(FAILS, serial("hello"), "--pynat-live", "-k", "good")
    assert_lines(result, "test_good: hello")


def test_what_a_script_raises_fails_the_test(suite: Suite, pytester: pytest.Pytester) -> None:
    (pytester.path / "net.py").write_text(
        "import pytest\nfrom pynat.net import Net\nnet = Net(hermetic=True)\n"
        "@net.at(0.001)\nasync def look():\n    pytest.fail('the guest did it')\n"
    )
    tests = """
    @pytest.mark.pynat(**GUEST, net="net.py")
    def test_it(guest):
        guest.expect("hello")
    """
    result = suite(tests, serial("hello"))
    assert_outcomes(result, failed=1)
    assert_lines(result, "*the network complains: *the guest did it*")


def test_nothing_stays_behind_an_interrupt(suite: Suite, pytester: pytest.Pytester) -> None:
    tests = """
    def test_it(boot):
        guest = boot(**GUEST)
        guest.expect("hello")
        with open("pid", "w") as file:
            file.write(str(guest.boot.run.pid))
        raise KeyboardInterrupt
    """
    result = suite(tests, serial("hello"), apart=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert not Path("/proc", (pytester.path / "pid").read_text()).exists()


def test_workers_do_not_collide(suite: Suite, artifacts: Path) -> None:
    tests = """
    @pytest.mark.parametrize("turn", range(4))
    def test_it(boot, turn):
        guest = boot(**GUEST)
        guest.expect("hello")
        assert turn != 3
    """
    result = suite(tests, serial("hello"), "-n2", "--pynat-artifacts=out", apart=True)
    assert_outcomes(result, passed=3, failed=1)
    assert_lines(result, "*pynat: serial port*", "hello", "*::test_it?3?' --pynat-seed=0")
    assert len(list(artifacts.glob("*/result.json"))) == 4


def test_a_suite_goes_to_other_machines_whose_artifacts_are_one_page(
    pytester: pytest.Pytester,
) -> None:
    """Each is a folder here; ssh differs in who starts the worker (docs/suites.md)."""
    inner = pytester.mkdir("suite")
    floppy(inner, HANG)
    (inner / "test_it.py").write_text(
        "import pytest\nfrom pathlib import Path\n\n"
        "@pytest.mark.pynat(floppy=Path(__file__).with_name('floppy.img'))\n"
        "@pytest.mark.parametrize('number', range(4))\n"
        "def test_it(guest, number):\n    assert number != 2\n"
    )
    machines = [pytester.mkdir(name) for name in ("one", "two")]
    there = [f"--tx=popen//chdir={machine}" for machine in machines]
    again = ("-p", "no:cacheprovider", "--rsyncdir", inner, "--pynat-artifacts=out", inner)
    result = pytester.runpytest_subprocess("-d", *there, *again)
    assert_outcomes(result, passed=3, failed=1)
    page = pytester.path / "all.html"
    results = write_merged([machine / "out" for machine in machines], page)
    assert sorted(one.outcome for one in results) == ["failed", "passed", "passed", "passed"]


def test_an_idle_plugin_imports_next_to_nothing() -> None:
    code = (
        "import sys, pytest, shlex; before = set(sys.modules)\n"
        "import pynat.pytest_plugin\n"
        "print(*sorted(one for one in sys.modules.keys() - before))"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    own = {"fixtures", "hooks", "live", "seeds", "stories"}
    rooms = {"pynat", "pynat.pytest_plugin", *(f"pynat.pytest_plugin.{one}" for one in own)}
    assert set(done.stdout.split()) == rooms
