"""The configuration: read, checked against the schema, completed with defaults, checked for sense.

Every problem is found before any work starts and told with the key, the value seen, what is
allowed and a fix. The schema is ``workflow/schemas/config.schema.yaml``.
"""

import copy
import difflib
import json
import math
import os
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml
from ase.data import atomic_masses, atomic_numbers
from jsonschema import Draft202012Validator, ValidationError, validators

from gapglass import readers
from gapglass.errors import UserError, system_problem
from gapglass.trajectory import AMU_PER_A3_IN_G_PER_CM3

MOST_STEPS = 2**31 - 1  # of one run of LAMMPS
SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "config.schema.yaml"


def _whole_match(validator, pattern, instance, schema):
    """Match a pattern with the whole text: `$` also matches before a line break at the end, which has no place in a name."""
    if isinstance(instance, str) and not re.fullmatch(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = validators.extend(Draft202012Validator, {"pattern": _whole_match})


def load_schema():
    """Return the schema as a dictionary."""
    return yaml.safe_load(SCHEMA.read_text())


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
    problems = [f"`{_key(path)}` has the key {key!r}, which is not text; put it in quotes" for path, key in _keys_without_name(config)]
    for error in [] if problems else sorted(Validator(schema).iter_errors(config), key=lambda e: list(map(str, e.absolute_path))):
        problems += _explain(error, schema)
    problems += [f"`{_key(path)}` is not a finite number; give one" for path in _not_finite(config)]
    if not problems:
        config = _fill(copy.deepcopy(config), schema, schema)
        problems = list(_sense(config))
    if problems:
        raise UserError(f"{source} has {len(problems)} problem(s):\n" + "\n".join(f"  - {text}" for text in problems))
    return config


def read(path):
    """Read, check and complete the configuration file at ``path``."""
    return complete(read_source(path), str(path))


class _StrictLoader(yaml.SafeLoader):
    """YAML without Python objects, in which a key that stands twice is an error: YAML itself would take the last."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise yaml.constructor.ConstructorError(None, None, f"found the key {key!r}, which is no name", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key}` stands there a second time; keep one of the two", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _pairs(pairs):
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise UserError(f"the key `{key}` stands there twice; keep one of the two")
    return dict(pairs)


def read_source(path):
    """Return what a configuration file says, keys and values, before any check of them.

    Parameters
    ----------
    path : path-like
        YAML or JSON.

    Raises
    ------
    UserError
        Naming file, line and fix: absent, a folder, unreadable, not UTF-8, empty, not YAML, a key twice, Python in it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"the configuration {path} is not UTF-8 text (byte {error.start}); save it with that encoding") from None
    except OSError as error:
        raise UserError(f"cannot read the configuration {system_problem(error, path) or error}") from None
    try:
        data = json.loads(text, object_pairs_hook=_pairs) if path.suffix == ".json" else yaml.load(text, Loader=_StrictLoader)
        json.dumps(data, default=str)  # refuses what contains itself
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}{_position(error)} is not valid YAML: {_yaml_problem(error)}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid YAML: {error or type(error).__name__}; mend the file") from None
    if data is None or not text.strip():
        raise UserError(f"{path} is empty; begin with a copy of config/config.yaml")
    if not isinstance(data, dict):
        raise UserError(f"{path}: expected keys and values, found {type(data).__name__}; begin with a copy of config/config.yaml")
    if "__use_yte__" in data:
        raise UserError(f"{path}: `__use_yte__` lets a configuration run Python code; remove it and write the values themselves")
    return data


def _position(error):
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return f", line {mark.line + 1}, column {mark.column + 1}," if mark else ""


def _yaml_problem(error):
    problem = getattr(error, "problem", None) or str(error)
    if "\\t" in problem:
        return "a tab; indent with spaces"
    if "could not determine a constructor" in problem:
        tag = problem.rsplit(" ", 1)[-1].strip("'").replace("tag:yaml.org,2002:", "!!")
        return f"the tag {tag} is not allowed; write plain values"
    fix = "" if ";" in problem else "; mend this line (a text with a colon or a bracket needs quotes)"
    return f"{problem}{fix}"


def _resolve(node, schema):
    if "$ref" in node:
        return {**schema["$defs"][node["$ref"].rsplit("/", 1)[1]], **node}
    return node


def _fill(value, node, schema):
    """Return a value with the defaults of its schema node, its keys in the schema's order.

    Snakemake compares parameters as written: the order in which a user happens to write keys must not redo jobs.
    """
    node = _resolve(node, schema)
    if isinstance(value, dict):
        for option in node.get("anyOf", []):
            if set(value) <= set(option.get("properties", ())) and set(option.get("required", ())) <= set(value):
                return _fill(value, option, schema)
        filled = {}
        for key, child in node.get("properties", {}).items():
            child = _resolve(child, schema)
            if key in value or "default" in child:
                filled[key] = _fill(value.get(key, copy.deepcopy(child.get("default"))), child, schema)
        return filled | {key: value[key] for key in sorted(set(value) - set(filled))}
    if isinstance(value, list) and isinstance(node.get("items"), dict):
        return [_fill(item, node["items"], schema) for item in value]
    return _number(value, node)


def _number(value, node):
    """Return a number in the kind its schema node asks for: 5 is a real where a real is meant, 100.0 a whole number."""
    kinds = {kind for option in (node, *node.get("anyOf", [])) for kind in np.atleast_1d(option.get("type", []))}
    if "number" in kinds and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if "integer" in kinds and isinstance(value, float):
        return int(value)
    return value


def _not_finite(value, path=()):
    """Yield the places of numbers that are not finite; comparisons with them pass every bound."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _not_finite(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _not_finite(item, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path


def _keys_without_name(value, path=()):
    """Yield the places of keys that YAML reads as numbers or truth values, with the key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(value, dict) and not isinstance(key, str):
            yield path, key
        else:
            yield from _keys_without_name(item, (*path, key))


def _key(path):
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text or "(top level)"


def _allowed(node):
    """Say in words what a schema node allows."""
    if "$ref" in node or "anyOf" in node:
        options = node.get("anyOf", [])
        return " or ".join(_allowed(option) for option in options)
    if "enum" in node:
        return "one of " + ", ".join(str(v) for v in node["enum"])
    if "const" in node:
        return str(node["const"])
    if node.get("type") == "object":
        keys = ", ".join(node.get("properties", {}))
        return f"the keys {{{keys}}}" if keys else "keys and values"
    kinds = node.get("type", "a value")
    text = " or ".join(kinds) if isinstance(kinds, list) else kinds
    names = {
        "exclusiveMinimum": ">",
        "minimum": ">=",
        "exclusiveMaximum": "<",
        "maximum": "<=",
        "minItems": "items >=",
        "maxLength": "characters <=",
    }
    bounds = [f"{sign} {node[word]}" for word, sign in names.items() if word in node]
    if "pattern" in node:
        bounds.append("matching " + node["pattern"])
    return f"{text} {' and '.join(bounds)}".strip()


def _explain(error, schema):
    """Turn one finding of jsonschema into lines that name key, value, allowed values and a fix."""
    key = _key(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.schema.get("additionalProperties"), bool):
        known = list(error.schema.get("properties", {}))
        lines = []
        for name in error.instance:
            if name not in known:
                where = _key([*error.absolute_path, name])
                close = difflib.get_close_matches(str(name), known, 1)
                fix = f"did you mean `{close[0]}`?" if close else "remove it"
                lines.append(f"`{where}` is not a known key; {fix} Known here: {', '.join(known)}")
        return lines
    if error.validator == "required":
        name = re.match(r"'(.*)' is a required", error.message).group(1)
        return [f"`{_key([*error.absolute_path, name])}` is missing; add it"]
    unit = f" (in {error.schema['unit']})" if "unit" in error.schema else ""
    allowed = _allowed(_resolve(error.schema, schema))
    fix = "change the value"
    if isinstance(error.instance, str) and re.fullmatch(r"[-+]?\d+[eE][-+]?\d+", error.instance):
        mantissa, exponent = re.split("[eE]", error.instance)
        fix = f"YAML reads this as text, write {mantissa}.0e{exponent}"
    return [f"`{key}` is {error.instance!r}; allowed: {allowed}{unit}; {fix}"]


def _sense(config):
    """Yield what a schema cannot say: contradictions between keys, and physics."""
    names = [entry["name"] for entry in config["trajectories"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"`trajectories` holds the name {name!r} twice; give each entry its own name"
    for index, entry in enumerate(config["trajectories"]):
        where = f"trajectories[{index}]"
        if entry["stop"] is not None and entry["stop"] <= entry["start"]:
            yield f"`{where}.stop` is {entry['stop']}; allowed: more than start ({entry['start']}); raise it"
        yield from _sense_reader(entry, where)
        if (entry["temperature"] is None) == (entry["temperature_key"] is None):
            yield f"`{where}` needs either temperature (K) or temperature_key; give exactly one of them"
    if all(entry["role"] != "reference" for entry in config["trajectories"]):
        yield "`trajectories` has no entry of role reference; give one the role reference"

    coulomb = config["descriptors"]["coulomb"]
    if coulomb["permutation"] == "sorted_l2" and (coulomb["distances"] == "minimum_image" or coulomb["matrix"] != "coulomb"):
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
    if wanted is not None and temperatures and None not in temperatures and all(abs(t - wanted) >= 0.5 for t in temperatures):
        yield (
            f"no trajectory of role reference has the temperature {wanted} K of the last stage of glass.cycle (there are "
            f"{', '.join(map(str, temperatures))} K); set structure.reference_temperature to one of them"
        )

    yield from _sense_hyperparameters(config["potential"])
    yield from _sense_species(config)
    yield from _sense_glass(config)
    yield from _sense_experiments(config["structure"])
    yield from _sense_learning_curves(config)


def _sense_reader(entry, where):
    """Yield keys that contradict the format; with format auto the reader tells them, once it has seen the file."""
    if entry["format"] != "auto":
        form = readers.FORMATS[entry["format"]]
        for key in ("companions", "keys", "key_units", "species", "cell", "lammps_units"):
            if entry[key] and key not in form.options:
                yield f"`{where}.{key}` has no effect with format {form.name}; drop it"
        for key in ("where", "temperature_key"):
            if entry[key] and form.name not in readers.WITH_KEYS:
                yield f"`{where}.{key}` looks at keys of the frames, which format {form.name} does not have; drop it"
        for what in entry["companions"]:
            if "companions" in form.options and what not in form.accepts:
                yield f"`{where}.companions.{what}` is no file of format {form.name}; known: {', '.join(form.accepts)}"
    for what in entry["key_units"]:
        if what not in entry["keys"]:
            yield f"`{where}.key_units.{what}` is a unit without a key; name the key in {where}.keys, or drop it"
    if entry["keys"]:
        if "energy" not in entry["keys"] and "free_energy" not in entry["keys"]:
            yield f"`{where}.keys` names no energy; add energy or free_energy, since with this section only the keys named are read"
        if "forces" not in entry["keys"]:
            yield f"`{where}.keys` names no forces; add them, since with this section only the keys named are read"
    several = [what for what in ("virial", "stress", "pressure") if what in entry["keys"]]
    if len(several) > 1:
        yield f"`{where}.keys` has {' and '.join(several)}, which are one label in different forms; keep one"
    if entry["cell"] is not None and (len(entry["cell"]) not in (3, 6, 9) or (len(entry["cell"]) < 9 and min(entry["cell"]) <= 0)):
        yield f"`{where}.cell` is {entry['cell']}; allowed: three edges, three edges and three angles (all > 0), or nine numbers; mend it"


def bounds(setting):
    """Return the smallest and the largest value that a hyperparameter setting allows."""
    if not isinstance(setting, dict):
        return setting, setting
    if "choices" in setting:
        return min(setting["choices"]), max(setting["choices"])
    return setting["low"], setting["high"]


def _sense_hyperparameters(potential):
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


def _sense_learning_curves(config):
    chosen, known = config["learning_curves"]["hyperparameters"], config["potential"]["hyperparameters"]
    whole = {name for name, node in load_schema()["properties"]["potential"]["properties"]["hyperparameters"]["properties"].items()
             if node["$ref"].endswith("whole")}  # fmt: skip
    for name, value in chosen.items():
        if name not in known:
            yield f"`learning_curves.hyperparameters.{name}` is not a hyperparameter; known: {', '.join(known)}"
        elif name in whole and int(value) != value:
            yield f"`learning_curves.hyperparameters.{name}` is {value}; allowed: a whole number; change it"
    for problem in _sense_hyperparameters(config["potential"] | {"hyperparameters": known | chosen}):
        if chosen and problem not in set(_sense_hyperparameters(config["potential"])):
            yield problem.replace("potential.hyperparameters", "learning_curves.hyperparameters")


def _sense_species(config):
    e0 = config["potential"]["e0"]
    lacking = [symbol for symbol in config["glass"].get("composition", {}) if isinstance(e0, dict) and symbol not in e0]
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


def _sense_glass(config):
    glass = config["glass"]
    for key, example in {"composition": "{Te: 1, O: 2}", "density": "5.6", "cycle": "[{temperature: 300, time: 5}]"}.items():
        if key not in glass:
            yield f"`glass.{key}` is missing; add it, for example {example}"
            return
    formula = sum(glass["composition"].values())
    for size in glass["sizes"]:
        if size % formula:
            nearest = size // formula * formula or formula
            yield f"`glass.sizes` holds {size}; allowed: multiples of the {formula} atoms in a formula unit; use {nearest}"
    yield from _sense_cell(config)
    variants = config["potential"]["variants"]
    if glass["comparison_sizes"] and variants == ["optimal"]:
        yield "`glass.comparison_sizes` has no effect, because potential.variants holds optimal alone; drop it or add a potential"
    absent = [size for size in glass["comparison_sizes"] or [] if size not in glass["sizes"]]
    if absent:
        yield f"`glass.comparison_sizes` holds {absent[0]}, which glass.sizes {glass['sizes']} lacks; add it there or drop it here"
    if glass["comparison_sizes"] == []:
        yield "`glass.comparison_sizes` is []; leave it out to make all sizes, or take the potentials out of potential.variants"
    for index, stage in enumerate(glass["cycle"]):
        if stage["time"] * 1000 < glass["timestep"]:
            yield f"`glass.cycle[{index}].time` is {stage['time']} ps, shorter than one time step ({glass['timestep']} fs); raise it"
        if stage["time"] * 1000 / glass["timestep"] > MOST_STEPS:
            yield (
                f"`glass.cycle[{index}].time` is {stage['time']} ps, more than the {MOST_STEPS} steps of {glass['timestep']} fs that "
                "LAMMPS counts; lower it or split the stage"
            )
        if stage["ensemble"] == "nvt" and stage["pressure"]:
            yield f"`glass.cycle[{index}].pressure` is {stage['pressure']} GPa in an nvt stage, where it has no effect; use npt or drop it"
    last = glass["cycle"][-1]
    if last["time"] * 1000 * (1 - config["structure"]["discard_fraction"]) < glass["sample_interval"]:
        yield (
            f"`glass.sample_interval` is {glass['sample_interval']} fs; the last stage of {last['time']} ps would leave no frame "
            "to analyse; lower it or lengthen the stage"
        )
    command = glass["lammps_command"]
    asked = [count for flag, count in pairwise(command) if flag in ("-n", "-np", "--np", "--ntasks")]
    if command and (asked[:1] or ["1"]) != [str(glass["ranks"])]:
        yield (
            f"`glass.lammps_command` is {command} and glass.ranks {glass['ranks']}; the launcher in the command must start as many ranks, "
            f"for example [mpirun, -np, '{glass['ranks']}', lmp], and ranks must be 1 for a command without one"
        )


def _sense_cell(config):
    """Yield what the smallest model's cell is too small for: found here, not after its quench."""
    glass, structure = config["glass"], config["structure"]
    masses = {symbol: atomic_masses[atomic_numbers[symbol]] for symbol in glass["composition"] if symbol in atomic_numbers}
    if len(masses) < len(glass["composition"]):
        return
    mass = sum(masses[symbol] * n for symbol, n in glass["composition"].items()) / sum(glass["composition"].values())
    length = (min(glass["sizes"]) * mass * AMU_PER_A3_IN_G_PER_CM3 / glass["density"]) ** (1 / 3)
    half = f"the smallest model, {min(glass['sizes'])} atoms, reaches {length / 2:.2f} Å; lower it or take more atoms"
    for pair, cutoff in structure["coordination_cutoffs"].items():
        # cells that shrink (npt) are told by the analysis; here only what cannot be
        if cutoff > 1.1 * length / 2:
            yield f"`structure.coordination_cutoffs.{pair}` is {cutoff} Å; {half}"
    if structure["r_x_min"] > length / 2:
        yield f"`structure.r_x_min` is {structure['r_x_min']} Å; {half}"
    if structure["q_direct"] != "auto" and structure["q_direct"] < 0.9 * 2 * math.pi / length:
        yield (
            f"`structure.q_direct` is {structure['q_direct']} 1/Å; the first wave vector of the smallest model, "
            f"{min(glass['sizes'])} atoms, is about {2 * math.pi / length:.2f} 1/Å; raise it or take more atoms"
        )


def _sense_experiments(structure):
    names = [entry["name"] for entry in structure["experiments"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"`structure.experiments` holds the name {name!r} twice; give each entry its own name"
    for index, entry in enumerate(structure["experiments"]):
        where, kind = f"structure.experiments[{index}]", entry["kind"]
        over_q = kind in ("S(Q)", "F(Q)")
        if over_q and entry["window"] is not None:
            yield f"`{where}.window` is {entry['window']} for {kind}, where it has no effect; set structure.window or drop it"
        if kind not in ("T(r)", "g(r)") and entry["density"] is not None:
            yield f"`{where}.density` is {entry['density']} g/cm³ for {kind}, where it has no effect; drop it"
        if not over_q and entry["q_max"] > structure["q_max"]:
            yield (
                f"`{where}.q_max` is {entry['q_max']} 1/Å and structure.q_max {structure['q_max']} 1/Å: the G(r) of the models cannot be "
                f"made with the Q_max of this {kind}; raise structure.q_max to at least {entry['q_max']}"
            )


def check_files(config):
    """Refuse files of trajectories and experiments that cannot be read, or are of codes that do not go together, before any job starts.

    Raises
    ------
    UserError
    """
    problems = [
        f"  - `{key}[{index}].file` is {entry['file']}; {problem}"
        for key, entries in (("trajectories", config["trajectories"]), ("structure.experiments", config["structure"]["experiments"]))
        for index, entry in enumerate(entries)
        if (problem := _file_problem(entry["file"]))
    ]
    problems += [
        f"  - `trajectories[{index}].companions.{what}` is {file}; {problem}"
        for index, entry in enumerate(config["trajectories"])
        for what, file in entry["companions"].items()
        if (problem := _file_problem(file))
    ]
    if problems:
        raise UserError("\n".join(["files are looked for relative to " + str(Path.cwd()), *problems]))
    readers.check_families(config["trajectories"], config["import"]["energies_agree"])


def _file_problem(name):
    """Return what is wrong with a user's file, None where it can be read."""
    # Snakemake takes {} for wildcards and <> for variables; a line break would tear logs and tables apart
    if re.search(r"[{}<>\x00-\x1f\x7f]", name):
        return "{, }, <, > and line breaks cannot be in the name; rename the file"
    path = Path(name)
    try:
        if path.is_dir():
            return "that is a folder; name the file in it"
        if not path.is_file():
            return "there is no such file; mend the path" + (" (~ is not replaced)" if name.startswith("~") else "")
        if not os.access(path, os.R_OK):
            return "you may not read it; change its permissions (chmod u+r)"
        if path.stat().st_size == 0:
            return "it is empty; copy it again"
    except OSError as error:
        return f"{error.strerror}; mend the path"
    return None


def check_reference(composition, frames):
    """Refuse frames of role reference whose formula is not that of the glass: the two structures are compared.

    Parameters
    ----------
    composition : dict
        ``glass.composition``.
    frames : list of ase.Atoms
        Canonical frames.

    Raises
    ------
    UserError
    """
    total = sum(composition.values())
    for frame in frames:
        if frame.info["role"] != "reference":
            continue
        counts = {symbol: int((frame.symbols == symbol).sum()) for symbol in set(frame.symbols)}
        if any(counts.get(symbol, 0) * total != n * len(frame) for symbol, n in composition.items()) or set(counts) != set(composition):
            raise UserError(
                f"trajectory {frame.info['trajectory']!r} has role reference and holds {frame.get_chemical_formula()}, "
                f"glass.composition is {composition}: their structures cannot be compared. "
                "Give the trajectory role extra, or mend glass.composition."
            )


def check_atom_order(frames):
    """Refuse frames of one formula with their atoms in different orders: matrices that are not permuted are compared place by place.

    Parameters
    ----------
    frames : list of ase.Atoms
        Canonical frames.

    Raises
    ------
    UserError
    """
    first = {}
    for frame in frames:
        known = first.setdefault(frame.get_chemical_formula(), frame)
        if (frame.numbers != known.numbers).any():
            place = int(np.argmax(frame.numbers != known.numbers))
            raise UserError(
                f"descriptors.coulomb.permutation is none and atom {place} is {known.symbols[place]} in frame {known.info['frame']} "
                f"(trajectory {known.info['trajectory']!r}) but {frame.symbols[place]} in frame {frame.info['frame']} "
                f"(trajectory {frame.info['trajectory']!r}): matrices of atoms in different orders cannot be compared. "
                "Use descriptors.coulomb: {permutation: eigenspectrum, distances: minimum_image}, or sort the atoms alike in all files."
            )


def check_species(composition, e0, species):
    """Compare the species of the configuration with those found in the frames.

    Parameters
    ----------
    composition : dict
        ``glass.composition``.
    e0 : "fitted" or dict
        ``potential.e0``.
    species : iterable of str
        Chemical symbols found in the frames.

    Raises
    ------
    UserError
        When a species is named on one side only.
    """
    species = set(species)
    composition = set(composition)
    if not composition <= species:
        absent = ", ".join(sorted(composition - species))
        raise UserError(
            f"glass.composition names {absent}, absent from the trajectories (which hold {', '.join(sorted(species))}); "
            "the potential cannot know it. Mend glass.composition or add trajectories with it."
        )
    if isinstance(e0, dict) and set(e0) != species:
        raise UserError(
            f"potential.e0 has {', '.join(sorted(e0))}; the trajectories hold {', '.join(sorted(species))}. "
            "Give every species its energy (gap_fit would take a missing one as 0), or e0: fitted."
        )
