"""The pictures of docs/images, of one run of examples/kernel: what a user sees, without a user.

The kernel makes a mistake (it never backs off) and the wire loses frames, so that there
is something to see. Each picture is that of the program itself: the page in Chromium, `pynat top`
as rich draws it, Wireshark on a screen that nobody sees.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

from PIL import Image, ImageChops, ImageGrab
from rich.console import Console
from rich.terminal_theme import MONOKAI
from selenium import webdriver

from pynat.cli.top import look
from pynat.cli.top_screen import Moment, Size, screen
from pynat.report import Sources, recorded, write_report
from pynat.report.picture import write_png
from pynat.testing.guests import compiled_kernel
from pynat.testing.guests.files import program
from pynat.testing.kit import BootOptions, Guest
from tests.proving import ROOT
from tests.report.browser import chromium

IMAGES = ROOT / "docs" / "images"
MISTAKE = 54
WEB = ROOT / "examples" / "kernel" / "tests" / "web.py"
WORDS = "ping=192.168.16.1 get=http://web.test/ echo=7"
DATA = bytes(range(256)) * 200
CONNECTIONS, MSS = 3, 1460
STYLE = "body { margin: 24px; width: fit-content; font-size: 14px }"
EDGE = 24  # pixels around what `pynat top` shows
WIDE, HIGH, HIGHER = 1200, 700, 1250  # pixels, of a screen and of a page
COLORS = 200  # of a picture; most of it is text on one ground
GEOMETRY = f"""\
gui.geometry_main_x: 0
gui.geometry_main_y: 0
gui.geometry_main_width: {WIDE}
gui.geometry_main_height: {HIGH}
gui.geometry_main_maximized: FALSE
"""
TERMINAL = Size(124, 30)
DISPLAY = ":97"
COMMENT = "%Cus:frame.comment:0:R"  # what pynat has said of a frame, as a column of Wireshark
COLUMNS = f'"No.","%m","Time","%t","Source","%s","Info","%i","Comment","{COMMENT}"'
WIDTHS = f"column.width: %m, 50, %t, 90, %s, 120, %i, 310, {COMMENT}, 580"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="pynat-images-") as name:
        folder = Path(name)
        moments = record(folder)
        capture = folder / "net.pcapng"
        write_report(Sources(capture, folder / "serial.json"), folder / "report.html")
        flows = recorded(Sources(capture)).flows
        write_png(max(flows, key=lambda flow: flow.to_guest.lost), IMAGES / "flow.png")
        with chromium(folder / "profile", (WIDE, HIGHER)) as browser:
            show(browser, folder / "report.html", "report")
            (folder / "top.html").write_text(drawn(*moments))
            show(browser, folder / "top.html", "top")
        wireshark(capture, folder)


def record(folder: Path) -> tuple[Moment, Moment]:
    """The run, and what `pynat top` is told while data is under way."""
    kernel = compiled_kernel(ROOT / "examples" / "kernel", folder / "kernel", mistake=MISTAKE)
    wire = ["drop from-guest tcp data first 5", "to-guest loss 4%"]
    options = BootOptions(kernel=kernel, append=WORDS, net=WEB, impair=wire, seed=1)
    with Guest(options, folder) as guest, contextlib.ExitStack() as open_:
        guest.expect("echo: port 7")
        before = looked(guest)
        for _ in range(CONNECTIONS):
            connection = open_.enter_context(guest.connect(7))
            connection.sendall(DATA)
            with connection.makefile("rb") as answer:
                answer.read(len(DATA) - MSS)
        return before, looked(guest)


def looked(guest: Guest) -> Moment:
    """Without where the capture lies, which is nobody's affair."""
    now = look(guest.control)
    return replace(now, info=now.info | {"capture": None})


def show(browser: webdriver.Chrome, page: Path, name: str) -> None:
    """Without what is empty below."""
    browser.get(page.as_uri())
    browser.save_screenshot(str(page.with_suffix(".png")))
    picture = Image.open(page.with_suffix(".png")).convert("RGB")
    ground = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    _, _, right, bottom = ImageChops.difference(picture, ground).getbbox() or (0, 0, *picture.size)
    edge = EDGE if name == "top" else 0
    right, bottom = (right + edge, bottom + edge) if edge else picture.size
    keep(picture.crop((0, 0, right, bottom)), name)


def drawn(before: Moment, now: Moment) -> str:
    console = Console(record=True, width=TERMINAL.width, file=StringIO(), force_terminal=True)
    console.print(screen(now, before, TERMINAL))
    page = console.export_html(theme=MONOKAI)
    return page.replace(
        "</style>", "body { margin: 24px; width: fit-content; font-size: 14px }</style>"
    )


def wireshark(capture: Path, folder: Path) -> None:
    with displayed(folder):
        words = ["-o", f"gui.column.format:{COLUMNS}", "-o", "gui.layout_content_3:NONE"]
        words += ["-g", str(first_finding(folder)), "-r", str(capture)]
        settings = folder / ".config" / "wireshark"
        settings.mkdir(parents=True)
        for name in ("recent", "recent_common"):
            (settings / name).write_text(f"{GEOMETRY}{WIDTHS}\n")
        with subprocess.Popen(
            [program("wireshark", "wireshark"), *words],
            env={
                "DISPLAY": DISPLAY,
                "HOME": str(folder),
                "PATH": "/usr/bin:/bin",
                "LANG": "C.UTF-8",
            },
            stderr=subprocess.DEVNULL,
        ) as shown:
            keep(settled(), "wireshark")
            shown.terminate()


def first_finding(folder: Path) -> int:
    """The frame that it is about."""
    lines = map(json.loads, (folder / "lint.json").read_text().splitlines())
    return next(int(one["frame"]) for one in lines if one.get("code", "").startswith("TCP"))


@contextlib.contextmanager
def displayed(folder: Path) -> Iterator[None]:
    command = [program("Xvfb", "xvfb"), DISPLAY, "-screen", "0", f"{WIDE}x{HIGH}x24"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.terminate()


def settled() -> Image.Image:
    """The screen, once it has not changed for some seconds."""
    before, since = b"", time.monotonic()
    while True:
        time.sleep(0.5)
        with contextlib.suppress(OSError):
            picture = ImageGrab.grab(xdisplay=DISPLAY)
            if (now := picture.tobytes()) != before:
                before, since = now, time.monotonic()
            elif any(now) and time.monotonic() - since > 8:
                return picture


def keep(picture: Image.Image, name: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    few = picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    few.save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
