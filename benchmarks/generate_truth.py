"""The truth of a study of SiO2: glasses quenched by its own thermal cycle with Vashishta's potential itself.

    python benchmarks/generate_truth.py config/studies/sio2-vashishta.yaml

A glass that is cooled in half a nanosecond is no laboratory glass, and no two quenches give the same one. So a model
can only be judged against quenches by the same cycle with the potential that made the labels. Composition, density,
time step, cycle, interval of the frames, number of replicas and settings of the analysis are read from the study. A
replica begins with a random packing, whatever ``glass.start`` is: the true potential leaves no atom without
neighbours. It runs on one rank, so two runs on one machine give the same files.

Written to the file of the study's measured curve ``truth``: q, X-ray S(q) as mean over the replicas, its standard
error. The file ``*-spread.csv`` beside it tells what R_X against this curve means, see ``spread``. Trajectories and
structure tables are kept in a folder beside it, for every cycle and density a folder of its own, and a replica whose
trajectory is there is not quenched again.

On one core of the machine of docs/reference/performance.md, a replica of 480 atoms and 515 ps takes 11 minutes at 800
steps a second, its analysis half a minute, and the import of the study's frames about as long.
"""

import argparse
import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import generate_trajectory
import jinja2
import numpy as np
import pandas as pd

from gapglass.base import files, log, seeds
from gapglass.base.errors import UserError
from gapglass.frames import trajectory
from gapglass.glass import dump, lammps, packing, stages, thermo
from gapglass.glass.scratch import Scratch
from gapglass.structure import analysis, experiment, kinds, replicas, wright
from gapglass.study import config, models
from gapglass.study.paths import Study

CURVE = "truth"  # name of the study's measured curve that this script makes
KINDS = kinds.TABLES
POTENTIAL = 'pair_style vashishta\npair_coeff * * "{{ potential }}" {{ symbols | join(" ") }}\n'
NO_LIMIT = 1e6  # K; the guards of a study are there for potentials that can fail


def curve_of(settings):
    """Return the item of ``structure.experiments`` that this script makes.

    Parameters
    ----------
    settings : dict
        The completed configuration.

    Raises
    ------
    UserError
        When the study has no such item, or none of X-ray S(Q), or asks for what Vashishta's potential or this script
        does not have.
    """
    glass, entries = settings["glass"], {entry["name"]: entry for entry in settings["structure"]["experiments"]}
    if not set(glass["composition"]) <= set(generate_trajectory.SPECIES):
        raise UserError(f"glass.composition is {glass['composition']}; Vashishta's potential is for Si and O")
    if CURVE not in entries:
        raise UserError(f"structure.experiments has no item of the name {CURVE}; add it, so that the study reads it")
    entry = entries[CURVE]
    if (entry["kind"], entry["radiation"]) != ("S(Q)", "xray"):
        raise UserError(
            f"structure.experiments {CURVE!r} has kind {entry['kind']} and radiation {entry['radiation']}; this "
            "script writes kind S(Q) and radiation xray"
        )
    return entry


def folder_of(entry):
    """Return the folder for everything but the curve and its spread."""
    return Path(entry["file"]).with_suffix("")


def stage_text(stage, number, glass, *, title, velocity_seed, density):
    """Return the LAMMPS input of one stage, that of the study with Vashishta's pair style.

    Parameters
    ----------
    stage : dict
        Item of ``glass.cycle``.
    number : int
        From 1; later stages continue from start.restart.
    glass : dict
        Section ``glass``.
    title : str
    velocity_seed : int
    density : float or None
        g/cm³, see ``stages.stage_density``.
    """
    loader = jinja2.ChoiceLoader(
        [jinja2.DictLoader({"potential.j2": POTENTIAL}), jinja2.FileSystemLoader(lammps.TEMPLATES)]
    )
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, loader=loader)
    return environment.get_template("stage.in.j2").render(
        potential=generate_trajectory.potential_file(),
        symbols=packing.species_order(glass["composition"]),
        plugin=None,
        limits=[],
        **stages.stage_values(
            stage,
            glass,
            title=title,
            restart=number > 1,
            velocity_seed=velocity_seed if number == 1 else None,
            max_temperature=NO_LIMIT,
            density=density,
        ),
    )


def pack(target, settings, n_atoms, replica, closest):
    """Write the start of a replica, a random packing; the parameters are those of ``quench``."""
    seed = seeds.derive(settings["seed"], "packing", n_atoms, replica)
    packing.pack(target, n_atoms, settings["glass"], closest, seed)


def quench(folder, settings, n_atoms, replica, closest, densities, text_of=stage_text, see=None):
    """Quench one replica unless its trajectory is there.

    Parameters
    ----------
    folder : path-like
        For packed.data, trajectory.lammpstrj (frames of the last stage) and thermo.csv (all stages).
    settings : dict
        The completed configuration.
    n_atoms, replica : int
    closest : dict
        "O-Si" -> closest distance (Å) of the pair in the study's frames, from which the start is packed.
    densities : list
        g/cm³ or None for each stage.
    text_of : callable, optional
        Writes the input of a stage, as ``stage_text``; that of another potential.
    see : callable, optional
        Called with the number of every stage that has ended and the folder in which LAMMPS ran.
    """
    folder, glass = Path(folder), settings["glass"]
    target = folder / "trajectory.lammpstrj"
    if target.exists():
        log.notice("replica %d is there: %s", replica, target)
        return
    pack(folder / "packed.data", settings, n_atoms, replica, closest)
    velocities = seeds.derive(seeds.derive(settings["seed"], "glass", n_atoms, replica), "velocity")
    tables = []
    with Scratch(target) as scratch:
        shutil.copyfile(folder / "packed.data", scratch / "start.data")
        for number, (stage, density) in enumerate(zip(glass["cycle"], densities, strict=True), start=1):
            title = f"replica {replica}, stage {number} ({stage['temperature']:g} K)"
            text = text_of(stage, number, glass, title=title, velocity_seed=velocities, density=density)
            n_steps = stages.steps_of(stage, glass["timestep"])
            rows = lammps.run(scratch, text, ranks=1, n_steps=n_steps, timestep=glass["timestep"], what=title)
            tables.append(thermo.thermo_table(rows, number, glass["timestep"]))
            if see is not None:
                see(number, scratch)
            shutil.copyfile(scratch / "final.restart", scratch / "start.restart")
        files.write_table(folder / "thermo.csv", thermo.join_thermo(tables))
        with files.whole_file(target) as temporary:
            shutil.copyfile(scratch / "trajectory.lammpstrj", temporary)


def tables_of(folder):
    """Return the paths of the structure tables in a folder, by kind."""
    return {kind: Path(folder) / f"{kind}.csv" for kind in KINDS}


def analyse(folder, settings):
    """Write the structure tables of one replica, as the study does for a glass model.

    Parameters
    ----------
    folder : path-like
    settings : dict
        Section ``structure``.
    """
    frames = dump.read_dump(Path(folder) / "trajectory.lammpstrj")
    discarded = int(len(frames) * settings["discard_fraction"])
    analysis.write_analysis(frames[discarded:], settings, SimpleNamespace(**tables_of(folder)))


def write_curve(path, table, head):
    """Write q, S_X(q) and its standard error as text.

    Parameters
    ----------
    path : path-like
    table : pandas.DataFrame
        sq table, of one replica or averaged.
    head : list of str
        Comment lines.
    """
    with files.whole_file(path) as temporary:
        columns = table[["q_inverse_angstrom", "S_X", "S_X_error"]].to_numpy()
        np.savetxt(temporary, columns, fmt="%.10g", header="\n".join(head))


def spread(sq, gr, entry, settings, folder):
    """Return R_X of the truth against itself, computed as the study computes that of a model.

    Parameters
    ----------
    sq, gr : list of pandas.DataFrame
        Tables of every replica.
    entry : dict
        From ``curve_of``.
    settings : dict
        The completed configuration.
    folder : path-like
        For the curve with which is compared.

    Returns
    -------
    pandas.DataFrame
        model, against, r_x_percent, r_min_angstrom, r_max_angstrom, n_points, q_max_inverse_angstrom, window. The
        first row compares the mean with its own curve and is what the transform of a curve without the numbers of its
        wave vectors costs. The others, with more than one replica, compare each with the mean of the others: with a
        perfect potential, a single quench would differ as much from n replicas, but for the factor
        sqrt((1 + 1/n) / (1 + 1/(n-1))), 0.94 with three, and the mean of three sqrt((2/n) / (1 + 1/(n-1))), 0.67.
    """
    structure, glass, path = settings["structure"], settings["glass"], Path(folder) / "against.txt"
    everyone = list(range(len(sq)))

    def row(model, chosen, against, others):
        write_curve(path, replicas.average_tables([sq[i] for i in others], structure["q_bin"]), [against])
        curve = experiment.experiment_tables(
            {**entry, "file": str(path)}, structure, glass["composition"], glass["density"]
        )
        mean_sq = replicas.average_tables([sq[i] for i in chosen], structure["q_bin"])
        mean_gr = replicas.average_tables([gr[i] for i in chosen])
        found = wright.compare_experiment(mean_sq, mean_gr, curve, entry, structure)
        return {"model": model, "against": against, **found}

    rows = [row("mean of all replicas", everyone, "itself", everyone)]
    if len(everyone) > 1:
        for one in everyone:
            others = [i for i in everyone if i != one]
            rows.append(row(f"replica {one + 1}", [one], "mean of the other replicas", others))
    path.unlink()
    return pd.DataFrame(rows)


def digest(settings, n_atoms, closest, densities):
    """Return a text that differs between quenches of different cycles or densities."""
    names = ("composition", "density", "closest_fraction", "timestep", "sample_interval", "cycle")
    used = {name: settings["glass"][name] for name in names}
    used |= {"seed": settings["seed"], "n_atoms": n_atoms, "closest": closest, "densities": densities}
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:10]


def generate(settings, jobs=1):
    """Make the truth of a study, at the smallest of ``glass.sizes``.

    Parameters
    ----------
    settings : dict
        The completed configuration; files in it are relative to the working folder.
    jobs : int
        Replicas that are quenched at the same time.

    Returns
    -------
    pandas.DataFrame
        From ``spread``.

    Raises
    ------
    UserError
        From ``curve_of``, or when a trajectory of the study cannot be imported.
    """
    entry, structure = curve_of(settings), settings["structure"]
    n_atoms = min(settings["glass"]["sizes"])
    target, work = Path(entry["file"]), folder_of(entry)
    _, table, summary = trajectory.import_frames(
        settings["trajectories"], settings["import"], settings["potential"]["e0"]
    )
    closest = summary["closest_distance_angstrom"]
    files.write_table(work / "frames.csv", table)
    temperature = Study(settings).reference_temperature()
    cycle = settings["glass"]["cycle"]
    densities = [stages.stage_density(stage, work / "frames.csv", temperature) for stage in cycle]
    folder = work / f"{n_atoms}-{digest(settings, n_atoms, closest, densities)}"
    numbers = range(1, models.replicas_of(settings, "optimal", n_atoms) + 1)
    folders = [folder / f"replica_{number}" for number in numbers]
    with ThreadPoolExecutor(jobs) as pool:
        done = [
            pool.submit(quench, here, settings, n_atoms, number, closest, densities)
            for number, here in zip(numbers, folders, strict=True)
        ]
        for future in done:
            future.result()
    for here in folders:
        analyse(here, structure)
    for kind, path in tables_of(folder).items():
        replicas.average_replicas([here / f"{kind}.csv" for here in folders], kind, path, structure["q_bin"])
    sq, gr = ([files.read_table(here / f"{kind}.csv") for here in folders] for kind in ("sq", "gr"))
    found = spread(sq, gr, entry, settings, folder)
    picoseconds = sum(stage["time"] for stage in cycle)
    made = (
        f"{len(numbers)} glasses of {n_atoms} atoms, Vashishta's potential for SiO2 (LAMMPS, SiO.1994), "
        f"cycle of {picoseconds:g} ps of the study {settings['study']}"
    )
    files.write_table(target.with_name(f"{target.stem}-spread.csv"), found, [made])
    write_curve(target, files.read_table(folder / "sq.csv"), [made, "q (1/A), X-ray S(q), its standard error"])
    for _, row in found.iterrows():
        log.notice("%s against %s: R_X %.1f %%", row["model"], row["against"], row["r_x_percent"])
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="replicas at the same time")
    arguments = parser.parse_args()
    try:
        chosen = config.read(arguments.study)
        log.configure(folder_of(curve_of(chosen)) / "log.txt", "truth")
    except UserError as error:
        raise SystemExit(str(error)) from error
    generate(chosen, arguments.jobs)
