"""Checks of section ``learning_curves``: hyperparameters that replace those of the potential."""

from gapglass.study.checks.potential import hyperparameter_problems
from gapglass.study.schema import load_schema


def problems(config):
    """Yield the problems of ``learning_curves.hyperparameters``, those of the potential's own section left out."""
    potential = config["potential"]
    chosen, known = config["learning_curves"]["hyperparameters"], potential["hyperparameters"]
    whole = _whole_numbers()
    for name, value in chosen.items():
        where = f"`learning_curves.hyperparameters.{name}`"
        if name not in known:
            yield f"{where} is not a hyperparameter; known: {', '.join(known)}"
        elif name in whole and int(value) != value:
            yield f"{where} is {value}; allowed: a whole number; change it"
    if chosen:
        own = set(hyperparameter_problems(potential, "learning_curves"))
        together = potential | {"hyperparameters": known | chosen}
        yield from (found for found in hyperparameter_problems(together, "learning_curves") if found not in own)


def _whole_numbers():
    """Return the names of the hyperparameters that are whole numbers according to the schema."""
    potential = load_schema()["properties"]["potential"]["properties"]
    nodes = potential["hyperparameters"]["properties"]
    return {name for name, node in nodes.items() if node["$ref"].endswith("whole")}
