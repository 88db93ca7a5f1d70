"""Checks of ``structure.experiments``, the measured curves."""

from gapglass.structure.kinds import DENSITY_KINDS, Q_KINDS


def problems(config):
    """Yield the problems of ``structure.experiments``."""
    structure = config["structure"]
    names = [entry["name"] for entry in structure["experiments"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"`structure.experiments` holds the name {name!r} twice; give each entry its own name"
    for index, entry in enumerate(structure["experiments"]):
        where, kind = f"structure.experiments[{index}]", entry["kind"]
        over_q = kind in Q_KINDS
        if over_q and entry["window"] is not None:
            yield (
                f"`{where}.window` is {entry['window']} for {kind}, where it has no effect; set structure.window or "
                "drop it"
            )
        if kind not in DENSITY_KINDS and entry["density"] is not None:
            yield f"`{where}.density` is {entry['density']} g/cm³ for {kind}, where it has no effect; drop it"
        if not over_q and entry["q_max"] > structure["q_max"]:
            yield (
                f"`{where}.q_max` is {entry['q_max']} 1/Å and structure.q_max {structure['q_max']} 1/Å: the G(r) of "
                f"the models cannot be made with the Q_max of this {kind}; raise structure.q_max to at least "
                f"{entry['q_max']}"
            )
