"""Bayesian optimisation of the potential's hyperparameters; the only module that imports scikit-optimize.

The surrogate is scikit-optimize's Gaussian process. It is rebuilt from the ledger at every call, so nothing is
pickled, and a resumed run proposes what the uninterrupted one would have proposed. scikit-optimize is imported by the
first proposal, because it takes a second to load and most decisions of the loop need none. Sources: section 2.4 of
doi:10.1111/jace.20128; constant liar: doi:10.1007/978-3-642-10701-6_6.
"""

import math
import warnings
from functools import cached_property

import numpy as np

from gapglass.potential.hyperparameters import SIZES


class SearchSpace:
    """The hyperparameters of the configuration: the fixed ones and those to tune.

    Parameters
    ----------
    settings : dict
        Section ``potential.hyperparameters``: name -> number, {low, high, scale} or {choices}.
    limit : gapglass.potential.memory.MemoryLimit, optional
        The space never proposes a set that the limit does not allow.

    Attributes
    ----------
    fixed : dict
        Name -> value.
    tuned : list of str
        Names with a range or choices, in the order of the configuration.
    """

    def __init__(self, settings, limit=None):
        self.settings, self.limit = settings, limit
        self.fixed = {name: value for name, value in settings.items() if not isinstance(value, dict)}
        self.tuned = [name for name in settings if name not in self.fixed]

    @cached_property
    def space(self):
        """The tuned hyperparameters as a ``skopt.space.Space``."""
        from skopt.space import Space

        return Space([_dimension(self.settings[name], name) for name in self.tuned])

    def complete(self, point):
        """Return the full set of hyperparameters for one point of the tuned ones, as plain Python numbers."""
        tuned = {
            name: _plain(value) if "choices" in self.settings[name] else _rounded(value)
            for name, value in zip(self.tuned, point, strict=True)
        }
        return {**self.fixed, **tuned}

    def of(self, hyperparameters):
        """Return the values that belong to the space, from a set that may hold others too."""
        return {name: hyperparameters[name] for name in self.settings}

    def point(self, hyperparameters):
        """Return the point of the tuned hyperparameters."""
        return [hyperparameters[name] for name in self.tuned]

    def key(self, hyperparameters):
        """Return the tuned values as a tuple: two sets are the same when their keys are equal."""
        return tuple(self.point(hyperparameters))

    def smallest(self):
        """Return the set with every tuned value at its lowest, whose fit needs the least memory."""
        return {**self.fixed, **{name: _lower(self.settings[name], None, 0.0) for name in self.tuned}}

    def above(self, name, value):
        """Return a larger value of a tuned hyperparameter, about an eighth above; None at the end of its range."""
        setting = self.settings[name]
        if "choices" in setting:
            return min((choice for choice in setting["choices"] if choice > value), default=None)
        if value >= setting["high"]:
            return None
        step = max(1, round(value / 8)) if isinstance(value, int) else value / 8
        return _rounded(min(value + step, setting["high"]))

    def allows(self, hyperparameters):
        """Return True for a set whose fit stays within the memory limit."""
        return self.limit is None or self.limit(hyperparameters)

    def explore(self, n_points, seed):
        """Return ``n_points`` sets that fill the space (Latin hypercube); repeats are replaced, see ``distinct``."""
        if not self.tuned:
            return [dict(self.fixed)]
        from skopt.sampler import Lhs

        points = Lhs().generate(self.space.dimensions, max(n_points, 2), random_state=seed)
        return self.distinct([self.complete(point) for point in points[:n_points]], [], seed)

    def exploit(self, results, n_points, seed):
        """Return up to ``n_points`` new sets where the surrogate expects the largest improvement.

        Parameters
        ----------
        results : list of (dict, float)
            Hyperparameters and objective (smaller is better, finite).
        n_points : int
            Number of sets, which the constant-liar strategy proposes together.
        seed : int

        Returns
        -------
        list of dict
            Fewer than ``n_points`` when a finite space is exhausted, empty when there is nothing to tune.
        """
        if not self.tuned:
            return []
        from skopt import Optimizer

        optimizer = Optimizer(
            self.space.dimensions, base_estimator="GP", n_initial_points=1, acq_func="EI", random_state=seed
        )
        with warnings.catch_warnings():
            # The optimizer warns of repeats, which ``distinct`` replaces, and of length scales that reach their bounds
            # while it has seen only a few points.
            warnings.simplefilter("ignore")
            optimizer.tell(
                [self._inside(self.point(parameters)) for parameters, _ in results], [value for _, value in results]
            )
            points = optimizer.ask(n_points=n_points, strategy="cl_min")
        known = [parameters for parameters, _ in results]
        return self.distinct([self.complete(point) for point in points], known, seed)

    def distinct(self, proposals, known, seed, tries=200):
        """Return the proposals within the memory limit, without repeats of a known set or of each other.

        A random new set replaces a repeat. The method drops a proposal for which it finds no new set.

        Parameters
        ----------
        proposals, known : list of dict
            Complete sets of hyperparameters.
        seed : int
        tries : int
            Number of random sets that are tried for one proposal.
        """
        seen = {self.key(parameters) for parameters in known}
        random = np.random.RandomState(seed)
        result = []
        for proposal in proposals:
            for _ in range(tries):
                proposal = self._within_limit(proposal)
                if self.key(proposal) not in seen:
                    seen.add(self.key(proposal))
                    result.append(proposal)
                    break
                proposal = self.complete(self.space.rvs(1, random_state=random)[0])
        return result

    def _within_limit(self, hyperparameters, steps=50):
        """Return a set unchanged where the memory limit allows it, else the nearest set that the limit allows.

        The method lowers step by step the values that set the memory, and leaves the others as the surrogate proposed
        them.
        """
        if self.allows(hyperparameters):
            return hyperparameters
        sizes = [name for name in self.tuned if name in SIZES]
        for share in np.linspace(1, 0, steps + 1)[1:]:
            lowered = {name: _lower(self.settings[name], hyperparameters[name], share) for name in sizes}
            if self.allows({**hyperparameters, **lowered}):
                break
        return {**hyperparameters, **lowered}

    def _inside(self, point):
        """Return a point whose values, which rounding may have moved out of their ranges, are clipped to them."""
        settings = [self.settings[name] for name in self.tuned]
        return [
            value if "choices" in setting else min(max(value, setting["low"]), setting["high"])
            for value, setting in zip(point, settings, strict=True)
        ]


def _dimension(setting, name):
    """Return the skopt dimension of a tuned hyperparameter."""
    from skopt.space import Categorical, Integer, Real

    if "choices" in setting:
        return Categorical(setting["choices"], transform="normalize", name=name)
    prior = "log-uniform" if setting["scale"] == "log" else "uniform"
    kind = Integer if isinstance(setting["low"], int) and isinstance(setting["high"], int) else Real
    return kind(setting["low"], setting["high"], prior=prior, name=name)


def _lower(setting, value, share):
    """Return the value at ``share`` of the way from the lowest that a setting allows up to ``value``."""
    if "choices" in setting:
        choices = sorted(setting["choices"])
        return choices[int(share * choices.index(value))] if share else choices[0]
    low = setting["low"]
    if not share:
        return low
    between = low + share * (value - low)
    return int(between) if isinstance(value, int) else _rounded(between)


def _plain(value):
    """Return a numpy number as a plain Python one."""
    return value.item() if isinstance(value, np.generic) else value


def _rounded(value):
    """Return a number as a plain Python one, reals to four digits, so that files and logs stay readable."""
    if isinstance(value, (int, np.integer)):
        return int(value)
    return float(f"{float(value):.4g}")


def logarithm(score):
    """Return the quantity that the surrogate models: the logarithm of the objective, in which fits spread evenly."""
    return math.log(max(score, 1e-6))
