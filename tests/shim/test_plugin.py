"""The plugin in a stand-in for Bochs, with a stub as the engine."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.shim import builds
from tests.shim.conftest import Run
from tests.shim.fake_bochs import STUBS, asan_environment, run_fake_bochs

pytestmark = pytest.mark.timeout(300)  # the first run compiles

FRAME = bytes(range(80))
HEX = FRAME.hex()


def test_probing_starts_no_python_and_leaves_nothing_behind(run: Run) -> None:
    outcome = run("echo")
    assert "probe type=0x400 flags=0 started=0" in outcome.lines
    assert "maps probing plugin=1 python=1" in outcome.lines
    assert "maps probed plugin=0 python=0" in outcome.lines


def test_frames_both_ways(run: Run) -> None:
    outcome = run("echo", f"run 1000\nsend 0 {HEX}\nuntil 0 1\nframes 0\n")
    assert outcome.frames() == [FRAME]
    assert outcome.status == 0
    assert outcome.log()[-1].startswith(
        "pynat: from guest 1 frames, 80 bytes; to guest 1 frames, 80 bytes; held 0 ms"
    )


def test_the_answer_comes_with_the_kick(run: Run) -> None:
    outcome = run("echo", f"run 1050\nsend 0 {HEX}\nrun 10\nframes 0\n")
    assert outcome.frames() == [FRAME]


def test_many_frames_keep_their_order(run: Run) -> None:
    frames = [bytes([number]) * (60 + 7 * number) for number in range(100)]
    script = "".join(f"send 0 {frame.hex()}\nrun 40\n" for frame in frames)
    assert run("echo", script + "until 0 100\nframes 0\n").frames() == frames


def test_the_port_knows_its_nic(run: Run) -> None:
    outcome = run("show", f"run 1000\nsend 0 {HEX}\nrun 1000\n")
    assert outcome.log()[:2] == [
        "port xl0 show 525400000001 0.0",
        f"got 0.001000 {HEX}",
    ]
    assert outcome.log("debug") == ["a detail"]
    assert "stats 1 80" in outcome.log()


def test_configuration_is_logged_before_the_guest_boots(run: Run) -> None:
    lines = run("show").lines
    assert lines.index("log info port xl0 show 525400000001 0.0") < lines.index("created 1")


def test_extension_modules_import(run: Run) -> None:
    log = run("imports").log()
    assert log[0] == "imported 1 4 42"
    assert log[2:4] == ["main thread False", "blocked True True"]


def test_wrong_arguments_raise(run: Run) -> None:
    log = run("refuses").log()
    assert log[:5] == ["ValueError", "ValueError", "TypeError", "TypeError", "queued 1"]


def test_several_nics(run: Run) -> None:
    script = "".join(f"send {card} {bytes([card] * 64).hex()}\n" for card in range(4))
    script += "".join(f"until {card} 1\nframes {card}\n" for card in range(4))
    outcome = run("echo", script, cards=4)
    for card in range(4):
        assert outcome.frames(card) == [bytes([card] * 64)]
    assert outcome.status == 0


def test_timers_and_holding(run: Run) -> None:
    outcome = run("times", "run 600000\nwall\nrun 50000\nwall\n")
    assert outcome.log()[0] == "timer at 0.5000"
    before, after = (int(text) for text in outcome.starting("wall "))
    assert after - before >= 45
    assert int(outcome.log()[1].split()[1]) >= 45


def test_ticks_are_fewer_while_nothing_happens(run: Run) -> None:
    send = f"send 0 {HEX}\nrun 5000\nticks\n"
    outcome = run("show", f"run 1000000\nticks\n{send}run 1000000\nticks\n{send}")
    counts = [int(text) for text in outcome.starting("ticks ")]
    steps = [after - before for before, after in pairwise([0, *counts])]
    # at rest each 400 us, which begins after 10 ms of each 100 us; the kick's is not a part of them
    assert steps == [100 + 2475, 1 + 49, 51 + 2487, 1 + 49]


def test_ticks_are_as_many_after_a_snapshot_of_a_guest_at_rest(run: Run) -> None:
    send = f"send 0 {HEX}\nrun 5000\nticks\n"
    outcome = run("show", f"periods 400\nrun 2000\nticks\n{send}")
    before, after = (int(text) for text in outcome.starting("ticks "))
    assert after - before == 50 + 1


def test_turns_in_step_are_at_ticks_and_see_all_frames_before_them(run: Run) -> None:
    frame = "00" * 60
    played = f"send 0 {frame}\nsend 0 {frame}\nrun 20\nsend 0 {frame}\nrun 2000\nframes 0\n"
    outcome = run("steps", played)
    assert [line for line in outcome.log() if line.startswith("turn")] == [
        "turn at 0.000000: ",
        "turn at 0.000005: 0.000000 0.000000",
        "turn at 0.000025: 0.000020",
        "turn at 0.001000: ",
    ]
    assert len(outcome.frames()) == 3


@pytest.mark.parametrize("cards", [1, 3])
def test_a_reset_is_told_once_to_each_card(run: Run, cards: int) -> None:
    script = f"devices\nrun 1000\nsend 0 {HEX}\nrun 1000\nreset\nrun 1000\n"
    outcome = run("counts_resets", script, cards=cards)
    assert "devices 1" in outcome.lines
    told = [line for line in outcome.log() if line.startswith("resets ")]
    assert told[0] == "resets 0: 1 frames"
    assert told[1:] == ["resets 1: 0 frames"] * cards
    assert outcome.status == 0


@pytest.mark.parametrize("without", [3, 4])
def test_a_bochs_with_other_devices_tells_of_no_resets(stub_plugin: Path, without: int) -> None:
    script = f"devices\nrun 1000\nreset\nsend 0 {HEX}\nrun 1000\n"
    outcome = run_fake_bochs(stub_plugin, "counts_resets", script, without=without)
    assert "pynat: this Bochs does not tell of resets of the machine" in outcome.log()
    assert "devices 0" in outcome.lines
    assert "resets 0: 1 frames" in outcome.log()
    assert outcome.status == 0


def test_an_exception_at_start_is_explained(run: Run) -> None:
    outcome = run("fails_at_once", f"send 0 {HEX}\nrun 1000\n")
    errors = outcome.log("error")
    assert errors[0] == "pynat: Traceback (most recent call last):"
    assert any('shim_stub.py", line ' in line for line in errors)
    assert "ValueError: no network today" in errors
    assert errors[-1].endswith("the guest has no network from here on; Bochs goes on")
    assert outcome.log()[-1].endswith("; dropped: engine stopped 1")
    assert outcome.status == 0


def test_an_exception_later_is_explained(run: Run) -> None:
    script = f"send 0 {HEX}\nrun 300\nwall\nrun 60000000\nwall\n"
    outcome = run("fails_at_a_frame", script)
    assert "AssertionError: a frame too many" in outcome.log("error")
    before, after = (int(text) for text in outcome.starting("wall "))
    assert after - before < 10_000  # nothing is waited for any more


def test_an_engine_that_returns_is_noticed(run: Run) -> None:
    (error,) = run("returns", f"send 0 {HEX}\nrun 1000\n").log("error")
    assert error.startswith("pynat: the network engine returned")


def test_a_stuck_engine_does_not_keep_bochs_from_ending(run: Run) -> None:
    outcome = run("sticks", f"send 0 {HEX}\nrun 1000000\n")
    assert outcome.status == 0
    assert outcome.log("error") == ["pynat: the network did not end in 8 s; Bochs ends without it"]
    assert "; engine_late 1" in outcome.log()[-1]


@pytest.mark.parametrize("cards", [1, 3])
def test_sigterm_ends_the_networks_first(run: Run, cards: int) -> None:
    outcome = run("lingers", "run 1000\nterminate\n", cards=cards)
    assert outcome.status == -signal.SIGTERM
    assert outcome.stderr.splitlines() == ["ended in good order"] * cards


def test_sigterm_does_not_wait_for_a_stuck_engine(run: Run) -> None:
    outcome = run("sticks", "terminate\n")
    assert outcome.status == -signal.SIGTERM


def test_a_panic_in_our_own_delivery(run: Run) -> None:
    outcome = run("echo", f"panic 0\nsend 0 {HEX}\nrun 1000000\n", cards=2)
    assert outcome.status == 0
    assert outcome.lines[-3:] == ["panic", "locators left: 0", "maps closed plugin=1 python=1"]


def test_sigpipe_does_not_end_bochs(run: Run) -> None:
    assert "sigpipe survived" in run("echo", "sigpipe\n").lines


def test_a_restored_snapshot_does_not_hold_the_guest_up(run: Run) -> None:
    outcome = run("times", "run 600000\ntime 9000000000\nwall\nrun 10000\nwall\n")
    before, after = (int(text) for text in outcome.starting("wall "))
    assert after - before < 2000


def test_a_missing_package_is_explained(stub_plugin: Path) -> None:
    outcome = run_fake_bochs(stub_plugin, "echo", "run 10\n", environment={"PYTHONPATH": ""})
    errors = outcome.log("error")
    assert "ModuleNotFoundError: No module named 'shim_stub'" in errors
    assert "pip install --force-reinstall bochs-pynat" in errors[-1]
    assert outcome.status == 0


def test_another_package_in_front_is_explained(installed_plugin: Path) -> None:
    package = installed_plugin.parents[1]
    (package / "__init__.py").write_text("")
    errors = run_fake_bochs(
        installed_plugin, "echo", "", environment={"PYTHONPATH": f"{STUBS}:{package.parent}"}
    ).log("error")
    assert errors[0].startswith("pynat: ImportError: shim_stub was imported from ")


def test_python_that_does_not_start_is_explained(stub_plugin: Path) -> None:
    outcome = run_fake_bochs(
        stub_plugin, "echo", f"send 0 {HEX}\n", cards=2, environment={"PYTHONMALLOC": "nonsense"}
    )
    errors = outcome.log("error")
    assert errors[0].startswith("pynat: Python does not start: ")
    assert "PYTHON... variables" in errors[2]
    assert len(errors) == 6  # for both cards
    assert outcome.status == 0


def test_a_home_for_another_python_is_ignored(stub_plugin: Path) -> None:
    path = {"PYTHONHOME": "/nowhere", "PYTHONPATH": f"{STUBS}:{builds.ROOT}"}
    outcome = run_fake_bochs(stub_plugin, "imports", "", environment=path)
    assert outcome.log("error") == []
    assert f"prefix {sys.prefix}" in outcome.log()


def test_the_environment_is_found_from_the_plugin(stub_plugin: Path, tmp_path: Path) -> None:
    """A venv is told by the pyvenv.cfg above the plugin, also through a link to the plugin."""
    venv = tmp_path / "venv"
    config = Path(sys.prefix) / "pyvenv.cfg"
    assert config.exists(), "the tests run in a virtual environment"
    plugin = venv / "lib" / "python" / "site-packages" / "pynat" / "plugin" / stub_plugin.name
    for directory in (plugin.parent, venv / "bin", tmp_path / "links"):
        directory.mkdir(parents=True)
    shutil.copy(config, venv)
    (venv / "bin" / "python").symlink_to(sys.executable)
    shutil.copy(stub_plugin, plugin)
    link = tmp_path / "links" / plugin.name
    link.symlink_to(plugin)
    path = {"PYTHONPATH": f"{STUBS}:{builds.ROOT}"}
    assert f"prefix {venv}" in run_fake_bochs(link, "imports", "", environment=path).log()


def test_a_missing_function_of_bochs_is_explained(stub_plugin: Path) -> None:
    outcome = run_fake_bochs(stub_plugin, "echo", f"send 0 {HEX}\nrun 100\n", without=1)
    (error,) = outcome.log("error")
    assert "does not export _ZN14bx_pc_system_c14activate_timerEjjb" in error
    assert outcome.status == 0


def test_a_missing_log_is_explained_on_stderr(stub_plugin: Path) -> None:
    outcome = run_fake_bochs(stub_plugin, "echo", f"send 0 {HEX}\nrun 100\n", without=2)
    assert "does not export _ZN12logfunctions6ldebugEPKcz" in outcome.stderr
    assert outcome.status == 0


def test_symbols(stub_plugin: Path) -> None:
    """The plugin needs of Bochs what abi_check.cc looks up, and can be unloaded."""
    names = subprocess.run(
        ["nm", "-D", "--undefined-only", stub_plugin], capture_output=True, text=True, check=True
    ).stdout.split()
    needed = {name for name in names if name.startswith(("_ZN", "bx_", "genlog"))}
    needed = {name for name in needed if "@" not in name}
    source = (builds.SHIM / "abi_check.cc").read_text()
    looked_up = {word for word in source.split('"') if word.startswith(("_ZN", "bx_", "genlog"))}
    assert needed == looked_up
    symbols = subprocess.run(
        ["readelf", "-W", "--dyn-syms", "--dynamic", stub_plugin],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "UNIQUE" not in symbols
    assert "NODELETE" not in symbols


@pytest.mark.parametrize(
    ("engine", "script"),
    [
        ("echo", f"burst 0 300 {HEX}\nuntil 0 300\nframes 0\n"),
        ("refuses", f"send 0 {HEX}\nrun 1000\n"),
        ("fails_at_a_frame", f"send 0 {HEX}\nrun 1000\n"),
        ("echo", f"panic 1\nsend 1 {HEX}\nrun 1000000\n"),
        ("counts_resets", f"run 1000\nsend 0 {HEX}\nreset\nsend 0 {HEX}\nrun 1000\n"),
    ],
)
def test_under_address_sanitizer(engine: str, script: str) -> None:
    plugin = builds.stub_plugin(builds.ASAN)
    outcome = run_fake_bochs(plugin, engine, script, cards=2, environment=asan_environment())
    assert outcome.status == 0, outcome.stderr
    assert "ERROR: AddressSanitizer" not in outcome.stderr
    assert "runtime error" not in outcome.stderr
