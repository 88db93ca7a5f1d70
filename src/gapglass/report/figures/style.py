"""The style that all figures share, the labels of the models, and the files of a figure."""

from multiprocessing import get_context
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from gapglass.base.files import whole_file, write_table
from gapglass.report.figures import dark

plt.style.use(Path(__file__).with_name("gapglass.mplstyle"))

DARK = "dark.png"  # ending of the version on a dark ground
COLUMN, PAGE = 3.5, 7.1  # inches, the widths of one and of two journal columns


def save(drawn, paths, name):
    """Write a figure and its numbers to those of the paths that are called {name}.png, .pdf, .csv and .dark.png.

    Parameters
    ----------
    drawn : (matplotlib.figure.Figure, pandas.DataFrame)
        The figure and the numbers drawn; the function closes the figure.
    paths : iterable of path-like
        All output of a job; paths of other figures are left out.
    name : str
    """
    figure, table = drawn
    of_figure = {path.name.removeprefix(f"{name}."): path for path in map(Path, paths)}
    if "csv" in of_figure:
        write_table(of_figure["csv"], table)
    # All versions of a figure have one layout, which is computed once.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    # The dark version is the last one, because the colours of the figure itself are changed for it.
    for kind in ("pdf", "png", DARK):
        if kind not in of_figure:
            continue
        if kind == DARK:
            dark.recolour(figure)
        with whole_file(of_figure[kind]) as temporary:
            # Without a date, equal figures give equal bytes.
            figure.savefig(temporary, metadata={"CreationDate": None} if kind == "pdf" else None)
    plt.close(figure)


def save_all(figures, paths, processes=1):
    """Write every figure of an iterable of (name, drawn), as for ``save``, with some processes side by side.

    Raises
    ------
    RuntimeError
        A process that writes figures has failed; its own message stands on the standard error.
    """
    if processes == 1:
        _save_each(figures, paths)
        return
    drawn = list(figures)
    fork = get_context("fork")  # the figures need not be pickled
    writers = [fork.Process(target=_save_each, args=(drawn[i::processes], paths)) for i in range(processes)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    if any(writer.exitcode for writer in writers):
        raise RuntimeError("Figures could not be written; the lines above say why.")


def _save_each(figures, paths):
    """Write figures one after the other."""
    for name, drawn in figures:
        save(drawn, paths, name)


def model_label(name):
    """Return the legend text of a model.

    Parameters
    ----------
    name : str
        reference, experiment_{name}, {potential}_{atoms} or {potential}_{atoms}_{replica}, the latter two with
        _rate_{rate} after the atoms if the model cools at another rate than that of the cycle.
    """
    if name == "reference":
        return "reference"
    if name.startswith("experiment_"):
        return f"experiment ({name.removeprefix('experiment_')})"
    name, _, rest = name.partition("_rate_")
    rate, _, replica = rest.partition("_")
    words = [*name.split("_"), *([replica] if replica else [])]
    numbers = [word for word in words[-2:] if word.isdigit()]
    potential = "_".join(words[: -len(numbers)])
    replica = f", replica {numbers[1]}" if len(numbers) == 2 else ""
    cooled = f", {rate} K/ps" if rate else ""
    return f"GAP ({potential}), {numbers[0]} atoms{cooled}{replica}"


def marked(drawn, labels):
    """Return a figure with marks in its legends at the models that are not to be believed.

    Parameters
    ----------
    drawn : (matplotlib.figure.Figure, pandas.DataFrame)
        The figure and the numbers drawn.
    labels : collection of str
        Labels of these models; text that goes on after a comma belongs to the model too.
    """
    figure = drawn[0]
    of_axes = [axes.get_legend() for axes in figure.axes]
    for legend in (*figure.legends, *(legend for legend in of_axes if legend)):
        found = [
            text
            for text in legend.get_texts()
            if any(text.get_text() == label or text.get_text().startswith(f"{label}, ") for label in labels)
        ]
        for text in found:
            text.set_text(f"{text.get_text()} †")
        if found:
            legend.set_title("† holds a glass that is not to be believed", prop={"size": "small"})
    return drawn


def panels_in_rows(n_panels, height, **sharing):
    """Return a figure of the page's width with so many panels in rows of ``height`` inches, and its array of axes."""
    across = 2 if n_panels == 4 else min(3, n_panels)
    down = -(-n_panels // across)
    figure, panels = plt.subplots(down, across, figsize=(PAGE, height * down + 0.5), squeeze=False, **sharing)
    for axes in panels.flat[n_panels:]:
        axes.set_axis_off()
    return figure, panels
