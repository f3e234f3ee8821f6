"""The page in a real browser: headless Chromium, driven by selenium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from pynat.report import Sources, write_report
from pynat.report.fates import LOST
from pynat.report.flows import Mark
from pynat.testing.guests import GuestUnavailable
from tests.report.browser import chromium
from tests.report.making import bad_wire, transfer


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    capture = transfer(folder / "net.pcapng", 50_000, 100_000, loss=0.03)
    (folder / "serial.txt").write_text("[ 1.500] eth0: up\n")
    write_report(Sources(capture, folder / "serial.txt"), folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    try:
        with chromium(tmp_path_factory.mktemp("chromium")) as driver:
            yield driver
    except GuestUnavailable as error:  # Ubuntu has it as a snap alone
        pytest.skip(str(error))


@pytest.fixture
def quiet(browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """The browser has nothing to complain of."""
    yield browser
    said = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [line for line in said if line["level"] in {"WARNING", "SEVERE"}] == []


@pytest.fixture
def page(quiet: webdriver.Chrome, report: Path) -> webdriver.Chrome:
    quiet.get(report.as_uri())
    return quiet


def view(page: webdriver.Chrome) -> list[float]:
    """The seconds of guest time that the first plot shows."""
    shown = page.find_element(By.CSS_SELECTOR, "svg.plot").get_attribute("data-view") or ""
    return [float(word) for word in shown.split()]


def test_plots_are_drawn_where_the_data_is(page: webdriver.Chrome) -> None:
    assert page.find_element(By.TAG_NAME, "body").get_attribute("data-ready") == "yes"
    panel = page.find_element(By.CSS_SELECTOR, "svg.panel").rect
    for name in ("data", "again", "ack", "window"):
        drawn = page.find_element(By.CSS_SELECTOR, f"svg.panel path.{name}").rect
        assert drawn["height"] > panel["height"] / 10, name
        assert drawn["x"] >= panel["x"] - 5, name
        assert drawn["x"] + drawn["width"] <= panel["x"] + panel["width"] + 5, name


def test_the_keyboard_zooms_moves_and_goes_from_frame_to_frame(page: webdriver.Chrome) -> None:
    plot = page.find_element(By.CSS_SELECTOR, "svg.plot")
    plot.send_keys("0")
    first, last = view(page)
    plot.send_keys("+")
    nearer = view(page)
    assert nearer[1] - nearer[0] == pytest.approx((last - first) * 0.8, rel=1e-3)
    plot.send_keys(Keys.ARROW_RIGHT)
    assert view(page)[0] > nearer[0]
    plot.send_keys("0")
    assert view(page) == [first, last]
    told = page.find_element(By.CSS_SELECTOR, ".told")
    plot.send_keys("n")
    assert told.text.startswith("#1 1.020000 s SYN")
    plot.send_keys("n")
    assert not told.text.startswith("#1 ")


def test_the_pointer_says_what_is_under_it(page: webdriver.Chrome) -> None:
    plot = page.find_element(By.CSS_SELECTOR, "svg.plot")
    webdriver.ActionChains(page).move_to_element(plot).perform()
    assert page.find_element(By.CSS_SELECTOR, ".told").text.startswith("#")


def test_a_serial_line_shows_its_moment_in_the_plots(page: webdriver.Chrome) -> None:
    cursor = page.find_element(By.CSS_SELECTOR, "line.cursor")
    assert cursor.get_attribute("visibility") == "hidden"
    page.find_element(By.CSS_SELECTOR, ".serial li").click()
    assert cursor.get_attribute("visibility") == "visible"


def test_links_lead_to_what_they_name(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "table a").click()
    assert page.current_url.endswith("#flow-1")
    summary = page.find_element(By.CSS_SELECTOR, "details.finding summary")
    summary.send_keys(Keys.ENTER)
    page.find_element(By.CSS_SELECTOR, ".found a").click()
    shown = page.find_element(By.CSS_SELECTOR, ".lines li:target")
    assert shown.is_displayed()


def test_what_was_lost_or_dropped_is_drawn_as_such_and_says_why(
    quiet: webdriver.Chrome, tmp_path: Path
) -> None:
    recording = write_report(Sources(bad_wire(tmp_path)), tmp_path / "report.html")
    quiet.get((tmp_path / "report.html").as_uri())
    looks: dict[str, str] = {}
    for kind in ("lost", "dropped", "changed", "mark", "data"):
        path = quiet.find_element(By.CSS_SELECTOR, f"svg.panel path.{kind}")
        style = ("stroke", "stroke-width", "stroke-linecap")
        looks[kind] = " ".join(path.value_of_css_property(name) for name in style)
        entry = quiet.find_element(By.CSS_SELECTOR, f".legend .{kind}")
        assert entry.is_displayed(), kind
    assert len(set(looks.values())) == len(looks), looks
    (lost,) = [one for flow in recording.flows for one in flow.to_guest.marks if one.kind == LOST][
        :1
    ]
    told = hovered(quiet, "path.lost", lost)
    assert told.startswith(f"#{lost.number} ")
    assert "impair rule 1 (to-guest tcp data loss 40%): lost" in told


def hovered(page: webdriver.Chrome, drawn: str, mark: Mark) -> str:
    """What is told where the mark is: by the matrix of its panel, as the pointer is moved there."""
    path = page.find_element(By.CSS_SELECTOR, f"svg.panel {drawn}")
    where = page.execute_script(
        """const [path, ms, value] = arguments;
        path.closest("figure").scrollIntoView({ block: "center" });
        const at = new DOMPoint(ms, value).matrixTransform(path.getScreenCTM());
        return [Math.round(at.x), Math.round(at.y)];""",
        path,
        mark.when * 1000,
        (mark.low + mark.high) / 2,
    )
    actions = ActionBuilder(page)
    actions.pointer_action.move_to_location(*where)  # type: ignore[no-untyped-call]
    actions.perform()
    figure = path.find_element(By.XPATH, "ancestor::figure")
    return figure.find_element(By.CSS_SELECTOR, ".told").text
