"""The terms of a potential with their sparse points, which a fit weighs: chosen from frames, without labels.

Covariances are kept with an energy scale (delta) of 1 eV, because every other scale only multiplies rows and columns.
"""

import re
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from gapglass.base.files import whole_file
from gapglass.frames import geometry
from gapglass.potential import _engine, sparse_points
from gapglass.potential.descriptor_text import many_body_text
from gapglass.potential.engine import EngineError, arrays, call, level
from gapglass.potential.failures import FitFailed
from gapglass.potential.gap_xml import Term, write_gap

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


def two_body_texts(hyperparameters, species):
    """Return the descriptor text of the two-body term of each pair of species, by ascending atomic numbers."""
    h, numbers = hyperparameters, sorted(atomic_numbers[symbol] for symbol in species)
    return [
        f"distance_2b cutoff={h['two_body_cutoff']} cutoff_transition_width={TRANSITION} covariance_type=ard_se "
        f"theta_uniform={h['two_body_theta']} delta={h['two_body_delta']} Z1={b} Z2={a}"
        for i, a in enumerate(numbers)
        for b in numbers[i:]
    ]


def pair_of(text):
    """Return the pair of species, "O-Si", of the descriptor text of a two-body term."""
    numbers = (int(re.search(rf"\b{name}=(\d+)", text).group(1)) for name in ("Z1", "Z2"))
    return "-".join(sorted(chemical_symbols[number] for number in numbers))


def choose(frames, hyperparameters, species, descriptor, folder):
    """Return the terms of a potential with their sparse points, weights of zero and energy scales of 1 eV.

    Parameters
    ----------
    frames : list of ase.Atoms
        Where sparse points are chosen; labels are not read.
    hyperparameters : dict
        The names of ``hyperparameters.GEOMETRY``, and ``n_sparse``.
    species : list of str
    descriptor : {"soap", "soap_turbo"}
    folder : path-like
        For files that the engine reads.

    Returns
    -------
    list of Term
        A two-body term for every pair of species, then a many-body term for every species. A term has fewer points
        than asked for where the others are explained to rounding.

    Raises
    ------
    EngineError
        When the engine refuses a descriptor or a frame.
    FitFailed
        When no frame has an environment of a species.
    """
    h = {**hyperparameters, "delta": 1.0, "two_body_delta": 1.0}
    numbers = sorted(atomic_numbers[symbol] for symbol in species)
    symbol_of = {atomic_numbers[symbol]: symbol for symbol in species}
    terms = _two_body_terms(
        frames, h, species, [(a, b) for i, a in enumerate(numbers) for b in numbers[i:]], symbol_of
    )
    bare = [
        Term(text, "dot_product", 1.0, float(h["zeta"]), np.zeros((1, 1)), np.ones(1), np.zeros(1))
        for text in many_body_texts(h, species, descriptor)
    ]
    for term in bare:
        term.points = np.zeros((1, call(_engine.components, term.descriptor)))
    potential, evaluator = compiled(bare, {}, folder)
    for index, term in enumerate(bare):
        holding = [
            (number, frame) for number, frame in enumerate(frames, 1) if (frame.numbers == numbers[index]).any()
        ]
        if not holding:
            raise FitFailed(f"the frames hold no environment of {symbol_of[numbers[index]]}")
        stride = sparse_points.frame_stride(frames, numbers[index])
        found = np.concatenate(
            [
                for_frame(number, len(frames), _engine.descriptors, evaluator, potential, index, *arrays(frame))
                for number, frame in holding[::stride]
            ]
        )
        chosen = sparse_points.pivoted_cholesky(found, h["zeta"], h["n_sparse"])
        # QUIP's soap ends with a component that is always zero.
        points = np.zeros((len(chosen), term.points.shape[1]))
        points[:, : found.shape[1]] = found[chosen]
        ones, zeros = np.ones(len(chosen)), np.zeros(len(chosen))
        terms.append(Term(term.descriptor, "dot_product", 1.0, term.power, points, ones, zeros))
    return terms


def _two_body_terms(frames, h, species, pairs, symbol_of):
    """Return the distance terms, with sparse points between the closest distance in the frames and the cutoff."""
    closest = geometry.closest_of(frames)
    cutoff, terms = float(h["two_body_cutoff"]), []
    for (a, b), text in zip(pairs, two_body_texts(h, species), strict=True):
        name = "-".join(sorted((symbol_of[a], symbol_of[b])))
        points = sparse_points.distances(closest.get(name, np.inf), cutoff, h["two_body_n_sparse"])
        fade = np.where(
            points > cutoff - TRANSITION, 0.5 * (1 + np.cos(np.pi * (points - cutoff + TRANSITION) / TRANSITION)), 1.0
        )
        terms.append(
            Term(text, "ard_se", 1.0, float(h["two_body_theta"]), points[:, None], fade, np.zeros(len(points)))
        )
    return terms


def compiled(terms, e0, folder):
    """Return the compiled potential and evaluator of terms, by way of a file, which is the engine's one entrance."""
    path = Path(folder) / "basis.xml"
    write_gap(path, "basis", e0, terms)
    potential = call(_engine.Potential.read, str(path))
    return potential, call(_engine.Evaluator, potential, level())


def for_frame(number, n_frames, function, *arguments):
    """Call the engine on a frame; what it refuses becomes a message with the number of the frame."""
    try:
        return function(*arguments)
    except _engine.Error as error:
        raise EngineError(f"frame {number} of the {n_frames} to fit: {error}") from None


def part(terms, n_sparse):
    """Return terms with at most ``n_sparse`` points for every many-body term: nested, the first ones of each."""
    return [
        term
        if term.covariance == "ard_se"
        else Term(
            term.descriptor, term.covariance, term.delta, term.power,
            term.points[:n_sparse], term.cutoff[:n_sparse], term.alpha[:n_sparse],
        )
        for term in terms
    ]  # fmt: skip


def columns_of_part(terms, n_sparse):
    """Return the columns of the design matrix of ``terms`` that belong to ``part(terms, n_sparse)``."""
    taken, first = [], 0
    for term in terms:
        m = len(term.points)
        taken.append(first + np.arange(m if term.covariance == "ard_se" else min(m, n_sparse)))
        first += m
    return np.concatenate(taken)


def weighed(terms, alpha, hyperparameters, species, descriptor):
    """Return terms with energy scales and weights, as a potential's file holds them.

    Parameters
    ----------
    terms : list of Term
        From ``choose``.
    alpha : numpy.ndarray, shape (m,)
    hyperparameters : dict
        Complete set.
    species, descriptor
        As for ``choose``.
    """
    texts = [*two_body_texts(hyperparameters, species), *many_body_texts(hyperparameters, species, descriptor)]
    found, first = [], 0
    for term, text, delta in zip(terms, texts, deltas(terms, hyperparameters), strict=True):
        m = len(term.points)
        found.append(
            Term(text, term.covariance, float(delta), term.power, term.points, term.cutoff, alpha[first : first + m])
        )
        first += m
    return found


def unscaled(terms):
    """Return terms of a potential's file with energy scales of 1 eV, as ``choose`` makes them."""
    return [
        Term(
            re.sub(r"\bdelta=\S+", "delta=1.0", term.descriptor),
            term.covariance, 1.0, term.power, term.points, term.cutoff, term.alpha,
        )
        for term in terms
    ]  # fmt: skip


def deltas(terms, hyperparameters):
    """Return the energy scale (eV) of every term."""
    names = {"ard_se": "two_body_delta", "dot_product": "delta"}
    return np.array([float(hyperparameters[names[term.covariance]]) for term in terms])


def by_column(terms, values):
    """Return one value per term as one per column of the design matrix."""
    return np.repeat(values, [len(term.points) for term in terms])


def write(path, terms):
    """Write terms without weights (.npz)."""
    stored = {}
    for number, term in enumerate(terms):
        stored |= {f"points_{number}": term.points, f"cutoff_{number}": term.cutoff}
    with whole_file(path) as temporary:
        np.savez(
            temporary,
            descriptor=[term.descriptor for term in terms],
            covariance=[term.covariance for term in terms],
            power=[term.power for term in terms],
            **stored,
        )


def read(path):
    """Return the terms of a file of ``write``."""
    with np.load(path) as stored:
        return [
            Term(str(text), str(kind), 1.0, float(power), points, stored[f"cutoff_{i}"], np.zeros(len(points)))
            for i, (text, kind, power) in enumerate(
                zip(stored["descriptor"], stored["covariance"], stored["power"], strict=True)
            )
            for points in [stored[f"points_{i}"]]
        ]
