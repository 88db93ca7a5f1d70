"""Do chosen frames make a better glass than random ones? Glasses of silica from both, beside those of the truth.

    .venv/bin/python benchmarks/generate_downstream.py results/sio2-vashishta work benchmarks/results/downstream.json

Half of the blocks of time of every plateau of the glass, drawn anew for every replica, are the pool. From it, the
default strategy and chance take equal numbers of frames, and both potentials have the same sparse points and
hyperparameters. Their errors are those on the other half. Then one thermal cycle quenches a glass with either
potential and with Vashishta's potential, which made the labels, all three from the same positions and velocities.

A replica that is finished is not repeated. On a quiet core of the machine of docs/reference/performance.md, a glass of
192 atoms and 60 ps takes two minutes with a fitted potential and half a minute with the true one.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import generate_trajectory
import generate_truth
import numpy as np
from threadpoolctl import threadpool_limits

from gapglass.base import files, log
from gapglass.base.progress import Progress
from gapglass.base.seeds import derive
from gapglass.frames import store
from gapglass.glass import closeness, dump, explosion, guards, lammps, stages
from gapglass.potential import basis, core, engine_fit, evaluation, gap_fit
from gapglass.potential.frame_equations import FrameEquations
from gapglass.selection import strategies, time_blocks
from gapglass.study import config

STUDY = Path(__file__).resolve().parents[1] / "config/studies/sio2-vashishta.yaml"
TRUTH, CHOSEN, RANDOM = KINDS = ("truth", "residual_per_plateau", "random")
SIZES = (4, 8)  # training frames: the first are even in time, errors can only choose those that are added
EVERY = 2  # frames of the study that are used, 100 fs apart
BLOCKS, GUARD = 12, 2  # blocks of a plateau, and frames beside a block that nobody uses
POINTS_EVERY = 20  # of the frames that are used, for sparse points; labels are not read for them
WEIGHTS = {"energy": 1.0, "force": 1.0}
# What a loop of the study delivered, with a shorter cutoff, half of its sparse points and a weaker distance term. The
# angles of the true potential end at 2.6 Å, so 4 Å fit better than 5.3 Å and cost half. With the strong distance term
# the normal equations of single frames are conditioned too badly.
HYPERPARAMETERS = {
    "cutoff": 4.0, "cutoff_width": 0.5, "n_max": 6, "l_max": 3, "atom_sigma": 0.4142, "zeta": 2, "n_sparse": 100,
    "two_body_cutoff": 5.5, "two_body_n_sparse": 20, "two_body_theta": 1.0, "two_body_delta": 2.0, "delta": 1.38,
    "sigma_energy": 0.002337, "sigma_force": 0.03451, "sigma_virial": 0.2736,
}  # fmt: skip
N_ATOMS = 192
# 60 ps in the shape of the study's cycle.
TIMES = ((1000, 0.5), (2000, 0.5), (3000, 0.5), (4000, 11.7), (3000, 11.7), (2000, 11.7), (1000, 11.7), (300, 11.7))
SHELLS = {"O-Si": 2.2, "O-O": 3.2, "Si-Si": 3.6}  # Å, where the first peak of g(r) has ended
MINIMISE = """thermo_style custom step temp pe
thermo_modify format float %.10g
minimize 0.0 0.001 2000 20000
"""


# The frames


def plateaus(table):
    """Return the runs of the glass, cut into blocks of time of equal length, as from ``time_blocks.blocks``.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv; frames of other roles than reference are left out, and of the others every second is taken.
    """
    used = table[table["role"] == "reference"].iloc[::EVERY]
    found = []
    for frames in time_blocks.runs(used):
        edges = np.round(np.linspace(0, len(frames), BLOCKS + 1)).astype(int)
        found.append({"frames": frames.tolist(), "edges": edges.tolist(), "reach": GUARD, "guard": GUARD})
    return found


def divide(runs, seed, replica):
    """Return the division of a replica, from ``time_blocks.leave_out``: half of the blocks of every plateau."""
    return time_blocks.leave_out(runs, 0.5, derive(seed, "downstream", replica))


def choose(division, equations, places, seed, replica):
    """Return for both strategies the frames that they take from the pool of a division."""
    given = strategies.Given(
        pool=np.array(division["pool"]), seed=derive(seed, "downstream", "choice", replica), equations=equations,
        places=places, weights=WEIGHTS, blocks=division["blocks"], plateaus=division["plateaus"],
        hyperparameters=HYPERPARAMETERS,
    )  # fmt: skip
    found = {}
    for strategy in (CHOSEN, RANDOM):
        taken = []
        for size in SIZES:
            taken = strategies.STRATEGIES[strategy](given, taken, size)
        found[strategy] = [int(frame) for frame in taken]
    return found


class Data:
    """The frames of a finished study, and the choices from them.

    Parameters
    ----------
    results : path-like
        Results folder of the study.
    seed : int

    Attributes
    ----------
    runs : list of dict
        From ``plateaus``.
    atoms : dict
        Frame -> ase.Atoms.
    closest : dict
        "O-Si" -> closest distance (Å) in the frames of the study.
    """

    def __init__(self, results, seed):
        frames = Path(results) / "frames"
        imported = files.read_json(frames / "import.json")
        self.seed, self.species = seed, imported["species"]
        self.closest = imported["closest_distance_angstrom"]
        self.runs = plateaus(files.read_table(frames / "table.csv"))
        everything = store.read_frames(frames / "frames.extxyz")
        self.atoms = {frame: everything[frame] for run in self.runs for frame in run["frames"]}
        self.points = list(self.atoms.values())[::POINTS_EVERY]
        self.core = core.of_setting("repulsion", self.closest, self.species)

    def choices(self, replicas):
        """Return for every replica what ``choose`` returns. Takes a minute or two, for the equations of all frames."""
        atoms = core.subtract(list(self.atoms.values()), self.core)
        places = {frame: place for place, frame in enumerate(self.atoms)}
        with threadpool_limits(1), TemporaryDirectory() as folder:
            terms = basis.choose(self.points, HYPERPARAMETERS, self.species, "soap_turbo", folder)
            equations = FrameEquations(atoms, terms, self.species, True, folder)
            return {
                replica: choose(divide(self.runs, self.seed, replica), equations, places, self.seed, replica)
                for replica in replicas
            }

    def fit(self, frames, holdout, folder):
        """Write the potential on frames into a folder; return its path and its errors on the hold-out."""
        train, target = [self.atoms[frame] for frame in frames], Path(folder) / "gap.xml"
        engine_fit.run_fit(
            train, HYPERPARAMETERS, target, descriptor="soap_turbo", e0=gap_fit.isolated_atom_energies(train),
            virials=True, max_seconds=3600, log_path=Path(folder) / "fit.log", points_from=self.points,
            tables=self.core,
        )  # fmt: skip
        return target, self.errors(target, holdout)

    def errors(self, potential, frames):
        """Return both errors of a potential on frames, as ``evaluation.errors``."""
        atoms = [self.atoms[frame] for frame in frames]
        return evaluation.errors(atoms, *evaluation.predict(potential, atoms))

    def errors_of_plateaus(self, potential, frames):
        """Return ``errors`` for the frames of every temperature, with ``temperature_k``."""
        parts = {}
        for frame in frames:
            parts.setdefault(float(self.atoms[frame].info["temperature"]), []).append(frame)
        return [{"temperature_k": kelvin, **self.errors(potential, parts[kelvin])} for kelvin in sorted(parts)]


# The glass


def settings_of(path=STUDY, n_atoms=N_ATOMS, times=TIMES):
    """Return the settings of the study with the size and the cycle of this comparison.

    Parameters
    ----------
    path : path-like
    n_atoms : int
    times : sequence of (float, float)
        Temperature (K) and time (ps) of every stage.
    """
    settings = config.read(path)
    stage = settings["glass"]["cycle"][0]
    settings["glass"]["sizes"] = [n_atoms]
    settings["glass"]["cycle"] = [stage | {"temperature": kelvin, "time": time} for kelvin, time in times]
    settings["structure"]["r_max"] = None  # as far as this cell reaches
    return settings


def text_of(potential, glass, closest):
    """Return the function that writes the LAMMPS input of a stage: with the true potential for None."""
    if potential is None:
        return generate_truth.stage_text
    limits = guards.limits_of(closest, glass["composition"], glass["closest_fraction"])
    hottest = max(stage["temperature"] for stage in glass["cycle"])
    guarded = guards.Guards(limits, hottest, glass["max_temperature_factor"])

    def text(stage, number, settings, **how):
        how["velocity_seed"] = how["velocity_seed"] if number == 1 else None
        return stages.stage_input(
            stage, settings, potential=potential, plugin=None, restart=number > 1, guards=guarded, **how
        )

    return text


def quench(folder, settings, replica, closest, potential=None):
    """Quench a glass and return what was measured of it.

    Parameters
    ----------
    folder : path-like
        For the files of the quench and its structure tables.
    settings : dict
        From ``settings_of``.
    replica : int
    closest : dict
        "O-Si" -> closest distance (Å) in the frames.
    potential : path-like, optional
        gap.xml; the true potential without it.

    Returns
    -------
    dict
        ``exploded`` (None, or in words what happened), ``too_close`` (share of the saved frames of all stages in which
        a pair is closer than ``glass.too_close_ratio`` allows) and, of a glass, the values of ``measures``.
    """
    glass, counts, n_atoms = settings["glass"], [], settings["glass"]["sizes"][0]

    def see(number, scratch):
        frames = dump.sample_dump(scratch / "trajectory.lammpstrj", closeness.MOST_FRAMES)
        n_steps = stages.steps_of(glass["cycle"][number - 1], glass["timestep"])
        begin = closeness.relaxed_from(number, n_steps, glass["timestep"])
        _, steps, distances = closeness.distances_of(frames, closest)
        relaxed = [found for step, found in zip(steps, distances, strict=True) if step >= begin]
        counts.append(closeness.count(number, relaxed, closest))

    densities = [None] * len(glass["cycle"])
    try:
        generate_truth.quench(
            folder, settings, n_atoms, replica, closest, densities, text_of=text_of(potential, glass, closest), see=see
        )
    except lammps.LammpsFailed as error:
        if error.kind not in explosion.KINDS:
            raise
        return {
            "exploded": f"stage {len(counts) + 1}, step {error.step}: {error}",
            "too_close": too_close(counts, glass),
        }
    generate_truth.analyse(folder, settings["structure"])
    tables = {kind: files.read_table(path) for kind, path in generate_truth.tables_of(folder).items()}
    last = dump.read_dump(Path(folder) / "trajectory.lammpstrj")[-1]
    return {"exploded": None, "too_close": too_close(counts, glass), **measures(tables), "energy": true_energy(last)}


def too_close(counts, glass):
    """Return the share of the frames of all stages in which a pair is too close, from ``closeness.count``."""
    counts = [found for found in counts if found]
    n_frames = sum(found["n_frames"] for found in counts)
    close = sum(found["n_frames"] * closeness.share(found, glass["too_close_ratio"]) for found in counts)
    return close / n_frames if n_frames else None


def true_energy(atoms):
    """Return the energy (eV/atom) of the minimum of the true potential next to a frame."""
    with TemporaryDirectory(prefix="minimum-") as folder:
        generate_trajectory.packing.write_data(Path(folder) / "start.data", atoms, generate_trajectory.SPECIES)
        head = generate_trajectory.HEAD.format(
            potential=generate_trajectory.potential_file(), timestep_ps=generate_trajectory.TIMESTEP / 1000
        )
        rows = lammps.run(folder, head + MINIMISE, ranks=1)
    return rows[-1]["PotEng"] / len(atoms)


def moments(x, weights):
    """Return mean and standard deviation of a distribution on a grid."""
    mean = np.average(x, weights=weights)
    return float(mean), float(np.sqrt(np.average((x - mean) ** 2, weights=weights)))


def peak(r, g):
    """Return where the first peak of g(r) is highest (Å): the vertex of a parabola through three points of r² g(r)."""
    y = g * r**2
    top = int(np.argmax(y[1:-1])) + 1
    below, at, above = y[top - 1 : top + 2]
    return float(r[top] + 0.5 * (r[1] - r[0]) * (below - above) / (below - 2 * at + above))


def measures(tables):
    """Return the numbers by which glasses are compared, from the structure tables of one glass.

    Returns
    -------
    dict
        Shares in percent, distances in Å, angles in degrees.
    """
    found = {}
    for _, row in tables["coordination"].iterrows():
        centre = row["centre"].lower()
        found[f"{centre}_coordination"] = float(row["coordination_number"])
        fold = {"si": 4, "o": 2}[centre]
        found[f"{centre}_{fold}fold"] = float(row.get(f"percent_{fold}_fold", 0.0))
        found[f"{centre}_0fold"] = float(row["percent_0_fold"])
    for name in ("Si-O-Si", "O-Si-O"):
        key = name.lower().replace("-", "_")
        found[f"{key}_mean"], found[f"{key}_width"] = moments(
            tables["angles"]["angle_degree"].to_numpy(), tables["angles"][name].to_numpy()
        )
    r = tables["gr"]["r_angstrom"].to_numpy()
    for pair, end in SHELLS.items():
        found[f"{pair.lower().replace('-', '_')}_peak"] = peak(
            r[r < end], tables["gr"][f"g_{pair}"].to_numpy()[r < end]
        )
    sq = tables["sq"]
    bins = sq["q_inverse_angstrom"].to_numpy()
    return found | {
        "q": bins.tolist(),
        "s_x": sq["S_X"].tolist(),
        "r": r.tolist(),
        "g_x": tables["gr"]["G_X"].tolist(),
    }


# All of it


def run(data, settings, folder, replicas):
    """Make all glasses that are not there yet.

    Parameters
    ----------
    data : Data
    settings : dict
        From ``settings_of``.
    folder : path-like
        ``{kind}_{replica}/result.json`` is written when the glass is finished.
    replicas : int

    Returns
    -------
    list of dict
        One per glass: kind, replica, what ``quench`` returns and, of a potential, frames, temperatures_k of the
        frames, and both errors.
    """
    folder, numbers = Path(folder), range(1, replicas + 1)
    chosen = folder / "chosen.json"
    if not chosen.exists() or len(files.read_json(chosen)) < replicas:
        files.write_json(chosen, data.choices(numbers))
    choices, found, progress = files.read_json(chosen), [], Progress(replicas, "replicas")
    for replica in numbers:
        for kind in KINDS:
            here = folder / f"{kind}_{replica}"
            result = here / "result.json"
            if not result.exists():
                here.mkdir(parents=True, exist_ok=True)
                (here / "trajectory.lammpstrj").unlink(missing_ok=True)  # of a run that was ended during the analysis
                made = {"kind": kind, "replica": replica}
                potential = None
                if kind != TRUTH:
                    frames = choices[str(replica)][kind]
                    potential, errors = data.fit(frames, divide(data.runs, data.seed, replica)["holdout"], here)
                    kelvin = [float(data.atoms[frame].info["temperature"]) for frame in frames]
                    made |= {"frames": frames, "temperatures_k": kelvin, **errors}
                files.write_json(result, made | quench(here, settings, replica, data.closest, potential))
            found.append(files.read_json(result))
        progress.update(replica)
    return found


def main():
    """Make the glasses and write the table of all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="results folder of the finished study of silica")
    parser.add_argument("folder", type=Path, help="folder for the glasses")
    parser.add_argument("target", type=Path, help="file for the measurements")
    parser.add_argument("--replicas", type=int, default=10)
    arguments = parser.parse_args()
    settings = settings_of()
    log.configure(arguments.folder / "log.txt", "downstream")
    data = Data(arguments.results, settings["seed"])
    glasses = run(data, settings, arguments.folder, arguments.replicas)
    for glass in glasses:
        if glass["kind"] != TRUTH:
            holdout = divide(data.runs, data.seed, glass["replica"])["holdout"]
            potential = arguments.folder / f"{glass['kind']}_{glass['replica']}/gap.xml"
            glass["plateaus"] = data.errors_of_plateaus(potential, holdout)
    files.write_json(arguments.target, {"n_train": SIZES[-1], "n_atoms": N_ATOMS, "glasses": glasses})


if __name__ == "__main__":
    main()
