"""Choices of training frames by a model of the potential: by predicted variances, which need no label, or by errors.

Each function returns frames in an order whose beginnings are smaller choices. The model is
``potential.frame_equations.FrameEquations`` with fixed sparse points and hyperparameters; its frames are the
candidates, numbered by their places.
"""

import numpy as np
from scipy import linalg

MOST_AT_ONCE = 0.15  # share of the frames chosen so far that is added before the fit is solved again
RANDOM_SHARE = 0.25  # of the frames that ``largest_errors`` adds


def error_reduction(equations, hyperparameters, candidates, chosen, size, weights, known=None):
    """Add the frames whose errors, once they are fitted, lower the errors of all candidates most.

    A frame n changes the weights of the fit by A^-1 h_n to first order, where A is the matrix of the equations and h_n
    = K_n^T Sigma^-1 r_n the product of its rows with its errors. The logarithm of the objective, the weighted
    geometric mean of the errors of energies and forces over all candidates, falls with it by g . A^-1 h_n, where g is
    its gradient. Frames with the largest product are added, at most ``MOST_AT_ONCE`` of those chosen before at a time.
    A frame with large errors that resembles no others changes the objective little, so that representation counts too;
    gradients of training sets are matched in the same spirit by Killamsetty and others, Proc. Mach. Learn. Res. 139,
    5464 (2021).

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
    known : dict, optional
        Species -> eV of isolated atoms that are not fitted.

    Returns
    -------
    list of int
        ``chosen`` and the frames added, in the order in which they were added.
    """
    order, candidates = list(chosen), np.asarray(candidates, int)
    size = min(size, len(set(order) | set(candidates.tolist())))
    while len(order) < size:
        solution = equations.solve(order, hyperparameters, known)
        objective, of_frame = equations.slopes(solution, candidates, hyperparameters, weights)
        gains = of_frame @ linalg.cho_solve(solution.factor, objective)
        gains[np.isin(candidates, order)] = -np.inf
        count = min(max(1, int(MOST_AT_ONCE * len(order))), size - len(order))
        order += candidates[np.argsort(-gains, kind="stable")[:count]].tolist()
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
