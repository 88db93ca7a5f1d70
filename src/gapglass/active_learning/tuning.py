"""The inner level of tuning: expected errors, energy scales and number of sparse points, for given rows of a fit.

Once the rows of the training frames are known, a set of these hyperparameters costs a fraction of a second, so a
deterministic search tries many tens. The geometry of the descriptors, which the rows depend on, is the outer level
(``search``).
"""

import math
from dataclasses import dataclass, field

import numpy as np

from gapglass.potential.cross_validation import LARGEST_ROUNDING
from gapglass.potential.failures import FitFailed
from gapglass.potential.hyperparameters import bounds

SCALES = ("sigma_energy", "sigma_force", "sigma_virial", "delta", "two_body_delta")
INNER = (*SCALES, "n_sparse")
N_SIZES = 3  # numbers of sparse points that are tried of a range
FIRST, NEXT = 80, 30  # sets that are tried for the first number of sparse points, and for each other one
# Only ratios of expected errors to energy scales matter, and some sets are equally good; of those, the middle of the
# ranges is taken.
PULL = 0.02
# Of sets whose objective is within 3 % of the best one, the one with the largest expected errors is taken: the errors
# of a few frames do not tell them apart, and a stiffer fit invents less where there are no data (Breiman and others,
# Classification and Regression Trees, 1984, take the simplest model within one standard error for this reason).
ALIKE, STIFFER = 1.03, (10.0, 6.0, 4.0, 3.0, 2.0, 1.5)
INSIDE, SAME = 1.1, 1e-3  # factor from a bound, and difference of the logarithm of an objective that rounding makes
BEYOND = 0.7  # factor on expected errors that tells whether a search ended too early
WORST = 1e3  # logarithm of the objective of a set whose equations cannot be solved


@dataclass
class Tuned:
    """The outcome of a search.

    Attributes
    ----------
    hyperparameters : dict
        The names of ``INNER``.
    objective : float
        See ``objective``.
    rmse_energy, rmse_force : float
        meV/atom and eV/Å, on the frames that test.
    sizes : list of dict
        For every number of sparse points: n_sparse, cost_us_per_atom_step, objective, rmse_energy_mev_per_atom,
        rmse_force_ev_per_angstrom.
    n_tried : int
        Sets that were tried.
    """

    hyperparameters: dict
    objective: float
    rmse_energy: float
    rmse_force: float
    sizes: list = field(default_factory=list)
    n_tried: int = 0


def objective(errors, spread, weights):
    """Return the weighted geometric mean of the errors of energies and forces, relative to the spread of labels.

    Parameters
    ----------
    errors, spread : (float, float)
        Energies (meV/atom) and forces (eV/Å).
    weights : dict
        ``energy`` and ``force``.
    """
    total = weights["energy"] + weights["force"]
    shares = [max(error, 1e-12) / max(scale, 1e-12) for error, scale in zip(errors, spread, strict=True)]
    logs = weights["energy"] * math.log(shares[0]) + weights["force"] * math.log(shares[1])
    return math.exp(logs / total) if math.isfinite(logs) else math.inf


def numbers_of_points(setting, available):
    """Return the numbers of sparse points to try, ascending.

    Parameters
    ----------
    setting : int or dict
        ``potential.hyperparameters.n_sparse``.
    available : int
        Points of the largest term.
    """
    if not isinstance(setting, dict):
        found = [setting]
    elif "choices" in setting:
        found = setting["choices"]
    else:
        found = np.geomspace(setting["low"], setting["high"], N_SIZES).round().astype(int).tolist()
    return sorted({min(int(number), available) for number in found})


def tune(validation, settings, weights, available, cost=None, limit=None):
    """Return the best set of inner hyperparameters.

    Parameters
    ----------
    validation : CrossValidation
    settings : dict
        Section ``potential.hyperparameters``.
    weights : dict
        Of energy and force in the objective.
    available : int
        Sparse points of the largest many-body term.
    cost : callable, optional
        Number of sparse points -> µs for an atom and a step.
    limit : float, optional
        Largest cost; of costlier numbers only the smallest is tried.

    Returns
    -------
    Tuned

    Raises
    ------
    FitFailed
        When no set that was tried has finite errors.
    """
    spread = validation.spread()
    numbers = numbers_of_points(settings["n_sparse"], available)
    if limit is not None:
        numbers = [number for number in numbers if cost(number) <= limit] or numbers[:1]
    start, outcomes, n_tried = None, [], 0
    for number in numbers:
        search = _Search(validation, settings, weights, spread, number)
        start = search.minimise(start)
        if validation.refuse_above is None and validation.rounding(search.complete(start)) > LARGEST_ROUNDING:
            # The search may have ended where rounding spoils the normal equations.
            exact = _Search(validation, settings, weights, spread, number, exact=True)
            if exact.falls_with_trust(exact.complete(start)):
                n_tried += search.n_tried
                search, start = exact, exact.minimise(start, again=True)
        n_tried += search.n_tried
        outcomes.append((search.value(start), number, start, search))
    best = min(outcomes, key=lambda outcome: outcome[0])
    _, number, point, search = best
    before = search.n_tried
    chosen = search.of_size(search.stiffest(search.complete(point)))
    n_tried += search.n_tried - before
    errors = search.errors(chosen)
    if not all(map(math.isfinite, errors)):
        raise FitFailed(
            "no expected errors and energy scales in the ranges of potential.hyperparameters give a fit with finite "
            "errors; look for wrong labels, or move the ranges"
        )
    sizes = []
    for _, size, place, of_size in outcomes:
        found = of_size.errors(of_size.complete(place))
        sizes.append(
            {
                "n_sparse": size,
                "cost_us_per_atom_step": None if cost is None else round(cost(size), 3),
                "objective": objective(found, spread, weights),
                "rmse_energy_mev_per_atom": found[0],
                "rmse_force_ev_per_angstrom": found[1],
            }
        )
    return Tuned(chosen, objective(errors, spread, weights), *errors, sizes, n_tried)


class _Search:
    """The search over the continuous hyperparameters for one number of sparse points."""

    def __init__(self, validation, settings, weights, spread, number, exact=False):
        self.validation, self.weights, self.spread, self.exact = validation, weights, spread, exact
        self.fixed = {name: settings[name] for name in SCALES if not isinstance(settings[name], dict)}
        self.fixed["n_sparse"] = number
        self.tuned = [name for name in SCALES if name not in self.fixed]
        self.settings = {name: settings[name] for name in self.tuned}
        self.known, self.n_tried = {}, 0

    def complete(self, point):
        """Return the set of a point, whose coordinates go from -1 to 1 over the ranges."""
        return {**self.fixed, **{name: self._value(name, u) for name, u in zip(self.tuned, point, strict=True)}}

    def _value(self, name, u):
        setting, share = self.settings[name], 0.5 * (1 + min(max(u, -1.0), 1.0))
        if "choices" in setting:
            choices = sorted(setting["choices"])
            return choices[min(int(share * len(choices)), len(choices) - 1)]
        low, high = bounds(setting)
        if setting.get("scale", "linear") == "log":
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        return float(f"{value:.4g}")

    def value(self, point):
        """Return the logarithm of the objective, with a slight pull to the middle of the ranges."""
        pull = float(np.mean(np.square(point))) if len(point) else 0.0
        return self.log_objective(self.complete(point)) + PULL * pull

    def log_objective(self, chosen):
        """Return the logarithm of the objective of a set, a large number where it is infinite."""
        return min(math.log(objective(self.errors(chosen), self.spread, self.weights)), WORST)

    def errors(self, chosen):
        """Return the errors of a set, which is tried once."""
        key = tuple(chosen.values())
        if key not in self.known:
            self.n_tried += 1
            self.known[key] = self.validation.errors(chosen, self.exact)
        return self.known[key]

    def with_sigmas(self, best, factor):
        """Return a set like the best one with its tuned expected errors times a factor, inside their ranges."""

        def scaled(name, value):
            low, high = bounds(self.settings[name])
            return min(max(float(f"{factor * value:.4g}"), low), high)

        of_range = {name for name in self.tuned if name.startswith("sigma_") and "choices" not in self.settings[name]}
        return {name: scaled(name, value) if name in of_range else value for name, value in best.items()}

    def falls_with_trust(self, best):
        """Return whether smaller expected errors lower the objective by more than rounding may."""
        return self.log_objective(self.with_sigmas(best, BEYOND)) < self.log_objective(best) - 0.01

    def stiffest(self, best):
        """Return a set like the best one with the largest expected errors whose objective is alike."""
        limit = math.log(ALIKE) + self.log_objective(best)
        for factor in STIFFER:
            stiffer = self.with_sigmas(best, factor)
            if self.log_objective(stiffer) <= limit:
                return stiffer
        return best

    def of_size(self, best):
        """Return a set with the same fit whose expected error of forces is the error of the cross-validation.

        A factor that all energy scales and expected errors have in common changes no fit, so the search ends anywhere
        along it, also on a bound. As far as the ranges allow, it is chosen so that the expected error means what its
        name says; where it changes the errors, because a scale is given, the set stays as it is.
        """
        ranges = {name: bounds(self.settings[name]) for name in self.tuned if "choices" not in self.settings[name]}
        lowest = max((INSIDE * low / best[name] for name, (low, _) in ranges.items()), default=1.0)
        highest = min((high / INSIDE / best[name] for name, (_, high) in ranges.items()), default=1.0)
        factor = self.errors(best)[1] / best["sigma_force"]
        if not lowest <= highest or not math.isfinite(factor):
            return best
        factor = min(max(factor, lowest), highest)
        scaled = {name: float(f"{factor * value:.4g}") if name in ranges else value for name, value in best.items()}
        return scaled if abs(self.log_objective(scaled) - self.log_objective(best)) < SAME else best

    def minimise(self, start, again=False):
        """Return the best point found; ``start`` is that of another number of sparse points, or None.

        ``again`` begins at ``start`` as widely as without one.
        """
        from scipy.optimize import minimize

        first = np.zeros(len(self.tuned)) if start is None else np.asarray(start, float)
        if not self.tuned:
            self.value(first)
            return first
        step = 0.4 if start is None or again else 0.15
        simplex = np.array([first, *(_moved(first, i, step) for i in range(len(first)))])
        found = minimize(
            self.value,
            first,
            method="Nelder-Mead",
            bounds=[(-1.0, 1.0)] * len(first),
            options={
                "initial_simplex": simplex,
                "maxfev": FIRST if start is None or again else NEXT,
                "xatol": 0.02,
                "fatol": 1e-4,
                "adaptive": True,
            },
        )
        return found.x if self.value(found.x) <= self.value(first) else first


def _moved(point, i, step):
    """Return a point moved along one coordinate, to the side where there is more room."""
    moved = point.copy()
    moved[i] += step if point[i] <= 0 else -step
    return moved
