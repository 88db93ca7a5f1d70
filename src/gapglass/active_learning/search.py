"""Bayesian optimisation of the potential's hyperparameters, behind ``explore``, ``exploit`` and a plain list of results.

The surrogate is scikit-optimize's Gaussian process, rebuilt from the ledger at every call, so nothing is pickled
and a resumed run proposes what the uninterrupted one would have.
"""

import math
import warnings

import numpy as np
from skopt import Optimizer
from skopt.sampler import Lhs
from skopt.space import Categorical, Integer, Real, Space

from gapglass.potential.hyperparameters import SIZES


class SearchSpace:
    """The hyperparameters of the configuration: the fixed ones and those to tune.

    Parameters
    ----------
    settings : dict
        Section ``potential.hyperparameters``: name -> number, {low, high, scale} or {choices}.
    limit : gapglass.memory.MemoryLimit, optional
        Sets that it does not allow are never proposed.

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
        self.space = Space([_dimension(settings[name], name) for name in self.tuned]) if self.tuned else None

    def complete(self, point):
        """Return the full set of hyperparameters for one point of the tuned ones, as plain Python numbers."""
        tuned = {
            dimension.name: _plain(value) if isinstance(dimension, Categorical) else _rounded(value)
            for value, dimension in zip(point, self.space.dimensions, strict=True)
        }
        return {**self.fixed, **tuned}

    def point(self, hyperparameters):
        """Return the point of the tuned hyperparameters."""
        return [hyperparameters[name] for name in self.tuned]

    def key(self, hyperparameters):
        """Return what makes two sets the same: the tuned values."""
        return tuple(self.point(hyperparameters))

    def smallest(self):
        """Return the set with every tuned value at its lowest, whose fit needs the least memory."""
        return {**self.fixed, **{name: _lower(self.settings[name], None, 0.0) for name in self.tuned}}

    def allows(self, hyperparameters):
        """Return True for a set whose fit stays within the limit of memory."""
        return self.limit is None or self.limit(hyperparameters)

    def explore(self, n_points, seed):
        """Return ``n_points`` sets that fill the space (Latin hypercube), repeats removed."""
        if not self.tuned:
            return [dict(self.fixed)]
        points = Lhs().generate(self.space.dimensions, max(n_points, 2), random_state=seed)
        return self.distinct([self.complete(point) for point in points[:n_points]], [], seed)

    def exploit(self, results, n_points, seed):
        """Return up to ``n_points`` new sets where the surrogate expects the largest improvement.

        Parameters
        ----------
        results : list of (dict, float)
            Hyperparameters and objective (smaller is better, finite).
        n_points : int
            Proposed together by the constant-liar strategy.
        seed : int

        Returns
        -------
        list of dict
            Fewer than ``n_points`` when a finite space is exhausted, empty when nothing is to tune.
        """
        if not self.tuned:
            return []
        optimizer = Optimizer(
            self.space.dimensions, base_estimator="GP", n_initial_points=1, acq_func="EI", random_state=seed
        )
        with warnings.catch_warnings():
            # Repeats are dealt with below, and a few points make the length scales sit on their bounds.
            warnings.simplefilter("ignore")
            optimizer.tell(
                [self._inside(self.point(parameters)) for parameters, _ in results], [value for _, value in results]
            )
            points = optimizer.ask(n_points=n_points, strategy="cl_min")
        known = [parameters for parameters, _ in results]
        return self.distinct([self.complete(point) for point in points], known, seed)

    def distinct(self, proposals, known, seed, tries=200):
        """Bring proposals within the limit of memory, and replace those that repeat a known set or each other by random new ones.

        A proposal for which no new one is found is dropped.
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
        """Return a set as it is where the limit of memory allows it, else as near to it as the limit allows.

        What sets the memory is lowered step by step, everything else stays as the surrogate wanted it.
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
        """Pull rounded values back into their ranges."""
        low_high = [dimension.bounds for dimension in self.space.dimensions]
        return [
            value if isinstance(dimension, Categorical) else min(max(value, bound[0]), bound[1])
            for value, dimension, bound in zip(point, self.space.dimensions, low_high, strict=True)
        ]


def _dimension(setting, name):
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
    """Turn a numpy number into a plain one."""
    return value.item() if isinstance(value, np.generic) else value


def _rounded(value):
    """Turn a numpy number into a plain one, reals to four digits so that files and logs stay readable."""
    if isinstance(value, (int, np.integer)):
        return int(value)
    return float(f"{float(value):.4g}")


def objective(rmse):
    """Return what the surrogate models for a test RMSE: its logarithm, on which fits spread evenly."""
    return math.log(max(rmse, 1e-6))
