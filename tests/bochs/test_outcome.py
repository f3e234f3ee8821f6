from __future__ import annotations

from pathlib import Path

import pytest

from pynat.bochs.outcome import (
    Ending,
    Outcome,
    is_panic,
    judge,
    last_lines,
    plugin_errors,
    summaries,
)

_REGISTERS = """\
00012936050i[CPU0  ] CPU is in real mode (active)
00012936050i[CPU0  ] | EAX=00002000  EBX=00000000  ECX=00090000  EDX=0000b004
00012936050i[SIM   ] quit_sim called with exit code 1
"""
_HLT = "00012936048i[CPU0  ] WARNING: HLT instruction with IF=0!\n"


def _panic(message: str, tick: int = 12936050) -> str:
    return f"{_HLT}{tick:011d}p[ACPI  ] >>PANIC<< {message}\n{_REGISTERS}"


@pytest.mark.parametrize(
    "message",
    [
        "ACPI control: soft power off",
        "Shutdown port: shutdown requested",
        "POWER button turned off.",
    ],
)
def test_power_off_is_a_panic_with_a_text_of_its_own(message: str) -> None:
    assert judge(1, _panic(message), "", None) == (Ending.POWER_OFF, message)


def test_panic_names_the_device() -> None:
    log = "00020915229p[BIOS  ] >>PANIC<< No bootable device.\n"
    assert judge(1, log, "", None) == (Ending.PANIC, "[BIOS] No bootable device.")


def test_panic_with_a_log_prefix_of_the_users() -> None:
    log = "20915229-p-@0-[BIOS  ] >>PANIC<< No bootable device.\n"
    assert judge(1, log, "", None) == (Ending.PANIC, "[BIOS] No bootable device.")


def test_panic_before_the_first_instruction_is_a_mistake_in_the_setup() -> None:
    log = _panic("ROM: couldn't open ROM image file '/x'.", tick=0)
    crashes_on_the_way_out = -11
    assert judge(crashes_on_the_way_out, log, "", None) == (
        Ending.CONFIG,
        "ROM: couldn't open ROM image file '/x'.",
    )


def test_panic_before_the_log_is_open() -> None:
    errors = "00000000000p[      ] >>PANIC<< bochsrc:1: directive 'megz' not understood\n"
    assert judge(1, None, errors, None) == (
        Ending.CONFIG,
        "bochsrc:1: directive 'megz' not understood",
    )


@pytest.mark.parametrize(
    "line",
    [
        "00012967091p[BIOS  ] >>PANIC<< ",
        "00012967091-p-@@-[BIOS  ] >>PANIC<< ",  # logprefix: %t-%e-@%i-%d
        "[BIOS  ]00012967091 >>PANIC<< ",  # %d %t
        "xp[BIOS  ] >>PANIC<< ",  # x %e%d
        "boot i p[BIOS  ] >>PANIC<< ",  # "boot i %e%d"
        "[00012967091]p >>PANIC<< ",  # [%t] %e
        "00012967091, p >>PANIC<< ",  # "%t, %e"
        "% >>PANIC<< ",  # %%
    ],
)
def test_panic_behind_any_prefix(line: str) -> None:
    device = "[BIOS] " if "BIOS" in line else ""
    assert judge(1, line + "No bootable device.\n", "", None) == (
        Ending.PANIC,
        f"{device}No bootable device.",
    )


@pytest.mark.parametrize("panic", ["soft power off", "SIGNAL 2 caught", "odd"])
@pytest.mark.parametrize(
    "line",
    [
        "00012345678i[E1000 ] TFTP: no file {}",
        "00012345678i[E1000 ] [ACPI  ] {}",
        "00012345678e[E1000 ] pynat: stop p[ACPI  ] {}",
        "00012345678i[BIOS  ] {}",
        "00012345678i[BIOS  ] 00000000000p[ACPI  ] {}",
        "00012345678i[BIOS  ] x\r00000000000p[ACPI  ] {}",
        "00012345678i[BIOS  ] x\x0b00000000000p[ACPI  ] {}",
        "00012345678d[BIOS  ] {}",
        "12345678-i-@0-[BIOS  ] {}",
        "xi[BIOS  ] {}",
        "00012345678, i p {}",
        "[BIOS  ]i00012345678 {}",
    ],
)
def test_what_a_guest_writes_into_the_log_is_no_panic(line: str, panic: str) -> None:
    log = line.format(f">>PANIC<< {panic}") + "\n" + _HLT
    assert judge(-11, log, "", None) == (Ending.CRASH, "SIGSEGV")
    assert judge(0, log, "", None) == (Ending.QUIT, "")
    assert judge(-15, log, "", Ending.TIMEOUT) == (Ending.TIMEOUT, "")
    assert not any(map(is_panic, log.split("\n")))


def test_a_cpu_that_stopped_while_somebody_waited() -> None:
    fault = "exception(): 3rd (13) exception with no resolution"
    log = f"00154261592w[CPU0  ] {fault}\n{_REGISTERS}"
    said = (Ending.TIMEOUT, f"the CPU stopped: {fault}")
    assert judge(-15, log, "", Ending.TIMEOUT) == said
    left = f"{log}327197432300p[TERM  ] >>PANIC<< Received SIGHUP: quit simulation\n"
    assert judge(1, left, "", Ending.TIMEOUT) == said
    reset = log.replace("592w[", "592e[").replace("resolution", "resolution, resetting")
    assert judge(-15, reset, "", Ending.TIMEOUT) == (Ending.TIMEOUT, "")


@pytest.mark.parametrize("text", ["ACPI control: soft power off", "SIGNAL 2 caught"])
@pytest.mark.parametrize("device", ["BIOS  ", "VBIOS "])
def test_a_panic_with_a_text_of_the_guests_own(device: str, text: str) -> None:
    """It says so at port 0x401, and the text at port 0x402."""
    log = f"00012936084p[{device}] >>PANIC<< {text}\n"
    assert judge(1, log, "", None) == (Ending.PANIC, f"[{device.strip()}] {text}")


def test_what_programs_print_once_the_log_is_open_is_no_panic() -> None:
    """Those of a script and behind `guestfwd` have Bochs's stderr."""
    errors = "00000000001p[ACPI  ] >>PANIC<< soft power off\n"
    assert judge(-11, _HLT, errors, None) == (Ending.CRASH, "SIGSEGV")


def test_a_magic_break_is_a_processors_word() -> None:
    stop = "00012936187i[CPU0  ] [12936187] Stopped on MAGIC BREAKPOINT\n"
    assert "magic break" in judge(1, stop, "", None)[1]
    said = "00012936187i[BIOS  ] Stopped on MAGIC BREAKPOINT\n"
    assert "magic break" not in judge(1, said, "", None)[1]


def test_no_log_and_no_word() -> None:
    assert judge(1, None, "", None)[0] is Ending.CONFIG


def test_a_reported_panic_is_not_how_a_later_quit_ended() -> None:
    assert judge(1, _HLT, "", Ending.QUIT) == (Ending.QUIT, "")
    assert judge(0, _HLT, "", None) == (Ending.QUIT, "")


@pytest.mark.parametrize("message", ["SIGNAL 2 caught", "Received SIGHUP: quit simulation"])
def test_a_request_to_end_is_a_panic_to_bochs(message: str) -> None:
    log = _panic(message)
    assert judge(1, log, "", None) == (Ending.QUIT, "")
    assert judge(1, log, "", Ending.TIMEOUT) == (Ending.TIMEOUT, "")


def test_timeout_tells_of_a_panic_that_was_passed_over() -> None:
    assert judge(-9, _panic("odd"), "", Ending.TIMEOUT) == (Ending.TIMEOUT, "last panic: odd")


def test_the_guest_may_power_off_while_we_end_it() -> None:
    assert judge(1, _panic("soft power off"), "", Ending.KILLED)[0] is Ending.POWER_OFF


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (-9, (Ending.KILLED, "SIGKILL")),
        (143, (Ending.KILLED, "SIGTERM")),
        (-11, (Ending.CRASH, "SIGSEGV")),
    ],
)
def test_ended_by_a_signal(code: int, expected: tuple[Ending, str]) -> None:
    assert judge(code, _HLT, "", None) == expected


def test_triple_fault_stops_the_debugger() -> None:
    log = "00012936049e[CPU0  ] exception(): 3rd (13) exception with no resolution\n" + _REGISTERS
    ending, message = judge(1, log, "", None)
    assert ending is Ending.PANIC
    assert "3rd (13) exception" in message


_TRIPLE_FAULT = "00012936049e[CPU0  ] exception(): 3rd (13) exception with no resolution\n"


@pytest.mark.parametrize("told", [_panic("odd"), _HLT + _TRIPLE_FAULT + _REGISTERS])
def test_last_lines_leave_the_registers_out(tmp_path: Path, told: str) -> None:
    log = tmp_path / "bochs.log"
    log.write_text(told)
    assert last_lines(Outcome(Ending.PANIC, "", 1, 1.0, log), 2) == told.splitlines()[:2]


def test_a_crash_may_come_long_after_an_error(tmp_path: Path) -> None:
    log = tmp_path / "bochs.log"
    log.write_text(_TRIPLE_FAULT + _HLT)
    assert last_lines(Outcome(Ending.CRASH, "SIGSEGV", -11, 1.0, log), 1) == [_HLT.strip()]


def test_the_errors_of_our_plugin_are_told_from_others(tmp_path: Path) -> None:
    log = tmp_path / "bochs.log"
    log.write_text(
        "00000000000i[E1000A] pynat: from guest 0 frames\n"
        "00000000000e[E1000A] pynat: net.toml:1: unknown key caputre\n"
        "00000000001e[CPU0  ] exception(): pynat: has no part in it\n"
        "20915229-e-@0-[NE2K  ] pynat: with a log prefix of the user's\n"
        "00000060000e[E1000A] pynat: 1.500000  with the guest's seconds\n"
    )
    assert plugin_errors(log) == [
        "[E1000A] net.toml:1: unknown key caputre",
        "[NE2K] with a log prefix of the user's",
        "[E1000A] with the guest's seconds",
    ]
    assert plugin_errors(tmp_path / "none") == []


def test_the_summaries_of_the_linter_are_found_by_card(tmp_path: Path) -> None:
    log = tmp_path / "bochs.log"
    log.write_text(
        "00000000000i[E1000A] 1.500000 summary: works: link\n"
        "00000000000i[NE2K  ] 1.500000 summary: DHCP fails: \x1b[31m\n"
        "00000000000i[E1000A] 1.500000 summary: to mend, 1: TCP044\n"
        "00000000000i[BIOS  ] summary: nothing of ours\n"
    )
    assert summaries(log) == {
        "E1000A": ["works: link", "to mend, 1: TCP044"],
        "NE2K": ["DHCP fails: \\x1b[31m"],
    }


def test_outcome_reads_as_a_line() -> None:
    outcome = Outcome(Ending.PANIC, "[BIOS] No bootable device.", 1, 0.84, Path("/x"))
    assert str(outcome) == "panic after 0.8 s: [BIOS] No bootable device."


def test_of_a_traceback_its_last_lines_are_told(tmp_path: Path) -> None:
    log = tmp_path / "bochs.log"
    log.write_text(
        "00000050000e[E1000A] pynat: Traceback (most recent call last):\n"
        '00000050000e[E1000A]   |   File "net.py", line 6, in look\n'
        "00000050000e[E1000A]   | Failed: no\n"
        "00000050000e[E1000A]   | in look (net.py:4)\n"
        "00000050001i[E1000A] pynat: all is well\n"
        "00000050001i[E1000A]   | and goes on\n"
        "00000050002e[E1000A] pynat: capture stopped\n"
    )
    assert plugin_errors(log) == [
        "[E1000A] Failed: no; in look (net.py:4)",
        "[E1000A] capture stopped",
    ]
