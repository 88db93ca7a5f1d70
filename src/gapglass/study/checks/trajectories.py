"""Checks of section ``trajectories``: names, ranges, roles, and keys that contradict the format of a file."""

from gapglass.frames import readers
from gapglass.frames.readers import guide


def problems(config):
    """Yield the problems of section ``trajectories``."""
    names = [entry["name"] for entry in config["trajectories"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"`trajectories` holds the name {name!r} twice; give each entry its own name"
    for index, entry in enumerate(config["trajectories"]):
        where = f"trajectories[{index}]"
        if entry["stop"] is not None and entry["stop"] <= entry["start"]:
            yield f"`{where}.stop` is {entry['stop']}; allowed: more than start ({entry['start']}); raise it"
        yield from _format_problems(entry, where)
        yield from _key_problems(entry, where)
        yield from _cell_problems(entry, where)
        if (entry["temperature"] is None) == (entry["temperature_key"] is None):
            yield f"`{where}` needs either temperature (K) or temperature_key; give exactly one of them"
    if all(entry["role"] != "reference" for entry in config["trajectories"]):
        yield "`trajectories` has no entry of role reference; give one the role reference"


def _format_problems(entry, where):
    """Yield the keys that have no effect with the format; for format auto the reader reports them later."""
    if entry["format"] == "auto":
        return
    form = readers.FORMATS[entry["format"]]
    for key in ("companions", "keys", "key_units", "species", "cell", "lammps_units"):
        if entry[key] and key not in form.options:
            yield f"`{where}.{key}` has no effect with format {form.name}; drop it"
    for key in readers.KEYS_OF_FRAMES:
        if entry[key] and form.name not in readers.WITH_KEYS:
            yield f"`{where}.{key}` looks at keys of the frames, which format {form.name} does not have; drop it"
    for what in entry["companions"]:
        if "companions" in form.options and what not in form.accepts:
            yield f"`{where}.companions.{what}` is no file of format {form.name}; known: {', '.join(form.accepts)}"


def _key_problems(entry, where):
    """Yield the problems of ``keys`` and ``key_units``, which name the labels of a frame."""
    for what in entry["key_units"]:
        if what not in entry["keys"]:
            yield f"`{where}.key_units.{what}` is a unit without a key; name the key in {where}.keys, or drop it"
    since = "since with this section only the keys named are read"
    if guide.of_labels(entry["keys"]):
        if "energy" not in entry["keys"] and "free_energy" not in entry["keys"]:
            yield f"`{where}.keys` names no energy; add energy or free_energy, {since}"
        if "forces" not in entry["keys"]:
            yield f"`{where}.keys` names no forces; add them, {since}"
    several = [what for what in ("virial", "stress", "pressure") if what in entry["keys"]]
    if len(several) > 1:
        yield f"`{where}.keys` has {' and '.join(several)}, which are one label in different forms; keep one"


def _cell_problems(entry, where):
    """Yield a cell that is not three edges, three edges and three angles, or three vectors."""
    cell = entry["cell"]
    if cell is not None and (len(cell) not in (3, 6, 9) or (len(cell) < 9 and min(cell) <= 0)):
        yield (
            f"`{where}.cell` is {cell}; allowed: three edges, three edges and three angles (all > 0), "
            "or nine numbers; mend it"
        )
