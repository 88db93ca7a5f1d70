"""Molecular dynamics at constant energy, hotter than the frames: whether a potential holds together and keeps energy.

A fit without data at short distances may have holes there, into which atoms fall when they are hot. A run at constant
energy shows besides whether forces are the derivative of the energy, and whether the time step is short enough.
"""

import logging
from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.log import notice
from gapglass.glass import closeness, explosion, lammps
from gapglass.glass.dump import sample_dump
from gapglass.glass.guards import Guards, limits_of, log_limits
from gapglass.glass.packing import species_order, write_data
from gapglass.glass.pair_style import potential_values
from gapglass.glass.scratch import Scratch
from gapglass.glass.stages import failure, limits_by_type
from gapglass.glass.thermo import thermo_table
from gapglass.potential.gap_xml import potential_cutoff

log = logging.getLogger("gapglass")

DUMP_INTERVAL = 10.0  # fs; about half the period of the fastest vibrations of an oxide
N_ROWS = 200  # of the thermodynamics
TIMESTEP_SHARE = 0.5  # of ``glass.timestep``, because atoms are faster
OF_AN_EXPLOSION = ("kind", "step", "message", "offending_frame", "frames_before", "n_frames_before")
SEVERAL = 20  # rows of the thermodynamics from which a drift is taken


def choose(table, composition):
    """Return the number of the frame to start from: of the hottest ones of the glass' species the last.

    Frames of the composition of the glass go before others.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv.
    composition : dict
        ``glass.composition``.

    Returns
    -------
    int

    Raises
    ------
    UserError
        When no frame has the species of the glass only.
    """
    from ase.formula import Formula

    counts = [Formula(text).count() for text in table["formula"]]
    known = [set(count) <= set(composition) for count in counts]
    total = sum(composition.values())
    alike = [
        all(count.get(symbol, 0) * total == n * sum(count.values()) for symbol, n in composition.items())
        for count in counts
    ]
    fit = table.assign(alike=alike, number=range(len(table)))[known]
    if fit.empty:
        raise UserError(
            f"no frame has the species of glass.composition ({', '.join(composition)}) only, so none can be run at "
            "constant energy; set validation.nve to null"
        )
    return int(fit.sort_values(["alike", "temperature_k", "number"]).iloc[-1]["number"])


def run(outputs, frame, settings, *, nve, temperature, potential, plugin, closest, seed):
    """Run a frame at constant energy and say whether its atoms hold together.

    Parameters
    ----------
    outputs : dict
        Paths ``outcome`` (JSON) and ``thermo`` (CSV). The working folder lies beside them, and is kept as ``failed``
        after an explosion.
    frame : ase.Atoms
        Start, of species of the glass.
    settings : dict
        Section ``glass`` as for a stage.
    nve : dict
        ``validation.nve``.
    temperature : float
        K.
    potential : path-like
        gap.xml.
    plugin : path-like or None
        As for ``stages.run_stage``.
    closest : dict
        "H-O" -> smallest distance (Å) of the pair in the frames, see ``guards.limits_of``.
    seed : int
        Of the velocities.

    Returns
    -------
    outcome : dict
        ``survived`` (bool), ``n_atoms``, ``temperature_k`` (at which velocities are drawn and the thermostat holds
        them before), ``timestep_fs``, ``equilibration_ps`` and ``time_ps``; the latter is that of the run at constant
        energy as far as it came. ``drift_mev_per_atom_per_ps``, ``fluctuation_mev_per_atom`` and
        ``mean_temperature_k`` as from ``conservation``, ``closeness`` as from ``closeness.count``, and after an
        explosion ``kind``, ``step``, ``message`` and the frames as from ``explosion.save_frames``; None where they do
        not apply.
    thermo : pandas.DataFrame
        As from ``thermo.thermo_table``, of the run at constant energy.

    Raises
    ------
    UserError
        When LAMMPS itself fails.
    """
    timestep = nve["timestep"] or TIMESTEP_SHARE * settings["timestep"]
    n_before, n_steps = (max(1, round(1000 * nve[name] / timestep)) for name in ("equilibration", "time"))
    limits = limits_of(closest, settings["composition"], settings["closest_fraction"])
    guards = Guards(limits, temperature, settings["max_temperature_factor"])
    log_limits(limits)
    species = species_order(settings["composition"])
    text = lammps.render(
        "nve.in.j2",
        **potential_values(potential, settings),
        title=f"constant energy after {temperature:g} K",
        plugin=Path(plugin).resolve() if plugin else None,
        limits=limits_by_type(limits, species, potential_cutoff(potential)),
        timestep_ps=timestep / 1000,
        temperature=temperature,
        velocity_seed=seed,
        damp_t=100 * timestep / 1000,
        max_temperature=guards.max_temperature,
        thermo_every=max(1, n_steps // N_ROWS),
        dump_every=max(1, round(DUMP_INTERVAL / timestep)),
        recent_every=max(1, round(explosion.RECENT_INTERVAL / timestep)),
        n_recent=explosion.N_RECENT,
        n_before=n_before,
        n_steps=n_steps,
    )
    name, exploded, folder = f"NVE at {temperature:g} K", None, Path(outputs["outcome"]).parent
    counted = None
    try:
        with Scratch(outputs["outcome"]) as scratch:
            write_data(scratch / "start.data", frame, species)
            try:
                rows = lammps.run(
                    scratch,
                    text,
                    ranks=settings["ranks"],
                    own=settings["lammps_command"],
                    n_steps=n_steps,
                    timestep=timestep,
                    what=name,
                )
            finally:
                if (scratch / "trajectory.lammpstrj").exists():
                    frames = sample_dump(scratch / "trajectory.lammpstrj", closeness.MOST_FRAMES)
                    counted = closeness.count(1, closeness.distances_of(frames, closest)[2], closest)
    except lammps.LammpsFailed as error:
        if error.kind not in explosion.KINDS:
            raise failure(error, name, folder / "failed") from error
        rows, exploded = error.rows, error
    constant = [row for row in rows if row["Step"] >= n_before]
    thermo = thermo_table(constant, 1, timestep)
    outcome = {
        "survived": exploded is None,
        "n_atoms": len(frame),
        "temperature_k": temperature,
        "timestep_fs": timestep,
        "equilibration_ps": nve["equilibration"],
        "time_ps": (constant[-1]["Step"] - n_before) * timestep / 1000 if constant else 0.0,
        **conservation(thermo, len(frame)),
        "closeness": counted,
        **_explosion(exploded, settings | {"timestep": timestep}, folder / "failed", guards),
    }
    notice("%s: %s", name, text_of(outcome))
    return outcome, thermo


def conservation(thermo, n_atoms):
    """Return how well a run at constant energy keeps it.

    Parameters
    ----------
    thermo : pandas.DataFrame
        From ``thermo.thermo_table``.
    n_atoms : int

    Returns
    -------
    dict
        ``drift_mev_per_atom_per_ps`` (slope of a straight line through the total energy), ``fluctuation_mev_per_atom``
        (root mean square around it) and ``mean_temperature_k``; None with fewer than 20 rows.
    """
    if len(thermo) < SEVERAL:
        return dict.fromkeys(("drift_mev_per_atom_per_ps", "fluctuation_mev_per_atom", "mean_temperature_k"))
    time, energy = thermo["time_ps"].to_numpy(), 1000 * thermo["total_energy_ev"].to_numpy() / n_atoms
    slope, start = np.polyfit(time, energy - energy[0], 1)
    rest = energy - energy[0] - start - slope * time
    return {
        "drift_mev_per_atom_per_ps": float(slope),
        "fluctuation_mev_per_atom": float(np.sqrt(np.mean(rest**2))),
        "mean_temperature_k": float(thermo["temperature_k"].mean()),
    }


def _explosion(error, settings, failed, guards):
    """Return what is known of an explosion, with None for everything where there was none."""
    if error is None:
        return dict.fromkeys(OF_AN_EXPLOSION)
    found = explosion.reason(error, settings, failed, guards)
    return {name: found[name] for name in OF_AN_EXPLOSION}


def text_of(outcome):
    """Return an outcome in words."""
    if not outcome["survived"]:
        return f"the atoms flew apart at step {outcome['step']}: {outcome['message']}"
    words = [f"{outcome['n_atoms']} atoms held together for {outcome['time_ps']:.3g} ps"]
    if outcome["drift_mev_per_atom_per_ps"] is not None:
        words.append(f"the energy drifted by {outcome['drift_mev_per_atom_per_ps']:+.2g} meV/atom/ps")
    if outcome["closeness"]:
        words.append(closeness.text(outcome["closeness"]))
    return "; ".join(words)
