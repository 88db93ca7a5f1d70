"""Checks of section ``validation``: names, and reference values that nothing can be compared with."""

import re

from gapglass.glass.lammps import MOST_STEPS
from gapglass.glass.stability import SEVERAL, TIMESTEP_SHARE


def problems(config):
    """Yield the problems of ``validation``."""
    yield from _nve_problems(config["validation"]["nve"], config["glass"]["timestep"])
    entries = config["validation"]["structures"]
    names = [entry["name"] for entry in entries]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"`validation.structures` holds the name {name!r} twice; give each entry its own name"
    for index, entry in enumerate(entries):
        where, other = f"validation.structures[{index}]", entry["relative_to"]
        if other is not None and (other not in names or other == entry["name"]):
            others = ", ".join(name for name in names if name != entry["name"])
            yield f"`{where}.relative_to` is {other}; allowed: another of the structures ({others or 'there is none'})"
        if entry["reference"]:
            yield from _reference_problems(entry, f"{where}.reference")


def _nve_problems(nve, glass_timestep):
    """Yield times that are too short to tell a drift of the energy, or longer than a run of LAMMPS."""
    if nve is None:
        return
    timestep = nve["timestep"] or TIMESTEP_SHARE * glass_timestep
    n_steps = nve["time"] * 1000 / timestep
    if n_steps < SEVERAL:
        yield (
            f"`validation.nve.time` is {nve['time']} ps, {n_steps:.0f} steps of {timestep:g} fs; allowed: at least "
            f"{SEVERAL} steps; raise it"
        )
    if max(nve["time"], nve["equilibration"]) * 1000 / timestep > MOST_STEPS:
        yield f"`validation.nve` asks for more than the {MOST_STEPS} steps that LAMMPS counts; lower its times"


def _reference_problems(entry, where):
    """Yield reference values that cannot be compared, and a reference without any."""
    given = entry["reference"]
    if set(given) == {"source"}:
        yield f"`{where}` has a source and no value; give a value, or drop it"
    if "relative_energy" in given and entry["relative_to"] is None:
        yield (
            f"`{where}.relative_energy` is an energy from another structure; name it in relative_to, or drop the value"
        )
    if "elastic_constants" in given and not entry["elastic"]:
        yield f"`{where}.elastic_constants` has no effect with elastic: false; drop one of them"
    for key in given.get("elastic_constants", {}):
        if not re.fullmatch("C[1-6][1-6]", key):
            yield f"`{where}.elastic_constants.{key}` is no elastic constant; allowed: C11 to C66"
