"""Write docs/evidence-glass.md, which says whether the choice of frames makes a better glass or only a better fit.

    .venv/bin/python benchmarks/generate_evidence_glass.py benchmarks/results/downstream.json

The file is what ``generate_downstream.py`` has written. The verdict is computed from its numbers.
"""

import argparse
import textwrap
from pathlib import Path

import collect
import numpy as np
import pandas as pd
from generate_downstream import CHOSEN, KINDS, RANDOM, TRUTH

from gapglass.base import files
from gapglass.structure import wright

PAGE = Path(__file__).resolve().parents[1] / "docs/evidence-glass.md"
WIDTH = 118  # characters of a line
SIGNIFICANCE = 0.05
NO_SPREAD = 1e-9  # below which values are equal, and there is nothing to test
FEWEST = 5  # replicas for a verdict; with fewer, a t test sees hardly any difference
R_MIN = 1.0  # Å, from which R_X is summed, as in the studies
ERRORS = {"rmse_energy_mev_per_atom": "energy RMSE (meV/atom)", "rmse_force_ev_per_angstrom": "force RMSE (eV/Å)"}
CURVES = {"r_x": "R_X of G_X(r) (%)", "s_x_rms": "rms difference of S_X(q)"}
# By what glasses are compared; for all of them the best value is that of the truth.
MEASURES = {
    **CURVES,
    "energy": "true energy at its minimum (meV/atom)",
    "si_4fold": "Si with 4 O (%)",
    "si_0fold": "Si without O (%)",
    "o_2fold": "O with 2 Si (%)",
    "si_o_si_mean": "Si-O-Si, mean (°)",
    "si_o_si_width": "Si-O-Si, width (°)",
    "o_si_o_mean": "O-Si-O, mean (°)",
    "o_si_o_width": "O-Si-O, width (°)",
    "o_si_peak": "first peak Si-O (Å)",
    "o_o_peak": "first peak O-O (Å)",
    "si_si_peak": "first peak Si-Si (Å)",
    "too_close": "frames with a pair too close (%)",
}
HEAD = """# Evidence: does the choice make a better glass?

`benchmarks/generate_evidence_glass.py` writes this page from the glasses of `benchmarks/generate_downstream.py`.
[Evidence](evidence.md) shows by how much the default choice of frames lowers the error of a potential. This page asks
whether the glass that the potential makes is a better one.

The labels are those of Vashishta's potential for silica, so the true glass is known: it is quenched with that
potential itself. The frames are those of the glass in `config/studies/sio2-vashishta.yaml`. Each of the {n} replicas
divides their blocks of time anew into a pool and a hold-out. From the pool, `{chosen}` and chance take {n_train}
frames each; sparse points and hyperparameters are the same. Both potentials and the true one then quench {n_atoms}
atoms by one thermal cycle of 60 ps, from the same start with the same velocities. Structure is taken from the last
three quarters of the plateau at 300 K.
"""
OF_TABLE = """
Means over the replicas with their standard errors; the difference is that of pairs with one start. R_X and the
difference of S_X(q) compare a glass with the mean of the true glasses of the other replicas, so the column of the
truth tells what a perfect potential would reach. The energy is that of the true potential at the minimum next to the
last frame, relative to the mean of the true glasses. A glass is closer to the truth or farther from it where the
difference of the pairs is significant (paired t test, {level:.0f} % level over all measures by Holm's method).
"""
OF_PLATEAUS = """
Errors on the held-out frames of each temperature (root of the mean square over the replicas), and the training frames
of that temperature (mean over the replicas).
"""


def numbers(glasses):
    """Return the values of every glass in the table of measures.

    Parameters
    ----------
    glasses : list of dict
        As from ``generate_downstream.run``.

    Returns
    -------
    pandas.DataFrame
        kind, replica, the names of ``ERRORS`` and of ``MEASURES``; replicas of which a glass exploded are left out.
        ``energy`` is in meV/atom above the mean of the true glasses, ``r_x`` and ``too_close`` are in percent.
    """
    failed = {glass["replica"] for glass in glasses if glass["exploded"]}
    here = [glass for glass in glasses if glass["replica"] not in failed]
    truth = {glass["replica"]: glass for glass in here if glass["kind"] == TRUTH}
    if len(truth) < FEWEST:
        raise SystemExit(f"{len(truth)} replicas with three glasses; a verdict needs {FEWEST}")
    level = np.mean([glass["energy"] for glass in truth.values()])
    rows = []
    for glass in here:
        others = [of for replica, of in truth.items() if replica != glass["replica"]]
        row = {"kind": glass["kind"], "replica": glass["replica"], **{name: glass.get(name) for name in ERRORS}}
        row |= {name: glass[name] for name in MEASURES if name not in CURVES}
        row |= {"energy": 1000 * (glass["energy"] - level), "too_close": 100 * glass["too_close"]}
        rows.append(row | differences(glass, others))
    return pd.DataFrame(rows).sort_values(["kind", "replica"], ignore_index=True)


def differences(glass, others):
    """Return R_X (%) and the rms difference of S_X(q) of a glass from the mean of others."""
    used = np.array(glass["r"]) >= R_MIN
    mean = {name: np.mean([of[name] for of in others], axis=0) for name in ("g_x", "s_x")}
    return {
        "r_x": 100 * wright.wright_parameter(mean["g_x"][used], np.array(glass["g_x"])[used]),
        "s_x_rms": float(np.sqrt(np.mean((np.array(glass["s_x"]) - mean["s_x"]) ** 2))),
    }


def of_means(glasses, table):
    """Return R_X (%) of the mean G_X(r) of every kind but the truth against the mean of the truth.

    For a perfect potential it would be that of single true glasses times sqrt((2/n) / (1 + 1/(n-1))), returned as
    ``truth``.
    """
    replicas = sorted(set(table["replica"]))
    r = np.array(glasses[0]["r"])

    def mean(kind):
        curves = [glass["g_x"] for glass in glasses if glass["kind"] == kind and glass["replica"] in replicas]
        return np.mean(curves, axis=0)[r >= R_MIN]

    n = len(replicas)
    found = {kind: 100 * wright.wright_parameter(mean(TRUTH), mean(kind)) for kind in (CHOSEN, RANDOM)}
    alone = table.loc[table["kind"] == TRUTH, "r_x"].mean()
    return found | {TRUTH: float(alone * np.sqrt((2 / n) / (1 + 1 / (n - 1))))}


def holm(p_values):
    """Return p values adjusted for their number by Holm's method; NaN (no spread) becomes 1.

    S. Holm, Scand. J. Statist. 6 (1979) 65.
    """
    p = np.nan_to_num(np.asarray(p_values, float), nan=1.0)
    order, adjusted, worst = np.argsort(p), np.ones(len(p)), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = worst
    return adjusted


def compare(table):
    """Return for every measure the three means, their differences, and which choice is closer to the truth.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``numbers``.

    Returns
    -------
    pandas.DataFrame
        measure; mean and standard error of every kind; difference (chosen minus random, over pairs), its error and
        p_value; off_chosen and off_random (whether the mean differs from the truth, Welch's t test); verdict:
        ``closer`` or ``farther`` (the chosen one, from the truth) or ``undecided``. All tests count as significant
        after Holm's correction.
    """
    from scipy.stats import ttest_ind, ttest_rel

    of = {kind: table[table["kind"] == kind].set_index("replica") for kind in KINDS}
    rows = []
    for name in MEASURES:
        values = {kind: part[name].to_numpy(float) for kind, part in of.items()}
        row = {"measure": name}
        for kind, found in values.items():
            row |= {kind: found.mean(), f"{kind}_error": found.std(ddof=1) / np.sqrt(len(found))}
        pairs = values[CHOSEN] - values[RANDOM]
        row |= {"difference": pairs.mean(), "difference_error": pairs.std(ddof=1) / np.sqrt(len(pairs))}
        # Without any spread (no frame too close in any glass) there is nothing to test.
        spread = {kind: np.ptp(np.concatenate([values[TRUTH], values[kind]])) > NO_SPREAD for kind in (CHOSEN, RANDOM)}
        row["p_value"] = ttest_rel(values[CHOSEN], values[RANDOM]).pvalue if np.ptp(pairs) > NO_SPREAD else np.nan
        for kind, name_of in ((CHOSEN, "p_chosen"), (RANDOM, "p_random")):
            test = ttest_ind(values[kind], values[TRUTH], equal_var=False) if spread[kind] else None
            row[name_of] = test.pvalue if test else np.nan
        rows.append(row)
    found = pd.DataFrame(rows)
    for name, adjusted in (("p_chosen", "off_chosen"), ("p_random", "off_random"), ("p_value", "seen")):
        found[adjusted] = holm(found[name]) < SIGNIFICANCE
    nearer = (found[CHOSEN] - found[TRUTH]).abs() < (found[RANDOM] - found[TRUTH]).abs()
    found["verdict"] = np.where(~found["seen"], "undecided", np.where(nearer, "closer", "farther"))
    return found.drop(columns=["seen"])


def errors(table):
    """Return how both errors of the potentials compare: means with standard errors, ratio, p value of paired logs."""
    from scipy.stats import ttest_1samp

    rows = []
    of = {kind: table[table["kind"] == kind].set_index("replica") for kind in (CHOSEN, RANDOM)}
    for name in ERRORS:
        row = {"quantity": name}
        for kind, part in of.items():
            row |= {kind: part[name].mean(), f"{kind}_error": part[name].std(ddof=1) / np.sqrt(len(part))}
        logs = np.log(of[CHOSEN][name] / of[RANDOM][name])
        row |= {"ratio": float(np.exp(logs.mean())), "p_value": float(ttest_1samp(logs, 0.0).pvalue)}
        rows.append(row)
    return pd.DataFrame(rows)


def verdict(of_errors, of_glass):
    """Return the answer in one sentence, from ``errors`` and ``compare``.

    Returns
    -------
    kind : {"better glass", "worse glass", "mixed", "only a lower error", "neither"}
    text : str
    """
    energy = of_errors.set_index("quantity").loc["rmse_energy_mev_per_atom"]
    lower = energy["p_value"] < SIGNIFICANCE and energy["ratio"] < 1
    error = (
        f"The choice lowers the energy error to {100 * energy['ratio']:.0f} % of that of random frames "
        f"(p = {energy['p_value']:.2g})"
        if lower
        else f"The choice does not lower the energy error for certain (ratio {energy['ratio']:.2f}, "
        f"p = {energy['p_value']:.2g})"
    )
    names = {
        kind: [MEASURES[name] for name in of_glass.loc[of_glass["verdict"] == kind, "measure"]]
        for kind in ("closer", "farther")
    }
    n, listed = len(of_glass), {kind: "; ".join(found) for kind, found in names.items()}
    if names["closer"] and names["farther"]:
        return "mixed", (
            f"{error}, and its glass is closer to the truth in {len(names['closer'])} of {n} measures "
            f"({listed['closer']}) and farther from it in {len(names['farther'])} ({listed['farther']})."
        )
    if names["closer"]:
        return "better glass", (
            f"{error}, and it makes a better glass: closer to the truth in {len(names['closer'])} of {n} measures "
            f"({listed['closer']}), farther in none."
        )
    if names["farther"]:
        return "worse glass", (
            f"{error}, and it makes a worse glass: farther from the truth in {len(names['farther'])} of {n} measures "
            f"({listed['farther']}), closer in none."
        )
    if lower:
        return "only a lower error", f"{error}, but no better glass is seen: none of {n} measures tells the two apart."
    return "neither", f"{error}, and none of {n} measures tells the two glasses apart."


def related(table):
    """Return Spearman's rank correlation of the energy error with how far a glass is from the truth, and p values."""
    from scipy.stats import spearmanr

    models, found = table[table["kind"] != TRUTH], []
    for name in ("r_x", "s_x_rms", "energy"):
        rho, p_value = spearmanr(models["rmse_energy_mev_per_atom"], models[name])
        found.append((MEASURES[name], float(rho), float(p_value)))
    return found


def bare_atoms(table):
    """Return in words how many glasses of every kind hold bare atoms, with Fisher's test of both choices."""
    from scipy.stats import fisher_exact

    bare = {kind: (table.loc[table["kind"] == kind, "si_0fold"] > 0).sum() for kind in KINDS}
    n = table["replica"].nunique()
    p = fisher_exact([[bare[kind], n - bare[kind]] for kind in (CHOSEN, RANDOM)]).pvalue
    return (
        f"Si atoms without any O, a false minimum of a potential ([Bare atoms](explanation/bare-atoms.md)), are left "
        f"in {bare[RANDOM]} of {n} glasses from random frames, in {bare[CHOSEN]} from chosen ones and in "
        f"{bare[TRUTH]} true ones (chosen against random: p = {p:.2g}, Fisher's exact test)."
    )


def intervals(of_glass, n):
    """Return for some measures the interval (95 %) of the difference between the choices, from ``compare``."""
    from scipy.stats import t

    found, factor = of_glass.set_index("measure"), t.ppf(0.975, n - 1)
    return [
        (MEASURES[name], row["difference"] - factor * row["difference_error"],
         row["difference"] + factor * row["difference_error"])
        for name, row in found.loc[["r_x", "energy", "si_4fold", "si_o_si_mean"]].iterrows()
    ]  # fmt: skip


def with_error(value, error):
    """Return value and error as text, the error with two digits."""
    if not np.isfinite(error) or error == 0:
        return f"{value:.3g}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def rows_of(of_errors, of_glass):
    """Return the rows of the table of the page."""
    rows = []
    for _, row in of_errors.iterrows():
        rows.append(
            {
                "": ERRORS[row["quantity"]],
                "truth": "",
                **{kind: with_error(row[kind], row[f"{kind}_error"]) for kind in (CHOSEN, RANDOM)},
                "difference": f"ratio {row['ratio']:.2f}, p = {row['p_value']:.2g}",
                "chosen frames are": "",
            }
        )
    for _, row in of_glass.iterrows():
        texts = {kind: with_error(row[kind], row[f"{kind}_error"]) for kind in KINDS}
        for kind, off in ((CHOSEN, "off_chosen"), (RANDOM, "off_random")):
            texts[kind] += " *" if row[off] else ""
        rows.append(
            {
                "": MEASURES[row["measure"]],
                "truth": texts[TRUTH],
                CHOSEN: texts[CHOSEN],
                RANDOM: texts[RANDOM],
                "difference": with_error(row["difference"], row["difference_error"]),
                "chosen frames are": {"undecided": "", "closer": "**closer**", "farther": "*farther*"}[row["verdict"]],
            }
        )
    return pd.DataFrame(rows)


def page(data):
    """Return the text of the page.

    Parameters
    ----------
    data : dict
        What ``generate_downstream.py`` has written.
    """
    glasses = data["glasses"]
    table = numbers(glasses)
    of_errors, of_glass = errors(table), compare(table)
    n, failed = table["replica"].nunique(), [glass for glass in glasses if glass["exploded"]]
    head = HEAD.format(n=n, chosen=CHOSEN, n_train=data["n_train"], n_atoms=data["n_atoms"])
    _, answer = verdict(of_errors, of_glass)
    off = {kind: int(of_glass[name].sum()) for kind, name in ((CHOSEN, "off_chosen"), (RANDOM, "off_random"))}
    curves = of_means(glasses, table)
    said = [
        answer,
        f"Of {len(of_glass)} measures, {off[CHOSEN]} of the chosen frames and {off[RANDOM]} of the random ones differ "
        "from the truth for certain (marked by *). R_X of the mean G_X(r) over all replicas is "
        f"{curves[CHOSEN]:.1f} % with chosen frames and {curves[RANDOM]:.1f} % with random ones. A perfect "
        f"potential would have about {curves[TRUTH]:.1f} %, because two means of {n} quenches differ by chance.",
        "What these replicas leave open: the difference, chosen minus random, is (95 %) "
        + "; ".join(f"from {low:+.2g} to {high:+.2g} for {name}" for name, low, high in intervals(of_glass, n))
        + ".",
        "Over all fitted potentials, the rank correlation of the energy error with the distance from the truth is "
        + ", ".join(f"{rho:+.2f} (p = {p:.2g}) for {name}" for name, rho, p in related(table))
        + ".",
    ]
    said.insert(1, bare_atoms(table))
    if failed:
        kinds = ", ".join(f"{glass['kind']} {glass['replica']}" for glass in failed)
        said.append(f"Quenches that exploded ({kinds}) leave out their replicas: {len(failed)} of {len(glasses)}.")
    return (
        "\n\n".join(
            [
                *filled(head),
                "## Verdict",
                *(textwrap.fill(text, WIDTH) for text in said),
                "## The glasses",
                *filled(OF_TABLE.format(level=100 * SIGNIFICANCE)),
                "\n".join(collect.markdown(rows_of(of_errors, of_glass))),
                "## The errors of every plateau",
                *filled(OF_PLATEAUS + by_plateau(glasses)),
                "\n".join(collect.markdown(plateaus(glasses))),
            ]
        )
        + "\n"
    )


def filled(text):
    """Return the paragraphs of a text with lines of even width; headings stay."""
    return [textwrap.fill(part, WIDTH) for part in text.strip().split("\n\n")]


def by_plateau(glasses):
    """Return in words at which temperatures the choice has the lower errors."""
    found, said = plateaus(glasses), []
    for what in ERRORS.values():
        lower = found[f"{what}, {CHOSEN}"] < found[f"{what}, {RANDOM}"]
        here = {"lower": found.loc[lower, "plateau"], "higher": found.loc[~lower, "plateau"]}
        texts = [f"{word} at {', '.join(of)}" for word, of in here.items() if len(of)]
        said.append(f"the {what.split(' (')[0]} of the chosen frames is {' and '.join(texts)}")
    return f"Compared with random frames, {'; '.join(said)}.\n"


def plateaus(glasses):
    """Return the rows of the errors by temperature: root of the mean square over replicas, and training frames."""
    of = {kind: [glass for glass in glasses if glass["kind"] == kind] for kind in (CHOSEN, RANDOM)}
    rows = []
    for place, plateau in enumerate(of[CHOSEN][0]["plateaus"]):
        kelvin = plateau["temperature_k"]
        row = {"plateau": f"{kelvin:g} K"}
        for name, what in ERRORS.items():
            for kind, made in of.items():
                squares = [glass["plateaus"][place][name] ** 2 for glass in made]
                row[f"{what}, {kind}"] = float(np.sqrt(np.mean(squares)))
        for kind, made in of.items():
            row[f"training frames, {kind}"] = float(np.mean([glass["temperatures_k"].count(kelvin) for glass in made]))
        rows.append(row)
    return pd.DataFrame(rows)


def main():
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("glasses", type=Path, help="what generate_downstream.py has written")
    arguments = parser.parse_args()
    text = page(files.read_json(arguments.glasses))
    with files.whole_file(PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
