"""Checks of section ``labels``: what a study cannot do whose frames are labelled when they are chosen."""

READ_ALL = ("residual", "largest_residual")  # strategies that read the labels of every frame that may train
INPUTS = {
    "cp2k": ("template",),
    "espresso": ("template",),
    "vasp": ("incar", "kpoints", "potcars"),
    "command": ("command",),
}


def problems(config):
    """Yield the problems of ``labels``."""
    labels = config.get("labels")
    if labels is None or labels["engine"] == "none":
        return
    engine = labels["engine"]
    for name in INPUTS[engine]:
        if not labels[name]:
            yield f"`labels.engine: {engine}` needs `labels.{name}`; give it"
    strategy = config["selection"]["strategy"]
    if strategy in READ_ALL:
        yield (
            f"`selection.strategy: {strategy}` reads the labels of every frame that may train, and with "
            f"`labels.engine: {engine}` a frame is labelled only when it is chosen; take variance, uniform_in_time, "
            "farthest_point, random or clusters"
        )
    loop, potential = config["active_learning"], config["potential"]
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
