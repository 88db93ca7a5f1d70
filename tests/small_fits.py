"""Fits of some tens of sparse points on the frames of ``potentials``: what the tests of fits by the engine share."""

from functools import lru_cache

import numpy as np
import potentials
from ase.io import read

from gapglass.potential import basis, design, engine_fit, hyperparameters

SPECIES = ["O", "Te"]
HYPERPARAMETERS = {
    "cutoff": 4.0, "cutoff_width": 0.5, "n_max": 4, "l_max": 2, "atom_sigma": 0.5, "zeta": 4, "delta": 0.5,
    "n_sparse": 20, "two_body_cutoff": 4.0, "two_body_delta": 2.0, "two_body_theta": 1.0, "two_body_n_sparse": 6,
    "sigma_energy": 0.002, "sigma_force": 0.1, "sigma_virial": 0.05,
}  # fmt: skip
GEOMETRY = {name: HYPERPARAMETERS[name] for name in hyperparameters.GEOMETRY}


@lru_cache
def _frames():
    return read(potentials.FRAMES, ":")


def frames(number=12):
    """Return copies of frames that are evenly spaced over the data set of TeO2, with all labels."""
    every = _frames()
    return [every[place].copy() for place in np.linspace(0, len(every) - 1, number).astype(int)]


def terms_of(chosen, folder, descriptor="soap_turbo", **changes):
    """Return the terms of a small potential with sparse points from frames."""
    return basis.choose(chosen, HYPERPARAMETERS | changes, SPECIES, descriptor, folder)


def rows_of(chosen, terms, folder, classes=None, virials=True):
    """Return the design of frames, which all belong to the class ``train`` unless their classes are given."""
    return design.compute(chosen, classes or ["train"] * len(chosen), terms, SPECIES, virials, folder)


def weights_of(rows, terms, e0=None, **changes):
    """Return the weights of the sparse points for a design."""
    e0 = rows.e0(rows.classes) if e0 is None else e0
    return engine_fit.solution(rows, terms, HYPERPARAMETERS | changes, e0)[0]


def write(path, rows, terms, e0=None, descriptor="soap_turbo", **changes):
    """Solve the potential of a design and write it to ``path``, which is returned."""
    h = HYPERPARAMETERS | changes
    e0 = rows.e0(rows.classes) if e0 is None else e0
    alpha, _, _ = engine_fit.solution(rows, terms, h, e0)
    engine_fit.write(path, terms, alpha, h, e0, SPECIES, descriptor)
    return path


def normal(rows):
    """Return K^T K and K^T y of the energies without e0, the forces and the virials of a design."""
    energies, e0 = rows.energy_rows(rows.classes), rows.e0(rows.classes)
    parts = {"energy": [(energies[:, : rows.columns], energies[:, -3] - energies[:, rows.columns : -3] @ e0)]}
    for name, factors in (("force", rows.forces), ("virial", rows.virials)):
        parts[name] = [factors[of_class].parts() for of_class in rows.classes]
    return {
        name: (sum(found.T @ found for found, _ in part), sum(found.T @ labels for found, labels in part))
        for name, part in parts.items()
    }


def assert_same_rows(rows, wanted, factors=None, tolerance=1e-10):
    """Assert that two designs have the same normal equations, those of a kind times its number in ``factors``."""
    found, wanted = normal(rows), normal(wanted)
    for name, pair in found.items():
        for mine, other in zip(pair, wanted[name], strict=True):
            scaled = (factors or {}).get(name, 1.0) * other
            assert np.abs(scaled).max() > 0 and np.abs(mine - scaled).max() < tolerance * np.abs(scaled).max(), name
