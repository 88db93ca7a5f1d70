"""Rows of raw comparisons, and both normalised kernels (Eq. 3, 6, 7, 9, 10 of doi:10.1111/jace.20128) from all rows.

A row compares one block of frames with itself and all blocks before it. It contains only quantities that do not depend
on other frames: scalar products p_A.p_B and L1 distances for fingerprints, means of (p_i.p_j)^k over all pairs of
atoms for environments. Slope, c0, zeta and the normalisation are applied when the rows are combined, so that new
frames leave old rows valid. The Coulomb kernel over environments is the one exception: its rows depend on zeta.

The compiled loops are imported by the comparisons only, because a job that combines rows does not need them.
"""

from functools import partial

import numpy as np

from gapglass.similarity.kernels import binomial, laplacian, normalised, polynomial
from gapglass.similarity.matrices import positive_median

OF_THE_FIRST_BLOCK = ("self_products", "n_atoms")  # arrays that are equal in all tiles of a row


def compare_blocks(block, other, settings):
    """Return the tile of two blocks of frames.

    Parameters
    ----------
    block, other : dict
        ``soap`` and ``coulomb``: lists with one array per frame, from ``soap_features`` and ``coulomb_vector``.
    settings : dict
        soap_averaging, coulomb_averaging, degree (for SOAP environments), packed (whether the Coulomb vectors are
        triangles of matrices; for fingerprints), zeta (for Coulomb environments).

    Returns
    -------
    dict of numpy.ndarray
        ``products``, or ``moments`` with ``self_products`` and ``n_atoms`` of the frames of the first block;
        ``distances``, or ``coulomb``.
    """
    return _compare_soap(block["soap"], other["soap"], settings) | _compare_coulomb(
        block["coulomb"], other["coulomb"], settings
    )


def _compare_soap(left, right, settings):
    """Return the part of a tile that the SOAP kernel needs."""
    if settings["soap_averaging"] == "fingerprint":
        return {"products": np.array(left) @ np.array(right).T}
    from gapglass.similarity.soap_environments import soap_moments

    return {
        "moments": soap_moments(left, right, settings["degree"]),
        "self_products": np.array([np.square(frame, dtype=np.float64).sum() for frame in left]),
        "n_atoms": np.array([len(frame) for frame in left]),
    }


def _compare_coulomb(left, right, settings):
    """Return the part of a tile that the Coulomb kernel needs."""
    if settings["coulomb_averaging"] == "fingerprint":
        from gapglass.similarity.pairwise import coulomb_distances

        return {"distances": coulomb_distances(left, right, settings["packed"])}
    from gapglass.similarity.coulomb import whole_matrix
    from gapglass.similarity.coulomb_environments import coulomb_environments

    own = [whole_matrix(vector) for vector in left]
    others = own if right is left else [whole_matrix(vector) for vector in right]
    return {"coulomb": coulomb_environments(own, others, settings["zeta"])}


def compare_with_all(block, others, settings):
    """Return the row of a block: its tiles with all ``others``, joined along the last axis.

    Parameters
    ----------
    block : dict
        See ``compare_blocks``.
    others : iterable of dict
        The blocks before it and, as the last one, the block itself. One of them at a time is in memory.
    settings : dict
        See ``compare_blocks``.

    Returns
    -------
    dict of numpy.ndarray
    """
    tiles = [compare_blocks(block, other, settings) for other in others]
    return {
        name: first if name in OF_THE_FIRST_BLOCK else np.concatenate([tile[name] for tile in tiles], axis=-1)
        for name, first in tiles[0].items()
    }


def combine(rows, places, soap, coulomb, allocate=None):
    """Return both normalised kernels from all rows, and the scales used.

    Parameters
    ----------
    rows : list of mapping
        From ``compare_with_all``, in the order in which blocks are compared. Every array is read when it is needed, so
        the mappings may be open .npz files.
    places : list of slice
        The frames of every block.
    soap, coulomb : dict
        Sections ``kernels.soap`` and ``kernels.coulomb``; for environments zeta is the number with which the rows were
        computed.
    allocate : callable, optional
        (name, shape) -> array to fill, for matrices on disk; arrays in memory by default.

    Returns
    -------
    soap, coulomb : numpy.ndarray, shape (n_frames, n_frames)
    scales : dict
        slope and zeta.

    Raises
    ------
    UserError
        When zeta is auto and more than half of the distances are zero.
    """
    n_frames = max(place.stop for place in places)
    allocate = allocate or (lambda name, shape: np.empty(shape))
    slope, zeta = soap["slope"], coulomb["zeta"]
    if slope == "auto":
        slope = 1.0 / _mean_self_product(rows, soap["averaging"])
    if zeta == "auto":
        zeta = 1.0 / positive_median(partial(_different_frames, rows, "distances"))
    raw = {
        "soap": {
            "fingerprint": lambda row: polynomial(row["products"], soap["degree"], soap["c0"], slope),
            "environments": lambda row: binomial(row["moments"], soap["c0"], slope),
        }[soap["averaging"]],
        "coulomb": {
            "fingerprint": lambda row: laplacian(row["distances"], zeta),
            "environments": lambda row: row["coulomb"],
        }[coulomb["averaging"]],
    }
    soap_matrix, coulomb_matrix = (
        _fill(allocate(name, (n_frames, n_frames)), rows, places, values) for name, values in raw.items()
    )
    return soap_matrix, coulomb_matrix, {"slope": float(slope), "zeta": float(zeta)}


def _mean_self_product(rows, averaging):
    """Return the mean of p_A.p_A over all frames, or of p_i.p_i over the atoms of all frames."""
    if averaging == "environments":
        return sum(row["self_products"].sum() for row in rows) / sum(row["n_atoms"].sum() for row in rows)
    own = [row["products"] for row in rows]
    return np.concatenate([np.diag(part[:, -len(part) :]) for part in own]).mean()


def _different_frames(rows, name):
    """Yield the values of all pairs of different frames, each pair once."""
    for row in rows:
        values = row[name]
        n = len(values)
        yield values[:, :-n].ravel()
        yield values[:, -n:][np.triu_indices(n, 1)]


def _fill(matrix, rows, places, raw):
    """Return the matrix, filled with the normalised rows (Eq. 7) and their transposes; its diagonal is exactly 1.

    ``raw`` turns a row into its kernel before normalisation.
    """
    itself = np.empty(len(matrix))
    for row, place in zip(rows, places, strict=True):
        values = raw(row)
        itself[place] = np.diag(values[:, -len(values) :])
    for index, (row, place) in enumerate(zip(rows, places, strict=True)):
        values = raw(row)
        start = 0
        for partner in places[: index + 1]:
            stop = start + partner.stop - partner.start
            part = normalised(values[:, start:stop], itself[place], itself[partner])
            start = stop
            if partner == place:
                part = (part + part.T) / 2
                np.fill_diagonal(part, 1.0)
            matrix[place, partner] = part
            matrix[partner, place] = part.T
    return matrix
