"""The documentation as web pages: Sphinx reads the Markdown pages as they stand on GitHub (`make site`).

The source folder is the root of the repository, so links between docs/, config/ and the README are the same in both.
Equations become MathML, which browsers draw themselves: no page loads anything from a network.
"""

import json
import re
from html import escape
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from pygments.lexers.python import PythonLexer
from pygments.lexers.special import TextLexer
from sphinx.util.logging import getLogger

log = getLogger(__name__)
ROOT = Path(__file__).resolve().parents[1]
INDEX = "docs/README"  # its sections and their links are the table of contents

project = "gapglass"
copyright = "the authors of gapglass"
language = "en"
root_doc = INDEX
extensions = ["myst_parser"]
source_suffix = {".md": "markdown", ".ipynb": "markdown"}
include_patterns = ["README.md", "CHANGELOG.md", "config/README.md", "profiles/README.md", "docs/**"]
# Folders that are not looked into at all; a study has many files.
exclude_patterns = [
    path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("docs", "config", "profiles")
]

myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]  # GitHub draws equations in these blocks, and needs no escapes in them
myst_heading_anchors = 3
myst_links_external_new_tab = False

html_theme = "furo"
html_title = "gapglass"
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # summaries are fetched, which a browser forbids to pages opened from the disk
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
# Python, YAML and shell are recognised by the language of a block; a block without one holds commands.
highlight_language = "none"


def mathml(node, block):
    """Return an equation as MathML; what docutils cannot convert is a warning with its place."""
    try:
        return tex2mathml(node.astext(), as_block=block)
    except MathError as error:
        log.warning("%s", error, location=node)
        return escape(node.astext())


def write_inline(translator, node):
    """Write an equation within a line."""
    translator.body.append(mathml(node, block=False))
    raise SkipNode


def write_block(translator, node):
    """Write an equation of its own line, in a frame that scrolls where the page is narrow."""
    translator.body.append(f'<div class="equation">{mathml(node, block=True)}</div>\n')
    raise SkipNode


def as_markdown(app, name, content):
    """Turn a notebook into Markdown, and add the table of contents to the index."""
    if app.env.doc2path(name).suffix == ".ipynb":
        cells = json.loads(content[0])["cells"]
        text = ["".join(cell["source"]) for cell in cells]
        code = [cell["cell_type"] == "code" for cell in cells]
        content[0] = "\n\n".join(
            f"```python\n{cell}\n```" if is_code else cell for cell, is_code in zip(text, code, strict=True)
        )
    if name == INDEX:
        content[0] += contents(content[0])


def contents(index):
    """Return the tables of contents of the index page, one per section: the links of its tables in their order.

    A link that begins a row gives the page its name there; the other pages have their own titles.
    """
    found = []
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        entries = []
        for begin, name, link in re.findall(r"(\| )?\[([^]]+)\]\(([^)#]+\.(?:md|ipynb))\)", section):
            page = "/" + (ROOT / "docs" / link).resolve().relative_to(ROOT).as_posix()
            entries.append(f"{name} <{page}>" if begin else page)
        found.append("\n".join(["", "```{toctree}", ":hidden:", f":caption: {title}", "", *entries, "```", ""]))
    return "".join(found)


def write_first_page(app, exception):
    """Write index.html, which leads to the index of the documentation."""
    if exception is None and app.builder.name == "html":
        Path(app.outdir, "index.html").write_text(
            '<!doctype html>\n<meta charset="utf-8">\n<title>gapglass</title>\n'
            f'<meta http-equiv="refresh" content="0; url={INDEX}.html">\n<a href="{INDEX}.html">Documentation</a>\n'
        )


def setup(app):
    """Register what this file adds to Sphinx."""
    app.add_html_math_renderer("mathml", inline_renderers=(write_inline, None), block_renderers=(write_block, None))
    app.add_lexer("snakemake", PythonLexer)
    app.add_lexer("lammps", TextLexer)
    app.connect("source-read", as_markdown)
    app.connect("build-finished", write_first_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
