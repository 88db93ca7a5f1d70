"""Checks of the chemical species that a configuration names: e0, composition and pairs of the coordination cutoffs."""

from ase.data import atomic_numbers


def problems(config):
    """Yield species that are no elements, and species of one key that another key lacks."""
    composition = config["glass"].get("composition", {})
    given = config["potential"]["e0"]
    e0 = given if isinstance(given, dict) else None
    lacking = [symbol for symbol in composition if e0 is not None and symbol not in e0]
    if lacking:
        yield (
            f"`potential.e0` lacks {', '.join(lacking)}, which glass.composition names; give every species its "
            "energy, or e0: fitted"
        )
    for place, symbols in {"glass.composition": composition, "potential.e0": e0 or {}}.items():
        for symbol in symbols:
            if symbol not in atomic_numbers or symbol == "X":
                yield f"`{place}.{symbol}` is not a chemical element; use symbols such as Te or O"
    yield from _pair_problems(config["structure"]["coordination_cutoffs"], composition)


def _pair_problems(cutoffs, composition):
    """Yield the keys of ``structure.coordination_cutoffs`` that are no pair of species of the glass."""
    seen = set()
    for pair in cutoffs:
        where, parts = f"`structure.coordination_cutoffs.{pair}`", pair.split("-")
        if frozenset(parts) in seen:
            yield f"{where} names a pair a second time; keep one of the two"
        seen.add(frozenset(parts))
        if len(parts) != 2 or any(part not in atomic_numbers for part in parts):
            yield f"{where} is not a pair of elements; write it like Te-O"
        elif composition and any(part not in composition for part in parts):
            yield (
                f"{where} names a species that glass.composition ({', '.join(composition)}) lacks; mend one of them"
            )
