"""Training sets of the learning curves: the common hold-out, and the frames that each strategy chooses.

No selection may use the frames of the hold-out, on which every potential is tested.
"""

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.seeds import derive
from gapglass.selection import database, strategies

# Share of the pool that is available to a draw. It makes deterministic strategies differ between draws, too.
POOL_OF_A_DRAW = 0.8
# Strategies that draw from clusters, and how they differ from the paper's allocation and draw.
CLUSTERED = {
    "clusters": {},
    "clusters_equal": {"allocation": "equal"},
    "clusters_energy_spread": {"allocation": "energy_spread"},
    "clusters_medoids": {"draw": "medoids"},
    "clusters_soap_only": {},
}


def set_aside(table, fraction, sizes, seed):
    """Return pool and hold-out: a random ``fraction`` of the frames of every plateau is set aside.

    A plateau is all frames of a trajectory at one temperature.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv: frame, trajectory, temperature_k.
    fraction : float
    sizes : list of int
        Numbers of training frames of the learning curves.
    seed : int

    Returns
    -------
    dict
        ``pool`` and ``holdout``: sorted frame numbers.

    Raises
    ------
    UserError
        When the hold-out is empty, or the pool is too small for the largest size.
    """
    random = np.random.default_rng(derive(seed, "learning curves", "holdout"))
    holdout = []
    for _, part in table.groupby(["trajectory", "temperature_k"], sort=True):
        count = round(fraction * len(part))
        holdout += random.choice(part["frame"].to_numpy(), count, replace=False).tolist()
    if not holdout:
        raise UserError("learning_curves.holdout_fraction leaves no frame to test on; raise it")
    pool = sorted(set(table["frame"]) - set(holdout))
    if max(sizes) > POOL_OF_A_DRAW * len(pool):
        raise UserError(
            f"learning_curves.sizes holds {max(sizes)}; each draw sees {POOL_OF_A_DRAW:.0%} of the {len(pool)} frames "
            "that holdout_fraction leaves; lower one of them"
        )
    return {"pool": pool, "holdout": sorted(holdout)}


def choose(strategy, pool, size, seed, *, labels, energies, distances):
    """Return the training frames that a strategy chooses from a random 80 % of the pool.

    Parameters
    ----------
    strategy : str
        Item of ``learning_curves.strategies``.
    pool : sequence of int
        Frame numbers that may be chosen.
    size, seed : int
    labels : dict
        Cluster of every frame of the study: ``best`` (chosen delta), ``soap_only`` (delta = 0), ``rmsd`` (-1 is
        noise). Only the clustering that the strategy uses is needed.
    energies : numpy.ndarray, shape (n_frames,), eV/atom
    distances : numpy.ndarray, shape (n_frames, n_frames)
        Distances for the chosen delta (Eq. 12 of doi:10.1111/jace.20128).

    Returns
    -------
    list of int
        Sorted frame numbers.

    Raises
    ------
    UserError
        When fewer frames than ``size`` belong to the clusters of rmsd_hdbscan.
    """
    available = int(POOL_OF_A_DRAW * len(pool))
    pool = np.sort(np.random.default_rng(derive(seed, "pool")).choice(pool, available, replace=False))
    if strategy in CLUSTERED:
        chosen = database.draw_from_clusters(
            pool,
            labels["soap_only" if strategy == "clusters_soap_only" else "best"],
            size,
            seed,
            energies=energies,
            distances=distances,
            **CLUSTERED[strategy],
        )
    elif strategy == "random":
        chosen = np.random.default_rng(seed).choice(pool, size, replace=False).tolist()
    elif strategy == "uniform_in_time":
        chosen = strategies.uniform_in_time(pool, size, seed)
    elif strategy == "farthest_point":
        first = np.random.default_rng(seed).integers(len(pool))
        chosen = pool[strategies.farthest_points(distances[np.ix_(pool, pool)], first, size)].tolist()
    else:
        chosen = strategies.draw_regularly(pool, labels["rmsd"], size, seed)
    return sorted(chosen)
