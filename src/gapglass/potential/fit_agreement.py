"""Proof that the engine's fit is that of gap_fit: both solve one small problem with the same sparse points.

gap_fit chooses the sparse points and its own weights; the engine computes its rows for these points and solves for the
weights anew. Agreement of the weights (where the radial basis leaves their digits meaning, n_max up to 6) and of what
both potentials give on other frames shows that rows, expected errors, virials, e0 and core are treated alike.
"""

import tempfile
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from gapglass.potential import basis, core, design, engine, engine_fit, gap_fit
from gapglass.potential.gap_xml import read_terms, write_gap

ATOMS = 400  # of the frames that are fitted; one frame at least
TESTED = 3  # other frames
SPREAD = 12  # frames taken evenly from all, so that few of them cover every trajectory
SMALL = {"n_sparse": 50, "two_body_n_sparse": 10}
LIMITS = {"weights": 1e-4, "energy": 1e-6, "force": 1e-4}  # relative, eV/atom, eV/Å
MOST_RADIAL = 6  # n_max beyond which weights are not compared


def compare(frames, hyperparameters, *, descriptor, e0, virials, tables, seed, max_seconds):
    """Fit the first frames with gap_fit and with the engine, and compare weights and predictions.

    Parameters
    ----------
    frames : list of ase.Atoms
        With labels; the first ones, up to ``ATOMS`` atoms, are fitted, some of the others are tested on.
    hyperparameters : dict
        Complete set; fewer sparse points are taken.
    descriptor, e0, virials, seed, max_seconds
        As for ``gap_fit.run_fit``.
    tables : dict or None
        The repulsive core.

    Returns
    -------
    dict
        ``agrees``, n_train, n_test, ``weights`` (relative norm of the difference; None with n_max above 6), ``energy``
        (eV/atom) and ``force`` (eV/Å), the largest differences of both potentials on frames that were not fitted.

    Raises
    ------
    FitFailed, ProgramKilled
        As for ``gap_fit.run_fit``.
    """
    small = {**hyperparameters, **{name: min(number, hyperparameters[name]) for name, number in SMALL.items()}}
    n_train = max(1, int(np.searchsorted(np.cumsum([len(frame) for frame in frames]), ATOMS, side="right")))
    train, test = frames[:n_train], frames[n_train : n_train + TESTED] or frames[:1]
    species = sorted(e0)
    with tempfile.TemporaryDirectory(prefix="fit_agreement-") as folder:
        judge, ours = Path(folder) / "judge.xml", Path(folder) / "ours.xml"
        gap_fit.run_fit(
            train, small, judge, descriptor=descriptor, e0=e0, virials=virials, seed=seed, max_seconds=max_seconds,
            log_path=Path(folder) / "log", core=tables,
        )  # fmt: skip
        judged = read_terms(judge)
        wanted, terms = np.concatenate([term.alpha for term in judged]), basis.unscaled(judged)
        fitted = core.subtract(train, tables)
        rows = design.compute(fitted, ["train"] * len(fitted), terms, species, virials, folder)
        given = np.array([e0[symbol] for symbol in species])
        alpha, _, _ = engine_fit.solution(rows, terms, small, given)
        # gap_fit has an order of its own for the terms, so their texts stay with them.
        for term, weights in zip(
            judged, np.split(alpha, np.cumsum([len(term.points) for term in terms])[:-1]), strict=True
        ):
            term.alpha = weights
        write_gap(ours, "ours", {atomic_numbers[symbol]: energy for symbol, energy in e0.items()}, judged, tables)
        energies, forces = engine.predict(ours, test)
        energies_of_judge, forces_of_judge = engine.predict(judge, test)
    sizes = np.array([len(frame) for frame in test])
    found = {
        "n_train": len(train),
        "n_test": len(test),
        "weights": float(np.linalg.norm(alpha - wanted) / np.linalg.norm(wanted)),
        "energy": float(np.abs((energies - energies_of_judge) / sizes).max()),
        "force": float(max(np.abs(a - b).max() for a, b in zip(forces, forces_of_judge, strict=True))),
    }
    if small["n_max"] > MOST_RADIAL:
        found["weights"] = None
    return {**found, "agrees": all(found[name] is None or found[name] <= limit for name, limit in LIMITS.items())}
