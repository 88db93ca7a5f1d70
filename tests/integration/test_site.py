"""The documentation as web pages: built without a network and a warning, every link checked, read in Chromium."""

import os
import re
import subprocess
from html.parser import HTMLParser
from urllib.parse import unquote

import chromium
import pytest
from tiny_study import copy_project

pytestmark = pytest.mark.slow  # the fixture installs the packages of `make site`

# Read by every Python that starts with its folder in PYTHONPATH.
NO_NETWORK = """import socket


def refuse(*arguments):
    raise OSError("there is no network")


socket.socket.connect = socket.getaddrinfo = refuse
"""


class Targets(HTMLParser):
    """Addresses that a page links to, those that it loads, its anchors and its equations."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loaded, self.anchors, self.equations = [], [], set(), 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if "id" in found:
            self.anchors.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and "stylesheet" in found["rel"]:
            self.loaded.append(found["href"])
        elif "src" in found:
            self.loaded.append(found["src"])
        self.equations += tag == "math"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the pages, built in a copy of the checkout."""
    folder = copy_project(tmp_path_factory.mktemp("site") / "gapglass")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", ".venv-site/.packages"], cwd=folder, env=clean, check=True)
    (folder / "no_network").mkdir()
    (folder / "no_network/sitecustomize.py").write_text(NO_NETWORK)
    alone = {**clean, "PYTHONPATH": str(folder / "no_network")}
    done = subprocess.run(["make", "site"], cwd=folder, env=alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder / "build/site"


def test_every_page_is_there_and_every_link_leads_somewhere(site):
    pages = {path: Targets(path.read_text()) for path in site.rglob("*.html")}
    sources = site.parents[1]
    written = [*(sources / "docs").rglob("*.md"), sources / "README.md", sources / "config/README.md"]
    assert {site / path.relative_to(sources).with_suffix(".html") for path in written} <= set(pages)
    checked = 0
    for page, found in pages.items():
        for address in found.loaded:
            assert not re.match(r"(\w+:)?//", address), f"{page.name} loads {address}"
        for address in [*found.links, *found.loaded]:
            target, _, anchor = unquote(address.split("?")[0]).partition("#")
            if re.match(r"\w+:", target):
                continue
            path = (page.parent / target).resolve() if target else page
            assert path.exists(), f"{page.name}: {address}"
            if anchor and path in pages:
                assert anchor in pages[path].anchors, f"{page.name}: {address}"
            checked += 1
    assert checked > 1000
    assert pages[site / "docs/explanation/method.html"].equations > 40


@pytest.mark.skipif(not (chromium.PROGRAM or chromium.REQUIRED), reason="Chromium is not installed")
def test_pages_read_well_in_a_browser(site, tmp_path):
    with chromium.Page(tmp_path / "profile") as page:
        for width in (375, 1200):
            page.size(width)
            page.open(site / "index.html")
            page.until("document.querySelectorAll('.sidebar-tree a').length > 25")  # index.html leads on
            for name in ("docs/README", "docs/get-started/tutorial", "docs/explanation/method", "config/README"):
                page.open(site / f"{name}.html")
                assert page.value("document.documentElement.scrollWidth <= innerWidth"), f"{name}, {width} px"
                assert page.value("[...document.images].every(image => image.naturalWidth > 0)"), name
        page.open(site / "docs/explanation/method.html")
        # A fraction is two lines high only where the browser draws the equation.
        line = page.value("parseFloat(getComputedStyle(document.querySelector('article p')).lineHeight)")
        assert page.value("document.querySelector('.equation mfrac').getBoundingClientRect().height") > 1.2 * line
        page.open(f"{site}/search.html")
        page.value("location.search = '?q=wright'")
        page.until("document.querySelectorAll('#search-results li a').length > 0")
        assert not page.problems
        assert all(address.startswith(("file:", "data:", "about:")) for address in page.requests)
