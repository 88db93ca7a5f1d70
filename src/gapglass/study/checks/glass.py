"""The configuration: read, checked against the schema, completed with defaults, checked for sense.

Every problem is found before any work starts and told with the key, the value seen, what is
allowed and a fix. The schema is ``workflow/schemas/config.schema.yaml``.
"""

import math
from itertools import pairwise

from ase.data import atomic_masses, atomic_numbers

from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3

MOST_STEPS = 2**31 - 1  # of one run of LAMMPS


def glass_problems(config):
    glass = config["glass"]
    for key, example in {
        "composition": "{Te: 1, O: 2}",
        "density": "5.6",
        "cycle": "[{temperature: 300, time: 5}]",
    }.items():
        if key not in glass:
            yield f"`glass.{key}` is missing; add it, for example {example}"
            return
    formula = sum(glass["composition"].values())
    for size in glass["sizes"]:
        if size % formula:
            nearest = size // formula * formula or formula
            yield f"`glass.sizes` holds {size}; allowed: multiples of the {formula} atoms in a formula unit; use {nearest}"
    yield from cell_problems(config)
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


def cell_problems(config):
    """Yield what the smallest model's cell is too small for: found here, not after its quench."""
    glass, structure = config["glass"], config["structure"]
    masses = {
        symbol: atomic_masses[atomic_numbers[symbol]] for symbol in glass["composition"] if symbol in atomic_numbers
    }
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
