"""Checks of section ``labels``: what a study cannot do whose frames are labelled when they are chosen."""

from gapglass.selection.kinds import BY_ERRORS

INPUTS = {
    "cp2k": ("template",),
    "espresso": ("template",),
    "vasp": ("incar", "potcars"),  # an INCAR with KSPACING needs no KPOINTS
    "command": ("command",),
}


def problems(config):
    """Yield the problems of ``labels``."""
    labels, computes_atoms = config.get("labels"), config["potential"]["e0"] == "compute"
    if computes_atoms and (labels or {"engine": "none"})["engine"] == "none":
        yield (
            "`potential.e0: compute` labels isolated atoms, which needs `labels` with an engine; with e0: fitted, "
            "isolated atoms of the sets and trajectories are taken"
        )
    if labels is None:
        return
    yield from _spin_problems(labels["spins"], config["glass"].get("composition", {}), computes_atoms)
    if labels["engine"] == "none":
        if labels["budget"]:
            yield "`labels.budget` limits labels that are computed, and `labels.engine: none` computes none; drop it"
        return
    engine = labels["engine"]
    for name in INPUTS[engine]:
        if not labels[name]:
            yield f"`labels.engine: {engine}` needs `labels.{name}`; give it"
    strategy = config["selection"]["strategy"]
    if strategy in BY_ERRORS:
        yield (
            f"`selection.strategy: {strategy}` reads the labels of every frame that may train, and with "
            f"`labels.engine: {engine}` a frame is labelled only when it is chosen; take variance, uniform_in_time, "
            "farthest_point, random or clusters"
        )
    loop, potential = config["active_learning"], config["potential"]
    if labels["budget"] and {"optimal", "soap_only"} <= set(potential["variants"]):
        yield (
            "`labels.budget` is that of one loop, and `potential.variants` has two (optimal and soap_only); keep one "
            "of them, or drop the budget"
        )
    if "all_frames" in potential["variants"]:
        yield (
            "`potential.variants` has all_frames, for which every frame would be labelled; take it out, or use "
            "`labels.engine: none`"
        )
    if loop["validation"] != "cross_validation":
        yield (
            "`active_learning.validation: split` needs labels of test frames besides; with `labels.engine` set it to "
            "cross_validation"
        )
    if not loop["holdout_fraction"]:
        yield (
            "`active_learning.holdout_fraction: 0` makes every frame that is not taken the last test, and all of them "
            "would be labelled; raise it"
        )


def _spin_problems(spins, composition, computes_atoms):
    """Yield the problems of ``labels.spins``."""
    if spins and not computes_atoms:
        yield "`labels.spins` is for isolated atoms, and only `potential.e0: compute` labels any; drop it"
    for symbol in spins:
        if composition and symbol not in composition:
            yield f"`labels.spins.{symbol}`: glass.composition ({', '.join(composition)}) lacks it; mend one of them"
