"""CP2K: PROJECT-pos-1.xyz, joined by step with the forces, energies, cells, stresses and velocities beside it.

The files may have different strides. A restart appends to them and repeats steps, of which the last record counts. The
.stress file of MD includes the motion of the atoms; it becomes a virial only if the velocities of the same step are
available, because they give the kinetic contribution to subtract. The output has the stress without the motion.
"""

import re

import numpy as np
from ase.cell import Cell
from ase.data import atomic_masses, atomic_numbers

from gapglass.base import units
from gapglass.frames.readers import cp2k_output
from gapglass.frames.readers.cp2k_files import LATTICE, companions, companions_of_output, opened, parts, read_output
from gapglass.frames.readers.opening import open_bytes
from gapglass.frames.readers.records import Format, RawFrame, built, elements, given_cell
from gapglass.frames.readers.sections import common_steps, numbers, record_at, stands_still

# The .xyz and .ener files print the same energy with different numbers of digits; a larger difference means two runs.
SAME_ENERGY_HARTREE = 1e-5
SAME_TIME_FS = 2e-3  # times are printed with three decimals
SAME_LENGTH_ANGSTROM = 2e-3  # the output prints some cells with three decimals
SAME_KINETIC = 2e-3  # relative; velocities have ten decimals, and CP2K's masses may differ in the fifth digit
SAME_VIRIAL = 0.02  # relative to the largest component
KIND = "free_energy"  # With smearing, CP2K's energy includes the electronic entropy; the forces are its derivatives.


def _read_together(source, files):
    """Return the tables of the files that every frame needs, among them the output if nothing else has its part."""
    tables = {what: table for what, table in files.tables.items() if what not in ("stress", "velocities")}
    if files.output is None:
        return tables
    needed = files.output.steps
    comment = next(iter(files.comments["positions"].values()), "")
    if source.cell is None and "cell" not in tables and not LATTICE.search(comment):
        unknown = sum(evaluation.cell is None for evaluation in needed.values())
        needed = {step: evaluation for step, evaluation in needed.items() if evaluation.cell is not None}
        if unknown and not needed:
            raise source.error(
                f"{files.paths['output']} states lengths and angles of the cell but not its orientation, which may "
                "change; print PROJECT-1.cell (MOTION/PRINT/CELL), or give `cell` if it does not change"
            )
        if unknown:
            source.dropped["steps whose cell the output does not state; print PROJECT-1.cell, or give `cell`"] += (
                unknown
            )
        tables["output"] = needed
    if "forces" not in tables and any(evaluation.forces_at for evaluation in needed.values()):
        tables["output"] = {step: evaluation for step, evaluation in needed.items() if evaluation.forces_at}
    return tables


def frames(source):
    """Yield the steps that all files have, in their order; stresses and velocities may lack some of them."""
    yield from _joined(source, {"positions": source.path, **source.companions})


def frames_of_output(source):
    """Yield the steps of an output with the positions of their own file, or its single points."""
    if "positions" in source.companions:
        yield from _joined(source, {"output": source.path, **source.companions})
        return
    stream = open_bytes(source.path)
    output = read_output(source, source.path, stream)
    if output.steps:
        raise source.error(
            f"{source.path} is the output of MD, which prints no positions; give the file that has them as "
            f"`companions: {{positions: {output.positions_file or 'PROJECT-pos-1.xyz'}}}`"
        )
    for symbols, places, cell, evaluation in output.singles:
        _check_count(source, output, len(symbols))
        frame = RawFrame(built(elements(source, symbols), places, cell if source.cell is None else given_cell(source)))
        _refuse_other_cell(source, cell)
        frame.energies[KIND] = float(units.energy(evaluation.energy, "Hartree"))
        _add_output(source, frame, output, stream, evaluation, symbols)
        yield frame


def _joined(source, paths):
    """Yield the frames of the files of one run, ``paths`` by their kinds."""
    files = opened(source, paths)
    tables = _read_together(source, files)
    steps = common_steps(source, **tables)
    times = [_time(files, step) for step in steps]
    timed = not stands_still(times)
    rows = [files.tables["energies"][step] for step in steps] if "energies" in files.tables else []
    moving = not rows or any(row[2] != 0 for row in rows)
    if not timed or not moving:
        source.note("the time stands still or all temperatures are 0 K (frames computed again); they are left out")
    _check_temperatures(source, files, steps)
    for step, time in zip(steps, times, strict=True):
        frame = _frame(source, files, step)
        frame.time_fs = time if timed else None
        frame.temperature_k = _temperature(files, step) if moving else None
        yield frame


def _time(files, step):
    """Return the time of a step in fs from the file that has it, or None."""
    if "energies" in files.tables:
        return float(files.tables["energies"][step][0])
    time = parts(files.comments["positions"][step])[1]
    return float(time) if time else None


def _temperature(files, step):
    if "energies" in files.tables:
        return float(files.tables["energies"][step][2])
    evaluation = files.output.steps.get(step) if files.output else None
    return evaluation.temperature if evaluation else None


def _frame(source, files, step):
    """Return the frame of a step; whatever two files state of it is compared."""
    comment, names, places = record_at(files.streams["positions"], files.tables["positions"][step])
    symbols = elements(source, names)
    evaluation = files.output.steps.get(step) if files.output else None
    cell = _cell(source, files, step, comment, evaluation)
    frame = RawFrame(built(symbols, places, cell), step=step)
    energy = _energy(source, files, step, evaluation)
    if energy is not None:
        frame.energies[KIND] = float(units.energy(energy, "Hartree"))
    if "forces" in files.tables:
        _, of, values = record_at(files.streams["forces"], files.tables["forces"][step])
        if of != names:
            raise source.error(f"step {step}: {files.paths['forces']} has other atoms than {files.paths['positions']}")
        frame.forces = units.forces(values, "Hartree/Bohr")
    if cell is not None and step in files.tables.get("stress", ()) and step in files.tables.get("velocities", ()):
        frame.virial = _virial(source, files, step, symbols, cell)
    if evaluation is not None:
        _check_count(source, files.output, len(symbols))
        _add_output(source, frame, files.output, files.streams["output"], evaluation, names)
    return frame


def _add_output(source, frame, output, stream, evaluation, names):
    """Add to a frame what the output states: convergence, periodicity, virial, and forces unless it has them."""
    frame.converged = evaluation.converged
    if frame.atoms.cell.rank == 3:
        frame.atoms.pbc = output.periodic
    if evaluation.forces_at:
        of, forces = cp2k_output.forces_at(source, stream, evaluation.forces_at)
        if len(forces) != len(frame.atoms) or (of and of != list(frame.atoms.symbols)):
            raise source.error(
                f"the forces at line {evaluation.forces_at[1]} of the output are of "
                f"{len(forces)} atoms {' '.join((of or [])[:3])} ..., the positions of "
                f"{len(frame.atoms)} atoms {' '.join(names[:3])} ..."
            )
        if frame.forces is None:
            frame.forces = forces
        else:
            _compare(source, frame.step, "largest force", "eV/Å", frame.forces, forces, 1e-6 * 51.5)
    if evaluation.pressure is not None and frame.atoms.cell.rank == 3:
        virial = units.virial_from_pressure(evaluation.pressure, frame.atoms.get_volume())
        if (
            frame.virial is not None
            and np.abs(virial - frame.virial).max() > SAME_VIRIAL * np.abs(virial).max() + 0.01
        ):
            source.note(
                f"step {frame.step}: the virial of the output is {_largest(virial):.4g} eV, that of .stress less the "
                f"motion {_largest(frame.virial):.4g} eV (largest components); the one of the output is taken"
            )
        frame.virial = virial


def _largest(values):
    return values.flat[np.abs(values).argmax()]


def _compare(source, step, what, unit, one, other, tolerance):
    """Refuse two values of one quantity, of a file and of the output, that differ by more than the tolerance."""
    if np.shape(one) != np.shape(other) or np.abs(one - other).max() > tolerance:
        raise source.error(
            f"step {step}: the {what} is {_largest(np.asarray(one)):.8g} {unit} in a file and "
            f"{_largest(np.asarray(other)):.8g} {unit} in the output; they are of different runs"
        )


def _check_count(source, output, n_atoms):
    if output.n_atoms is not None and output.n_atoms != n_atoms:
        raise source.error(f"the output is of {output.n_atoms} atoms, the positions are of {n_atoms}")


def _cell(source, files, step, comment, evaluation):
    """Return the cell of a step (Å, 3 x 3) or None, from .cell, the comment line, the configuration or the output."""
    stated = {}
    if "cell" in files.tables:
        row = files.tables["cell"][step]
        stated[str(files.paths["cell"])] = row[1:10].reshape(3, 3)
        volume = abs(np.linalg.det(row[1:10].reshape(3, 3)))
        if len(row) > 10 and abs(volume - row[10]) > 1e-5 * max(volume, 1.0):
            raise source.error(
                f"step {step}: the vectors in {files.paths['cell']} span {volume:.5f} Å³, its volume is {row[10]:.5f}"
            )
    if found := LATTICE.search(comment):
        stated["Lattice of the positions"] = numbers(found.group(1).split()).reshape(3, 3)
    if source.cell is not None:
        stated["`cell`"] = given_cell(source)
    if evaluation is not None and evaluation.cell is not None:
        stated["the output"] = evaluation.cell
    if not stated:
        return None
    first, cell = next(iter(stated.items()))
    for name, other in stated.items():
        _same_cell(source, f"step {step}: ", (first, cell), (name, other))
    if evaluation is not None and evaluation.lengths is not None:  # even where its orientation is not known
        turned = Cell.new([*evaluation.lengths, *Cell(cell).cellpar()[3:]])
        _same_cell(source, f"step {step}: ", (first, cell), ("the output", turned))
    return cell


def _refuse_other_cell(source, cell):
    if source.cell is not None and cell is not None:
        _same_cell(source, "", ("`cell`", given_cell(source)), ("the output", cell))


def _same_cell(source, where, one, other):
    """Refuse two cells, each (name, 3 x 3), whose edges or angles differ."""
    pars = [Cell(cell).cellpar() for _, cell in (one, other)]
    apart = np.abs(pars[0] - pars[1])
    if apart[:3].max() > SAME_LENGTH_ANGSTROM or apart[3:].max() > 0.1:
        texts = [" ".join(f"{value:.4f}" for value in par) for par in pars]
        raise source.error(f"{where}the cell is {texts[0]} in {one[0]} and {texts[1]} in {other[0]}; which is right?")


def _energy(source, files, step, evaluation):
    """Return the energy of a step in Hartree; refuse files of different runs, which their energies and times show."""
    known = {}
    for what, table in files.comments.items():
        if step in table:
            _, time, energy = parts(table[step])
            known[str(files.paths[what])] = (time and float(time), energy and float(energy))
    if "energies" in files.tables:
        row = files.tables["energies"][step]
        known[str(files.paths["energies"])] = (float(row[0]), float(row[3]))
    if evaluation is not None:
        known[str(files.paths["output"])] = (evaluation.time, evaluation.energy)
    stated = {}
    for name, (time, energy) in known.items():
        for what, value, unit, tolerance in (
            ("energy", energy, "Hartree", SAME_ENERGY_HARTREE),
            ("time", time, "fs", SAME_TIME_FS),
        ):
            if value is None:
                continue
            first, before = stated.setdefault(what, (name, value))
            if abs(before - value) > tolerance:
                raise source.error(
                    f"step {step} has the {what} {before} {unit} in {first} "
                    f"and {value} in {name}; they are of different runs"
                )
    if "energies" in files.tables:
        return float(files.tables["energies"][step][3])
    return stated["energy"][1] if "energy" in stated else None


def _check_temperatures(source, files, steps):
    """Refuse an .ener file whose kinetic energy and temperature contradict each other from step to step."""
    if "energies" not in files.tables:
        return
    first = None
    for step in steps:
        _, kinetic, temperature = files.tables["energies"][step][:3]
        if not (temperature > 1.0 and np.isfinite(kinetic)):
            continue
        free = 2 * units.energy(kinetic, "Hartree") / (units.BOLTZMANN_EV_PER_K * temperature)
        first = first or (step, free)
        if abs(free - first[1]) > 1e-3 * first[1]:
            raise source.error(
                f"{files.paths['energies']}: kinetic energy and temperature give {first[1]:.2f} degrees of freedom at "
                f"step {first[0]} and {free:.2f} at step {step}; one of the two columns is wrong"
            )


def _virial(source, files, step, symbols, cell):
    """Return the virial (eV, 3 x 3) from velocities (Bohr / a.u.) and the stress (bar), which includes the motion.

    It is None if the velocities, with the masses of the elements, do not have the kinetic energy of the .ener file.
    """
    _, of, velocity = record_at(files.streams["velocities"], files.tables["velocities"][step])
    if elements(source, of) != symbols:
        raise source.error(f"step {step}: {files.paths['velocities']} has other atoms than {files.paths['positions']}")
    masses = [atomic_masses[atomic_numbers[symbol]] for symbol in symbols]
    kinetic = units.kinetic_virial(masses, units.velocities(velocity, "Bohr", "a.u."))
    if "energies" in files.tables:
        stated = float(units.energy(files.tables["energies"][step][1], "Hartree"))
        found = kinetic.trace() / 2
        if abs(found - stated) > SAME_KINETIC * max(found, stated):
            if not files.noted:
                source.note(
                    f"step {step}: velocities and masses of the elements give a kinetic energy of {found:.5g} eV, "
                    f"{files.paths['energies']} says {stated:.5g}; such steps of .stress give no virial"
                )
            files.noted = True
            return None
    stress = files.tables["stress"][step]
    return units.virial_from_pressure(stress[1:10], abs(np.linalg.det(cell)), "bar") - kinetic


def recognises(name, head):
    """Return whether an XYZ file is a position file of CP2K's MD, by its comment line."""
    second = head.split("\n")[1:2]
    if not second:
        return False
    if re.match(r"\s*i\s*=\s*\d+\s*,\s*time\s*=", second[0]):
        return True
    # EXTXYZ of CP2K has positions only; its labels are in the files beside it.
    bare = re.search(r'Properties\s*=\s*"?species:S:1:pos:R:3"?(?:\s|,|$)', second[0])
    own = re.search(r"Step\s*=\s*\d+\s*,?\s*Time\s*=\s*[-\d.]+\s*,?\s*Energy\s*=", second[0])
    return bool(bare and own and LATTICE.search(second[0]))


def recognises_output(name, head):
    """Return whether a file is what CP2K prints on the screen."""
    return "CP2K| version string" in head


FORMATS = (
    Format(
        "cp2k",
        family="CP2K",
        title="CP2K PROJECT-pos-1.xyz and its companions",
        frames=frames,
        recognises=recognises,
        companions=companions,
        accepts=("forces", "energies", "cell", "stress", "velocities", "output"),
        options=("companions", "species", "cell"),
        labels_from="PROJECT-frc-1.xyz (MOTION/PRINT/FORCES) and PROJECT-1.ener",
    ),
    Format(
        "cp2k_output",
        family="CP2K",
        title="output of CP2K",
        frames=frames_of_output,
        recognises=recognises_output,
        companions=companions_of_output,
        accepts=("positions", "forces", "energies", "cell", "stress", "velocities"),
        options=("companions", "species", "cell"),
        labels_from="an output with FORCE_EVAL/PRINT/FORCES and STRESS_TENSOR, or PROJECT-frc-1.xyz beside it",
    ),
)
