"""Which glass models are not to be believed, for what reason, and what may help.

A potential can be wrong where nothing stops a quench. Three signs of it are counted in every stage: atoms closer than
in the frames of the study (``closeness``), atoms without neighbours that they have in every frame (``bare``), and an
energy below that of every frame (``outside``). The structure of such a glass is analysed and shown all the same.
"""

from gapglass.glass import bare, closeness, outcomes, outside

CLOSE, BARE, ENERGY = "too close", "bare atoms", "energy"
REMEDIES = {
    CLOSE: (
        "Atoms that are too close: (1) the potential may lack such configurations: add frames of this state and "
        "density from first principles, let the potential ask for them (harvest.rounds), or lower "
        "active_learning.energy_tolerance; (2) the stage may be hotter or denser than the frames; (3) glass.timestep "
        "may be too long; (4) if the model is far larger than the frames, rare close pairs are more often among its "
        "atoms: lower glass.too_close_ratio"
    ),
    BARE: (
        "Bare atoms: (1) begin in a frame of the reference instead of a random packing (glass.start: reference); (2) "
        "let the potential ask for such frames (harvest.rounds), or add frames from the melting of a random packing "
        "to the trajectories; (3) give the energies of free atoms (potential.e0)"
    ),
    ENERGY: (
        "An energy below that of every frame: the potential has a false minimum; let it ask for frames from there "
        "(harvest.rounds), or add frames of this state from first principles"
    ),
}


def judged(outcome, settings):
    """Return the outcome of a model: that of its last stage with the judgement whether its glass is to be believed.

    Parameters
    ----------
    outcome : dict
        outcome.json of the last stage.
    settings : dict
        too_close_ratio and max_too_close_share of section ``glass``.

    Returns
    -------
    dict
        The outcome with believed (None if the stages were made by a version that did not count) and doubts: stage,
        share, text, and reason, one of ``REMEDIES``. A quench that exploded left no glass to believe, and none to
        doubt.
    """
    if outcome["exploded"]:
        return {**outcome, "believed": False, "doubts": []}
    counts = outcome.get("closeness", [])
    found = closeness.doubts(counts, settings["too_close_ratio"], settings["max_too_close_share"])
    too_low = [item for item in outcome.get("outside", []) if item["what"] == outside.ENERGY]
    by_reason = {CLOSE: found, BARE: bare.doubts(outcome.get("bare", [])), ENERGY: too_low}
    doubts = [
        {**{name: item[name] for name in ("stage", "share", "text")}, "reason": reason}
        for reason, items in by_reason.items()
        for item in items
    ]
    doubts.sort(key=lambda item: item["stage"])
    return {**outcome, "believed": not doubts if counts or doubts else None, "doubts": doubts}


def of_models(paths):
    """Return the doubts about the models that are not to be believed, from the paths of ``outcomes.of_models``."""
    return outcomes.entries_of_models(paths, "doubts")


def doubted_models(paths):
    """Return the models, "{potential}_{atoms}", of which a replica is not to be believed, from the same paths."""
    return {model.rsplit("_", 1)[0] for model in of_models(paths)}


def remedies(found):
    """Return what may help against doubts, a text for each reason that occurs.

    Parameters
    ----------
    found : dict
        Model -> doubts, from ``of_models``. Doubts of an older version have no reason.
    """
    reasons = {item.get("reason", CLOSE) for items in found.values() for item in items}
    return [text for reason, text in REMEDIES.items() if reason in reasons]
