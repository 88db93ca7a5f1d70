"""A program that labels a frame: energy and forces of a pair potential, for the tests of jobs.

Usage: pair_program.py BEHAVIOUR FOLDER INPUT OUTPUT. Each call adds a line to FOLDER/calls. It uses the standard
library only, so that it starts at once.
"""

import math
import sys
import time
from pathlib import Path

behaviour, folder, source, target = sys.argv[1:]
with (Path(folder) / "calls").open("a") as calls:
    calls.write(f"{behaviour}\n")
lines = Path(source).read_text().splitlines()
cell = list(map(float, lines[1].split('Lattice="')[1].split('"')[0].split()))
rows = [line.split() for line in lines[2:]]
places = [list(map(float, row[1:4])) for row in rows]
if behaviour == "slow":
    time.sleep(60)
if behaviour == "fails":
    sys.exit("no convergence in sight")
forces = [[0.0] * 3 for _ in rows]
energy = -5.0 * len(rows)
for i in range(len(rows)):
    for j in range(i):
        d = [a - b for a, b in zip(places[i], places[j], strict=True)]
        r = math.sqrt(sum(x * x for x in d)) + 1e-3
        energy += math.exp(-r)
        for k in range(3):
            forces[i][k] += math.exp(-r) * d[k] / r
            forces[j][k] -= math.exp(-r) * d[k] / r
virial = "1 0 0 0 2 0 0 0 3"
extra = f' REF_virial="{virial}"'
if behaviour == "drifts":
    forces = [[f + (0.1 if k == 0 else 0.0) for k, f in enumerate(row)] for row in forces]
if behaviour == "drifts_far":
    forces = [[f + (0.2 if k == 0 else 0.0) for k, f in enumerate(row)] for row in forces]
if behaviour == "no_stress":
    extra = ""
if behaviour == "unconverged":
    extra += " converged=F"
if behaviour == "nan":
    energy = math.nan
if behaviour == "moved":
    places[1][2] += 0.01
if behaviour == "swapped":
    rows[0][0], rows[1][0] = rows[1][0], rows[0][0]
if behaviour == "far":
    energy += 3.0 * len(rows)
text = [str(len(rows))]
text.append(
    f'Lattice="{" ".join(map(str, cell))}" Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy={energy!r} '
    f'scf_steps=7 pbc="T T T"{extra}'
)
text += [
    " ".join([row[0], *map(repr, place), *map(repr, force)])
    for row, place, force in zip(rows, places, forces, strict=True)
]
Path(target).write_text("\n".join(text) + "\n")
