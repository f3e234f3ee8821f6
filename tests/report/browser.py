"""Chromium without a screen, driven by selenium."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from pynat.testing.guests.files import program
from tests.proving import ROOT

SCREENSHOTS = ROOT / "build" / "artifacts" / "report"
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


@contextlib.contextmanager
def chromium(profile: Path, size: tuple[int, int] = (1200, 1000)) -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = program("chromium", "chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = f"--window-size={size[0]},{size[1]}"
    for argument in (*ARGUMENTS, window, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, Service(program("chromedriver", "chromium-driver")))
    try:
        yield driver
    finally:
        driver.quit()
