"""Write docs/evidence.md: do chosen frames beat random ones? From finished learning curves of several studies.

    .venv/bin/python benchmarks/generate_evidence.py --stop stop.json results/gete results/b2o3 ...

``--stop`` is what ``generate_stop_coverage.py`` has written.

The studies are those of benchmarks/evidence, each run with ``snakemake learning_curves``. The data of most of them are
not in this repository; the head of each configuration names their source.
"""

import argparse
import textwrap
from pathlib import Path

import collect
import numpy as np
import pandas as pd

from gapglass.base import files
from gapglass.base.seeds import derive
from gapglass.clustering import delta as deltas
from gapglass.clustering import scan
from gapglass.similarity import kernels
from gapglass.study import config

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/evidence.md"
ENERGY, FORCE = "rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"
DEFAULT = "residual"
WIDTH = 118  # characters of a line
SUBSETS, SHARE = 20, 0.8  # of the frames, for the stability of delta
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


OF_DEFAULT = """
## The default

The default of `selection.strategy` is `{default}`. Strategies that lower the energy error on all sets below at every
size but the smallest: {better}. The force errors of `{default}` are at most {force:.1f} % above those of the choice at
random. Differences are from that choice at the same number of frames.
"""
OF_DELTA = """
## The choice of δ

The spread of both kernels (squared distances of all pairs of frames before they are divided by their medians), the δ
with the lowest energy spread inside 0 < δ < 1, and how often each δ wins on random subsets of 80 % of the frames.
"""
OF_STOP = """
## The stop

A hundred loops on silica (Vashishta's potential, 480 atoms, so that labels are exact), each on another half of the
blocks of time; the other half is the truth. `validation` divides its half as the workflow does, chooses by `residual`
and stops by the upper bound of the error on its validation blocks. The paper's rule draws frames at random, trains on
70 % of them, chooses expected errors by the error on the other 30 %, and stops by this error. The tolerances are 1.1,
1.25, 1.5, 2 and 3 times the median true error of 80 training frames.
"""


def lines(rows):
    """Return a table as text."""
    return "\n".join(collect.markdown(rows))


def described(path):
    """Return the lines of comment at the head of a configuration as text, without the first, and its settings."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = [line.lstrip("# ").strip() for line in lines if line.startswith("#")][1:]
    return " ".join(line for line in comment if not line.startswith(("Command", "The section"))), config.read(path)


def read(curves, name):
    """Return a table of the learning curves, its rows of all groups of frames and of sparse points from the pool."""
    found = files.read_table(curves / f"{name}.csv")
    return found[(found["group"] == "all") & (found["sparse_from"] == "pool")]


def saved(point):
    """Return the text of a ratio of frames with its interval, from a row of ``savings``."""
    bound = point["bound"] if isinstance(point["bound"], str) else ""
    return f"{bound}{point['ratio']:.1f} ({point['ratio_low']:.1f} to {point['ratio_high']:.1f})"


def differences(curves, quantity):
    """Return the rows of the differences from the choice at random, a column for each number of frames."""
    here, found = read(curves, "summary"), read(curves, "comparison")
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
    here = read(curves, "savings")
    here = here[here["quantity"] == ENERGY]
    rows = []
    for strategy, part in here.groupby("strategy", sort=False):
        row = {"strategy": strategy}
        for _, point in part.sort_values("n_train").iterrows():
            row[f"{int(point['n_train'])} frames"] = saved(point)
        rows.append(row)
    return rows


def table(rows):
    """Return rows as a table of Markdown; numbers of frames ascend."""
    found = pd.DataFrame(rows).fillna("")
    sizes = sorted(found.columns[1:], key=lambda name: int(name.split()[0]))
    return "\n".join(collect.markdown(found[["strategy", *sizes]]))


def overview(folders):
    """Return the rows of the default strategy on every study."""
    rows = []
    for results in folders:
        curves = Path(results) / "learning_curves"
        energies, compared = (read(curves, name) for name in ("savings", "comparison"))
        energies, compared = (part[part["strategy"] == DEFAULT] for part in (energies, compared))
        energies = energies[energies["quantity"] == ENERGY].sort_values("n_train")
        for _, point in energies[energies["n_train"] > energies["n_train"].min()].iterrows():
            here = compared[compared["n_train"] == point["n_train"]].set_index("quantity")
            row = {"set": Path(results).name, "frames": int(point["n_train"])}
            for name, quantity in (("energy RMSE (%)", ENERGY), ("force RMSE (%)", FORCE)):
                of = here.loc[quantity]
                row[name] = f"{of['difference_percent']:+.1f} ± {of['difference_percent_error']:.1f}"
            row["frames saved"] = saved(point)
            rows.append(row)
    return pd.DataFrame(rows)


def always_better(folders):
    """Return the strategies with lower energy errors than random ones at every size but the smallest of all studies.

    Returns
    -------
    strategies : list of str
    worst_force : float
        Largest difference (%) of the force errors of the default from those of the choice at random.
    """
    tables = []
    for results in folders:
        table = read(Path(results) / "learning_curves", "comparison")
        tables.append(table[table["n_train"] > table["n_train"].min()])
    found = pd.concat(tables)
    highest = found.groupby(["quantity", "strategy"])["difference_percent"].max()
    studies = pd.concat(tables, keys=range(len(tables))).reset_index(level=0).groupby("strategy")["level_0"].nunique()
    better = [name for name, value in highest[ENERGY].items() if value < 0 and studies[name] == len(tables)]
    return better, float(highest[FORCE, DEFAULT])


def stability(results, settings):
    """Return how often each delta has the lowest energy spread on random subsets of the frames."""
    results, clustering = Path(results), settings["clustering"]
    energies = files.read_table(results / "frames/table.csv")["energy_ev_per_atom"].to_numpy()
    medians = files.read_json(results / "kernels/kernels.json")["medians"]
    soap, coulomb = (np.load(results / f"kernels/{name}.npy") for name in ("soap", "coulomb"))
    wins = dict.fromkeys(clustering["deltas"], 0)
    for number in range(SUBSETS):
        random = np.random.default_rng(derive(settings["seed"], "stability", number))
        some = np.sort(random.choice(len(energies), round(SHARE * len(energies)), replace=False))
        summaries, part = [], np.ix_(some, some)
        for delta in clustering["deltas"]:
            labels, _, converged = scan.scan(
                kernels.hybrid_distance(soap[part], coulomb[part], delta, medians), energies[some],
                d_tol=clustering["d_tol"], n_clusters_max=clustering["n_clusters_max"], seed=settings["seed"],
                kind=clustering["affinity"], method=clustering["assign_labels"], solver="dense",
            )  # fmt: skip
            summaries.append({"delta": delta, **scan.summarise(labels, energies[some], converged), "coulomb_share": 0})
        table = deltas.compare_deltas(summaries)
        wins[deltas.choose_delta(table, clustering["choose_from"], clustering["choose_by"])["delta"]] += 1
    return wins


def spread_text(spread):
    """Return the spread of the squared distances of a kernel as text."""
    return " / ".join(f"{spread[name]:.2g}" for name in ("lowest", "median", "highest"))


def of_delta(results):
    """Return the row of a study in the table of delta."""
    results = Path(results)
    settings = config.read(ROOT / f"benchmarks/evidence/{results.name}.yaml")
    best, scales = files.read_json(results / "clusters/best.json"), files.read_json(results / "kernels/kernels.json")
    wins = stability(results, config.complete(settings))
    return {
        "set": results.name,
        "lowest, median, highest 2 - 2K of SOAP": spread_text(scales["spread"]["soap"]),
        "of the Coulomb matrix": spread_text(scales["spread"]["coulomb"]),
        "delta": f"{best['delta']:g}",
        "clusters": int(best["n_clusters"]),
        "<sigma>_E (meV/atom)": f"{best['mean_sigma_energy_mev_per_atom']:.1f}",
        "share of the Coulomb kernel": f"{100 * best['coulomb_share']:.0f} %",
        f"best on {SUBSETS} subsets": ", ".join(f"{delta:g}: {count}" for delta, count in wins.items() if count),
    }


def of_stop(path):
    """Return the table of the stop, a row per tolerance."""
    rows = pd.DataFrame(files.read_json(path)["rows"])
    found = []
    for tolerance, part in rows.groupby("energy_tolerance"):
        row = {"E_tol (meV/atom)": f"{tolerance:.2f}"}
        for rule, name in (("validation", "validation"), ("point_estimate", "paper's rule")):
            of = part[part["stop"] == rule].iloc[0]
            row[f"{name}: loops that stopped"] = f"{of['n_met']} of {of['n_loops']}"
            row[f"{name}: true error above E_tol"] = int(of["n_above_tolerance"])
            row[f"{name}: mean training frames"] = f"{of['mean_n_train']:.0f}"
        found.append(row)
    return pd.DataFrame(found)


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
            textwrap.fill(what, WIDTH),
            textwrap.fill(
                f"{blocks} blocks in {len(runs)} runs, guards of {min(guards)} to {max(guards)} frames, {len(draws)} "
                f"divisions. {settings['potential']['descriptor']} {tuned['n_max']}/{tuned['l_max']}, "
                f"{tuned['cutoff']:g} Å, {tuned['n_sparse']} points a species; {sigmas}.",
                WIDTH,
            ),
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
    parser.add_argument("--stop", type=Path, help="what generate_stop_coverage.py has written")
    arguments = parser.parse_args()
    better, force = always_better(arguments.results)
    of_default = OF_DEFAULT.format(default=DEFAULT, better=", ".join(better) or "none", force=force)
    parts = [HEAD, of_default, lines(overview(arguments.results)), OF_DELTA]
    parts.append(lines(pd.DataFrame(map(of_delta, arguments.results))))
    if arguments.stop:
        parts += [OF_STOP, lines(of_stop(arguments.stop))]
    with files.whole_file(PAGE) as temporary:
        parts += [section(path) for path in arguments.results]
        text = "\n\n".join(part.strip() for part in parts) + "\n"
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
