"""Every way to choose training frames, with one interface: a list of frames goes in, a longer one comes out.

A choice of many frames begins with the choice of fewer, so that a database grows and nothing that was fitted is lost.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.seeds import derive
from gapglass.selection import by_model, database, spread
from gapglass.selection.allocation import allocate


@dataclass
class Given:
    """What strategies may look at; each one takes what it needs.

    Attributes
    ----------
    pool : numpy.ndarray of int
        Frames that may be chosen, in the order of time.
    seed : int
    clusters : dict
        Name of a clustering (``best`` of the chosen delta, ``soap_only``, ``rmsd`` in which -1 is noise) -> cluster of
        every frame of the study.
    energies : numpy.ndarray, shape (n_frames,), optional
        eV/atom.
    distances : numpy.ndarray, shape (n_frames, n_frames), optional
        For the chosen delta.
    equations : FrameEquations, optional
        Of the frames of ``places``.
    places, blocks, plateaus : dict
        Frame -> place in the equations, block of time, and plateau (or short plateaus joined, as for blocks).
    hyperparameters, weights : dict
        Of the fits, and of energy and force in the objective.
    known : dict
        Energies of isolated atoms that are not fitted.
    guide : FrameEquations, optional
        The equations with the labels of a guide.
    guide_hyperparameters : dict
        Of fits to these labels.
    """

    pool: np.ndarray
    seed: int
    clusters: dict = field(default_factory=dict)
    energies: np.ndarray | None = None
    distances: np.ndarray | None = None
    equations: object = None
    places: dict = field(default_factory=dict)
    blocks: dict = field(default_factory=dict)
    hyperparameters: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)
    known: dict = field(default_factory=dict)
    plateaus: dict = field(default_factory=dict)
    guide: object = None
    guide_hyperparameters: dict = field(default_factory=dict)


def from_clusters(clusters="best", **how):
    """Return the strategy that draws from clusters; ``how`` are allocation and draw of ``database.enlarge``."""

    def strategy(given, chosen, size):
        labels = given.clusters[clusters]
        pool = given.pool[labels[given.pool] >= 0]
        if len(pool) < size:
            raise UserError(
                f"only {len(pool)} frames of the pool belong to clusters, {size} are asked for; drop the size from "
                "learning_curves.sizes"
            )
        grown = database.enlarge(
            {"train": list(chosen), "test": []}, labels, size=size, train_fraction=1, seed=given.seed,
            energies=given.energies, distances=given.distances, pool=pool, **how,
        )  # fmt: skip
        return _first(grown["train"], chosen, None)

    return strategy


def random(given, chosen, size):
    """Draw frames at random."""
    return _first(np.random.default_rng(given.seed).permutation(given.pool).tolist(), chosen, size)


def uniform_in_time(given, chosen, size):
    """Take frames at even steps along the pool."""
    return _first(spread.in_time(given.pool, given.seed), chosen, size)


def farthest_point(given, chosen, size):
    """Take the frame farthest from all chosen before, in the distance of the hybrid kernel."""
    place = {int(frame): i for i, frame in enumerate(given.pool)}
    start = [place[frame] for frame in chosen]
    start = start or np.random.default_rng(given.seed).integers(len(given.pool))
    within = given.distances[np.ix_(given.pool, given.pool)]
    return given.pool[spread.farthest_points(within, start, size)].tolist()


def variance(given, chosen, size):
    """Take the frames that lower the predicted variances of the pool most; no label is read."""
    found = by_model.variance_reduction(
        given.equations, given.hyperparameters, _places(given, given.pool), size, given.weights, _places(given, chosen)
    )
    return _frames(given, found)


def variance_per_cluster(given, chosen, size):
    """Take from each cluster, in proportion to its size, those that lower the variances of its frames most."""
    labels = given.clusters["best"][given.pool]
    names, sizes = np.unique(labels, return_counts=True)
    order = list(chosen)
    for name, count in zip(names, allocate(sizes, size), strict=True):
        members = given.pool[labels == name]
        found = by_model.variance_reduction(
            given.equations, given.hyperparameters, _places(given, members), int(count), given.weights
        )
        order = _first(_frames(given, found), order, None)
    return order[:size]


def residual(given, chosen, size):
    """Add the frames that, once fitted, lower the errors on other blocks of the pool most; begin evenly in time."""
    return _by_errors(given, chosen, size, None)


def residual_per_plateau(given, chosen, size):
    """As ``residual``, where a lower error counts alike on every plateau, not most where errors are largest."""
    return _by_errors(given, chosen, size, [given.plateaus[int(frame)] for frame in given.pool])


def largest_residual(given, chosen, size):
    """Add the frames with the largest errors and a quarter at random; begin evenly in time."""
    if not chosen:
        return uniform_in_time(given, chosen, size)
    found = by_model.largest_errors(
        given.equations, given.hyperparameters, _places(given, given.pool), _places(given, chosen), size,
        given.weights, derive(given.seed, "largest residual", size), given.known,
    )  # fmt: skip
    return _frames(given, found)


def residual_guide(given, chosen, size):
    """As ``residual`` among the frames with a guide, by the errors of a fit to its labels: no other label is read."""
    pool = np.array([frame for frame in given.pool if given.guide.labelled[given.places[int(frame)]]])
    of_guide = replace(
        given, pool=pool, equations=given.guide, hyperparameters=given.guide_hyperparameters, known={}
    )  # fmt: skip
    return residual(of_guide, chosen, size)


def _by_errors(given, chosen, size, groups):
    if not chosen:
        return uniform_in_time(given, chosen, size)
    found = by_model.error_reduction(
        given.equations, given.hyperparameters, _places(given, given.pool), _places(given, chosen), size,
        given.weights, [given.blocks[int(frame)] for frame in given.pool], given.known, groups,
    )  # fmt: skip
    return _frames(given, found)


def _first(order, chosen, size):
    """Return the chosen frames and the first others of an order, ``size`` together, or all of them with None."""
    taken = set(chosen)
    return [*chosen, *(frame for frame in order if frame not in taken)][:size]


def _places(given, frames):
    return [given.places[int(frame)] for frame in frames]


def _frames(given, places):
    frame_of = {place: frame for frame, place in given.places.items()}
    return [frame_of[place] for place in places]


STRATEGIES = {
    "clusters": from_clusters(),
    "clusters_equal": from_clusters(allocation="equal"),
    "clusters_energy_spread": from_clusters(allocation="energy_spread"),
    "clusters_medoids": from_clusters(draw="medoids"),
    "clusters_soap_only": from_clusters("soap_only"),
    "random": random,
    "uniform_in_time": uniform_in_time,
    "farthest_point": farthest_point,
    "rmsd_hdbscan": from_clusters("rmsd", draw="even"),
    "variance": variance,
    "variance_per_cluster": variance_per_cluster,
    "residual": residual,
    "residual_per_plateau": residual_per_plateau,
    "largest_residual": largest_residual,
}
# Strategies that need a guide; learning curves try them, the loop does not offer them.
BY_GUIDE = {"residual_guide": residual_guide}
