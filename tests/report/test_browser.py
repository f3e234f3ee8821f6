"""The page in a real browser: headless Chromium, driven by selenium."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from pynat.report import Sources, recorded, write_report
from pynat.report.fates import CHANGED, DROPPED, LOST
from pynat.report.flows import SAID, Mark
from pynat.testing.guests import GuestUnavailable
from tests.report.browser import SCREENSHOTS, chromium
from tests.report.making import bad_wire, long_flow, transfer

KINDS = (LOST, DROPPED, CHANGED, SAID)


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


def test_on_a_phone_a_plot_has_words_to_read_and_nothing_else_is_wider(
    page: webdriver.Chrome,
) -> None:
    phone = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        words = page.find_elements(By.CSS_SELECTOR, "svg.plot .tick, svg.exchange .says")
        assert min(word.rect["height"] for word in words) >= 9
        assert page.execute_script("return document.documentElement.scrollWidth") <= 400
        page.save_screenshot(str(kept("phone")))
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_first_and_the_last_frame_are_drawn_whole(page: webdriver.Chrome) -> None:
    panel = page.find_element(By.CSS_SELECTOR, "svg.panel").rect
    for name in ("begin", "end"):
        dot = page.find_element(By.CSS_SELECTOR, f"svg.panel path.{name}").rect
        assert dot["x"] - 4 > panel["x"], name
        assert dot["x"] + dot["width"] + 4 < panel["x"] + panel["width"], name


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
    quiet: webdriver.Chrome, bad: Path
) -> None:
    recording = recorded(Sources(bad.with_name("net.pcapng")))
    quiet.get(bad.as_uri())
    looks: dict[str, str] = {}
    for kind in (*KINDS, "data"):
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


SEEN = """
window.seen = [];
for (const name of ["beforeprint", "afterprint"]) addEventListener(name, () => {
  const texts = [...document.querySelectorAll("details.finding p, .exchange text")];
  window.seen.push([name, texts.length > 0 && texts.every((one) => one.checkVisibility())]);
});
"""


def test_paper_has_the_text_of_rules_and_all_exchanges(page: webdriver.Chrome) -> None:
    page.execute_script(SEEN)
    assert page.execute_cdp_cmd("Page.printToPDF", {})["data"]
    assert page.execute_script("return window.seen") == [
        ["beforeprint", True],
        ["afterprint", False],
    ]


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_paper_is_light(page: webdriver.Chrome, colors: str) -> None:
    with media(page, "print", colors):
        assert contrasts(page, "body")["body"] > TEXT
        shown = page.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        assert shown == "rgba(255, 255, 255, 1)"
        assert not page.find_element(By.TAG_NAME, "nav").is_displayed()


TEXT, GRAPHICS = 4.5, 3.0  # of WCAG 2.2, 1.4.3 and 1.4.11
TEXTS = ("body", "a", ".told", ".hint", ".code", ".first", ".remark", ".number", "td", "svg text")
CONTRASTS = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgb = (color) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = (color) => {
  const [red, green, blue] = color.map((one) => one / 255)
    .map((one) => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4);
  return .2126 * red + .7152 * green + .0722 * blue;
};
const ground = (one) => {
  const panel = one.closest("svg.panel");
  if (panel) return getComputedStyle(panel.querySelector(".ground")).fill;
  for (; one; one = one.parentElement) {
    const color = getComputedStyle(one).backgroundColor;
    if (rgb(color)[3]) return color;
  }
};
const [selectors, property] = arguments;
return Object.fromEntries(selectors.map((selector) => {
  const one = document.querySelector(selector);
  const style = getComputedStyle(one);
  const own = property || (one.closest("svg") ? "fill" : "color");
  const behind = rgb(ground(one)), through = own === "stroke" ? Number(style.strokeOpacity) : 1;
  const shown = rgb(style[own]).map((part, at) => part * through + behind[at] * (1 - through));
  const [darker, lighter] = [light(shown), light(behind)].sort((a, b) => a - b);
  return [selector, (lighter + .05) / (darker + .05)];
}));
"""


def contrasts(page: webdriver.Chrome, *selectors: str, of: str = "") -> dict[str, float]:
    """Of what the first element of each is drawn with, to what is behind it. of: a property."""
    found: dict[str, float] = page.execute_script(CONTRASTS, selectors, of)
    return found


@contextlib.contextmanager
def media(page: webdriver.Chrome, kind: str, colors: str) -> Iterator[None]:
    features = [{"name": "prefers-color-scheme", "value": colors}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": features})
    try:
        yield
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a bad wire."""
    folder = tmp_path_factory.mktemp("bad")
    write_report(Sources(bad_wire(folder)), folder / "report.html")
    return folder / "report.html"


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_all_can_be_told_from_its_ground(quiet: webdriver.Chrome, bad: Path, colors: str) -> None:
    quiet.get(bad.as_uri())
    drawn = ("data", "again", "ack", "window", "begin", "spoilt", "trip", "timeout", *KINDS)
    paths = [f"svg.panel path.{name}" for name in drawn]
    with media(quiet, "screen", colors):
        texts = contrasts(quiet, *TEXTS)
        lines = contrasts(quiet, *paths, "path.arrow", of="stroke")
        quiet.save_screenshot(str(kept(f"bad-{colors}")))
    assert {name: value for name, value in texts.items() if value < TEXT} == {}
    assert {name: value for name, value in lines.items() if value < GRAPHICS} == {}


PAINTED = """
addEventListener("load", () => requestAnimationFrame(() => setTimeout(() => {
  window.painted = performance.now();
})));
"""
WAIT = """
const done = arguments[0];
const look = () => window.painted ? done(window.painted) : setTimeout(look, 10);
look();
"""
OPENS_WITHIN = 3.0  # seconds


@pytest.mark.timeout(300)  # the linter looks at each of the frames
def test_a_hundred_thousand_frames_are_soon_there(quiet: webdriver.Chrome, tmp_path: Path) -> None:
    capture = long_flow(tmp_path / "net.pcapng", 100_000)
    assert write_report(Sources(capture), tmp_path / "report.html").frames == 100_000
    added = quiet.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": PAINTED})
    took = []
    for _ in range(3):
        quiet.get((tmp_path / "report.html").as_uri())
        took.append(quiet.execute_async_script(WAIT) / 1000)
    quiet.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    assert len(quiet.find_elements(By.CSS_SELECTOR, "svg.panel path.data")) == 1
    quiet.save_screenshot(str(kept("hundred-thousand")))
    assert min(took) < OPENS_WITHIN, took


def test_the_mouse_zooms_moves_and_shows_all_again(page: webdriver.Chrome) -> None:
    plot = page.find_element(By.CSS_SELECTOR, "svg.plot")
    page.execute_script("arguments[0].scrollIntoView({ block: 'center' })", plot)
    plot.send_keys("0")
    first, last = view(page)
    actions = webdriver.ActionChains(page)
    actions.scroll_from_origin(ScrollOrigin.from_element(plot), 0, -100).perform()
    nearer = view(page)
    assert nearer[1] - nearer[0] == pytest.approx((last - first) * 0.8, rel=1e-3)
    assert first < nearer[0] < nearer[1] < last, "around the pointer"
    actions.drag_and_drop_by_offset(plot, -100, 0).perform()
    moved = view(page)
    assert moved[0] > nearer[0]
    assert moved[1] - moved[0] == pytest.approx(nearer[1] - nearer[0], rel=1e-3)
    actions.double_click(plot).perform()
    assert view(page) == [first, last]


def test_the_keyboard_goes_back_to_the_frame_before(page: webdriver.Chrome) -> None:
    plot = page.find_element(By.CSS_SELECTOR, "svg.plot")
    told = page.find_element(By.CSS_SELECTOR, ".told")
    seen = []
    for key in "nnpp":
        plot.send_keys(key)
        seen.append(told.text)
    assert seen[1] != seen[0]
    assert seen[2:] == [seen[0], seen[0]], "there is none before the first"


def kept(name: str) -> Path:
    """A picture for whoever looks at what a run of CI has left."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS / f"{name}.png"
