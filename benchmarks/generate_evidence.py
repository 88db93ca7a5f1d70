"""Write docs/evidence.md: do chosen frames beat random ones? From finished learning curves of several studies.

    .venv/bin/python benchmarks/generate_evidence.py results/gete results/b2o3 ...

The studies are those of benchmarks/evidence, each run with ``snakemake learning_curves``. The data of most of them are
not in this repository; the head of each configuration names their source.
"""

import argparse
from pathlib import Path

import collect
import pandas as pd

from gapglass.base import files
from gapglass.study import config

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/evidence.md"
ENERGY, FORCE = "rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"
MARK = {"better": " **better**", "worse": " *worse*", "undecided": ""}
HEAD = """# Evidence: do chosen frames beat random ones?

`benchmarks/generate_evidence.py` writes this page from the learning curves of the studies in `benchmarks/evidence`.
[Choosing frames](explanation/selection.md) explains the strategies, the blocks of time and the comparison.

Every number is a mean over divisions of the frames into a pool and whole blocks of time that test. All fits of a set
have the same hyperparameters, tuned on a division that is not counted. Energies are in meV/atom, forces in eV/Å.
Differences are relative to the choice at random with the same number of frames, with their standard error; **better**
and *worse* mark those that chance explains with less than 5 % (paired t test). With so many comparisons, one in twenty
is marked by chance alone. The ratio tells how many times as many frames a choice at random needs for the same error,
with its interval of 95 %; `>` marks a lower bound (the whole pool does not reach the error), `<` an upper bound.
"""


def described(path):
    """Return the lines of comment at the head of a configuration as text, without the first, and its settings."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = [line.lstrip("# ").strip() for line in lines if line.startswith("#")][1:]
    return " ".join(line for line in comment if not line.startswith(("Command", "The section"))), config.read(path)


def differences(curves, quantity):
    """Return the rows of the differences from the choice at random, a column for each number of frames."""
    summary, comparison = (files.read_table(curves / f"{name}.csv") for name in ("summary", "comparison"))
    here = summary[(summary["group"] == "all") & (summary["sparse_from"] == "pool")]
    found = comparison[(comparison["group"] == "all") & (comparison["sparse_from"] == "pool")]
    found = found[found["quantity"] == quantity].set_index(["strategy", "n_train"])
    digits = 2 if quantity == ENERGY else 4
    rows = []
    for strategy, part in here.groupby("strategy", sort=False):
        row = {"strategy": strategy}
        for _, point in part.sort_values("n_train").iterrows():
            size, text = int(point["n_train"]), f"{point[quantity]:.{digits}f}"
            if strategy in ("random", "whole_pool"):
                text += f" ± {point[f'{quantity}_error']:.{digits}f}"
            elif (strategy, size) in found.index:
                of = found.loc[(strategy, size)]
                text += f" ({of['difference_percent']:+.0f} ± {of['difference_percent_error']:.0f} %)"
                text += MARK[of["verdict"]]
            row[f"{size} frames"] = text
        rows.append(row)
    return rows


def ratios(curves):
    """Return the rows of the frames saved for the same error of the energy."""
    table = files.read_table(curves / "savings.csv")
    here = table[(table["group"] == "all") & (table["sparse_from"] == "pool") & (table["quantity"] == ENERGY)]
    rows = []
    for strategy, part in here.groupby("strategy", sort=False):
        row = {"strategy": strategy}
        for _, point in part.sort_values("n_train").iterrows():
            bound = point["bound"] if isinstance(point["bound"], str) else ""
            interval = f"({point['ratio_low']:.1f} to {point['ratio_high']:.1f})"
            row[f"{int(point['n_train'])} frames"] = f"{bound}{point['ratio']:.1f} {interval}"
        rows.append(row)
    return rows


def table(rows):
    """Return rows as a table of Markdown; numbers of frames ascend."""
    found = pd.DataFrame(rows).fillna("")
    sizes = sorted(found.columns[1:], key=lambda name: int(name.split()[0]))
    return "\n".join(collect.markdown(found[["strategy", *sizes]]))


def section(results):
    """Return the part of the page on one study."""
    results = Path(results)
    what, settings = described(ROOT / f"benchmarks/evidence/{results.name}.yaml")
    curves = results / "learning_curves"
    runs, tuned = files.read_json(results / "frames/blocks.json"), files.read_json(curves / "hyperparameters.json")
    draws = pd.unique(files.read_table(curves / "results.csv")["draw"])
    blocks, guards = sum(len(run["edges"]) - 1 for run in runs), [run["guard"] for run in runs]
    sigmas = ", ".join(
        f"{name} {tuned[name]:.3g}" for name in ("sigma_energy", "sigma_force", "sigma_virial", "delta")
    )
    return "\n\n".join(
        [
            f"## {settings['study']}",
            what,
            f"{blocks} blocks in {len(runs)} runs, guards of {min(guards)} to {max(guards)} frames, {len(draws)} "
            f"divisions. {settings['potential']['descriptor']} {tuned['n_max']}/{tuned['l_max']}, "
            f"{tuned['cutoff']:g} Å, {tuned['n_sparse']} points a species; {sigmas}.",
            "Energy RMSE:",
            table(differences(curves, ENERGY)),
            "Force RMSE:",
            table(differences(curves, FORCE)),
            "Frames at random for the same energy error, over the frames of the strategy:",
            table(ratios(curves)),
        ]
    )


def main():
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", help="results folders of finished studies")
    with files.whole_file(PAGE) as temporary:
        text = "\n".join([HEAD, *(section(path) + "\n" for path in parser.parse_args().results)])
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
