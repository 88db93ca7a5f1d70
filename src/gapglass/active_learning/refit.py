"""The fit of a potential with harvested frames: its hyperparameters and sparse points stay, points and frames come in.

A guide stays too: its weights belong to the sparse points that were there, and are zero for those that come.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from threadpoolctl import threadpool_limits

from gapglass.active_learning.trial import solve_and_write
from gapglass.frames import isolated
from gapglass.potential import basis, core, design, engine_fit, environments, variance

CLASS = "train"


def run(target, potential, posterior, known, new, hyperparameters, settings, *, imported, given, tables, outputs):
    """Fit a potential on its own training frames and harvested ones, and write it.

    Parameters
    ----------
    target : path-like
        gap.xml to write.
    potential, posterior : path-like
        gap.xml and posterior.npz of the potential without harvested frames.
    known, new : list of ase.Atoms
        Its training frames and the harvested ones, with labels.
    hyperparameters : dict
        The complete set of the potential.
    settings : object
        Attributes descriptor and virials.
    imported : dict
        frames/import.json: species, virials and isolated_atom_energies.
    given : dict
        Species -> eV of isolated atoms that are not fitted.
    tables : dict or None
        The repulsive core of the potential.
    outputs : mapping
        Paths ``variance``, ``posterior`` and ``log``.

    Returns
    -------
    dict
        hyperparameters (with the new number of sparse points), n_train, n_harvested and the costs of the fit.

    Raises
    ------
    FitFailed, EngineError
        As for a fit of the loop.
    """
    start, cpu = time.monotonic(), time.process_time()
    atoms = isolated.frames(imported.get("isolated_atom_energies") or {})
    terms, own = environments.widened(potential, known, new)
    frames = [*known, *new, *atoms]
    classes = [*[CLASS] * (len(frames) - len(atoms)), *[isolated.CLASS] * len(atoms)]
    with threadpool_limits(1), TemporaryDirectory(prefix="refit-") as folder:
        virials = settings.virials and imported["virials"]
        rows = design.compute(core.subtract(frames, tables), classes, terms, imported["species"], virials, folder)
    h = {**hyperparameters, "n_sparse": max(len(term.points) for term in terms if term.covariance == "dot_product")}
    before = variance.Posterior(potential, posterior)
    guide = None
    if len(before.guide):
        guide = np.zeros(rows.columns)
        # They are kept for terms with their energy scales, and rows have scales of 1 eV.
        guide[own] = before.guide * basis.by_column(terms, basis.deltas(terms, h) ** 2)[own]
    solve_and_write(
        target, rows, terms, h, settings.descriptor, given, tables, (outputs["variance"], outputs["posterior"]),
        before.scales, guide,
    )  # fmt: skip
    Path(outputs["log"]).write_text(engine_fit.log_text(rows, terms) + "\n")
    return {
        "hyperparameters": h,
        "n_train": len(known) + len(new),
        "n_harvested": len(new),
        **engine_fit.costs(start, cpu),
    }
