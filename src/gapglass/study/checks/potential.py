"""The configuration: read, checked against the schema, completed with defaults, checked for sense.

Every problem is found before any work starts and told with the key, the value seen, what is
allowed and a fix. The schema is ``workflow/schemas/config.schema.yaml``.
"""

from ase.data import atomic_numbers

from gapglass.potential.hyperparameters import bounds
from gapglass.study.schema import load_schema


def hyperparameter_problems(potential):
    settings = potential["hyperparameters"]
    n_max = bounds(settings["n_max"])[1]
    if potential["descriptor"] == "soap_turbo" and n_max > 8:
        yield (
            f"`potential.hyperparameters.n_max` reaches {n_max}; allowed with soap_turbo: at most 8, beyond it QUIP warns of an unstable "
            "radial basis; lower it or use descriptor soap"
        )
    for name, setting in settings.items():
        low, high = bounds(setting)
        if isinstance(setting, dict) and low >= high:
            yield f"`potential.hyperparameters.{name}` has low {low} and high {high}; low must be smaller; swap or widen them"
    if bounds(settings["cutoff_width"])[1] >= bounds(settings["cutoff"])[0]:
        yield (
            f"`potential.hyperparameters.cutoff_width` reaches {bounds(settings['cutoff_width'])[1]} Å and cutoff goes down to "
            f"{bounds(settings['cutoff'])[0]} Å; the width must be smaller than the cutoff; lower the width"
        )


def learning_curve_problems(config):
    chosen, known = config["learning_curves"]["hyperparameters"], config["potential"]["hyperparameters"]
    whole = {name for name, node in load_schema()["properties"]["potential"]["properties"]["hyperparameters"]["properties"].items()
             if node["$ref"].endswith("whole")}  # fmt: skip
    for name, value in chosen.items():
        if name not in known:
            yield f"`learning_curves.hyperparameters.{name}` is not a hyperparameter; known: {', '.join(known)}"
        elif name in whole and int(value) != value:
            yield f"`learning_curves.hyperparameters.{name}` is {value}; allowed: a whole number; change it"
    for problem in hyperparameter_problems(config["potential"] | {"hyperparameters": known | chosen}):
        if chosen and problem not in set(hyperparameter_problems(config["potential"])):
            yield problem.replace("potential.hyperparameters", "learning_curves.hyperparameters")


def species_problems(config):
    e0 = config["potential"]["e0"]
    lacking = [
        symbol for symbol in config["glass"].get("composition", {}) if isinstance(e0, dict) and symbol not in e0
    ]
    if lacking:
        yield f"`potential.e0` lacks {', '.join(lacking)}, which glass.composition names; give every species its energy, or e0: fitted"
    for place, symbols in {
        "glass.composition": config["glass"].get("composition", {}),
        "potential.e0": config["potential"]["e0"] if isinstance(config["potential"]["e0"], dict) else {},
    }.items():
        for symbol in symbols:
            if symbol not in atomic_numbers or symbol == "X":
                yield f"`{place}.{symbol}` is not a chemical element; use symbols such as Te or O"
    composition = config["glass"].get("composition", {})
    seen = set()
    for pair in config["structure"]["coordination_cutoffs"]:
        parts = pair.split("-")
        if frozenset(parts) in seen:
            yield f"`structure.coordination_cutoffs.{pair}` names a pair a second time; keep one of the two"
        seen.add(frozenset(parts))
        if len(parts) != 2 or any(part not in atomic_numbers for part in parts):
            yield f"`structure.coordination_cutoffs.{pair}` is not a pair of elements; write it like Te-O"
        elif composition and any(part not in composition for part in parts):
            yield (
                f"`structure.coordination_cutoffs.{pair}` names a species that glass.composition "
                f"({', '.join(composition)}) lacks; mend one of them"
            )
