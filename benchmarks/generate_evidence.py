"""Write docs/evidence.md: do chosen frames beat random ones? From finished learning curves of several studies.

    .venv/bin/python benchmarks/generate_evidence.py --stop stop.json results/gete results/b2o3 ...

``--stop`` is what ``generate_stop_coverage.py`` has written. ``--stability`` names a file that keeps how often each
delta wins, which takes minutes; it is read where it exists.

Beside a folder NAME, those of the studies NAME-guide (a guide as prior mean and as chooser), NAME-training (sparse
points from the training frames) and NAME-calibration are read where they are finished. The studies are those of
benchmarks/evidence, each run with ``snakemake learning_curves``. The data of most of them are not in this repository;
the head of each configuration names their source.
"""

import argparse
import textwrap
from pathlib import Path

import collect
import numpy as np
import pandas as pd

from gapglass.active_learning import learning_curves
from gapglass.base import files
from gapglass.base.seeds import derive
from gapglass.clustering import delta as deltas
from gapglass.clustering import scan
from gapglass.similarity import kernels
from gapglass.study import config

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/evidence.md"
ENERGY, FORCE = "rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"
DEFAULT = "residual_per_plateau"
TOGETHER = "residual"  # the same choice by the errors of all frames together
WIDTH = 118  # characters of a line
SUBSETS, SHARE = 20, 0.8  # of the frames, for the stability of delta
MARK = {"better": " **better**", "worse": " *worse*", "undecided": ""}
HEAD = """# Evidence: do chosen frames beat random ones?

`benchmarks/generate_evidence.py` writes this page from the learning curves of the studies in `benchmarks/evidence`.
[Choosing frames](explanation/selection.md) explains the strategies, the blocks of time and the comparison.

Every number is a mean over divisions of the frames into a pool, from which frames are chosen, and whole blocks of
time, which test the fits. All fits of a set have the same hyperparameters, tuned on a division that is not counted.
Energies are in meV/atom, forces in eV/Å. Differences are relative to the choice at random with the same number of
frames, with their standard error. **better** and *worse* mark differences that chance alone would reach with a
probability below 5 % (paired t test); among so many comparisons, one in twenty is marked by chance. The frames saved
are how many times as many frames a choice at random needs for the same error, with an interval of 95 %; `>` marks a
lower bound (the whole pool does not reach the error), `<` an upper bound.
"""


OF_DEFAULT = """
The default of `selection.strategy` is `{default}`. Strategies that lower the energy error on all sets below at every
size but the smallest: {better}. The force errors of `{default}` are at most {force:.1f} % above those of the choice at
random. Differences are from that choice at the same number of frames. For a glass, the colder frames count: the next
section compares both choices by errors on them.
"""
OF_COLDER = """
## The colder frames

This is the same comparison on the colder half of the temperatures alone (group `glass` of the learning curves).
`{default}` counts the errors of every plateau alike.
`{together}` counts those of all frames together, in which the errors of the hottest frames are largest.
"""
OF_DELTA = """
## The choice of δ

The table gives the spread of both kernels (squared distances of all pairs of frames before they are divided by their
medians), the δ with the lowest energy spread inside 0 < δ < 1, and how often each δ has the lowest spread on random
subsets of 80 % of the frames. The numbers of clusters are those of the default `clustering.d_tol`.
"""
OF_STOP = """
## The stop

A hundred loops ran on silica with 480 atoms, whose labels are exact because they come from Vashishta's potential. Each
loop sees another half of the blocks of time, and the other half gives its true error. `validation` divides its half as
the workflow does, chooses by `residual` and stops by the upper bound of the error on its validation blocks. The rule
of the paper draws frames at random, trains on 70 % of them, chooses expected errors by the error on the other 30 %,
and stops by this error. The tolerances are 1.1, 1.25, 1.5, 2 and 3 times the median true error of 80 training frames.
"""
OF_GUIDE = """
## A guide as prior mean

The guide is CHGNet 0.3.0, on the same frames (`benchmarks/generate_guide_labels.py`). The studies are
`benchmarks/evidence/*-guide.yaml`. Every choice is fitted without and with a fit to the guide's labels of the pool as
prior mean (without → with); hyperparameters, frames and sparse points are the same. Differences are between these two
fits, division by division. The labels saved are how many times as many labels a fit without the prior needs for the
same error.
"""
OF_CHOOSER = """
## The guide as chooser

`residual_guide` chooses as `residual`, by the errors of a fit to the guide's labels, so it reads no label but those of
the frames chosen; `residual` reads those of the whole pool. Differences are from the choice at random without a prior,
at the same number of labels. At the smallest number both choices begin evenly in time and are the same.
"""
OF_CALIBRATION = """
## The calibration of predicted deviations

The table gives the shares of the errors on the hold-out that lie inside one and two predicted standard deviations,
before → after the variances are scaled by a factor from a cross-validation over blocks of time inside the training
frames. Errors that are normally distributed as predicted would give 68.3 and 95.4 %. The variance of a label is the
sum of that of the fit and that of the expected error of the label.
"""
OF_TRAINING = """
## Sparse points from the training frames

These fits have the same divisions, but sparse points from the training frames of each fit instead of the pool
(`benchmarks/evidence/*-training.yaml`). The errors are those with sparse points of the pool → of the training frames.
Differences are from the choice at random with sparse points from its training frames.
"""


def lines(rows):
    """Return a table as text."""
    return "\n".join(collect.markdown(rows))


def described(path):
    """Return the lines of comment at the head of a configuration as text, without the first, and its settings."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = [line.lstrip("# ").strip() for line in lines if line.startswith("#")][1:]
    return " ".join(line for line in comment if not line.startswith(("Command", "The section"))), config.read(path)


def read(curves, name, sparse_from="pool", prior="none"):
    """Return a table of the learning curves, its rows of all groups of frames with these sparse points and prior."""
    found = files.read_table(curves / f"{name}.csv")
    return learning_curves.selected(found[found["group"] == "all"], sparse_from, prior)


def beside(results, kind):
    """Return the learning curves of the studies NAME-kind that are finished beside folders NAME, by NAME."""
    found = {Path(path).name: Path(f"{path}-{kind}") / "learning_curves" for path in results}
    return {name: curves for name, curves in found.items() if (curves / "summary.csv").is_file()}


def change(point, mark=True):
    """Return the text of a difference with its error, from a row of ``comparison``."""
    text = f"{point['difference_percent']:+.1f} ± {point['difference_percent_error']:.1f}"
    return text + MARK[point["verdict"]] * mark


def counted(comparison, what):
    """Return a sentence that counts the verdicts of rows of ``comparison``, for energies and forces."""
    parts = []
    for name, quantity in (("energy", ENERGY), ("force", FORCE)):
        of = comparison.loc[comparison["quantity"] == quantity, "verdict"]
        better, worse = (int((of == verdict).sum()) for verdict in ("better", "worse"))
        parts.append(f"the {name} error is lower in {better} of {len(of)} cases and higher in {worse}")
    return textwrap.fill(f"{what}, {', and '.join(parts)}; the others are undecided.", WIDTH)


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
                row[name] = change(of, mark=False)
            row["frames saved"] = saved(point)
            rows.append(row)
    return pd.DataFrame(rows)


def colder(folders):
    """Return the rows of both choices by errors on the colder frames of every study that has them."""
    rows = []
    for results in folders:
        found = learning_curves.selected(files.read_table(Path(results) / "learning_curves/comparison.csv"))
        found = found[(found["group"] == "glass") & (found["n_train"] > found["n_train"].min())]
        found = found.set_index(["strategy", "quantity", "n_train"])
        for size in sorted({size for strategy, _, size in found.index if strategy == DEFAULT}):
            row = {"set": Path(results).name, "frames": int(size)}
            for strategy in (TOGETHER, DEFAULT):
                for short, quantity in (("energy", ENERGY), ("force", FORCE)):
                    row[f"{strategy}: {short} (%)"] = change(found.loc[(strategy, quantity, size)])
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


def of_prior(studies, strategy):
    """Return the part of the page on a guide as prior mean of the fits on the frames of a strategy."""
    rows, compared = [], []
    for name, curves in studies.items():
        results = files.read_table(curves / "results.csv")
        results = results[
            (results["group"] == "all") & results["strategy"].isin([strategy, learning_curves.WHOLE_POOL])
        ]
        means = learning_curves.summarise(results).set_index(["strategy", "prior", "n_train"]).loc[strategy]
        ratios = learning_curves.savings(results, seed=1, baseline=strategy).set_index(["n_train", "quantity"])
        differences = learning_curves.compare(results, baseline=strategy)
        compared.append(differences)
        differences = differences.set_index(["n_train", "quantity"])
        for size in sorted(means.loc["none"].index):
            row = {"set": name, "labels": int(size), "divisions": int(means.loc[("none", size), "n_draws"])}
            for short, quantity, digits in (("energy", ENERGY, 2), ("force", FORCE, 3)):
                plain, guided = (means.loc[(prior, size), quantity] for prior in ("none", "guide"))
                row[f"{short} RMSE"] = f"{plain:.{digits}f} → {guided:.{digits}f}"
                row[f"{short} (%)"] = change(differences.loc[(size, quantity)])
                row[f"labels saved ({short})"] = saved(ratios.loc[(size, quantity)])
            rows.append(row)
    return [counted(pd.concat(compared), f"Frames chosen by `{strategy}`: with the prior"), lines(pd.DataFrame(rows))]


def of_chooser(studies):
    """Return the part of the page on the choice by the errors of a fit to a guide."""
    rows, compared = [], []
    for name, curves in studies.items():
        tables = {prior: [read(curves, table, prior=prior) for table in ("comparison", "savings")]
                  for prior in ("none", "guide")}  # fmt: skip
        plain = tables["none"][0]
        of_guide = plain[plain["strategy"] == "residual_guide"]
        compared.append(of_guide[of_guide["n_train"] > of_guide["n_train"].min()])
        for size in sorted(of_guide["n_train"].unique()):
            row = {"set": name, "labels": int(size)}
            for text, strategy, prior in (
                ("residual_guide", "residual_guide", "none"),
                ("residual", "residual", "none"),
                ("residual_guide and prior", "residual_guide", "guide"),
            ):
                here, ratios = (
                    part[(part["strategy"] == strategy) & (part["n_train"] == size)].set_index("quantity")
                    for part in tables[prior]
                )
                row[f"{text}: energy (%)"] = change(here.loc[ENERGY])
                row[f"{text}: force (%)"] = change(here.loc[FORCE])
                row[f"{text}: frames saved"] = saved(ratios.loc[ENERGY])
            rows.append(row)
    what = "Against frames at random, above the smallest number of labels"
    return [counted(pd.concat(compared), what), lines(pd.DataFrame(rows))]


def of_calibration(results):
    """Return the rows of the calibration of predicted deviations, of the first study of each set that has it."""
    rows = []
    for path in results:
        folders = [
            Path(f"{path}{kind}") / "learning_curves/calibration.csv" for kind in ("", "-guide", "-calibration")
        ]
        for found in [files.read_table(folder) for folder in folders if folder.is_file()][:1]:
            for quantity, part in found.groupby("quantity", sort=False):
                before, after = (part[part["scaled"] == scaled].iloc[0] for scaled in (False, True))
                row = {"set": Path(path).name, "frames": f"{int(after['n_train'])}, {after['strategy']}"}
                row["error of"] = quantity
                for name, text in (("inside_1_sigma", "inside 1 (%)"), ("inside_2_sigma", "inside 2 (%)")):
                    row[text] = (
                        f"{100 * before[name]:.0f} → {100 * after[name]:.0f} ± {100 * after[f'{name}_error']:.0f}"
                    )
                digits = 1 if quantity == "energy" else 3
                row["mean deviation"] = f"{before['mean_sigma']:.{digits}f} → {after['mean_sigma']:.{digits}f}"
                row["factor of the variance"] = f"{after['scale']:.2f} ± {after['scale_error']:.2f}"
                rows.append(row)
    return rows


def of_training(results, studies):
    """Return the part of the page on sparse points from the training frames."""
    rows, compared = [], []
    base = {Path(path).name: Path(path) / "learning_curves" for path in results}
    for name, curves in studies.items():
        keys = ["strategy", "n_train"]
        pool = read(base[name], "summary").set_index(keys)
        means, differences, ratios = (
            read(curves, table, "training") for table in ("summary", "comparison", "savings")
        )
        compared.append(differences[differences["strategy"] == TOGETHER])
        differences, ratios = (table.set_index([*keys, "quantity"]) for table in (differences, ratios))
        for (strategy, size), point in means.set_index(keys).iterrows():
            row = {"set": name, "strategy": strategy, "frames": int(size)}
            for short, quantity, digits in (("energy", ENERGY, 2), ("force", FORCE, 3)):
                before = (
                    f"{pool.loc[(strategy, size), quantity]:.{digits}f}" if (strategy, size) in pool.index else "-"
                )
                row[f"{short} RMSE"] = f"{before} → {point[quantity]:.{digits}f}"
                of = (strategy, size, quantity)
                row[f"{short} (%)"] = change(differences.loc[of]) if of in differences.index else ""
            of = (strategy, size, ENERGY)
            row["frames saved"] = saved(ratios.loc[of]) if of in ratios.index else ""
            rows.append(row)
    what = f"Against frames at random, with frames chosen by `{TOGETHER}`"
    return [counted(pd.concat(compared), what), lines(pd.DataFrame(rows))]


def of_delta(results, known):
    """Return the row of a study in the table of delta; ``known`` keeps how often each delta wins, by study."""
    results = Path(results)
    settings = config.read(ROOT / f"benchmarks/evidence/{results.name}.yaml")
    best, scales = files.read_json(results / "clusters/best.json"), files.read_json(results / "kernels/kernels.json")
    if results.name not in known:
        wins = stability(results, config.complete(settings))
        known[results.name] = {f"{delta:g}": count for delta, count in wins.items() if count}
    return {
        "set": results.name,
        "lowest, median, highest 2 - 2K of SOAP": spread_text(scales["spread"]["soap"]),
        "of the Coulomb matrix": spread_text(scales["spread"]["coulomb"]),
        "delta": f"{best['delta']:g}",
        "clusters": int(best["n_clusters"]),
        "<sigma>_E (meV/atom)": f"{best['mean_sigma_energy_mev_per_atom']:.1f}",
        "share of the Coulomb kernel": f"{100 * best['coulomb_share']:.0f} %",
        f"best on {SUBSETS} subsets": ", ".join(f"{delta}: {count}" for delta, count in known[results.name].items())
        or "not computed",
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
    parser.add_argument("--stability", type=Path, help="file that keeps how often each delta wins")
    arguments = parser.parse_args()
    better, force = always_better(arguments.results)
    of_default = OF_DEFAULT.format(default=DEFAULT, better=", ".join(better) or "none", force=force)
    parts = [HEAD, "## The default", textwrap.fill(of_default, WIDTH), lines(overview(arguments.results))]
    parts += [OF_COLDER.format(default=DEFAULT, together=TOGETHER), lines(colder(arguments.results)), OF_DELTA]
    kept = arguments.stability
    known = files.read_json(kept) if kept and kept.is_file() else {}
    parts.append(lines(pd.DataFrame([of_delta(path, known) for path in arguments.results])))
    if kept:
        files.write_json(kept, known)
    if studies := beside(arguments.results, "guide"):
        parts += [OF_GUIDE, *of_prior(studies, "random"), *of_prior(studies, TOGETHER)]
        parts += [OF_CHOOSER, *of_chooser(studies)]
    if rows := of_calibration(arguments.results):
        parts += [OF_CALIBRATION, lines(pd.DataFrame(rows))]
    if studies := beside(arguments.results, "training"):
        parts += [OF_TRAINING, *of_training(arguments.results, studies)]
    if arguments.stop:
        parts += [OF_STOP, lines(of_stop(arguments.stop))]
    with files.whole_file(PAGE) as temporary:
        parts += [section(path) for path in arguments.results]
        text = "\n\n".join(part.strip() for part in parts) + "\n"
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
