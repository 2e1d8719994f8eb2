"""The site of the documents in a real browser, from the disk: `make site` comes before."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from docs.blocks import ROOT

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_SITE = ROOT / "site"
_PAGES = ("index.html", "corporate-networks.html", "coverage.html", "reference/plugins.html")

pytestmark = [
    pytest.mark.skipif(
        not (_CHROMIUM and _DRIVER) and os.environ.get("TILDE_REQUIRE_BROWSER") != "1",
        reason="the tests in a browser are left out: Debian's chromium and chromium-driver are not installed",
    ),
    pytest.mark.skipif(not (_SITE / "index.html").exists(), reason="there is no site: make site"),
]


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    # No sandbox: it does not start as root, which is who runs tests in a container.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1300,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    assert _CHROMIUM, "chromium is not installed"
    options.binary_location = _CHROMIUM
    driver = webdriver.Chrome(options, webdriver.ChromeService(_DRIVER))
    yield driver
    driver.quit()


def open_page(driver: webdriver.Chrome, page: str) -> None:
    driver.get((_SITE / page).as_uri())


def press(driver: webdriver.Chrome, *keys: str) -> None:
    webdriver.ActionChains(driver).send_keys(*keys).perform()


def wait_for(driver: webdriver.Chrome, script: str) -> Any:
    return WebDriverWait(driver, 60, 0.05).until(lambda _: driver.execute_script(f"return {script}"))


def requested(driver: webdriver.Chrome) -> list[str]:
    """The URLs that were asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]  # type: ignore[no-untyped-call]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [params["request"]["url"] for params in sent]


@pytest.mark.parametrize("page", _PAGES)
def test_a_page_loads_from_the_disk_alone_and_without_complaints(driver: webdriver.Chrome, page: str) -> None:
    requested(driver)
    open_page(driver, page)
    wait_for(driver, "document.readyState === 'complete'")
    urls = requested(driver)
    assert any(url.endswith(page) for url in urls)
    assert [url for url in urls if not url.startswith(("file:", "data:", "blob:", "about:"))] == []
    assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_searching_by_keyboard_without_a_server(driver: webdriver.Chrome) -> None:
    open_page(driver, "index.html")
    press(driver, "/")
    wait_for(driver, "document.activeElement.matches('.md-search__input')")
    press(driver, "percent-encoded")
    wait_for(driver, "document.querySelector('.md-search-result__item a')")
    press(driver, Keys.ARROW_DOWN, Keys.ENTER)
    wait_for(driver, "location.pathname.endsWith('/corporate-networks.html')")


@pytest.mark.parametrize("page", _PAGES)
def test_no_page_is_wider_than_a_telephone(driver: webdriver.Chrome, page: str) -> None:
    metrics = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        open_page(driver, page)
        width, window = driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width <= window == 390


@pytest.mark.parametrize(("scheme", "expected"), [("light", "default"), ("dark", "slate")])
def test_the_colours_are_those_of_the_system(driver: webdriver.Chrome, scheme: str, expected: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        open_page(driver, "index.html")
        wait_for(driver, f"document.body.dataset.mdColorScheme === '{expected}'")
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_chosen_colours_are_kept_from_page_to_page(driver: webdriver.Chrome) -> None:
    features = [{"name": "prefers-color-scheme", "value": "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        open_page(driver, "index.html")
        for label in ("Switch to light colours", "Switch to dark colours"):
            wait_for(driver, f"document.querySelector('label[title=\"{label}\"]:not([hidden])')").click()
        wait_for(driver, "document.body.dataset.mdColorScheme === 'slate'")
        open_page(driver, "guide.html")
        wait_for(driver, "document.body.dataset.mdColorScheme === 'slate'")
    finally:
        driver.execute_script("localStorage.clear()")
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize(
    "page", ["guide.html", "plugins/send.html", "reference/tilde.html", "examples/quickstart.py.html"]
)
def test_the_navigation_shows_where_one_is(driver: webdriver.Chrome, page: str) -> None:
    open_page(driver, page)
    links = "[...document.querySelectorAll('.md-nav--primary a.md-nav__link--active')].map(link => link.href)"
    assert any(link.split("#")[0].endswith(page) for link in driver.execute_script(f"return {links}"))
