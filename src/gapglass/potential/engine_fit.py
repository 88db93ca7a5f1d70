"""Fitting a GAP with the engine: rows of the design matrix frame by frame, in memory that does not grow with frames.

The result equals that of gap_fit with the same sparse points. Method: doi:10.1103/PhysRevLett.104.136403 and
doi:10.1021/acs.chemrev.1c00022 (section 3.3, sparse Gaussian process regression on energies, forces and virials).
"""

import hashlib
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ase.data import atomic_numbers
from threadpoolctl import threadpool_limits

from gapglass.base.progress import Progress
from gapglass.frames import geometry
from gapglass.potential import _engine, sparse_points
from gapglass.potential.descriptor_text import many_body_text
from gapglass.potential.engine import EngineError, arrays, call, level, source_digest
from gapglass.potential.factors import Factor, solve
from gapglass.potential.failures import FitFailed
from gapglass.potential.gap_xml import Term, write_gap

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # xx yy zz yz xz xy, the order of the rows
LABELS = ("energies", "forces", "virials")
TRANSITION = 0.5  # Å, over which the cutoff function of a two-body term falls


def many_body_texts(hyperparameters, species, descriptor):
    """Return the descriptor text of the many-body term of each species, by ascending atomic number."""
    numbers = sorted(atomic_numbers[symbol] for symbol in species)
    if descriptor == "soap":
        text, listed = many_body_text(hyperparameters, numbers), " ".join(map(str, numbers))
        return [
            f"{text} covariance_type=dot_product n_species={len(numbers)} Z={number} species_Z={{{listed}}}"
            for number in numbers
        ]
    return [
        f"{many_body_text(hyperparameters, numbers, index)} delta={hyperparameters['delta']}"
        for index in range(1, len(numbers) + 1)
    ]


def _read(folder, terms, e0):
    """Return the compiled potential and evaluator of terms, by way of a file, which is the engine's one entrance."""
    path = Path(folder) / "basis.xml"
    write_gap(path, "basis", e0, terms)
    potential = call(_engine.Potential.read, str(path))
    return potential, call(_engine.Evaluator, potential, level())


def _for_frame(number, n_frames, function, *arguments):
    """Call the engine on a frame; what it refuses becomes a message with the number of the frame."""
    try:
        return function(*arguments)
    except _engine.Error as error:
        raise EngineError(f"frame {number} of the {n_frames} to fit: {error}") from None


def basis(frames, hyperparameters, species, descriptor, folder):
    """Return the terms of a potential with their sparse points, and weights of zero.

    Parameters
    ----------
    frames : list of ase.Atoms
        Where sparse points are chosen; labels are not read.
    hyperparameters : dict
        Complete set, see ``config/README.md``.
    species : list of str
    descriptor : {"soap", "soap_turbo"}
    folder : path-like
        For files that the engine reads.

    Returns
    -------
    list of Term
        A two-body term for every pair of species, then a many-body term for every species.

    Raises
    ------
    EngineError
        When the engine refuses a descriptor or a frame.
    FitFailed
        When no frame has an environment of a species.
    """
    h = hyperparameters
    numbers = sorted(atomic_numbers[symbol] for symbol in species)
    symbol_of = {atomic_numbers[symbol]: symbol for symbol in species}
    terms = _two_body_terms(frames, h, [(a, b) for i, a in enumerate(numbers) for b in numbers[i:]], symbol_of)
    bare = [
        Term(text, "dot_product", float(h["delta"]), float(h["zeta"]), np.zeros((1, 1)), np.ones(1), np.zeros(1))
        for text in many_body_texts(h, species, descriptor)
    ]
    for term in bare:
        term.points = np.zeros((1, call(_engine.components, term.descriptor)))
    potential, evaluator = _read(folder, bare, {})
    for index, term in enumerate(bare):
        found = np.concatenate(
            [
                _for_frame(number, len(frames), _engine.descriptors, evaluator, potential, index, *arrays(frame))
                for number, frame in enumerate(frames, 1)
            ]
        )
        chosen = sparse_points.pivoted_cholesky(found, h["zeta"], h["n_sparse"])
        if not len(chosen):
            raise FitFailed(f"the frames hold no environment of {symbol_of[numbers[index]]}")
        # QUIP's soap ends with a component that is always zero.
        points = np.zeros((len(chosen), term.points.shape[1]))
        points[:, : found.shape[1]] = found[chosen]
        terms.append(
            Term(
                term.descriptor,
                "dot_product",
                term.delta,
                term.power,
                points,
                np.ones(len(chosen)),
                np.zeros(len(chosen)),
            )
        )
    return terms


def _two_body_terms(frames, h, pairs, symbol_of):
    """Return the distance terms, with sparse points between the closest distance in the frames and the cutoff."""
    closest = {}
    for frame in frames:
        for pair, distance in geometry.closest_pairs(frame).items():
            closest[pair] = min(distance, closest.get(pair, np.inf))
    cutoff, terms = float(h["two_body_cutoff"]), []
    for a, b in pairs:
        name = "-".join(sorted((symbol_of[a], symbol_of[b])))
        points = sparse_points.distances(closest.get(name, np.inf), cutoff, h["two_body_n_sparse"])
        fade = np.where(
            points > cutoff - TRANSITION, 0.5 * (1 + np.cos(np.pi * (points - cutoff + TRANSITION) / TRANSITION)), 1.0
        )
        text = (
            f"distance_2b cutoff={cutoff} cutoff_transition_width={TRANSITION} covariance_type=ard_se "
            f"theta_uniform={h['two_body_theta']} delta={h['two_body_delta']} Z1={b} Z2={a}"
        )
        terms.append(
            Term(
                text, "ard_se", float(h["two_body_delta"]), float(h["two_body_theta"]), points[:, None], fade,
                np.zeros(len(points)),
            )
        )  # fmt: skip
    return terms


def accumulate(frames, terms, e0, virials, folder, deadline=None):
    """Return the factors of energies, forces and virials of frames.

    Energies and virials are divided by the square root of the number of atoms, because their expected errors grow with
    it; so are their rows.

    Parameters
    ----------
    frames : list of ase.Atoms
        With REF_energy, REF_forces and, where known, REF_virial.
    terms : list of Term
    e0 : dict
        Species -> eV.
    virials : bool
    folder : path-like
    deadline : float, optional
        Time (``time.monotonic``) after which the fit stops.

    Returns
    -------
    list of Factor
        Energy (eV), forces (eV/Å), virial (eV).

    Raises
    ------
    FitFailed
        When a label is no finite number, or the deadline has passed.
    """
    by_number = {atomic_numbers[symbol]: energy for symbol, energy in e0.items()}
    potential, evaluator = _read(folder, terms, by_number)
    factors = [Factor(potential.columns) for _ in range(3)]
    progress = Progress(len(frames), "frames taken in")
    for count, frame in enumerate(frames, 1):
        if deadline is not None and time.monotonic() > deadline:
            raise FitFailed(
                f"the fit was stopped after {count - 1} of {len(frames)} frames (active_learning.max_fit_time)"
            )
        energy, forces, virial = _for_frame(count, len(frames), _engine.rows, evaluator, potential, *arrays(frame))
        root = np.sqrt(len(frame))
        label = frame.info["REF_energy"] - sum(by_number[number] for number in frame.numbers)
        labels = [np.array([label / root]), np.asarray(frame.arrays["REF_forces"], float).ravel(), np.zeros(0)]
        rows = [energy[None] / root, forces, virial[:0]]
        if virials and "REF_virial" in frame.info:
            stated = np.reshape(frame.info["REF_virial"], (3, 3))
            labels[2] = np.array([0.5 * (stated[i, j] + stated[j, i]) for i, j in VOIGT]) / root
            rows[2] = virial / root
        if not all(np.isfinite(part).all() for part in labels):
            raise FitFailed(f"a label of training frame {count} of {len(frames)} is not a finite number")
        for factor, part, of_part in zip(factors, rows, labels, strict=True):
            factor.add(part, of_part)
        progress.update(count)
    return factors


def run_fit(frames, hyperparameters, target, *, descriptor, e0, virials, max_seconds, log_path):
    """Fit a potential with the engine and write it to ``target``.

    Parameters
    ----------
    frames, hyperparameters, target, descriptor, e0, virials, max_seconds
        As for ``gap_fit.run_fit``.
    log_path : path-like
        Receives what was fitted: the engine, the terms and the numbers of rows.

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
    h = hyperparameters
    sigmas = [h["sigma_energy"], h["sigma_force"], h["sigma_virial"]]
    for name in ("sigma_energy", "sigma_force", "sigma_virial"):
        if not h[name] > 0:
            raise FitFailed(f"{name} is {h[name]}; it must be positive")
    start, cpu = time.monotonic(), time.process_time()
    # One thread: sums keep one order, so that a repeated fit gives the same digits; fits run side by side instead.
    with threadpool_limits(1), TemporaryDirectory(prefix="engine_fit-") as folder:
        terms = basis(frames, h, species, descriptor, folder)
        factors = accumulate(frames, terms, e0, virials, folder, start + max_seconds)
        prior = _block_diagonal([term.among_points() for term in terms])
        try:
            alpha, _ = solve(factors, sigmas, prior)
        except np.linalg.LinAlgError as error:
            raise FitFailed(f"the covariances of the sparse points are not positive definite: {error}") from None
    if not np.isfinite(alpha).all():
        raise FitFailed("the weights of the sparse points are not finite numbers")
    first = 0
    for term in terms:
        term.alpha = alpha[first : first + len(term.points)]
        first += len(term.points)
    lines = [f"engine: sources {source_digest()}, SIMD level {level()}"]
    lines += [f"{len(term.points)} sparse points: {term.descriptor}" for term in terms]
    rows = ", ".join(f"{factor.n_rows} of {name}" for factor, name in zip(factors, LABELS, strict=True))
    lines.append(f"{len(frames)} frames, rows: {rows}")
    Path(log_path).write_text("\n".join(lines) + "\n")
    digest = hashlib.sha256(b"".join(part.tobytes() for term in terms for part in (term.points, term.alpha)))
    # A label of its own, because files that belong to a potential name it.
    write_gap(
        target,
        f"gapglass_{digest.hexdigest()[:16]}",
        {atomic_numbers[symbol]: energy for symbol, energy in e0.items()},
        terms,
    )
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
