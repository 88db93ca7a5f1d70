"""What the loop may propose: the ranges of the configuration within the limits on memory and on cost."""

from gapglass.active_learning.search import SearchSpace
from gapglass.active_learning.tuning import INNER
from gapglass.potential import cost
from gapglass.potential.hyperparameters import bounds
from gapglass.potential.memory import FitMemory, MemoryLimit


def search_space(potential, counts, imported, max_fit_memory=None, guided=False):
    """Return the search space of the outer level: all hyperparameters for gap_fit, the geometry for the engine.

    Parameters
    ----------
    potential : dict
        descriptor, fitter, virials, cost_limit and hyperparameters of the configuration.
    counts : pandas.DataFrame
        From ``geometry.count_neighbours``, the rows of the training frames.
    imported : dict
        frames/import.json.
    max_fit_memory : float, optional
        MB.
    guided : bool
        Whether fits may start from a guide.

    Returns
    -------
    SearchSpace
    """
    settings = potential["hyperparameters"]
    by_engine = potential["fitter"] == "engine"
    # The inner level tries several numbers of sparse points: the largest needs the memory, the smallest costs least.
    largest = {"n_sparse": bounds(settings["n_sparse"])[1]} if by_engine else {}
    smallest = {"n_sparse": bounds(settings["n_sparse"])[0]} if by_engine else {}
    checks = []
    if max_fit_memory is not None:
        virials = potential["virials"] and imported["virials"]
        memory = FitMemory(
            counts, descriptor=potential["descriptor"], virials=virials, fitter=potential["fitter"], guided=guided
        )
        checks.append((MemoryLimit(memory, max_fit_memory), largest))
    if potential["cost_limit"] is not None:
        checks.append((CostLimit(counts, imported["species"], potential), smallest))
    outer = {name: setting for name, setting in settings.items() if not (by_engine and name in INNER)}
    return SearchSpace(outer, Limits(checks) if checks else None)


class CostLimit:
    """The limit ``potential.cost_limit`` (µs for an atom and a step) on the estimated cost of a potential."""

    def __init__(self, counts, species, potential):
        self.counts, self.n_species = counts, len(species)
        self.descriptor, self.limit = potential["descriptor"], potential["cost_limit"]

    def _microseconds(self, hyperparameters):
        return cost.of_potential(hyperparameters, self.counts, self.n_species, self.descriptor)

    def __call__(self, hyperparameters):
        """Return True for hyperparameters whose potential stays within the limit."""
        return self._microseconds(hyperparameters) <= self.limit

    def refusal(self, hyperparameters):
        """Return the message for a search space whose smallest hyperparameters, these, are above the limit."""
        return (
            f"potential.cost_limit is {self.limit:g} µs for an atom and a step, but even the smallest potential of "
            f"potential.hyperparameters costs about {self._microseconds(hyperparameters):.1f} µs; raise it, or allow "
            "smaller n_max, l_max, cutoff, n_sparse or two_body_cutoff"
        )


class Limits:
    """Several limits on hyperparameters; each takes the values that a set lacks from its own."""

    def __init__(self, checks):
        self.checks = checks

    def __call__(self, hyperparameters):
        """Return True for hyperparameters that every limit allows."""
        return all(check({**hyperparameters, **more}) for check, more in self.checks)

    def refusal(self, hyperparameters):
        """Return the message of the first limit that refuses these hyperparameters."""
        for check, more in self.checks:
            if not check({**hyperparameters, **more}):
                return check.refusal({**hyperparameters, **more})
        return ""
