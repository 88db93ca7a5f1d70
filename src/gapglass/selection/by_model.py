"""Choices of training frames by a model of the potential: by predicted variances, which need no label, or by errors.

Each function returns frames in an order whose beginnings are smaller choices. The model is
``potential.frame_equations.FrameEquations`` with fixed sparse points and hyperparameters; its frames are the
candidates, numbered by their places.
"""

import numpy as np
from scipy import linalg

MOST_AT_ONCE = 0.15  # share of the frames chosen so far that is added before the fit is solved again
TRIED = 8  # frames at a time whose fit is solved
RANDOM_SHARE = 0.25  # of the frames that ``largest_errors`` adds


def error_reduction(equations, hyperparameters, candidates, chosen, size, weights, blocks, known=None, groups=None):
    """Add the frames that, once they are fitted, lower the errors on other blocks of time most.

    A frame n changes the weights of the fit by A^-1 h_n to first order, where A is the matrix of the equations and h_n
    = K_n^T Sigma^-1 r_n the product of its rows with its errors. The logarithm of the objective, the weighted
    geometric mean of the errors of energies and forces, falls with it by g . A^-1 h_n, where g is the gradient of the
    candidates in other blocks than that of the frame. For the ``TRIED`` frames with the largest products the fit with
    the frame is solved, and those whose objective over other blocks falls most are added, at most ``MOST_AT_ONCE`` of
    the frames chosen before at a time. A frame with large errors that resembles no others thus gains nothing; without
    its own block it would gain by its own errors, and the frames chosen would fit themselves. Gradients of training
    sets are matched in the same spirit by Killamsetty and others, Proc. Mach. Learn. Res. 139, 5464 (2021).

    Parameters
    ----------
    equations : FrameEquations
    hyperparameters : dict
    candidates : sequence of int
        Frames that may be chosen; their labels are read.
    chosen : sequence of int
        Frames of the database, at least one.
    size : int
        Frames of the enlarged database.
    weights : dict
        ``energy`` and ``force`` in the objective.
    blocks : sequence of int
        Block of time of every candidate.
    known : dict, optional
        Species -> eV of isolated atoms that are not fitted.
    groups : sequence of int, optional
        Group of every candidate, see ``FrameEquations.slopes``. Without groups, the frames with the largest errors,
        usually the hottest ones, decide alone.

    Returns
    -------
    list of int
        ``chosen`` and the frames added, in the order in which they were added.
    """
    h, order, candidates, blocks = hyperparameters, list(chosen), np.asarray(candidates, int), np.asarray(blocks)
    size = min(size, len(set(order) | set(candidates.tolist())))
    groups = np.zeros(len(candidates), int) if groups is None else np.asarray(groups)
    everything = {group: equations.forces_together(candidates[groups == group]) for group in np.unique(groups)}
    sums = equations.sums(order, h)

    def gains(solution):
        objective, of_fit = equations.slopes(solution, candidates, h, weights, groups)
        change = linalg.cho_solve(solution.factor, of_fit.T).T
        found = change @ objective.sum(axis=0)
        for block in np.unique(blocks):
            here = blocks == block
            found[here] -= change[here] @ objective[here].sum(axis=0)
        return found

    def fall(solution, place):
        """Return by how much the objective over other blocks falls if a candidate is fitted."""
        here = blocks == blocks[place]
        added = equations.sums([candidates[place]], h)
        more = [total + part for total, part in zip(sums, added, strict=True)]
        enlarged, found = equations.solve([*order, candidates[place]], h, known, more), 0.0
        for group, together in everything.items():
            own, others = candidates[here & (groups == group)], candidates[~here & (groups == group)]
            if not len(others):
                continue
            if len(own):
                of_own = equations.forces_together(own)
                together = [total - part for total, part in zip(together, of_own, strict=True)]
            before, after = (equations.log_objective(fit, others, together, weights) for fit in (solution, enlarged))
            found += (before - after) * len(others)
        return found / (~here).sum()

    several = len(np.unique(blocks)) > 1
    while len(order) < size:
        solution = equations.solve(order, h, known, sums)
        score = gains(solution)
        score[np.isin(candidates, order)] = -np.inf
        count = min(max(1, int(MOST_AT_ONCE * len(order))), size - len(order))
        first = np.argsort(-score, kind="stable")[: min(max(count, TRIED), int(np.isfinite(score).sum()))]
        if several:
            first = first[np.argsort([-fall(solution, place) for place in first], kind="stable")]
        added = candidates[first[:count]]
        order += added.tolist()
        sums = [total + part for total, part in zip(sums, equations.sums(added, h), strict=True)]
    return order


def largest_errors(equations, hyperparameters, candidates, chosen, size, weights, seed, known=None):
    """Add the frames with the largest errors, and a quarter at random.

    Parameters
    ----------
    equations, hyperparameters, candidates, chosen, size, weights, known
        As for ``error_reduction``. The error of a frame is the weighted mean of its errors of energy and forces, each
        relative to the root mean square over the candidates.
    seed : int

    Returns
    -------
    list of int
    """
    candidates, taken = np.asarray(candidates, int), set(chosen)
    solution = equations.solve(chosen, hyperparameters, known)
    energy = np.square(equations.energy_errors(solution, candidates))
    force = equations.force_squares(solution, candidates) / equations.n_atoms[candidates]
    score = weights["energy"] * np.sqrt(energy / energy.mean()) + weights["force"] * np.sqrt(force / force.mean())
    ranked = [int(frame) for frame in candidates[np.argsort(-score, kind="stable")] if frame not in taken]
    count = min(size - len(chosen), len(ranked))
    n_random = round(RANDOM_SHARE * count)
    added, others = ranked[: count - n_random], sorted(ranked[count - n_random :])
    return [*chosen, *added, *np.random.default_rng(seed).choice(others, n_random, replace=False).tolist()]


def variance_reduction(equations, hyperparameters, candidates, size, weights, chosen=()):
    """Return the frames that lower the predicted variances of all candidates most, one after the other.

    With the matrix A of the equations of the frames chosen, and T the sum of the rows of all candidates, each kind
    divided by its present mean variance and weighted as in the objective, the frame that maximises tr(A^-1 T A^-1 G_n)
    / (1 + tr(A^-1 G_n) / rows) is next, where G_n is what the frame adds to A. No label is read.

    Parameters
    ----------
    equations, hyperparameters, candidates, size, weights
        As for ``error_reduction``.
    chosen : sequence of int
        Frames that are taken before.

    Returns
    -------
    list of int
        ``chosen`` and the frames added.
    """
    candidates, order = np.asarray(candidates, int), list(chosen)
    matrix = equations.prior(hyperparameters)
    for frame in order:
        matrix = matrix + equations.part(frame, hyperparameters)
    energies, forces = equations.scatter(candidates, hyperparameters)
    taken = set(order)
    left = {int(frame): equations.part(frame, hyperparameters) for frame in candidates if frame not in taken}
    size = min(size, len(order) + len(left))
    while len(order) < size:
        factor = linalg.cho_factor(matrix)
        inverse = linalg.cho_solve(factor, np.eye(len(matrix)))
        target = weights["energy"] * energies / np.vdot(inverse, energies)
        target += weights["force"] * forces / np.vdot(inverse, forces)
        gain = inverse @ target @ inverse
        score = [
            np.vdot(gain, part) / (1 + np.vdot(inverse, part) / (1 + 3 * equations.n_atoms[frame]))
            for frame, part in left.items()
        ]
        count = min(max(1, int(MOST_AT_ONCE * len(order))), size - len(order))
        names = list(left)
        for place in np.argsort(-np.array(score), kind="stable")[:count]:
            order.append(names[place])
            matrix = matrix + left.pop(names[place])
    return order
