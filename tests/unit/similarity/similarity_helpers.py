"""Moved frames, and kernels from one row, for the tests of the room similarity."""

import numpy as np

from gapglass.similarity.rows import combine


def rotated(atoms):
    """Return the frame with positions and cell turned by a general rotation."""
    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    return turned


def translated(atoms):
    """Return the frame with all positions shifted."""
    moved = atoms.copy()
    moved.positions += [1.3, -0.4, 2.2]
    return moved


def permuted(atoms, rng):
    """Return the frame with its atoms in random order."""
    return atoms[rng.permutation(len(atoms))]


def both_kernels(
    *, products=None, moments=None, self_product=1.0, distances=None, coulomb_means=None, soap=None, coulomb=None
):
    """Return both kernels and their scales from one row that compares all frames with one another."""
    given = next(array for array in (products, moments, distances, coulomb_means) if array is not None)
    n = given.shape[-1]
    row, averaging = {}, {"soap": "fingerprint", "coulomb": "fingerprint"}
    if moments is not None:
        row |= {"moments": moments, "self_products": np.full(n, self_product), "n_atoms": np.ones(n)}
        averaging["soap"] = "environments"
    else:
        row["products"] = np.eye(n) if products is None else products
    if coulomb_means is not None:
        row["coulomb"] = coulomb_means
        averaging["coulomb"] = "environments"
    else:
        row["distances"] = 1 - np.eye(n) if distances is None else distances
    return combine(
        [row],
        [slice(0, n)],
        {"averaging": averaging["soap"], "degree": 4, "c0": 1.0, "slope": "auto", **(soap or {})},
        {"averaging": averaging["coulomb"], "zeta": "auto", **(coulomb or {})},
    )


def powers(first, second):
    """Return the means of (p_i.p_j)^k over all pairs of atoms, k = 0 ... 4, in float64."""
    products = first.astype(float) @ second.astype(float).T
    return np.array([(products**k).mean() for k in range(5)])
