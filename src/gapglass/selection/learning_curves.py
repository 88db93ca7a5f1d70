"""Learning curves: error of a potential against the number of training frames, for several ways of choosing them.

Every potential has the same hyperparameters and is tested on one hold-out that no selection may touch.
"""

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.seeds import derive
from gapglass.selection import database, strategies

POOL_OF_A_DRAW = 0.8  # share of the pool that a draw sees: strategies without chance of their own then differ from draw to draw as well
CLUSTERED = {
    "clusters": {},
    "clusters_equal": {"allocation": "equal"},
    "clusters_energy_spread": {"allocation": "energy_spread"},
    "clusters_medoids": {"draw": "medoids"},
    "clusters_soap_only": {},
}


def set_aside(table, fraction, sizes, seed):
    """Return pool and hold-out: ``fraction`` of the frames of every plateau of every trajectory is set aside at random.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv: frame, trajectory, temperature_k.
    fraction : float
    sizes : list of int
        Training frames that will be asked for.
    seed : int

    Returns
    -------
    dict
        ``pool`` and ``holdout``: sorted frame numbers.

    Raises
    ------
    UserError
        When nothing is left to test on, or too little to choose from.
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
            f"learning_curves.sizes holds {max(sizes)}; each draw sees {POOL_OF_A_DRAW:.0%} of the {len(pool)} frames that "
            "holdout_fraction leaves; lower one of them"
        )
    return {"pool": pool, "holdout": sorted(holdout)}


def choose(strategy, pool, size, seed, *, labels, energies, distances):
    """Return the training frames that a strategy chooses from a random four fifths of the pool.

    Parameters
    ----------
    strategy : str
        Item of ``learning_curves.strategies``.
    pool : sequence of int
    size : int
    seed : int
    labels : dict
        Cluster of every frame: ``best`` (chosen delta), ``soap_only`` (delta = 0), ``rmsd`` (-1 is noise).
    energies : numpy.ndarray, shape (n_frames,), eV/atom
    distances : numpy.ndarray, shape (n_frames, n_frames)
        Of the chosen delta.

    Returns
    -------
    list of int
        Sorted frame numbers.

    Raises
    ------
    UserError
        When a strategy cannot find so many frames.
    """
    pool = np.sort(
        np.random.default_rng(derive(seed, "pool")).choice(pool, int(POOL_OF_A_DRAW * len(pool)), replace=False)
    )
    if strategy in CLUSTERED:
        of = labels["soap_only"] if strategy == "clusters_soap_only" else labels["best"]
        chosen = database.draw_from_clusters(
            pool, of, size, seed, energies=energies, distances=distances, **CLUSTERED[strategy]
        )
    elif strategy == "random":
        chosen = np.random.default_rng(seed).choice(pool, size, replace=False).tolist()
    elif strategy == "uniform_in_time":
        chosen = strategies.uniform_in_time(pool, size, seed)
    elif strategy == "farthest_point":
        within = distances[np.ix_(pool, pool)]
        chosen = pool[
            strategies.farthest_points(within, np.random.default_rng(seed).integers(len(pool)), size)
        ].tolist()
    else:
        chosen = strategies.draw_regularly(pool, labels["rmsd"], size, seed)
    return sorted(chosen)
