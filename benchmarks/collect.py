"""Write a page of results below docs/reference, with its figures, from benchmarks/results.

    python benchmarks/collect.py PAGE

Equal results give an equal page; the machine on which it is written is taken for the one on which they were measured.
"""

import ast
import os
import re
import sys
import textwrap
from pathlib import Path

import common
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.ticker import NullLocator

from gapglass.base.files import whole_file
from gapglass.base.versions import versions
from gapglass.report.figures.style import plt

ROOT = common.HERE.parent
KB_PER_GB = 1024**2
HEAD = """# Performance

`make benchmark` generates trajectories, measures every goal and writes this page; the scripts are in `benchmarks/`.
Each peer is what a user would run instead, with its defaults or as its documentation recommends, on the same input
and the same machine. Times are medians of runs that alternate. The engine has pages of its own: one for
[evaluating potentials](performance-engine.md), one for [fitting them](performance-fits-engine.md).
"""
ENGINE_HEAD = """# Performance of the engine

`make benchmark ARGS=docs/reference/performance-engine.md` measures this page, in five minutes; the script is
`benchmarks/engine.py`. Both programs of a comparison run on the same input and the same machine, in turns. A ratio
depends on the machine, above all on its SIMD level, and absolute times more so. [Performance](performance.md) has the
other benchmarks.
"""
FITS_HEAD = """# Performance of fits

`make benchmark ARGS=docs/reference/performance-fits-engine.md` measures this page, in seven minutes on two cores
that have nothing else to do; with `GAPGLASS_LONG=1` before it, also the fit on 1200 frames, in four minutes more. The
script is `benchmarks/engine_fit.py`. Both programs of a comparison run on the same input and the same machine.
[Performance](performance.md) has gap_fit's own fits with both descriptors, and the other benchmarks.
"""
# Page -> its head, and the benchmarks that it shows; None for those that no other page shows.
PAGES = {
    "performance": (HEAD, None),
    "performance-engine": (ENGINE_HEAD, ["engine"]),
    "performance-fits-engine": (FITS_HEAD, ["engine_fit"]),
}


def machine():
    """Return lines with the processor, its cores and memory, and the versions of the packages."""

    def field(file, key):
        found = re.search(rf"^{key}\s*:\s*(.+)$", Path(file).read_text(), flags=re.MULTILINE)
        return found.group(1).strip() if found else "unknown"

    memory = int(field("/proc/meminfo", "MemTotal").split()[0]) / KB_PER_GB
    made_by = ", ".join(f"{name} {version}" for name, version in versions().items())
    return [
        f"{field('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} cores, "
        f"{memory:.0f} GB of memory, Linux.",
        "",
        *textwrap.wrap(f"Versions: {made_by}.", 118, break_on_hyphens=False),
    ]


def markdown(table):
    """Return a table as Markdown: numbers with three significant digits, an empty cell for NaN."""
    rows = [list(table.columns), ["---:" if pd.api.types.is_numeric_dtype(kind) else "---" for kind in table.dtypes]]
    rows += [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return ["| " + " | ".join(row) + " |" for row in rows]


def _cell(value):
    """Return a value as the text of a cell."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "**no**"
    if isinstance(value, (float, np.floating)):
        if np.isnan(value):
            return ""
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value).replace("|", "\\|")


def power_law(size, seconds):
    """Return factor and exponent of seconds = factor x size^exponent, a straight line through the logarithms."""
    exponent, factor = np.polyfit(np.log(size), np.log(seconds), 1)
    return float(np.exp(factor)), float(exponent)


def draw(table, path):
    """Draw cost against size on two logarithmic axes, a panel per work, with the fitted power laws.

    Parameters
    ----------
    table : pandas.DataFrame
        A ``NAME_scaling.csv``, see ``common``.
    path : path-like
        SVG to write.
    """
    works = list(dict.fromkeys(table["work"]))
    columns = min(3, len(works))
    rows = -(-len(works) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(3.5 * columns, 3.0 * rows), squeeze=False)
    for panel in panels.flat[len(works) :]:
        panel.remove()
    for panel, work in zip(panels.flat, works, strict=False):
        chosen = table[table["work"] == work]
        ours = chosen.dropna(subset="ours_s").drop_duplicates("size")
        curves = [("gapglass", ours, "ours_s")]
        curves += [(peer, rows, "peer_s") for peer, rows in chosen.dropna(subset="peer_s").groupby("peer", sort=False)]
        for number, (name, rows, column) in enumerate(curves):
            size, seconds = rows["size"].to_numpy(float), rows[column].to_numpy(float)
            label = name
            panel.loglog(size, seconds, "o" if number == 0 else "s", color=f"C{number}")
            if len(size) > 1:
                factor, exponent = power_law(size, seconds)
                label += f", size^{exponent:.2f}"
                panel.loglog(size, factor * size**exponent, "-", color=f"C{number}", label=label)
            else:
                panel.plot([], [], "o-", color=f"C{number}", label=label)
        panel.set(title=work, xlabel=chosen["size_unit"].iloc[0], ylabel="seconds")
        sizes = sorted(set(chosen["size"]))
        panel.set_xticks(sizes, [f"{size:g}" for size in sizes])
        panel.xaxis.set_minor_locator(NullLocator())
        panel.legend()
    with whole_file(path) as temporary, mpl.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"}):
        figure.savefig(temporary, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def section(name, tables, figures):
    """Return the lines of one benchmark's section.

    Parameters
    ----------
    name : str
        Of the script, whose docstring is the text.
    tables : dict of str to pandas.DataFrame
        What follows ``NAME_`` in the file's name -> table.
    figures : path-like
        Folder of the figures.
    """
    script = common.HERE / f"{name}.py"
    text = ast.get_docstring(ast.parse(script.read_text())) if script.exists() else None
    title = name.replace("_", " ").capitalize() if len(name) > 2 else name.upper()
    lines = ["", f"## {title}", "", *(text or "").splitlines()]
    for kind, table in tables.items():
        if kind == "goals":
            continue
        if kind == "scaling":
            draw(table, figures / f"{name}.svg")
            lines += ["", f"![{name}: cost against size]({figures.name}/{name}.svg)"]
        lines += ["", f"{kind.replace('_', ' ').capitalize()}:", "", *markdown(table)]
    return lines


def shown_on(page, benchmark):
    """Return whether a page, a key of ``PAGES``, shows a benchmark."""
    own = {name for _, names in PAGES.values() for name in names or ()}
    chosen = PAGES[page][1]
    return benchmark not in own if chosen is None else benchmark in chosen


def collect(results, folder, name):
    """Read the CSVs in ``results`` and write a page, with its figures in the folder of the same name beside it.

    Parameters
    ----------
    results, folder : path-like
        Folders of the results, and of the page.
    name : str
        A key of ``PAGES``.
    """
    page = folder / f"{name}.md"
    tables = _tables(results, name)
    goals = [found["goals"] for found in tables.values() if "goals" in found]
    figures = page.with_suffix("")
    lines = [PAGES[name][0], *machine(), "", "## Goals", ""]
    if goals:
        everything = pd.concat(goals, ignore_index=True)
        lines += [
            f"{int(everything['met'].sum())} of {len(everything)} met.",
            "",
            *markdown(_goal_columns(everything)),
        ]
    for benchmark, found in tables.items():
        lines += section(benchmark, found, figures)
    with whole_file(page) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def _tables(results, page):
    """Return benchmark -> what follows its name in the file's name -> table, for the benchmarks that a page shows."""
    scripts = {path.stem for path in common.HERE.glob("*.py")}
    tables = {}
    for path in sorted(results.glob("*.csv")):
        # The name of the script is the longest one with which the name of the file begins: both may hold underscores.
        name = max(
            (script for script in scripts if path.stem.startswith(script + "_")),
            key=len,
            default=path.stem.rsplit("_", 1)[0],
        )
        if shown_on(page, name):
            tables.setdefault(name, {})[path.stem.removeprefix(name + "_")] = pd.read_csv(path)
    return tables


def _goal_columns(table):
    """Return the table of the goals with the columns and headings of the page."""
    empty = {"unit": "", "limit": "", "peer": "-"}
    # A column that is empty in every row was read as numbers.
    table = table.astype(dict.fromkeys(empty, object)).fillna(empty).astype({"met": bool})
    table["measured"] = [f"{row.quantity} ({row.unit})" if row.unit else row.quantity for row in table.itertuples()]
    named = {
        "work": "work",
        "peer": "peer",
        "measured": "measured",
        "ours": "ours",
        "peer_value": "peer's",
        "peer_over_ours": "peer / ours",
        "goal": "goal",
        "met": "met",
        "limit": "what limits it",
    }
    return table[list(named)].rename(columns=named)


if __name__ == "__main__":
    collect(common.RESULTS, ROOT / "docs/reference", sys.argv[1])
