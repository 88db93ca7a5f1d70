"""Every figure: functions that take tables and return a matplotlib figure and the table of the numbers drawn.

Nothing here computes physics. Which figure is which of the paper's: ``figures.py``.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from gapglass.base.files import whole_file, write_table

plt.style.use(Path(__file__).with_name("gapglass.mplstyle"))

COLUMN, PAGE = 3.5, 7.1  # inches: one and two journal columns


def save(drawn, paths, name):
    """Write a figure and its numbers to those of ``paths`` that are called ``name``.png, ``name``.pdf and ``name``.csv.

    Parameters
    ----------
    drawn : (matplotlib.figure.Figure, pandas.DataFrame)
    paths : iterable of path-like
    name : str
    """
    figure, table = drawn
    for path in map(Path, paths):
        if path.stem != name:
            continue
        if path.suffix == ".csv":
            write_table(path, table)
            continue
        with whole_file(path) as temporary:
            # without a date the same figure gives the same bytes
            figure.savefig(temporary, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)
    plt.close(figure)


def model_label(name):
    """Return the legend text of a model: reference, experiment_{name}, {potential}_{atoms} or {potential}_{atoms}_{replica}."""
    if name == "reference":
        return "reference"
    if name.startswith("experiment_"):
        return f"experiment ({name.removeprefix('experiment_')})"
    words = name.split("_")
    numbers = [word for word in words[-2:] if word.isdigit()]
    potential = "_".join(words[: -len(numbers)])
    replica = f", replica {numbers[1]}" if len(numbers) == 2 else ""
    return f"GAP ({potential}), {numbers[0]} atoms{replica}"
