"""Fitting a GAP with the engine: the solution for one set of hyperparameters, from rows that were computed before.

The result equals that of gap_fit with the same sparse points. Method: doi:10.1103/PhysRevLett.104.136403 and
doi:10.1021/acs.chemrev.1c00022 (section 3.3, sparse Gaussian process regression on energies, forces and virials).
"""

import hashlib
import logging
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ase.data import atomic_numbers
from threadpoolctl import threadpool_limits

from gapglass.potential import basis, core, design
from gapglass.potential.cross_validation import SIGMAS
from gapglass.potential.engine import level, source_digest
from gapglass.potential.factors import JITTER, solve
from gapglass.potential.failures import FitFailed
from gapglass.potential.gap_xml import write_gap
from gapglass.potential.prior_mean import GUIDE_SCALE

log = logging.getLogger("gapglass")


def solution(rows, terms, hyperparameters, e0, guide=None):
    """Return the weights of the sparse points.

    Parameters
    ----------
    rows : Design
        Of the training frames.
    terms : list of Term
        From ``basis.choose``, to which ``rows`` belongs.
    hyperparameters : dict
        sigma_energy, sigma_force, sigma_virial, delta, two_body_delta, n_sparse.
    e0 : numpy.ndarray, shape (n_species,)
        Energies of isolated atoms (eV), in the order of ``rows.species``.
    guide : numpy.ndarray, shape (n_columns of rows,), optional
        Weights of the fit to a guide, of terms with an energy scale of 1 eV. It becomes the prior mean, with a factor
        that is fitted too and expected to be 1 within ``GUIDE_SCALE``.

    Returns
    -------
    alpha : numpy.ndarray, shape (m,)
        Of the sparse points of ``basis.part(terms, n_sparse)``.
    triangle, prior : numpy.ndarray, shape (m, m)
        R of the whole problem, see ``factors.solve``, and the covariances of the sparse points. With a guide, both
        have one more row and column, for its factor.

    Raises
    ------
    FitFailed
        When an expected error is not positive, the covariances of the sparse points are not positive definite, or the
        weights are not finite.
    """
    h = hyperparameters
    for name in SIGMAS:
        if not h[name] > 0:
            raise FitFailed(f"{name} is {h[name]}; it must be positive")
    taken = basis.columns_of_part(terms, int(h["n_sparse"]))
    used = basis.part(terms, int(h["n_sparse"]))
    deltas = basis.deltas(used, h)
    scale = basis.by_column(used, deltas**2)
    prior = _block_diagonal([delta**2 * term.among_points() for delta, term in zip(deltas, used, strict=True)])
    prior[np.diag_indices_from(prior)] += JITTER

    def scaled(found, labels, sigma):
        part = found[:, taken] * scale
        if guide is not None:
            known = found[:, : rows.columns] @ guide
            part, labels = np.column_stack([part, known]), labels - known
        return part / sigma, labels / sigma

    def parts():
        energies = rows.energy_rows(rows.classes)
        labels = energies[:, -3] - energies[:, rows.columns : -3] @ e0
        yield scaled(energies, labels, h["sigma_energy"])
        for factors, name in ((rows.forces, "sigma_force"), (rows.virials, "sigma_virial")):
            for of_class in rows.classes:
                yield scaled(*factors[of_class].parts(), h[name])

    if guide is not None:
        prior = _block_diagonal([prior, np.array([[1 / GUIDE_SCALE**2]])])

    # One thread: sums keep one order, so that a repeated fit gives the same digits; fits run side by side instead.
    with threadpool_limits(1):
        try:
            alpha, triangle = solve(parts(), prior)
        except np.linalg.LinAlgError as error:
            raise FitFailed(f"the covariances of the sparse points are not positive definite: {error}") from None
    if guide is not None:
        log.info("the guide enters with the factor %.3f", 1 + alpha[-1])
        alpha = alpha[:-1] + (1 + alpha[-1]) * guide[taken] / scale
    if not np.isfinite(alpha).all():
        raise FitFailed("the weights of the sparse points are not finite numbers")
    return alpha, triangle, prior


def write(target, terms, alpha, hyperparameters, e0, species, descriptor, tables=None):
    """Write the potential of a solution; equal potentials have equal labels.

    Parameters
    ----------
    target : path-like
        gap.xml.
    terms : list of Term
        From ``basis.choose``.
    alpha : numpy.ndarray
        From ``solution``.
    hyperparameters : dict
        Complete set.
    e0 : numpy.ndarray, shape (n_species,)
        eV.
    species : list of str
    descriptor : {"soap", "soap_turbo"}
    tables : dict, optional
        The repulsive core, from ``core.tables``.
    """
    used = basis.weighed(
        basis.part(terms, int(hyperparameters["n_sparse"])), alpha, hyperparameters, species, descriptor
    )
    digest = hashlib.sha256(b"".join(part.tobytes() for term in used for part in (term.points, term.alpha)))
    by_number = {atomic_numbers[symbol]: float(energy) for symbol, energy in zip(species, e0, strict=True)}
    # A label of its own, because files that belong to a potential name it.
    write_gap(target, f"gapglass_{digest.hexdigest()[:16]}", by_number, used, tables)


def log_text(rows, terms):
    """Return what was fitted, for a log: the engine, the terms and the numbers of rows."""
    n_energies, n_forces, n_virials = rows.n_rows()
    return "\n".join(
        [
            f"engine: sources {source_digest()}, SIMD level {level()}",
            *(f"{len(term.points)} sparse points: {term.descriptor}" for term in terms),
            f"{n_energies} frames, rows: {n_energies} of energies, {n_forces} of forces, {n_virials} of virials",
        ]
    )


def run_fit(
    frames, hyperparameters, target, *, descriptor, e0, virials, max_seconds, log_path, points_from=None, tables=None
):
    """Fit a potential in one go and write it to ``target``.

    Parameters
    ----------
    frames, hyperparameters, target, descriptor, e0, virials, max_seconds
        As for ``gap_fit.run_fit``.
    log_path : path-like
        Receives what was fitted: the engine, the terms and the numbers of rows.
    points_from : list of ase.Atoms, optional
        Frames among which sparse points are chosen; the training frames by default.
    tables : dict, optional
        The repulsive core, from ``core.tables``; it is subtracted from the labels and written into the potential.

    Returns
    -------
    dict
        fit_seconds (wall time), fit_cpu_seconds and peak_memory_mb (1 MB is 2**20 bytes) of this process.

    Raises
    ------
    FitFailed, EngineError
        With the reason; there is no file at ``target`` then.
    """
    species = sorted(e0)
    held = {symbol for frame in frames for symbol in frame.symbols}
    if held != set(species):
        raise FitFailed(f"e0 is given for {', '.join(species)}, the training frames hold {', '.join(sorted(held))}")
    start, cpu = time.monotonic(), time.process_time()
    with threadpool_limits(1), TemporaryDirectory(prefix="engine_fit-") as folder:
        terms = basis.choose(points_from or frames, hyperparameters, species, descriptor, folder)
        rows = design.compute(
            core.subtract(frames, tables), ["train"] * len(frames), terms, species, virials,
            folder, start + max_seconds,
        )  # fmt: skip
    given = np.array([e0[symbol] for symbol in species])
    alpha, _, _ = solution(rows, terms, hyperparameters, given)
    Path(log_path).write_text(log_text(rows, terms) + "\n")
    write(target, terms, alpha, hyperparameters, given, species, descriptor, tables)
    return costs(start, cpu)


def costs(start, cpu):
    """Return fit_seconds, fit_cpu_seconds and peak_memory_mb of this process since its clocks stood so."""
    return {
        "fit_seconds": round(time.monotonic() - start, 1),
        "fit_cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _block_diagonal(blocks):
    """Return a matrix of square blocks along its diagonal: terms do not correlate."""
    size = sum(map(len, blocks))
    out, first = np.zeros((size, size)), 0
    for block in blocks:
        out[first : first + len(block), first : first + len(block)] = block
        first += len(block)
    return out
