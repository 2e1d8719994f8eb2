"""The console in a real browser: Chromium, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from support import eventually

if TYPE_CHECKING:
    from tilde_local.conftest import Gated, Sandbox

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
REASON = "the tests in a browser are left out: Debian's chromium and chromium-driver are not installed"
pytestmark = pytest.mark.skipif(
    not (_CHROMIUM and _DRIVER) and os.environ.get("TILDE_REQUIRE_BROWSER") != "1", reason=REASON
)

# Not "complete": what a frame shows for as long as its sandbox runs may be a part of that.
IS_THERE = """
return !document.isLeft && document.readyState !== "loading"
    && [...document.querySelectorAll("link[rel=stylesheet]")].every(link => link.sheet)
"""


class Browser:
    """A window with the pages of one server.

    The driver names what it finds by the document that it is in, so a page that is being left is neither asked for an
    element nor for what an element holds. `next_page` waits until the new one is there; and the pages have no scripts
    and stay as they come.
    """

    def __init__(self, driver: webdriver.Chrome, endpoint_url: str) -> None:
        self.driver = driver
        self._endpoint_url = endpoint_url

    def open(self, path: str) -> None:
        self.driver.get(f"{self._endpoint_url}{path}")

    @contextmanager
    def next_page(self) -> Iterator[None]:
        """What is done inside leads to another page, or to the same one anew: wait for it."""
        self.run("document.isLeft = true")
        yield
        try:
            WebDriverWait(self.driver, 60, 0.05).until(lambda _: self.run(IS_THERE))
        except TimeoutException as error:
            shown = self.run("return [document.readyState, document.isLeft, location.href]")
            raise AssertionError(f"no page came after this one: {shown}\n{self.text}") from error

    def run(self, script: str) -> Any:
        """A script in the page: one call to the browser, in one document."""
        return self.driver.execute_script(script)

    def find(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    @property
    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def color(self, css: str, name: str) -> str:
        return self.find(css).value_of_css_property(name)

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def in_frame(self, script: str) -> Any:
        """Run a script, for which `frame` is the document in the frame of the page.

        The driver itself does not go there: it would wait until all of it has come.
        """
        return self.run(f"const frame = document.querySelector('iframe').contentDocument; {script}")

    def wait_in_frame(self, words: str) -> str:
        """What the frame says, as soon as these words are among it."""
        read = "return frame.body ? frame.body.innerText : ''"
        return str(
            WebDriverWait(self.driver, 60, 0.05).until(lambda _: words in self.in_frame(read) and self.in_frame(read))
        )

    @property
    def focused(self) -> str:
        """What has the focus: a button's or link's text, or a field's name."""
        return str(self.run("const it = document.activeElement; return it.innerText || it.name || it.localName"))

    def tab_to(self, wanted: str) -> None:
        """Press the tabulator until `wanted` has the focus."""
        seen: list[str] = []
        while self.focused != wanted:
            assert len(seen) < 50, seen
            self.press(Keys.TAB)
            seen.append(self.focused)

    def click(self, css: str) -> None:
        """Click on a link or button that leads to another page."""
        with self.next_page():
            self.find(css).click()

    def log_in(self, api_key: str) -> None:
        with self.next_page():
            self.find("#api_key").send_keys(api_key, Keys.ENTER)


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    # No sandbox: it does not start as root, which is who runs tests in a container.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1000,900"):
        options.add_argument(argument)
    # Not until all of a page has come: that of a sandbox has a frame in which more and more does.
    options.page_load_strategy = "eager"
    assert _CHROMIUM, REASON
    options.binary_location = _CHROMIUM
    driver = webdriver.Chrome(options, webdriver.ChromeService(_DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver: webdriver.Chrome, gated: Gated) -> Browser:
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    driver.set_window_size(1000, 900)
    return Browser(driver, gated.server.endpoint_url)


@pytest.fixture
def review(browser: Browser, gated: Gated) -> Callable[[], None]:
    """Submits something and opens the page of its review, as the agent is told; logs in there."""

    def open_it() -> None:
        session = gated.agent.session()
        gated.agent.put(session, "data/new.csv", b"species,count\nAdelie,152\n")
        gated.agent.put(session, "old.txt", b"changed")
        url = gated.agent.try_commit(session, "Count again").json["web_url"]
        browser.driver.get(url)
        browser.log_in(gated.owner.api.api_key)
        assert "asks for approval" in browser.text
        assert browser.driver.current_url == url

    return open_it


def test_from_the_url_of_the_warning_to_the_commit(browser: Browser, review: Callable[[], None], gated: Gated) -> None:
    review()
    assert browser.driver.title == "Review: Count again · Tilde"
    for words in ("agent writer", "data/new.csv", "+Adelie,152", "-old", "+changed"):
        assert words in browser.text
    message = browser.find("#message")
    assert message.get_attribute("value") == "Count again"
    message.clear()
    message.send_keys("Counted, and checked")
    browser.click("button[value=approve]")
    assert "Approved and committed." in browser.text
    newest = gated.newest()
    assert browser.driver.current_url.partition("?")[0].endswith(f"/commits/{newest['id']}")
    assert (newest["message"], newest["committer"]) == ("Counted, and checked", "writer")
    browser.click("nav a[href$=data]")
    assert "Timeline" in browser.text
    assert "Counted, and checked" in browser.text


def test_rolling_back_by_keyboard_alone(browser: Browser, review: Callable[[], None], gated: Gated) -> None:
    review()
    browser.press(Keys.TAB)
    assert browser.focused == "Skip to the content"
    browser.tab_to("Roll back")
    assert browser.driver.switch_to.active_element.value_of_css_property("outline-style") == "solid"
    with browser.next_page():
        browser.press(Keys.ENTER)
    assert "Rolled back." in browser.text
    assert "Waiting for approval" not in browser.text
    assert gated.newest()["id"] == gated.first


def test_the_switch(browser: Browser, gated: Gated) -> None:
    browser.open(f"/console{gated.owner.root}")
    browser.log_in(gated.owner.api.api_key)
    assert "Settings" in browser.text
    browser.find("input[name=requires_approval]").click()
    browser.click("form[action$=data] button")
    assert "Saved." in browser.text
    assert not browser.find("input[name=requires_approval]").is_selected()
    assert gated.agent.commit({"free.txt": b"1"})


def test_logging_out_closes_it(browser: Browser, gated: Gated) -> None:
    browser.open("/console")
    browser.log_in("tuk-wrong")
    assert "was not issued by this server" in browser.text
    browser.log_in(gated.owner.api.api_key)
    assert gated.name in browser.text
    browser.click("header button")
    assert "Your API key" in browser.text
    browser.open("/console")
    assert "Your API key" in browser.text


def _luminance(color: str) -> float:
    channels = [float(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(text: str, ground: str) -> float:
    """As WCAG 2 defines it."""
    low, high = sorted((_luminance(text), _luminance(ground)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_in_light_and_dark(browser: Browser, review: Callable[[], None], scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    review()
    ground = browser.color("body", "background-color")
    assert (_luminance(ground) > 0.5) == (scheme == "light")
    for css in ("h1", "p.note", "a"):
        assert contrast(browser.color(css, "color"), ground) >= 4.5, css
    for css in ("button.primary", "button.danger", "pre .added", "pre .removed", ".status.added"):
        assert contrast(browser.color(css, "color"), browser.color(css, "background-color")) >= 4.5, css


WIDER = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_it_fits_on_a_telephone(browser: Browser, review: Callable[[], None]) -> None:
    browser.driver.set_window_size(500, 800)
    browser.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        review()
        assert browser.run(WIDER) == 0
        assert browser.find("button[value=approve]").is_displayed()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


WAITS = "mkfifo /tmp/go; seq 200; read go < /tmp/go; echo '<b>on</b>'; echo made > new.txt"
GOES_ON = ("sh", "-c", "until [ -p /tmp/go ]; do :; done; echo > /tmp/go")
AT_END = """
const it = frame.querySelector("main").getBoundingClientRect(), height = frame.defaultView.innerHeight;
return it.height > height && Math.abs(it.bottom - height) < 2
"""


@pytest.fixture
def live(browser: Browser, gated: Gated, running: Callable[[Sandbox], Sandbox]) -> Sandbox:
    """A sandbox that waits, with its page open."""
    sandbox = running(gated.owner.sandbox("sh", "-c", WAITS))
    browser.open(f"/console{gated.owner.root}/sandboxes/{sandbox.id}")
    browser.log_in(gated.owner.api.api_key)
    return sandbox


def test_output_comes_as_it_is_printed_and_leads_to_what_became_of_it(browser: Browser, live: Sandbox) -> None:
    assert browser.find(".status").text == "running"
    assert "<b>on</b>" not in browser.wait_in_frame("\n200\n")
    assert browser.in_frame(AT_END)
    live.run(*GOES_ON)
    assert "<b>on</b>" in browser.wait_in_frame("It has ended: done committed.")
    assert browser.in_frame(AT_END)
    with browser.next_page():
        browser.in_frame("frame.querySelector('a[target=_top]').click()")
    assert "done committed, exit code 0: commit" in browser.text
    assert "<b>on</b>" in browser.find(".terminal").text
    browser.click(f"a[href$='{live.record['commit_id']}']")
    assert "+made" in browser.text


def test_cancelling_by_keyboard_alone(browser: Browser, live: Sandbox) -> None:
    browser.tab_to("Cancel")
    with browser.next_page():
        browser.press(Keys.ENTER)
    live.end()
    with browser.next_page():
        browser.driver.refresh()
    assert "cancelled by user" in browser.text
    browser.tab_to("Sandboxes")
    with browser.next_page():
        browser.press(Keys.ENTER)
    assert "cancelled by user" in browser.find(".list").text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sandboxes_are_readable_in_light_and_dark(browser: Browser, live: Sandbox, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.wait_in_frame("200")
    color = "return getComputedStyle(frame.querySelector('{}')).{}"
    ground = browser.in_frame(color.format(".log", "backgroundColor"))
    assert (_luminance(ground) > 0.5) == (scheme == "light")
    assert contrast(browser.in_frame(color.format("pre", "color")), ground) >= 4.5
    live.run(*GOES_ON)
    live.end()
    with browser.next_page():
        browser.driver.refresh()
    ground = browser.color("body", "background-color")
    for css in ("dt", "dd", "h1"):
        assert contrast(browser.color(css, "color"), ground) >= 4.5, css
    assert contrast(browser.color(".terminal", "color"), browser.color(".terminal", "background-color")) >= 4.5
    assert contrast(browser.color(".status", "color"), browser.color(".status", "background-color")) >= 4.5


def test_a_trigger_leads_to_its_sandbox_on_a_telephone(browser: Browser, gated: Gated) -> None:
    trigger = {
        "name": "Summarize",
        "conditions": [{"type": "prefix", "prefix": "documents/"}],
        "sandbox_config": {"image": "python:3.12", "command": ["echo", "x" * 300]},
    }
    place = f"/sandbox-triggers/{gated.owner.call('POST', '/sandbox-triggers', None, trigger).json['id']}"
    gated.owner.commit({"documents/" + "long" * 50: b"1"})
    runs = eventually(lambda: [each for each in gated.owner.get(f"{place}/runs").results if each["sandbox_id"]])
    gated.owner.sandbox_of(runs[0]["sandbox_id"]).end()
    browser.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        browser.open(f"/console{gated.owner.root}")
        browser.log_in(gated.owner.api.api_key)
        for css in (".tabs a[href$=sandbox-triggers]", f"a[href$='{place}']", "a[href*='/sandboxes/']"):
            browser.click(css)
            assert browser.run(WIDER) == 0, css
        assert "Started by" in browser.text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
