"""The pages that people open, in a real browser: the report of the tiny study."""

import io

import chromium
import pytest
from PIL import Image
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


TITLE = "document.getElementById('title').textContent"
PLOTS = "[...document.getElementById('map').children].map((c) => c.shadowRoot?.querySelector('.js-plotly-plot'))"
PLOT = f"{PLOTS}.find((plot) => plot)"
# Edges of the canvas of the atoms in the window (CSS pixels).
CANVAS = """(() => {
  const find = (root) => [...root.querySelectorAll('*')].flatMap((e) =>
    [...(e.tagName === 'CANVAS' ? [e] : []), ...(e.shadowRoot ? find(e.shadowRoot) : [])]);
  return find(document.getElementById('structure'))
    .map((canvas) => canvas.getBoundingClientRect()).filter((r) => r.width > 100 && r.height > 100)
    .map((r) => [r.left, r.top, r.right, r.bottom])[0];
})()"""


def colours_of_atoms(browser):
    """Return the number of different colours in the picture of the atoms, one where its canvas is empty."""
    left, top, right, bottom = map(round, browser.until(CANVAS))
    image = Image.open(io.BytesIO(browser.picture())).convert("RGB").crop((left + 5, top + 60, right - 5, bottom - 5))
    return len(image.getcolors(maxcolors=1 << 24))


def place_on_map(browser, frame):
    """Return where a frame stands in the window (CSS pixels)."""
    return browser.value(f"""(() => {{
      const plot = {PLOT}, layout = plot._fullLayout, box = plot.getBoundingClientRect();
      const of = DATASETS.frames.data.properties;
      return [box.left + layout.xaxis._offset + layout.xaxis.l2p(of['map x'].values[{frame}]),
              box.top + layout.yaxis._offset + layout.yaxis.l2p(of['map y'].values[{frame}])];
    }})()""")


def choose(browser, name):
    """Choose a colour and return the colours of the points."""
    browser.value(f"""(() => {{
      const select = document.getElementById('colour');
      select.value = [...select.options].findIndex((option) => option.text === '{name}');
      select.dispatchEvent(new Event('change'));
    }})()""")
    return browser.value(f"JSON.stringify({PLOT}.data[0].marker.color)")


def test_explorer_shows_the_frame_one_points_at_and_the_glass(finished, browser):
    browser.size(1200)
    browser.open(finished / RESULTS / "explorer.html")
    browser.until(f"{TITLE} === 'Frame 0, 48 atoms' && !!{PLOT}?._fullLayout?.xaxis?.l2p")
    # The point farthest from all others cannot be missed.
    frame = browser.value("""(() => {
      const {'map x': {values: x}, 'map y': {values: y}} = DATASETS.frames.data.properties;
      const apart = (i, j) => i === j ? 9 : Math.hypot(x[i] - x[j], y[i] - y[j]);
      const alone = x.map((_, i) => i && Math.min(...x.map((_, j) => apart(i, j))));
      return alone.indexOf(Math.max(...alone));
    })()""")
    browser.click(*place_on_map(browser, frame))
    browser.until(f"{TITLE} === 'Frame {frame}, 48 atoms'")
    row = (
        "[...document.querySelectorAll('#numbers tr')].find((r) => r.cells[0].textContent === 'temperature').cells[1]"
    )
    temperature = browser.value(f"DATASETS.frames.data.properties.temperature.values[{frame}]")
    assert browser.value(f"{row}.textContent") == f"{temperature:g} K"
    assert colours_of_atoms(browser) > 50
    by_temperature = choose(browser, "temperature")
    assert choose(browser, "role") != by_temperature
    assert "training" in browser.value("document.getElementById('legend').textContent")
    browser.value("document.querySelector('[data-set=glass]').click()")
    browser.until(f"{TITLE}.startsWith('Atom 0 of GAP (')")
    browser.until(f"{PLOT}?.data?.[0]?.x?.length === DATASETS.glass.data.environments.length")
    assert colours_of_atoms(browser) > 50
    # This look can fail: without atoms, the canvas has one colour.
    browser.value("document.getElementById('structure').style.visibility = 'hidden'")
    assert colours_of_atoms(browser) < 5
    for width in (375, 2560):
        browser.size(width)
        browser.until(f"document.documentElement.scrollWidth <= {width}")
    assert browser.problems == [] and browser.value("document.getElementById('problem').hidden")
    assert all(address.startswith(("file:", "data:", "blob:")) for address in browser.requests)
