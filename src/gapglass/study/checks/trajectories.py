"""The configuration: read, checked against the schema, completed with defaults, checked for sense.

Every problem is found before any work starts and told with the key, the value seen, what is
allowed and a fix. The schema is ``workflow/schemas/config.schema.yaml``.
"""

from gapglass.frames import readers


def reader_problems(entry, where):
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
    if entry["cell"] is not None and (
        len(entry["cell"]) not in (3, 6, 9) or (len(entry["cell"]) < 9 and min(entry["cell"]) <= 0)
    ):
        yield f"`{where}.cell` is {entry['cell']}; allowed: three edges, three edges and three angles (all > 0), or nine numbers; mend it"
