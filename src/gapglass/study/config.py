"""The configuration: read, checked against the schema, completed with defaults, checked for sense.

Every problem is found before any work starts and told with the key, the value seen, what is
allowed and a fix. The schema is ``workflow/schemas/config.schema.yaml``.
"""

import copy

from gapglass.base.errors import UserError
from gapglass.study.checks.glass import glass_problems
from gapglass.study.checks.potential import hyperparameter_problems, learning_curve_problems, species_problems
from gapglass.study.checks.structure import experiment_problems
from gapglass.study.checks.trajectories import reader_problems
from gapglass.study.explain import explain, key_name, keys_without_name, not_finite
from gapglass.study.schema import Validator, fill, load_schema
from gapglass.study.source import read_source


def complete(config, source="config"):
    """Check a configuration and return a copy with every default filled in.

    Parameters
    ----------
    config : dict
        As read from YAML.
    source : str
        Name of the file for messages.

    Raises
    ------
    UserError
        Listing every problem found, one per line.
    """
    if not isinstance(config, dict):
        raise UserError(f"{source}: expected keys and values, found {type(config).__name__}")
    schema = load_schema()
    problems = [
        f"`{key_name(path)}` has the key {key!r}, which is not text; put it in quotes"
        for path, key in keys_without_name(config)
    ]
    for error in (
        []
        if problems
        else sorted(Validator(schema).iter_errors(config), key=lambda e: list(map(str, e.absolute_path)))
    ):
        problems += explain(error, schema)
    problems += [f"`{key_name(path)}` is not a finite number; give one" for path in not_finite(config)]
    if not problems:
        config = fill(copy.deepcopy(config), schema, schema)
        problems = list(_sense(config))
    if problems:
        raise UserError(f"{source} has {len(problems)} problem(s):\n" + "\n".join(f"  - {text}" for text in problems))
    return config


def read(path):
    """Read, check and complete the configuration file at ``path``."""
    return complete(read_source(path), str(path))


def _sense(config):
    """Yield what a schema cannot say: contradictions between keys, and physics."""
    names = [entry["name"] for entry in config["trajectories"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"`trajectories` holds the name {name!r} twice; give each entry its own name"
    for index, entry in enumerate(config["trajectories"]):
        where = f"trajectories[{index}]"
        if entry["stop"] is not None and entry["stop"] <= entry["start"]:
            yield f"`{where}.stop` is {entry['stop']}; allowed: more than start ({entry['start']}); raise it"
        yield from reader_problems(entry, where)
        if (entry["temperature"] is None) == (entry["temperature_key"] is None):
            yield f"`{where}` needs either temperature (K) or temperature_key; give exactly one of them"
    if all(entry["role"] != "reference" for entry in config["trajectories"]):
        yield "`trajectories` has no entry of role reference; give one the role reference"

    coulomb = config["descriptors"]["coulomb"]
    if coulomb["permutation"] == "sorted_l2" and (
        coulomb["distances"] == "minimum_image" or coulomb["matrix"] != "coulomb"
    ):
        how = "distances minimum_image" if coulomb["matrix"] == "coulomb" else f"matrix {coulomb['matrix']}"
        yield (
            f"`descriptors.coulomb.permutation` is sorted_l2 with {how}: with the cell respected all "
            "row norms are nearly equal, their order is noise and the clusters are destroyed; "
            "use permutation none or eigenspectrum, or matrix coulomb with distances as_given"
        )
    if coulomb["distances"] == "minimum_image" and coulomb["matrix"] != "coulomb":
        yield f"`descriptors.coulomb.distances` has no effect on the {coulomb['matrix']} matrix, which respects the cell by itself; drop it"
    if coulomb["permutation"] == "eigenspectrum" and config["kernels"]["coulomb"]["averaging"] == "environments":
        yield (
            "`kernels.coulomb.averaging` is environments with descriptors.coulomb.permutation eigenspectrum: eigenvalues belong to no "
            "atom, so there are no rows to compare; use permutation none or sorted_l2, or averaging fingerprint"
        )
    soap = config["descriptors"]["soap"]
    if soap["radial_basis"] == "gto" and soap["cutoff"] <= 1:
        yield f"`descriptors.soap.cutoff` is {soap['cutoff']}; radial_basis gto needs more than 1 Å; raise it"
    deltas = config["clustering"]["deltas"]
    if config["clustering"]["choose_from"] == "interior" and not any(0 < delta < 1 for delta in deltas):
        yield f"`clustering.deltas` is {deltas}; at least one value must lie inside 0 < delta < 1; add one, or set choose_from all"
    if len({f"{delta:g}" for delta in deltas}) < len(deltas):
        yield f"`clustering.deltas` is {deltas}; two values are written alike with six digits; drop one"

    temperatures = [e["temperature"] for e in config["trajectories"] if e["role"] == "reference"]
    cycle = config["glass"].get("cycle")
    wanted = config["structure"]["reference_temperature"] or (cycle[-1]["temperature"] if cycle else None)
    if (
        wanted is not None
        and temperatures
        and None not in temperatures
        and all(abs(t - wanted) >= 0.5 for t in temperatures)
    ):
        yield (
            f"no trajectory of role reference has the temperature {wanted} K of the last stage of glass.cycle (there are "
            f"{', '.join(map(str, temperatures))} K); set structure.reference_temperature to one of them"
        )

    yield from hyperparameter_problems(config["potential"])
    yield from species_problems(config)
    yield from glass_problems(config)
    yield from experiment_problems(config["structure"])
    yield from learning_curve_problems(config)
