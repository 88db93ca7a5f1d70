"""Similarity of frames: rows of raw comparisons, the two normalised kernels, their hybrid and its distance.

A row compares one block of frames with itself and those before it and holds what needs no knowledge of other frames: for
averaged fingerprints products p_A.p_B and L1 distances, for environments the mean powers of p_i.p_j over all pairs of atoms.
Slope, c0, zeta and normalisation come in when the rows are put together, so that new frames leave old rows valid. Only
the Coulomb kernel over environments needs its zeta first.
Source: Eq. 3, 6, 7 and 9-12 of doi:10.1111/jace.20128.
"""

import numpy as np

from gapglass.similarity.coulomb import whole_matrix
from gapglass.similarity.coulomb_environments import coulomb_environments
from gapglass.similarity.kernels import binomial, polynomial
from gapglass.similarity.matrices import positive_median
from gapglass.similarity.pairwise import coulomb_distances
from gapglass.similarity.soap_environments import soap_moments


def compare_blocks(block, other, settings):
    """Return the tile of two blocks of frames.

    Parameters
    ----------
    block, other : dict
        ``soap`` and ``coulomb``: lists with one array per frame, as ``descriptors`` returns them.
    settings : dict
        soap_averaging, coulomb_averaging, degree (for environments), packed (triangles, not eigenvalues), zeta (for
        environments).

    Returns
    -------
    dict of numpy.ndarray
        ``products`` or ``moments`` with ``self_products`` and ``n_atoms`` of the first block; ``distances`` or ``coulomb``.
    """
    tile = {}
    if settings["soap_averaging"] == "fingerprint":
        tile["products"] = np.array(block["soap"]) @ np.array(other["soap"]).T
    else:
        tile["moments"] = soap_moments(block["soap"], other["soap"], settings["degree"])
        tile["self_products"] = np.array([np.square(frame, dtype=np.float64).sum() for frame in block["soap"]])
        tile["n_atoms"] = np.array([len(frame) for frame in block["soap"]])
    if settings["coulomb_averaging"] == "fingerprint":
        tile["distances"] = coulomb_distances(block["coulomb"], other["coulomb"], settings["packed"])
    else:
        own = [whole_matrix(vector) for vector in block["coulomb"]]
        others = own if other is block else [whole_matrix(vector) for vector in other["coulomb"]]
        tile["coulomb"] = coulomb_environments(own, others, settings["zeta"])
    return tile


def compare_with_all(block, others, settings):
    """Return the row of a block: its tiles with all ``others``, itself last, one after the other along the last axis.

    Parameters
    ----------
    block : dict
    others : iterable of dict
        Read one at a time.
    settings : dict
        As for ``compare_blocks``.
    """
    tiles = [compare_blocks(block, other, settings) for other in others]
    alone = ("self_products", "n_atoms")
    return {
        name: tiles[0][name] if name in alone else np.concatenate([tile[name] for tile in tiles], axis=-1)
        for name in tiles[0]
    }


def combine(rows, places, soap, coulomb, allocate=None):
    """Return both normalised kernels from all rows, and the scales used.

    Parameters
    ----------
    rows : list of mapping
        From ``compare_with_all``, in the order in which blocks are compared; read one at a time, so files may be passed.
    places : list of slice
        The frames of every block.
    soap, coulomb : dict
        Sections ``kernels.soap`` and ``kernels.coulomb``; zeta must be a number where the rows were made with it.
    allocate : callable, optional
        (name, shape) -> array to fill, for matrices kept on disk; in memory by default.

    Returns
    -------
    soap, coulomb : numpy.ndarray, shape (n_frames, n_frames)
    scales : dict
        slope and zeta.
    """
    n_frames = max(place.stop for place in places)
    allocate = allocate or (lambda name, shape: np.empty(shape))
    slope, zeta = soap["slope"], coulomb["zeta"]
    if slope == "auto":
        slope = 1.0 / _mean_self_product(rows, soap["averaging"])
    if zeta == "auto":
        zeta = 1.0 / positive_median(lambda: _different(rows, "distances"))
    raw = {
        "soap": {
            "fingerprint": lambda row: polynomial(row["products"], soap["degree"], soap["c0"], slope),
            "environments": lambda row: binomial(row["moments"], soap["c0"], slope),
        }[soap["averaging"]],
        "coulomb": {
            "fingerprint": lambda row: np.exp(-zeta * row["distances"]),
            "environments": lambda row: row["coulomb"],
        }[coulomb["averaging"]],
    }
    soap_matrix, coulomb_matrix = (
        _fill(allocate(name, (n_frames, n_frames)), rows, places, values) for name, values in raw.items()
    )
    return soap_matrix, coulomb_matrix, {"slope": float(slope), "zeta": float(zeta)}


def _mean_self_product(rows, averaging):
    """Return the mean of p_A.p_A over frames, or of p_i.p_i over the atoms of all frames."""
    if averaging == "environments":
        return sum(row["self_products"].sum() for row in rows) / sum(row["n_atoms"].sum() for row in rows)
    own = [row["products"] for row in rows]
    return np.concatenate([np.diag(part[:, -len(part) :]) for part in own]).mean()


def _different(rows, name):
    """Return an iterator over the values of all pairs of different frames, each pair once."""
    for row in rows:
        values = row[name]
        n = len(values)
        yield values[:, :-n].ravel()
        yield values[:, -n:][np.triu_indices(n, 1)]


def _fill(matrix, rows, places, raw):
    """Normalise the rows and put them into their place and its mirror image; the diagonal becomes exactly 1 (Eq. 7)."""
    scale = np.empty(len(matrix))
    for row, place in zip(rows, places, strict=True):
        values = raw(row)
        scale[place] = 1 / np.sqrt(np.diag(values[:, -len(values) :]))
    for index, (row, place) in enumerate(zip(rows, places, strict=True)):
        values = raw(row)
        start = 0
        for partner in places[: index + 1]:
            part = values[:, start : start + partner.stop - partner.start] * np.outer(scale[place], scale[partner])
            start += part.shape[1]
            if partner == place:
                part = (part + part.T) / 2
                np.fill_diagonal(part, 1.0)
            matrix[place, partner] = part
            matrix[partner, place] = part.T
    return matrix
