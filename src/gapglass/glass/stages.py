"""The stages of the thermal cycle of a melt-quench: LAMMPS inputs, runs, outcomes, and the glass at the end.

Source: section 2.5 of doi:10.1111/jace.20128.
"""

import logging
import shutil
from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.base.files import read_json, read_table, whole_file, write_json, write_table
from gapglass.base.log import notice
from gapglass.base.seeds import derive
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3, BAR_PER_GPA
from gapglass.frames.store import write_frames
from gapglass.glass import bare, closeness, doubts, explosion, lammps
from gapglass.glass.dump import read_dump, sample_dump
from gapglass.glass.guards import Guards, limits_of, log_limits
from gapglass.glass.outside import findings
from gapglass.glass.packing import species_order
from gapglass.glass.pair_style import potential_values
from gapglass.glass.scratch import Scratch, clear
from gapglass.glass.thermo import join_thermo, thermo_table
from gapglass.potential.gap_xml import potential_cutoff

log = logging.getLogger("gapglass")

# LAMMPS' own names. Only a run whose vibrations are analysed saves velocities.
FILES = {
    "trajectory": "trajectory.lammpstrj",
    "log": "log.lammps",
    "restart": "final.restart",
    "velocities": "velocities.lammpstrj",
}


def steps_of(stage, timestep):
    """Return the number of steps of a stage at a time step in fs, at least one."""
    return max(1, round(stage["time"] * 1000 / timestep))


def stage_density(stage, table, temperature):
    """Return the density (g/cm³) to which a stage brings the cell, None if the stage keeps the cell.

    Parameters
    ----------
    stage : dict
        Item of ``glass.cycle``; ``density: reference`` is the mean density of the reference frames.
    table : path-like or None
        frames/table.csv, needed for ``reference`` only.
    temperature : float or None
        Temperature of the reference frames (K).

    Raises
    ------
    UserError
        When no frame of role reference has this temperature.
    """
    if stage["density"] != "reference":
        return stage["density"]
    frames = read_table(table)
    frames = frames[frames["role"] == "reference"]
    chosen = frames[(frames["temperature_k"] - temperature).abs() < 0.5]
    if chosen.empty:
        known = ", ".join(f"{value:g}" for value in sorted(frames["temperature_k"].unique()))
        raise UserError(
            f"glass.cycle asks for density: reference, and {table} has no frame of role reference at "
            f"{temperature:g} K (there are {known} K); set structure.reference_temperature, or give the stage its "
            "density in g/cm³"
        )
    return float(chosen["density_g_per_cm3"].mean())


def stage_input(stage, settings, *, title, potential, plugin, restart, velocity_seed, guards, density=None):
    """Return the LAMMPS input of one stage.

    Parameters
    ----------
    stage : dict
        Item of ``glass.cycle``.
    settings : dict
        Section ``glass``.
    title : str
        First comment line.
    potential : path-like
        gap.xml.
    plugin : path-like or None
        None for a LAMMPS that has the pair style itself.
    restart : bool
        Whether the stage continues from start.restart or begins from start.data.
    velocity_seed : int or None
        Seed of new velocities; None keeps those of the restart.
    guards : Guards
        Distances and temperature that stop the run.
    density : float, optional
        g/cm³ to which the cell is brought; positions are scaled with it.
    """
    species = species_order(settings["composition"])
    return lammps.render(
        "stage.in.j2",
        **potential_values(potential, settings),
        plugin=Path(plugin).resolve() if plugin else None,
        limits=limits_by_type(guards.limits, species, potential_cutoff(potential)),
        **stage_values(
            stage,
            settings,
            title=title,
            restart=restart,
            velocity_seed=velocity_seed,
            max_temperature=guards.max_temperature,
            density=density,
        ),
    )


def stage_values(stage, settings, *, title, restart, velocity_seed, max_temperature, density=None):
    """Return the values of the template stage.in.j2 that do not depend on the potential.

    Parameters
    ----------
    stage, settings, title, restart, velocity_seed, density
        As for ``stage_input``.
    max_temperature : float
        K, beyond which the run stops.
    """
    step, start = settings["timestep"], stage["temperature_start"] or stage["temperature"]
    n_steps = steps_of(stage, step)
    return {
        "title": title,
        "restart": restart,
        "density": density,
        "amu_per_a3_in_g_per_cm3": AMU_PER_A3_IN_G_PER_CM3,
        "timestep_ps": step / 1000,
        "velocity_seed": velocity_seed,
        "t_start": start,
        "t_stop": stage["temperature"],
        "ensemble": stage["ensemble"],
        "pressure_bar": stage["pressure"] * BAR_PER_GPA,
        "damp_t": 100 * step / 1000,
        "damp_p": 1000 * step / 1000,
        "max_temperature": max_temperature,
        "thermo_every": max(1, min(20, n_steps // 20)),
        "dump_every": max(1, round(stage.get("sample_interval", settings["sample_interval"]) / step)),
        "velocities_every": max(1, round(stage["velocity_interval"] / step)) if "velocity_interval" in stage else 0,
        "recent_every": max(1, round(explosion.RECENT_INTERVAL / step)),
        "n_recent": explosion.N_RECENT,
        "n_steps": n_steps,
    }


def stage_guards(stage, settings, limits, before=None):
    """Return the guards of one stage.

    Parameters
    ----------
    stage : dict
        Item of ``glass.cycle``.
    settings : dict
        Section ``glass``.
    limits : dict
        From ``guards.limits_of``.
    before : float, optional
        Temperature (K) that the atoms had at the end of the stage before. A stage begins as hot as that, whatever the
        thermostat was set to.

    Returns
    -------
    Guards
    """
    hottest = max(stage["temperature_start"] or 0.0, stage["temperature"], before or 0.0)
    return Guards(limits, hottest, settings["max_temperature_factor"])


def limits_by_type(limits, species, cutoff):
    """Return (type, type, Å) of every limit; LAMMPS counts no neighbours beyond the cutoff (Å) of the potential."""
    found = []
    for pair, limit in limits.items():
        types = sorted(species.index(symbol) + 1 for symbol in pair.split("-"))
        found.append((*types, round(min(limit.distance, cutoff), 6)))
    return sorted(found)


def failure(error, name, folder):
    """Return the ``UserError`` for a run in which LAMMPS itself failed, with the step, the files and the remedy."""
    return UserError(
        f"{name}: LAMMPS failed at step {error.step if error.step is not None else 'unknown'} ({error}). "
        f"Input, log and frames are in {folder}. Mend what it names and run again; "
        "the stages before this one are kept."
    )


def run_stage(
    stage,
    number,
    settings,
    start,
    outputs,
    *,
    potential,
    plugin,
    seed,
    known,
    density=None,
    earlier=explosion.NOT_EXPLODED,
):
    """Run one stage of the thermal cycle, or repeat the outcome of an earlier stage that exploded.

    Parameters
    ----------
    stage : dict
        Item of ``glass.cycle``, or ``vibrations.stage``.
    number : int
        From 1.
    settings : dict
        Section ``glass`` without the cycle.
    start : path-like
        For the first stage the packed data file, for the others the restart of the previous stage.
    outputs : dict
        Paths ``restart``, ``thermo`` (CSV), ``trajectory`` (LAMMPS dump), ``outcome`` (JSON), ``log``, and
        ``velocities`` (LAMMPS dump) of a stage with a ``velocity_interval``; ``restart`` may be absent. After an
        explosion, thermo and trajectory end with it, and restart and velocities are a line of text. If an earlier
        stage exploded, thermo has no rows, and trajectory and log are lines of text too.
    potential : path-like
        gap.xml.
    plugin : path-like or None
        None for a LAMMPS that has the pair style itself.
    seed : int
        Seed of the velocities.
    known : outside.Known
        What the frames contain.
    density : float, optional
        g/cm³ to which the cell is brought at the start, see ``stage_density``.
    earlier : dict
        Outcome of the previous stage.

    Returns
    -------
    dict
        Content of outcome.json: ``exploded`` (False) and ``temperature_k`` at the end of the stage, or the content of
        ``explosion.outcome``, whose frames are in the folder ``failed`` beside the outputs. Both have ``outside``, the
        findings of ``outside.findings``, and ``closeness`` and ``bare``, the counts of ``closeness.count`` and
        ``bare.count``, for this stage and those before it.

    Raises
    ------
    UserError
        Naming stage and step when LAMMPS itself fails or is killed; the files of the run are kept in ``failed``.
    """
    name, timestep = _name(stage, number, density), settings["timestep"]
    if earlier["exploded"]:
        clear(Path(outputs["outcome"]).parent)
        log.info("%s is not run: the quench exploded in %s", name, explosion.place(earlier))
        for key in FILES.keys() & outputs.keys():
            explosion.write_not_made(outputs[key], earlier)
        return _write_results(outputs, thermo_table([], number, timestep), earlier)
    first = number == 1
    limits = limits_of(known.closest, settings["composition"], settings["closest_fraction"])
    guards = stage_guards(stage, settings, limits, earlier.get("temperature_k"))
    log.info("%s stops beyond %.0f K", name, guards.max_temperature)
    log_limits(limits)
    text = stage_input(
        stage,
        settings,
        title=name,
        potential=potential,
        plugin=plugin,
        restart=not first,
        velocity_seed=derive(seed, "velocity") if first else None,
        guards=guards,
        density=density,
    )
    notice("%s begins: %d steps", name, steps_of(stage, timestep))
    try:
        rows = _run_lammps(text, name, stage, settings, start, "start.data" if first else "start.restart", outputs)
        outcome = {**explosion.NOT_EXPLODED, "temperature_k": rows[-1]["Temp"]}
    except lammps.LammpsFailed as error:
        rows, outcome = error.rows, _keep_explosion(error, name, number, settings, outputs, guards)
    thermo = thermo_table(rows, number, timestep)
    begin = closeness.relaxed_from(number, steps_of(stage, timestep), timestep)
    return _write_results(outputs, thermo, outcome | _compared(name, number, thermo, begin, outputs, known, earlier))


def _compared(name, number, thermo, begin, outputs, known, earlier):
    """Return outside, closeness and bare of the outcome: this stage compared with the frames, after those before."""
    frames = sample_dump(outputs["trajectory"], closeness.MOST_FRAMES)
    symbols, steps, distances = closeness.distances_of(frames, known.closest)
    found = findings(number, thermo, symbols, distances, known)
    if found:
        notice("%s leaves what the frames know: %s", name, "; ".join(item["text"] for item in found))
    relaxed = [found for step, found in zip(steps, distances, strict=True) if step >= begin]
    counted = closeness.count(number, relaxed, known.closest)
    if counted:
        log.info("%s: %s", name, closeness.text(counted))
    sampled = sample_dump(outputs["trajectory"], bare.MOST_FRAMES)
    barest = bare.count(number, (frame for step, frame in sampled if step >= begin), known)
    if barest:
        log.info("%s: %s", name, bare.text(barest))
    return {
        "outside": [*earlier.get("outside", []), *found],
        "closeness": [*earlier.get("closeness", []), *([counted] if counted else [])],
        "bare": [*earlier.get("bare", []), *([barest] if barest else [])],
    }


def _name(stage, number, density):
    """Return a stage in words: "stage 2 (3000 -> 300 K, 20 ps, nvt from 5.6 g/cm³)"."""
    ramp = f"{stage['temperature_start']:g} -> " if stage["temperature_start"] else ""
    brought = f" from {density:.4g} g/cm³" if density else ""
    return f"stage {number} ({ramp}{stage['temperature']:g} K, {stage['time']:g} ps, {stage['ensemble']}{brought})"


def _run_lammps(text, name, stage, settings, start, start_name, outputs):
    """Run LAMMPS in a working folder, copy its files to the outputs and return the thermo rows."""
    timestep = settings["timestep"]
    with Scratch(outputs["outcome"]) as scratch:
        shutil.copyfile(start, scratch / start_name)
        rows = lammps.run(
            scratch,
            text,
            ranks=settings["ranks"],
            own=settings["lammps_command"],
            n_steps=steps_of(stage, timestep),
            timestep=timestep,
            what=name,
        )
        for key in FILES.keys() & outputs.keys():
            _copy(scratch / FILES[key], outputs[key])
    return rows


def _keep_explosion(error, name, number, settings, outputs, guards):
    """Return the outcome of a run that stopped, and keep its trajectory and log as far as they go.

    Raises
    ------
    UserError
        When LAMMPS or the machine is the reason.
    """
    failed = Path(outputs["outcome"]).parent / "failed"
    if error.kind not in explosion.KINDS:
        raise failure(error, name, failed) from error
    outcome = explosion.outcome(error, number, settings, failed, guards)
    notice("%s EXPLODED %s: %s", name, explosion.when(outcome), outcome["message"])
    notice("the study goes on without this model; %s", explosion.frames_kept(outcome))
    for key in FILES.keys() & outputs.keys():
        if key not in ("restart", "velocities") and (failed / FILES[key]).exists():
            _copy(failed / FILES[key], outputs[key])
        else:
            explosion.write_not_made(outputs[key], outcome)
    return outcome


def _copy(source, target):
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)


def _write_results(outputs, thermo, outcome):
    write_table(outputs["thermo"], thermo)
    write_json(outputs["outcome"], outcome)
    return outcome


def finish(stages, trajectory, outcome, outputs, settings):
    """Write the glass, the thermodynamics of the complete cycle, and its outcome with the judgement about the glass.

    Parameters
    ----------
    stages : list of path-like
        thermo.csv of every stage.
    trajectory : path-like
        LAMMPS dump of the last stage.
    outcome : path-like
        outcome.json of the last stage.
    outputs : dict
        Paths ``final`` (extended XYZ; a line of text if the quench exploded), ``thermo``, ``outcome``.
    settings : dict
        As for ``doubts.judged``.
    """
    outcome = doubts.judged(read_json(outcome), settings)
    for doubt in outcome["doubts"]:
        notice("this glass is NOT TO BE BELIEVED, stage %d: %s", doubt["stage"], doubt["text"])
    if outcome["exploded"]:
        explosion.write_not_made(outputs["final"], outcome)
    else:
        write_frames(outputs["final"], [read_dump(trajectory)[-1]])
    write_table(outputs["thermo"], join_thermo([read_table(path) for path in stages]))
    write_json(outputs["outcome"], outcome)
