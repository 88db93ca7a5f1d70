"""Molecular dynamics with a GAP: the plug-in's pair_style quip compared with ASE and quippy's calculator.

The potential (soap_turbo, 300 sparse environments per species, cutoff 4.5 Å, and a two-body term) is fitted here on
ten frames of SiO2. Both run velocity Verlet at 1000 K from the same positions, 1 fs a step; times are those of the
steps only, without loading the potential. Both call the same library, QUIP from the quippy-ase wheel, which is
serial. ASE cannot use a second core, while LAMMPS divides the cell among MPI ranks. The plug-in is faster on one
core for one reason: soap_turbo compares words in blank-padded variables of 1024 characters for every neighbour, and
the plug-in provides a comparison that does not read the blanks byte by byte. The plug-in reports its own share of
the time (`compute pair quip`): packing neighbours for QUIP and returning the forces.
"""

import re
import statistics
import tempfile
import time
from pathlib import Path

import common
import numpy as np
from ase import Atoms, units
from ase.io import read
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from gapglass.glass import lammps, packing, quip_plugin, thermo
from gapglass.potential import gap_fit, gap_xml
from gapglass.potential.quip import load_potential

HYPERPARAMETERS = {**common.HYPERPARAMETERS, "n_max": 6, "l_max": 4, "n_sparse": 300}
TEMPERATURE = 1000  # K
PEER = "ASE + quippy, 1 core"
# The neighbour settings are those of gapglass/glass/templates/stage.in.j2.
INPUT = """units metal
atom_style atomic
boundary p p p
newton on
plugin load "{plugin}"
read_data start.data
pair_style quip
pair_coeff * * "{potential}" "Potential xml_label={label}" 8 14
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
timestep 0.001
velocity all create {temperature} 5 mom yes rot no dist gaussian
fix integrate all nve
compute times all pair quip
thermo_style custom step temp pe etotal c_times[1] c_times[2]
thermo_modify format float %.12g
thermo {steps}
dump forces all custom {steps} forces.txt id fx fy fz
dump_modify forces sort id format float %.12g
run {steps}
"""


def with_lammps(atoms, potential, plugin, steps, ranks):
    """Return seconds a step, the times (% of QUIP's) of the plug-in and of the rest of LAMMPS, and forces (eV/Å)."""
    with tempfile.TemporaryDirectory() as folder:
        packing.write_data(Path(folder) / "start.data", atoms, ["O", "Si"])
        label = gap_xml.potential_label(potential)
        text = INPUT.format(plugin=plugin, potential=potential, label=label, temperature=TEMPERATURE, steps=steps)
        rows = lammps.run(folder, text, ranks=ranks)
        seconds = steps / thermo.rate((Path(folder) / "screen.txt").read_text())
        first = re.split(r"ITEM: ATOMS.*\n", (Path(folder) / "forces.txt").read_text())[1].splitlines()[: len(atoms)]
    compute, quip = (rows[-1][f"c_times[{i}]"] - rows[0][f"c_times[{i}]"] for i in (1, 2))
    forces = np.array([line.split()[1:] for line in first], float)
    return seconds / steps, 100 * (compute / quip - 1), 100 * (seconds * ranks / quip - 1), forces


def with_ase(atoms, potential, steps):
    """Return seconds a step, and the forces (eV/Å) on the first positions."""
    atoms = atoms.copy()
    atoms.calc = load_potential(potential)
    thermalize_momenta(atoms, temperature_K=TEMPERATURE, rng=np.random.default_rng(5))
    forces = atoms.get_forces().copy()
    dynamics = VelocityVerlet(atoms, units.fs)
    start = time.perf_counter()
    dynamics.run(steps)
    return (time.perf_counter() - start) / steps, forces


def systems():
    """Return {atoms: (configuration, steps)} of 96, 480 and 1920 atoms, glass at 1000 K."""
    small = read(common.trajectory("sio2-48"), 15000, format="extxyz") * (2, 1, 1)
    large = read(common.trajectory("sio2-480"), 800, format="extxyz")
    found = {}
    for frame, steps in ((small, 50), (large, 15), (large * (2, 2, 1), 5)):
        frame = frame[np.argsort(frame.numbers, kind="stable")]
        found[len(frame)] = (Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True), steps)
    return found


def measure(folder):
    """Fit, build, run everything in turns, and write the tables."""
    potential, plugin = folder / "gap.xml", folder / "quip.so"
    frames = read(common.trajectory("sio2-480"), "::120", format="extxyz")
    gap_fit.run_fit(
        frames, HYPERPARAMETERS, potential, descriptor="soap_turbo", e0=gap_fit.isolated_atom_energies(frames),
        virials=True, seed=1, max_seconds=600, log_path=folder / "fit.log",
    )  # fmt: skip
    quip_plugin.build_plugin(plugin, folder / "build.log")

    scaling, median = [], {}
    for n_atoms, (atoms, steps) in systems().items():
        runs = {"ase": [], 1: [], 2: []}
        for _ in range(3):
            runs["ase"].append(with_ase(atoms, potential, steps))
            for ranks in (1, 2):
                runs[ranks].append(with_lammps(atoms, potential, plugin, steps, ranks))
        seconds = {name: statistics.median(run[0] for run in found) for name, found in runs.items()}
        for ranks in (1, 2):
            ranks_text = f"a step of MD, {ranks} rank{'s' if ranks > 1 else ''}"
            scaling.append(
                {
                    "work": ranks_text,
                    "peer": PEER,
                    "size": n_atoms,
                    "size_unit": "atoms",
                    "ours_s": seconds[ranks],
                    "peer_s": seconds["ase"],
                }
            )
        median[n_atoms] = runs, seconds

    common.write("md_goals", goals(*median[480]))
    common.write("md_scaling", scaling)


def goals(runs, seconds):
    """Return the goals from the runs with 480 atoms and their median seconds a step."""
    own, step = (statistics.median(run[i] for run in runs[1]) for i in (1, 2))
    difference = max(np.abs(runs[ranks][0][3] - runs["ase"][0][1]).max() for ranks in (1, 2))
    speed = {ranks: seconds["ase"] / seconds[ranks] for ranks in (1, 2)}
    gain = seconds[1] / seconds[2]
    limit = "a rank waits for the one with more atoms; ranks wait busily, so other work on the machine counts twice"
    quip_limit = "all but a thousandth of a step is QUIP's own time"
    work = "MD with a GAP, 480 atoms of SiO2"
    return [
        common.goal(
            work + ", 1 rank",
            PEER,
            "seconds a step",
            "s",
            seconds[1],
            seconds["ase"],
            "at least 0.95 times as fast",
            speed[1] >= 0.95,
            "" if speed[1] >= 0.95 else quip_limit,
        ),
        common.goal(
            work + ", 2 ranks",
            PEER,
            "seconds a step",
            "s",
            seconds[2],
            seconds["ase"],
            "at least 1.8 times as fast",
            speed[2] >= 1.8,
            "" if speed[2] >= 1.8 else limit,
        ),
        common.goal(
            work + ", 2 ranks",
            "gapglass, 1 rank",
            "seconds a step",
            "s",
            seconds[2],
            seconds[1],
            "at least 1.8 times as fast",
            gain >= 1.8,
            "" if gain >= 1.8 else limit,
        ),
        common.goal(
            work + ", 1 rank",
            "QUIP's own time",
            "time of the plug-in beside QUIP's",
            "%",
            own,
            None,
            "below 3 %",
            own < 3,
        ),
        common.goal(
            work + ", 1 rank",
            "QUIP's own time",
            "time of the whole step beside QUIP's",
            "%",
            step,
            None,
            "below 3 %",
            step < 3,
        ),
        common.goal(
            work, PEER, "largest difference of a force", "eV/Å", difference, None, "below 1e-5 eV/Å", difference < 1e-5
        ),
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="md-") as place:
        measure(Path(place))
