"""Choosing frames: nested databases drawn from every cluster, and the other ways that learning curves compare them with.

Source: section 2.4 of doi:10.1111/jace.20128; sizes: iteration n takes n x I_perc of the frames.
"""

from itertools import pairwise

import numpy as np
from sklearn.cluster import HDBSCAN

from gapglass.errors import UserError
from gapglass.seeds import derive


def database_size(iteration, increment, n_frames):
    """Return the number of frames in the database of an iteration, counted from 1: n x I_perc of all, at least 4."""
    return int(min(n_frames, max(4, round(iteration * increment * n_frames))))


def allocate(sizes, total, weights=None):
    """Share ``total`` picks among clusters in proportion to a weight, at least one each where that is possible.

    Parameters
    ----------
    sizes : sequence of int
        Members of each cluster.
    total : int
        At most sum(sizes).
    weights : sequence of float, optional
        Not negative; the sizes by default.

    Returns
    -------
    numpy.ndarray of int
        Picks per cluster, none above the cluster's size, summing to ``total``.
    """
    sizes = np.asarray(sizes)
    if total >= sizes.sum():
        return sizes.copy()
    weights = sizes if weights is None or not np.any(weights) else np.asarray(weights)
    picks = np.zeros(len(sizes), dtype=int)
    first = np.argsort(-weights, kind="stable")[:total]
    picks[first] = 1
    ideal = weights / weights.sum() * total
    while picks.sum() < total:
        # the cluster furthest below its share, full ones left out
        gap = np.where(picks < sizes, ideal - picks, -np.inf)
        picks[gap.argmax()] += 1
    return picks


def allocation_weights(labels, energies, allocation, seed):
    """Return the weight of each cluster in an allocation.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n_frames,)
    energies : numpy.ndarray, shape (n_frames,), eV/atom
    allocation : {"proportional", "equal", "energy_spread"}
        Cluster size (the paper), the same for all, or size times the standard deviation of the energy in the cluster
        (Neyman's allocation: it makes the mean energy of the sample least uncertain).
    seed : int
        With equal shares it decides which clusters get the frames that are left over.

    Returns
    -------
    numpy.ndarray, shape (n_clusters,)
        In the order of ``numpy.unique(labels)``.
    """
    names, sizes = np.unique(labels, return_counts=True)
    if allocation == "proportional":
        return sizes.astype(float)
    if allocation == "equal":
        # clusters are numbered by energy: without a tie-break the lowest would always get what is left over
        return 1 + 1e-9 * np.random.default_rng(derive(seed, "equal shares")).permutation(len(names))
    return sizes * np.array([energies[labels == name].std() for name in names])


def farthest_points(distances, start, count):
    """Return ``count`` rows: ``start``, then always the one farthest from all taken before.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
    start : int
    count : int

    Returns
    -------
    list of int
    """
    taken = [int(start)]
    nearest = distances[start].copy()
    while len(taken) < count:
        nearest[taken] = -np.inf
        taken.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances[taken[-1]])
    return taken


def order_of_drawing(members, seed, draw="random", distances=None):
    """Return the members of a cluster in the order in which they are drawn; a larger sample begins with the smaller one.

    Parameters
    ----------
    members : numpy.ndarray of int
        Frame numbers.
    seed : int
    draw : {"random", "medoids"}
        medoids: the member nearest to all others first, then always the one farthest from those taken.
    distances : numpy.ndarray, shape (n_frames, n_frames)
        For medoids.
    """
    if draw == "random":
        return np.random.default_rng(seed).permutation(members).tolist()
    within = distances[np.ix_(members, members)]
    return [int(members[i]) for i in farthest_points(within, within.mean(axis=1).argmin(), len(members))]


def enlarge(database, labels, *, size, train_fraction, seed, allocation="proportional", draw="random", energies=None, distances=None):
    """Return a database of ``size`` frames that contains the given one.

    Parameters
    ----------
    database : dict
        ``{"train": [...], "test": [...]}`` of frame numbers; both empty at the start.
    labels : numpy.ndarray of int, shape (n_frames,)
        Cluster of each frame.
    size : int
        Frames wanted.
    train_fraction : float
        Share of the whole database that trains.
    seed : int
    allocation, draw : str
        See ``allocation_weights`` and ``order_of_drawing``.
    energies : numpy.ndarray, shape (n_frames,), eV/atom
        For allocation energy_spread.
    distances : numpy.ndarray, shape (n_frames, n_frames)
        For draw medoids.

    Returns
    -------
    dict
        ``train``, ``test`` and ``holdout``: sorted frame numbers. Frames keep their role from one database to the next,
        and the split is spread over the clusters.
    """
    have = set(database["train"]) | set(database["test"])
    names, sizes = np.unique(labels, return_counts=True)
    taken = np.array([sum(labels[frame] == name for frame in have) for name in names])
    wanted = np.maximum(allocate(sizes, size, allocation_weights(labels, energies, allocation, seed)), taken)
    while wanted.sum() > max(size, len(have)):
        spare = wanted - taken
        wanted[spare.argmax()] -= 1

    new = []
    for name, count in zip(names, wanted - taken, strict=True):
        order = order_of_drawing(np.flatnonzero(labels == name), derive(seed, "sampling", int(name)), draw, distances)
        new += [frame for frame in order if frame not in have][:count]

    total = len(have) + len(new)
    n_train = min(max(round(train_fraction * total), 1), total - 1) - len(database["train"])
    share = np.clip(n_train / max(len(new), 1), 0, 1)
    # Rounding errors are carried along the list, which is ordered by cluster: each cluster is split near the same ratio.
    trains = np.diff(np.floor(np.arange(len(new) + 1) * share + 0.5)).astype(bool)
    train = sorted(database["train"] + [frame for frame, is_train in zip(new, trains, strict=True) if is_train])
    test = sorted(database["test"] + [frame for frame, is_train in zip(new, trains, strict=True) if not is_train])
    holdout = sorted(set(range(len(labels))) - set(train) - set(test))
    return {"train": train, "test": test, "holdout": holdout}


def draw_from_clusters(pool, labels, size, seed, allocation="proportional", draw="random", energies=None, distances=None):
    """Return ``size`` frames of the pool, drawn from its clusters as ``enlarge`` draws them.

    Parameters
    ----------
    pool : numpy.ndarray of int
        Frame numbers that may be taken.
    labels, energies, distances : numpy.ndarray
        Of all frames.
    """
    here = labels[pool]
    weights = allocation_weights(here, None if energies is None else energies[pool], allocation, seed)
    chosen = []
    counts = allocate(np.unique(here, return_counts=True)[1], size, weights)
    for name, count in zip(np.unique(here), counts, strict=True):
        chosen += order_of_drawing(pool[here == name], derive(seed, "sampling", int(name)), draw, distances)[:count]
    return sorted(chosen)


def uniform_in_time(pool, size, seed):
    """Return ``size`` frames of the pool at even steps along the trajectories, the first step at random."""
    phase = np.random.default_rng(seed).uniform()
    return [int(pool[int((step + phase) * len(pool) / size)]) for step in range(size)]


def rmsd(frames):
    """Return the root mean square deviation between frames after the best superposition.

    Positions are unwrapped along the trajectory first; atoms correspond by their order. Source of the superposition: Kabsch,
    doi:10.1107/S0567739476001873.

    Parameters
    ----------
    frames : list of ase.Atoms
        Of one trajectory, in the order of time.

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
        singular[:, 2] *= np.sign(np.linalg.det(u) * np.linalg.det(v))  # a reflection is no superposition
        squared = (norms[i] + norms - 2 * singular.sum(axis=1)) / centred.shape[1]
        result[i] = np.sqrt(np.clip(squared, 0, None))
    np.fill_diagonal(result, 0.0)
    return result


def rmsd_clusters(frames, min_cluster_size):
    """Return HDBSCAN clusters of the RMSD between frames, trajectory by trajectory; -1 is noise.

    The selection of Sivaraman et al., doi:10.1038/s41524-020-00367-7, after its description: density clusters of the RMSD,
    frames called noise dropped. Frames of different trajectories have no common order of atoms and are never compared.

    Parameters
    ----------
    frames : list of ase.Atoms
        Canonical frames.
    min_cluster_size : int

    Returns
    -------
    numpy.ndarray of int, shape (n_frames,)
        Trajectories shorter than ``min_cluster_size`` are noise.

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


def draw_regularly(pool, labels, size, seed):
    """Return ``size`` frames, each cluster sampled at even steps in time from a random start, its share in proportion to its size.

    Parameters
    ----------
    pool : numpy.ndarray of int
    labels : numpy.ndarray of int, shape (n_frames,)
        -1 is noise, never taken.

    Raises
    ------
    UserError
        When fewer frames than ``size`` belong to clusters.
    """
    kept = pool[labels[pool] >= 0]
    if len(kept) < size:
        raise UserError(
            f"only {len(kept)} frames of the pool belong to clusters, {size} are asked for; drop the size from learning_curves.sizes"
        )
    chosen = []
    names, sizes = np.unique(labels[kept], return_counts=True)
    for name, count in zip(names, allocate(sizes, size), strict=True):
        chosen += uniform_in_time(kept[labels[kept] == name], count, derive(seed, "regular", int(name))) if count else []
    return sorted(chosen)
