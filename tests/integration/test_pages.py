"""The pages that people open, in a real browser: the report of the tiny study."""

import chromium
import pytest
from tiny_study import RESULTS

pytestmark = pytest.mark.skipif(not (chromium.PROGRAM or chromium.REQUIRED), reason="Chromium is not installed")


@pytest.fixture
def browser(tmp_path):
    with chromium.Page(tmp_path / "profile") as page:
        yield page


def test_report_fits_every_window_and_makes_no_noise(finished, browser):
    browser.size(375)
    browser.open(finished / RESULTS / "report.html")
    browser.value("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    for width in (375, 768, 1200, 2560):
        for dark in (False, True):
            browser.size(width, dark=dark)
            assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.problems == []
    assert all(address.startswith(("file:", "data:")) for address in browser.requests)


def test_report_shows_the_figures_for_its_ground(finished, browser):
    browser.open(finished / RESULTS / "report.html")
    shown = "[...document.querySelectorAll('figure img')].filter((i) => i.offsetParent).map((i) => i.className)"
    for how, kind in (({}, "light"), ({"dark": True}, "dark"), ({"dark": True, "printed": True}, "light")):
        browser.size(1200, **how)
        assert set(browser.value(shown)) == {kind}
    assert browser.value("[...document.images].every((i) => i.complete && i.naturalWidth > 0 && i.alt)")


def test_contents_follow_the_reader(finished, browser):
    browser.size(1200)
    browser.open(finished / RESULTS / "report.html")
    current = "document.querySelector('.contents a[aria-current]').textContent"
    assert browser.value(current) == "Overview"
    browser.value("document.getElementById('glass').scrollIntoView()")
    browser.until(f"{current} === '4. Glass'")
    assert browser.value("document.querySelector('.contents details').open")
    browser.size(375)
    browser.until("!document.querySelector('.contents details').open")
    # A link into a closed part opens it.
    browser.value("location.hash = '#figure-clusters_by_delta'")
    browser.until("document.getElementById('figure-clusters_by_delta').closest('details').open")


def test_report_is_used_by_keyboard_and_read_aloud(finished, browser):
    browser.size(1200)
    browser.open(finished / RESULTS / "report.html")
    browser.press("Tab")
    assert browser.value("document.activeElement.getAttribute('href')") == "#main"
    browser.press("Tab")
    assert browser.value("document.activeElement.closest('nav') !== null")
    for what in ("nav[aria-label]", "main", "header", "html[lang]", "title"):
        assert browser.value(f"document.querySelectorAll('{what}').length") == 1, what
    # Every part has the name of its heading, every table its head, and no id stands twice.
    named = "[...document.querySelectorAll('section')].every((s) => "
    assert browser.value(f"{named} document.getElementById(s.getAttribute('aria-labelledby')))")
    assert browser.value("[...document.querySelectorAll('table')].every((t) => t.querySelector('th[scope=col]'))")
    assert browser.value("(() => { const i = [...document.querySelectorAll('[id]')].map((e) => e.id);"
                         " return i.length === new Set(i).size; })()")  # fmt: skip
    links = "[...document.querySelectorAll('a[href^=\"#\"]')].every((a) => document.querySelector(a.hash))"
    assert browser.value(links)
