"""Glass models by melt-quench: random packing, push-off, and the stages of the thermal cycle.

Source: section 2.5 of doi:10.1111/jace.20128.
"""

import logging
import shutil
from pathlib import Path

from ase.data import atomic_numbers

from gapglass.base.errors import UserError
from gapglass.base.files import read_json, read_table, whole_file, write_json, write_table
from gapglass.base.log import notice
from gapglass.base.seeds import derive
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3, BAR_PER_GPA
from gapglass.frames.store import write_frames
from gapglass.glass import explosion, lammps
from gapglass.glass.dump import read_dump
from gapglass.glass.packing import species_order
from gapglass.glass.scratch import Scratch, clear
from gapglass.glass.thermo import join_thermo, thermo_table
from gapglass.potential.gap_xml import potential_label

log = logging.getLogger("gapglass")


def steps_of(stage, timestep):
    """Return the number of steps of a stage at a time step in fs."""
    return max(1, round(stage["time"] * 1000 / timestep))


def stage_density(stage, table, temperature):
    """Return the density (g/cm³) to which a stage brings the cell, None where it keeps the cell.

    Parameters
    ----------
    stage : dict
        Item of ``glass.cycle``; for ``density: reference`` the mean over the reference frames is taken.
    table : path-like or None
        frames/table.csv; needed for ``reference`` only.
    temperature : float or None
        Of the reference frames (K).

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
            f"glass.cycle asks for density: reference, and {table} has no frame of role reference at {temperature:g} K "
            f"(there are {known} K); set structure.reference_temperature, or give the stage its density in g/cm³"
        )
    return float(chosen["density_g_per_cm3"].mean())


def stage_input(stage, settings, *, title, potential, plugin, restart, velocity_seed, before=None, density=None):
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
        None for a LAMMPS that has pair_style quip itself.
    restart : bool
        Continue from start.restart, else begin from start.data.
    velocity_seed : int or None
        Draw new velocities.
    before : float, optional
        Temperature at the end of the stage before (K): a quench begins as hot as that.
    density : float, optional
        g/cm³ to which the cell is brought, positions scaled with it.
    """
    step = settings["timestep"]
    species = species_order(settings["composition"])
    n_steps = steps_of(stage, step)
    start = stage["temperature_start"] or stage["temperature"]
    return lammps.render(
        "stage.in.j2",
        title=title,
        plugin=Path(plugin).resolve() if plugin else None,
        restart=restart,
        density=density,
        amu_per_a3_in_g_per_cm3=AMU_PER_A3_IN_G_PER_CM3,
        potential=Path(potential).resolve(),
        init=f"Potential xml_label={potential_label(potential)}",
        numbers=[atomic_numbers[symbol] for symbol in species],
        symbols=species,
        timestep_ps=step / 1000,
        velocity_seed=velocity_seed,
        t_start=start,
        t_stop=stage["temperature"],
        ensemble=stage["ensemble"],
        pressure_bar=stage["pressure"] * BAR_PER_GPA,
        damp_t=100 * step / 1000,
        damp_p=1000 * step / 1000,
        min_distance=settings["min_distance"],
        max_temperature=settings["max_temperature_factor"] * max(start, stage["temperature"], before or 0.0),
        thermo_every=max(1, min(20, n_steps // 20)),
        dump_every=max(1, round(settings["sample_interval"] / step)),
        recent_every=max(1, round(explosion.RECENT_INTERVAL / step)),
        n_recent=explosion.N_RECENT,
        n_steps=n_steps,
    )


def failure(error, name, folder):
    """Return the message for a run in which LAMMPS itself failed: where, where its files are, what helps."""
    return UserError(
        f"{name}: LAMMPS failed at step {error.step if error.step is not None else 'unknown'} ({error}). "
        f"Input, log and frames are in {folder}. Mend what it names and run again; the stages before this one are kept."
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
    before=None,
    density=None,
    earlier=explosion.SOUND,
):
    """Run one stage of the thermal cycle, or pass on that a stage before it exploded.

    Parameters
    ----------
    stage : dict
        Item of ``glass.cycle``.
    number : int
        From 1.
    settings : dict
        Section ``glass`` without the cycle.
    start : path-like
        Packed data for the first stage, the restart of the stage before for the others.
    outputs : dict
        Paths ``restart``, ``thermo`` (CSV), ``trajectory`` (LAMMPS dump), ``outcome`` (JSON), ``log``. After an explosion thermo and
        trajectory hold what was reached, and restart is a line of text; where a stage before exploded, so is the trajectory.
    potential, plugin : path-like
    seed : int
        Of the velocities.
    before : float, optional
        Temperature at the end of the stage before (K).
    density : float, optional
        g/cm³ to which the cell is brought at the start, see ``stage_density``.
    earlier : dict
        Outcome of the stage before.

    Returns
    -------
    dict
        What outcome.json holds: ``{"exploded": False}``, or that of ``explosion.outcome``, whose frames lie in the folder ``failed``
        beside the outputs.

    Raises
    ------
    UserError
        Naming stage and step when LAMMPS itself fails or is killed; the run's files are kept in ``failed``.
    """
    ramp = f"{stage['temperature_start']:g} -> " if stage["temperature_start"] else ""
    brought = f" from {density:.4g} g/cm³" if density else ""
    name = f"stage {number} ({ramp}{stage['temperature']:g} K, {stage['time']:g} ps, {stage['ensemble']}{brought})"
    folder = Path(outputs["outcome"]).parent
    if earlier["exploded"]:
        clear(folder)
        log.info("%s is not run: the quench exploded in %s", name, explosion.place(earlier))
        for key in ("restart", "trajectory", "log"):
            explosion.write_absence(outputs[key], earlier)
        return _finish_stage(outputs, thermo_table([], number, settings["timestep"]), earlier)
    first = number == 1
    text = stage_input(
        stage, settings, title=name, potential=potential, plugin=plugin, restart=not first,
        velocity_seed=derive(seed, "velocity") if first else None, before=before, density=density,
    )  # fmt: skip
    n_steps = steps_of(stage, settings["timestep"])
    notice("%s begins: %d steps", name, n_steps)
    try:
        with Scratch(outputs["outcome"]) as scratch:
            shutil.copyfile(start, scratch / ("start.data" if first else "start.restart"))
            rows = lammps.run(
                scratch, text, ranks=settings["ranks"], own=settings["lammps_command"], n_steps=n_steps,
                timestep=settings["timestep"], what=name,
            )  # fmt: skip
            for key, made in (
                ("trajectory", "trajectory.lammpstrj"),
                ("log", "log.lammps"),
                ("restart", "final.restart"),
            ):
                _copy(scratch / made, outputs[key])
        outcome = explosion.SOUND
    except lammps.LammpsFailed as error:
        failed = folder / "failed"
        if error.kind not in explosion.KINDS:
            raise failure(error, name, failed) from error
        rows, outcome = error.rows, explosion.outcome(error, number, settings, failed)
        notice("%s EXPLODED %s: %s", name, explosion.when(outcome), outcome["message"])
        notice("the study goes on without this model; %s", explosion.frames_kept(outcome))
        explosion.write_absence(outputs["restart"], outcome)
        for key, made in (("trajectory", "trajectory.lammpstrj"), ("log", "log.lammps")):
            if (failed / made).exists():
                _copy(failed / made, outputs[key])
            else:
                explosion.write_absence(outputs[key], outcome)
    return _finish_stage(outputs, thermo_table(rows, number, settings["timestep"]), outcome)


def _copy(source, target):
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)


def _finish_stage(outputs, thermo, outcome):
    write_table(outputs["thermo"], thermo)
    write_json(outputs["outcome"], outcome)
    return outcome


def finish(stages, trajectory, outcome, outputs):
    """Write the glass, the thermodynamics of the whole cycle and how it ended.

    Parameters
    ----------
    stages : list of path-like
        thermo.csv of every stage.
    trajectory : path-like
        LAMMPS dump of the last stage.
    outcome : path-like
        outcome.json of the last stage.
    outputs : dict
        Paths ``final`` (extended XYZ, or a line of text where the quench exploded), ``thermo``, ``outcome``.
    """
    outcome = read_json(outcome)
    if outcome["exploded"]:
        explosion.write_absence(outputs["final"], outcome)
    else:
        write_frames(outputs["final"], [read_dump(trajectory)[-1]])
    write_table(outputs["thermo"], join_thermo([read_table(path) for path in stages]))
    write_json(outputs["outcome"], outcome)
