"""The fixtures over Bochs, on guests that are one boot sector."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.testing.kit.guest import Guest
from pynat.testing.kit.options import BootOptions
from tests.bochs.machines import HANG, POWER_OFF, bochsrc, disk
from tests.cli.test_run_options import E9, said, serial
from tests.pytest_plugin.conftest import Suite, assert_lines, assert_outcomes

pytest_plugins = ["pytester"]

# mov dx, 0x3fd; in al, dx; test al, 1; jz back; mov dx, 0x3f8; in al, dx
_READ = bytes.fromhex("bafd03 ec a801 74fb baf803 ec")


def answers() -> bytes:
    """Says `ready`, waits for a byte, and sends the next one (inc al; out dx, al)."""
    return serial("ready") + _READ + bytes.fromhex("fec0 ee") + serial("")


def test_a_guest_is_read_and_written_while_it_runs(suite: Suite) -> None:
    tests = """
    @pytest.mark.pynat(**GUEST)
    def test_it(guest):
        assert guest.expect(r"rea(\\w+)").group(1) == "dy"
        guest.send("a")
        guest.expect("^b$")
        assert guest.lines == ["ready", "b"]
        assert guest.outcome is None
    """
    assert_outcomes(suite(tests, answers()), passed=1)


def test_a_network_is_there_once_it_can_be_asked(tmp_path: Path) -> None:
    """Its last line says so: a test must not be refused because it was faster."""
    guest, said = Guest(BootOptions(disk="disk"), tmp_path), "0i[E1000A] 0.000000 "
    lines = [
        f"{said}network 192.168.16.0/24, router 192.168.16.1, hermetic, seed 5",
        "0i[CPU0  ] another line",
        f"{said}control socket /tmp/x.sock",
    ]
    seeds = []
    for count in range(len(lines) + 1):
        (tmp_path / "bochs.log").write_text("".join(f"{line}\n" for line in lines[:count]))
        seeds.append(guest.seed)
    assert seeds == [None, None, None, 5]


def test_a_line_is_expected_once_and_a_prompt_needs_no_end(suite: Suite) -> None:
    tests = """
    def test_it(boot):
        guest = boot(**GUEST)
        guest.expect("one")
        with pytest.raises(Exception, match="no line 'one': Bochs ended: power off"):
            guest.expect("one")
        assert guest.lines == ["one", "two> "]

    def test_prompt(boot):
        guest = boot(**GUEST)
        guest.expect("two", prompt=True)
        guest.expect("> ", prompt=True)
    """
    assert_outcomes(suite(tests, serial("one") + serial("two> ", end="") + POWER_OFF), passed=2)


def test_port_e9_is_heard_too_and_has_the_verdict(suite: Suite) -> None:
    tests = """
    def test_it(boot):
        guest = boot(**GUEST)
        guest.expect("^hello from e9")
        assert guest.wait_exit() == 7
        assert guest.exit_code == 7
        assert guest.lines == []
    """
    assert_outcomes(suite(tests, said(E9, "hello from e9") + said(E9, "PYNAT-EXIT 7")), passed=1)


def test_a_bad_verdict_ends_the_wait(suite: Suite) -> None:
    tests = """
    def test_it(boot):
        boot(**GUEST).expect("never")
    """
    result = suite(tests, serial("PYNAT-EXIT 3"))
    assert_lines(result, "*GuestSilent: no line 'never': the guest said PYNAT-EXIT 3")


COUNTS = bytes.fromhex("66b900004000 6649 75fc")  # mov ecx, 0x400000; dec ecx; jnz back


def test_lines_have_times_also_of_a_guest_that_sends_nothing(suite: Suite) -> None:
    tests = """
    import json

    def test_it(boot):
        guest = boot(**GUEST, ips=50_000_000)
        guest.expect("two")
        told = (guest.folder / "serial.json").read_text()
        lines = [json.loads(line) for line in told.splitlines()]
        assert [line["text"] for line in lines] == ["one", "two"]
        assert lines[0]["time"] <= lines[1]["time"]
        assert lines[1]["time"] > 0.16, "eight million instructions"
    """
    assert_outcomes(suite(tests, serial("one") + COUNTS + serial("two")), passed=1)


def test_power_off_and_reset(suite: Suite) -> None:
    tests = """
    def test_it(boot):
        guest = boot(**GUEST)
        guest.expect("hello")
        guest.reset()
        guest.expect("hello")
        assert guest.lines == ["hello"]
        assert (guest.folder / "before-1" / "serial.txt").read_text() == "hello\\n"
        guest.power_off()
        assert str(guest.outcome).startswith("killed")
        with pytest.raises(Exception, match="ping: the guest has ended, and its network with it"):
            guest.ping()
        guest.power_off()
    """
    assert_outcomes(suite(tests, serial("hello")), passed=1)


@pytest.mark.parametrize("scope", ["module", "session"])
def test_a_guest_may_serve_more_than_one_test(suite: Suite, scope: str) -> None:
    tests = f"""
    @pytest.fixture(scope="session")
    def pynat_options():
        return GUEST

    pids = set()

    @pytest.mark.parametrize("turn", [1, 2])
    def test_it({scope}_guest, turn):
        pids.add({scope}_guest.boot.run.pid)
        assert len(pids) == 1
        assert {scope}_guest.lines or {scope}_guest.expect("hello")
    """
    assert_outcomes(suite(tests, serial("hello")), passed=2)


@pytest.mark.parametrize("scope", ["module", "session"])
def test_a_shared_guest_is_booted_by_the_test_or_has_its_keywords(suite: Suite, scope: str) -> None:
    tests = f"""
    guests = []

    @pytest.mark.parametrize("turn", [1, 2])
    def test_booted({scope}_boot, turn):
        guests.append({scope}_boot(**GUEST))
        guests[0].lines or guests[0].expect("hello")
        assert all(guest.outcome is None for guest in guests)

    @pytest.mark.parametrize(
        "{scope}_guest", [GUEST | {{"nic": "ne2k-pci"}}], indirect=True, scope="{scope}"
    )
    def test_keywords({scope}_guest):
        assert "[NE2K" in {scope}_guest.log
    """
    assert_outcomes(suite(tests, serial("hello")), passed=3)


def test_the_machine_is_what_the_keywords_say(suite: Suite, pytester: pytest.Pytester) -> None:
    tests = """
    def test_it(boot):
        guest = boot(
            disk="disk.img", memory=16, cpu="pentium", ips=3_000_000, sync="slowdown",
            hermetic=False,
        )
        guest.expect("hello")
        assert "MEM0  ] 16.00MB" in guest.log
        assert "CPU configuration: pentium" in guest.log
        assert "using 'slowdown' timer synchronization" in guest.log
        assert "IPS is set to 3000000" in guest.log
        assert "hermetic" not in guest.log
    """
    disk(pytester.path / "disk.img", serial("hello"))
    assert_outcomes(suite(tests), passed=1)


def test_keywords_come_from_near_and_far(suite: Suite) -> None:
    tests = """
    @pytest.fixture(scope="session")
    def pynat_options():
        return GUEST | {"nic": "ne2k-pci", "config": {"network": {"net": "10.9.0.0/24"}}}

    @pytest.mark.pynat(seed=5)
    def test_marker(guest):
        assert guest.seed == 5
        assert "network 10.9.0.0/24" in guest.log
        assert "[NE2K" in guest.log
        assert "hermetic" in guest.log

    @pytest.mark.parametrize("guest", [{"nic": "e1000"}, {"nic": "ne2k-isa"}], indirect=True)
    def test_matrix(guest):
        assert ("[E1000" in guest.log) == (guest.options.nic == "e1000")

    def test_forward(boot):
        assert "hermetic" not in boot(forwards=["tcp:127.0.0.1:0-:80"]).log
    """
    assert_outcomes(suite(tests), passed=4)


def test_a_bochsrc_of_ones_own(suite: Suite, pytester: pytest.Pytester) -> None:
    tests = """
    def test_it(boot):
        guest = boot(bochsrc="bochsrc.own", seed=3)
        guest.expect("hello")
        assert guest.seed == 3

    def test_no_card(boot):
        boot(bochsrc="bochsrc")
    """
    card = "e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=pynat\n"
    own = bochsrc(pytester.path, b"", card).read_text()
    (pytester.path / "bochsrc.own").write_text(own)
    result = suite(tests, serial("hello"))
    assert_outcomes(result, passed=1, failed=1)
    assert_lines(result, "*bochsrc: no card has ethmod=pynat*")


@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ("", "a guest boots from one of kernel, cdrom, disk, floppy, bochsrc, and nothing*"),
        ("floppy='none.img'", "floppy='none.img': no such file (looked in *"),
        ("floppy='floppy.img', nic='rtl8139'", "nic='rtl8139': expected one of e1000, *"),
        ("floppy='floppy.img', impair=['lose 3%']", "*the test's keywords: impair*'lose'*'loss'*"),
        ("floppy='floppy.img', config={'sed': 1}", "*sed: unknown key; did you mean*"),
        ("floppy='floppy.img', memroy=3", "memroy=3: no keyword of a guest; did you mean memory?"),
        ("floppy='floppy.img', seed='x'", "seed='x': expected a whole number"),
        ("kernel='floppy.img', memory=3", "memory=3: syslinux needs 4 MB to load a kernel*"),
        ("floppy='floppy.img', append='x'", "append='x' is for a kernel; an image has its own"),
        (
            "floppy='floppy.img', cpu='z80'",
            "Bochs did not start the guest: *cpu directive malformed*",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(suite: Suite, keywords: str, told: str) -> None:
    result = suite(f"def test_it(boot):\n        boot({keywords})")
    assert_lines(result, f"E  *{told}")


def test_in_an_async_test_the_loop_goes_on(suite: Suite) -> None:
    tests = """
    import asyncio

    async def both(guest):
        turns = 0
        waiting = asyncio.create_task(guest.aio.expect("b"))
        while not waiting.done():
            turns += 1
            if turns == 2:
                guest.send("a")
            await asyncio.sleep(0.01)
        return turns

    @pytest.mark.pynat(**GUEST)
    def test_it(guest):
        assert asyncio.run(both(guest)) > 2
    """
    assert_outcomes(suite(tests, answers()), passed=1)


ASYNC = """
import anyio, time

@pytest.mark.anyio
@pytest.mark.pynat(**GUEST)
async def test_it(guest):
    guest.send("a")
    assert await guest.aio.expect("b")

@pytest.mark.anyio
@pytest.mark.pynat(**GUEST)
async def test_who_is_cancelled_waits_no_more(guest):
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.1):
            await guest.aio.expect("b")
    guest.send("a")
    assert await guest.aio.expect("b")
    assert time.monotonic() - began < 25
"""


def test_async_tests_run_under_asyncio_and_trio(suite: Suite) -> None:
    result = suite(ASYNC, answers(), apart=True)
    assert_lines(result, "*4 passed in *")


def test_who_waits_at_the_same_time_gets_each_line_once(suite: Suite) -> None:
    tests = """
    import asyncio

    async def both(guest):
        found = await asyncio.gather(*(guest.aio.expect("^line") for _ in range(3)))
        return sorted(one.string for one in found)

    @pytest.mark.pynat(**GUEST)
    def test_it(guest):
        assert asyncio.run(both(guest)) == ["line 1", "line 2", "line 3"]
        assert guest.lines == ["line 1", "line 2", "line 3"]
    """
    said = b"".join(serial(f"line {n}") for n in (1, 2, 3))
    assert_outcomes(suite(tests, said), passed=1)


def test_a_reset_within_a_loop_leaves_a_guest_that_outlives_it(suite: Suite) -> None:
    tests = """
    import asyncio

    @pytest.mark.pynat(**GUEST)
    def test_it(guest):
        asyncio.run(guest.aio.reset())
        guest.expect("ready")
        guest.send("a")
        guest.expect("b")
    """
    assert_outcomes(suite(tests, answers()), passed=1)


def test_what_waits_for_nothing_is_no_coroutine(suite: Suite) -> None:
    tests = """
    @pytest.mark.pynat(**GUEST)
    def test_it(guest):
        guest.aio.lines
    """
    assert_lines(suite(tests, HANG), "E  *guest.aio.lines: it waits for nothing; use guest.lines")


def test_the_network_is_changed_while_it_runs(suite: Suite) -> None:
    tests = """
    from pynat.control.client import ask

    def rules(guest):
        return [one["rule"] for one in ask(guest.control, "impair list")["rules"]]

    @pytest.mark.pynat(**GUEST)
    def test_it(guest):
        first = guest.impair("loss 1%")
        guest.impair("loss 2%")
        guest.unimpair(first)
        assert rules(guest) == ["loss 2%"]
        guest.link_down()
        assert rules(guest) == ["loss 2%", "drop"]
        guest.link_up()
        guest.unimpair()
        assert rules(guest) == []
        first = guest.fault("dhcp silent 3")
        guest.fault("dhcp silent 4")
        guest.unfault(first)
        assert [one["fault"] for one in ask(guest.control, "fault list")["faults"]] == [
            "dhcp silent 4"
        ]
        guest.unfault()
        with pytest.raises(Exception, match="'lose' is no word of a rule"):
            guest.impair("lose 3%")
        with pytest.raises(Exception, match="no finding TCP001: not within 0.1 s"):
            guest.wait_finding("TCP001", timeout=0.1)
    """
    assert_outcomes(suite(tests), passed=1)
