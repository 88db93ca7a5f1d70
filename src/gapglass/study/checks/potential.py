"""Checks of section ``potential.hyperparameters``: ranges, and values that the descriptor allows."""

from gapglass.potential.hyperparameters import MOST_RADIAL_SOAP_TURBO, MOST_SIGMA, bounds


def problems(config):
    """Yield the problems of ``potential``, and of what ``active_learning`` asks of the fitter."""
    potential, loop = config["potential"], config["active_learning"]
    if potential["fitter"] == "gap_fit":
        for name, value, needed in (
            ("active_learning.validation", loop["validation"], "split"),
            ("potential.sparse_from", potential["sparse_from"], "training"),
        ):
            if value != needed:
                yield f"`{name}` is {value}, which `potential.fitter: gap_fit` cannot do; set it to {needed}"
        for entry in config["trajectories"]:
            if entry["weight"] != 1 or entry["weight_key"] or set(entry["sigma_factors"].values()) != {1.0}:
                yield (
                    f"trajectory {entry['name']} has weights or sigma_factors, which `potential.fitter: gap_fit` does "
                    "not take; remove them or use the fitter engine"
                )
    strategy = config["selection"]["strategy"]
    if strategy != "clusters" and loop["validation"] == "split":
        yield (
            f"`selection.strategy` is {strategy}, but `active_learning.validation: split` divides frames drawn from "
            "clusters; set strategy to clusters, or validation to cross_validation"
        )
    if strategy != "clusters" and "soap_only" in potential["variants"]:
        yield (
            f"`selection.strategy` is {strategy}, so no frame is drawn from clusters, and soap_only would equal "
            "optimal; take soap_only out of potential.variants, or set strategy to clusters"
        )
    if potential["prior"] == "guide" and (potential["fitter"] != "engine" or loop["validation"] != "cross_validation"):
        yield (
            "`potential.prior: guide` needs `potential.fitter: engine` and `active_learning.validation: "
            "cross_validation`; set them, or prior to auto or none"
        )
    if loop["objective"] == "energy_and_forces" and not any(loop["objective_weights"].values()):
        yield "`active_learning.objective_weights` are both 0; raise one of them"
    yield from hyperparameter_problems(potential)


def hyperparameter_problems(potential, section="potential"):
    """Yield the problems of a set of hyperparameters.

    Parameters
    ----------
    potential : dict
        ``descriptor`` and ``hyperparameters``.
    section : str
        Section of the configuration that the messages name.
    """
    settings, where = potential["hyperparameters"], f"{section}.hyperparameters"
    n_max = bounds(settings["n_max"])[1]
    if potential["descriptor"] == "soap_turbo" and n_max > MOST_RADIAL_SOAP_TURBO:
        yield (
            f"`{where}.n_max` reaches {n_max}; allowed with soap_turbo: at most {MOST_RADIAL_SOAP_TURBO}, beyond it "
            "its radial functions (poly3gauss) are linearly dependent to rounding and the energy is not defined: the "
            "smallest eigenvalue of their overlap is 2e-11 at 8, 2e-15 at 10, negative at 12; lower it or use "
            "descriptor soap"
        )
    for name, setting in settings.items():
        low, high = bounds(setting)
        if isinstance(setting, dict) and low >= high:
            yield f"`{where}.{name}` has low {low} and high {high}; low must be smaller; swap or widen them"
    width, cutoff = bounds(settings["cutoff_width"])[1], bounds(settings["cutoff"])[0]
    if width >= cutoff:
        yield (
            f"`{where}.cutoff_width` reaches {width} Å and cutoff goes down to {cutoff} Å; the width must be smaller "
            "than the cutoff; lower the width"
        )
    widest, smallest = bounds(settings["atom_sigma"])[1], MOST_SIGMA * cutoff
    if potential["descriptor"] == "soap_turbo" and widest > smallest:
        yield (
            f"`{where}.atom_sigma` reaches {widest} Å and cutoff goes down to {cutoff} Å; allowed with soap_turbo: at "
            f"most {MOST_SIGMA} of the cutoff, {smallest:.3g} Å, beyond it the engine and QUIP differ; lower "
            "atom_sigma or raise the cutoff"
        )
