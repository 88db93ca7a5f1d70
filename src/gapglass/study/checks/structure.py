"""Checks of section ``structure``: measured curves and the network."""

from gapglass.structure.kinds import DENSITY_KINDS, Q_KINDS


def problems(config):
    """Yield the problems of ``structure.experiments`` and ``structure.network``."""
    yield from _network_problems(config["structure"], config["glass"].get("composition", {}))
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


def _network_problems(structure, composition):
    """Yield species of ``structure.network`` that the glass lacks, roles without effect and bonds without a cutoff."""
    network = structure["network"]
    formers, bridges = network["formers"], network["bridges"]
    for role, species in (("formers", formers), ("bridges", bridges)):
        absent = [symbol for symbol in species if composition and symbol not in composition]
        if absent:
            yield (
                f"`structure.network.{role}` names {absent[0]}, which glass.composition ({', '.join(composition)}) "
                "lacks; mend one of them"
            )
    both = [symbol for symbol in formers if symbol in bridges]
    if both:
        yield f"`structure.network` names {both[0]} as former and as bridge; keep one of the two"
    if bridges and not formers:
        yield "`structure.network.bridges` has no effect without formers; name the formers, or drop it"
    cutoffs = {frozenset(pair.split("-")) for pair in structure["coordination_cutoffs"]}
    for former in formers:
        partners = bridges or formers
        if not any(frozenset((former, partner)) in cutoffs for partner in partners):
            yield (
                f"`structure.network.formers` names {former}, and structure.coordination_cutoffs has no cutoff for "
                f"its bonds; add one, for example {former}-{partners[0]}"
            )
