"""Density clusters of the RMSD between frames (doi:10.1038/s41524-020-00367-7), a strategy of the learning curves."""

from itertools import pairwise

import numpy as np
from sklearn.cluster import HDBSCAN

from gapglass.base.errors import UserError


def rmsd(frames):
    """Return the root mean square deviation between frames after the best superposition.

    Positions are first unwrapped along the trajectory. Atoms of two frames correspond by their order. Source of the
    superposition: Kabsch, doi:10.1107/S0567739476001873.

    Parameters
    ----------
    frames : list of ase.Atoms
        Frames of one trajectory in the order of time.

    Returns
    -------
    numpy.ndarray, shape (n_frames, n_frames), Å
    """
    positions = [frames[0].positions]
    for before, now in pairwise(frames):
        step = now.positions @ np.linalg.inv(now.cell) - before.positions @ np.linalg.inv(before.cell)
        step -= np.round(step)
        positions.append(positions[-1] + step @ np.asarray(now.cell))
    centred = np.array([p - p.mean(axis=0) for p in positions])
    norms = np.square(centred).sum(axis=(1, 2))
    result = np.empty((len(frames), len(frames)))
    for i, reference in enumerate(centred):
        u, singular, v = np.linalg.svd(np.einsum("ja,njb->nab", reference, centred))
        singular[:, 2] *= np.sign(np.linalg.det(u) * np.linalg.det(v))  # Reflections are excluded.
        squared = (norms[i] + norms - 2 * singular.sum(axis=1)) / centred.shape[1]
        result[i] = np.sqrt(np.clip(squared, 0, None))
    np.fill_diagonal(result, 0.0)
    return result


def rmsd_clusters(frames, min_cluster_size):
    """Return the HDBSCAN clusters of the RMSD between the frames of each trajectory; -1 is noise.

    This follows the description of the selection by Sivaraman et al., doi:10.1038/s41524-020-00367-7. Frames of
    different trajectories have no common order of atoms and are never compared.

    Parameters
    ----------
    frames : list of ase.Atoms
        Canonical frames; ``info["trajectory"]`` names the trajectory.
    min_cluster_size : int

    Returns
    -------
    numpy.ndarray of int, shape (n_frames,)
        All frames of a trajectory with fewer than ``min_cluster_size`` frames are noise.

    Raises
    ------
    UserError
        When the frames of a trajectory differ in their atoms.
    """
    names = np.array([frame.info["trajectory"] for frame in frames])
    labels = np.full(len(frames), -1)
    for name in dict.fromkeys(names):
        here = np.flatnonzero(names == name)
        if len({frames[i].get_chemical_formula("reduce") for i in here}) > 1:
            raise UserError(
                f"trajectory {name!r} holds frames of different atoms, whose RMSD has no meaning; "
                "drop rmsd_hdbscan from learning_curves.strategies"
            )
        if len(here) < min_cluster_size:
            continue
        distances = rmsd([frames[i] for i in here])
        found = HDBSCAN(min_cluster_size=min_cluster_size, metric="precomputed", copy=True).fit_predict(distances)
        labels[here[found >= 0]] = found[found >= 0] + labels.max() + 1
    return labels
