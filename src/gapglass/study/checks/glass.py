"""Checks of section ``glass``, and of the lengths of section ``structure`` against the cell of the smallest model."""

import math
from itertools import pairwise

from ase.data import atomic_masses, atomic_numbers

from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.glass.lammps import MOST_STEPS
from gapglass.glass.rates import at_rate, rate_of
from gapglass.structure.vibrations import segment_time

# Keys without a default, with an example of each.
EXAMPLES = {"composition": "{Te: 1, O: 2}", "density": "5.6", "cycle": "[{temperature: 300, time: 5}]"}
FEWEST_SEGMENTS = 2  # of the spectrum of velocities, without overlap
# A stage at constant pressure changes the cell. These factors leave the analysis to decide near the limit.
CUTOFF_MARGIN = 1.1
Q_MARGIN = 0.9


def problems(config):
    """Yield the problems of section ``glass``; without composition, density or cycle only the first one missing."""
    glass = config["glass"]
    for key, example in EXAMPLES.items():
        if key not in glass:
            yield f"`glass.{key}` is missing; add it, for example {example}"
            return
    formula = sum(glass["composition"].values())
    for size in glass["sizes"]:
        if size % formula:
            nearest = size // formula * formula or formula
            yield (
                f"`glass.sizes` holds {size}; allowed: multiples of the {formula} atoms in a formula unit; "
                f"use {nearest}"
            )
    yield from _cell_problems(config)
    yield from _comparison_problems(glass, config["potential"]["variants"])
    yield from _replica_problems(glass, config["potential"]["variants"])
    yield from _cycle_problems(glass)
    yield from _sampling_problems(glass, config["structure"]["discard_fraction"])
    yield from _rates_problems(glass, config["structure"]["reference_rate"])
    yield from _vibrations_problems(glass)
    yield from _launcher_problems(glass)


def _comparison_problems(glass, variants):
    """Yield the problems of ``glass.comparison_sizes``, the sizes of the models of all potentials but ``optimal``."""
    sizes = glass["comparison_sizes"]
    if sizes and variants == ["optimal"]:
        yield (
            "`glass.comparison_sizes` has no effect, because potential.variants holds optimal alone; drop it or add "
            "a potential"
        )
    absent = [size for size in sizes or [] if size not in glass["sizes"]]
    if absent:
        yield (
            f"`glass.comparison_sizes` holds {absent[0]}, which glass.sizes {glass['sizes']} lacks; add it there or "
            "drop it here"
        )
    if sizes == []:
        yield (
            "`glass.comparison_sizes` is []; leave it out to make all sizes, or take the potentials out of "
            "potential.variants"
        )


def _replica_problems(glass, variants):
    """Yield a list ``glass.replicas`` of another length than ``glass.sizes``, and replicas of no potential."""
    sizes, replicas = glass["sizes"], glass["replicas"]
    if isinstance(replicas, list) and len(replicas) != len(sizes):
        yield (
            f"`glass.replicas` holds {len(replicas)} number(s), {replicas}, and glass.sizes {len(sizes)}, {sizes}; "
            "give one number for each size in their order, or one for all without brackets"
        )
    if glass["comparison_replicas"] is not None and variants == ["optimal"]:
        yield (
            "`glass.comparison_replicas` has no effect, because potential.variants holds optimal alone; drop it or "
            "add a potential"
        )


def _cycle_problems(glass):
    """Yield stages that are shorter than a time step or longer than a run of LAMMPS, and pressures without effect."""
    for index, stage in enumerate(glass["cycle"]):
        where, n_steps = f"`glass.cycle[{index}]", stage["time"] * 1000 / glass["timestep"]
        if stage["time"] * 1000 < glass["timestep"]:
            yield (
                f"{where}.time` is {stage['time']} ps, shorter than one time step ({glass['timestep']} fs); raise it"
            )
        if n_steps > MOST_STEPS:
            yield (
                f"{where}.time` is {stage['time']} ps, more than the {MOST_STEPS} steps of {glass['timestep']} fs "
                "that LAMMPS counts; lower it or split the stage"
            )
        if stage["ensemble"] == "nvt" and stage["pressure"]:
            yield (
                f"{where}.pressure` is {stage['pressure']} GPa in an nvt stage, where it has no effect; use npt or "
                "drop it"
            )


def _sampling_problems(glass, discard_fraction):
    """Yield an interval of samples that is longer than the analysed part of the last stage."""
    last, interval = glass["cycle"][-1], glass["sample_interval"]
    if last["time"] * 1000 * (1 - discard_fraction) < interval:
        yield (
            f"`glass.sample_interval` is {interval} fs; the last stage of {last['time']} ps would leave no frame to "
            "analyse; lower it or lengthen the stage"
        )


def _rates_problems(glass, reference_rate):
    """Yield rates of a cycle that never cools, that of the cycle itself, and stages beyond the steps of LAMMPS."""
    if not glass["rates"]:
        if reference_rate is not None:
            yield "`structure.reference_rate` has no effect without glass.rates; name the rates, or drop it"
        return
    own, cycle = rate_of(glass["cycle"]), glass["cycle"]
    if own is None:
        yield (
            "`glass.rates` needs a cycle with a stage in which it cools: a ramp (temperature_start above temperature) "
            "or a plateau between the highest temperature and the last; add one to glass.cycle"
        )
        return
    for rate in glass["rates"]:
        if f"{rate:g}" == f"{own:g}":
            yield f"`glass.rates` holds {rate:g} K/ps, the rate of glass.cycle itself, which is shown anyway; drop it"
            continue
        times = [stage["time"] for stage in at_rate(cycle, rate, glass["sample_interval"])]
        n_steps = [time * 1000 / glass["timestep"] for time in times]
        if max(n_steps) > MOST_STEPS or min(n_steps) < 1:
            place = "longer than LAMMPS counts" if max(n_steps) > MOST_STEPS else "shorter than a time step"
            yield f"`glass.rates` holds {rate:g} K/ps, at which a stage of glass.cycle would be {place}; drop it"


def _vibrations_problems(glass):
    """Yield an interval of ``glass.vibrations`` below the time step, and a run too short for its resolution."""
    settings = glass["vibrations"]
    if not settings:
        return
    if settings["interval"] < glass["timestep"]:
        yield (
            f"`glass.vibrations.interval` is {settings['interval']} fs, shorter than glass.timestep "
            f"({glass['timestep']} fs); raise it"
        )
    limit, least = 500 / settings["interval"], FEWEST_SEGMENTS * segment_time(settings["resolution"])
    if settings["resolution"] > limit / 4:
        yield (
            f"`glass.vibrations.resolution` is {settings['resolution']} THz, and velocities every "
            f"{settings['interval']} fs resolve frequencies below {limit:g} THz; lower one of them"
        )
    elif settings["time"] < least:
        yield (
            f"`glass.vibrations.time` is {settings['time']} ps; a resolution of {settings['resolution']} THz needs at "
            f"least {least:.3g} ps; lengthen the run or raise the resolution"
        )


def _launcher_problems(glass):
    """Yield a command whose launcher starts another number of ranks than ``glass.ranks``."""
    command, ranks = glass["lammps_command"], glass["ranks"]
    asked = [count for flag, count in pairwise(command) if flag in ("-n", "-np", "--np", "--ntasks")]
    if command and (asked[:1] or ["1"]) != [str(ranks)]:
        yield (
            f"`glass.lammps_command` is {command} and glass.ranks {ranks}; the launcher in the command must start as "
            f"many ranks, for example [mpirun, -np, '{ranks}', lmp], and ranks must be 1 for a command without one"
        )


def _cell_problems(config):
    """Yield lengths and wave vectors that the cell of the smallest model cannot hold, before the model is quenched."""
    glass, structure = config["glass"], config["structure"]
    composition, smallest = glass["composition"], min(glass["sizes"])
    if not all(symbol in atomic_numbers for symbol in composition):
        return
    mass = sum(atomic_masses[atomic_numbers[symbol]] * n for symbol, n in composition.items())
    mass /= sum(composition.values())
    length = (smallest * mass * AMU_PER_A3_IN_G_PER_CM3 / glass["density"]) ** (1 / 3)
    half = f"the smallest model, {smallest} atoms, reaches {length / 2:.2f} Å; lower it or take more atoms"
    for pair, cutoff in structure["coordination_cutoffs"].items():
        if cutoff > CUTOFF_MARGIN * length / 2:
            yield f"`structure.coordination_cutoffs.{pair}` is {cutoff} Å; {half}"
    if structure["r_x_min"] > length / 2:
        yield f"`structure.r_x_min` is {structure['r_x_min']} Å; {half}"
    first = 2 * math.pi / length
    if structure["q_direct"] != "auto" and structure["q_direct"] < Q_MARGIN * first:
        yield (
            f"`structure.q_direct` is {structure['q_direct']} 1/Å; the first wave vector of the smallest model, "
            f"{smallest} atoms, is about {first:.2f} 1/Å; raise it or take more atoms"
        )
