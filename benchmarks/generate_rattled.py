"""Write rattled cells of γ-TeO2 without labels, the frames of ``config/studies/label-with-cp2k.yaml``.

    .venv/bin/python benchmarks/generate_rattled.py resources/teo2-gamma-rattled/teo2-gamma-rattled.extxyz

The structure is that of doi:10.1016/S0022-3697(99)00413-2 in a 1 × 1 × 2 cell; every atom is moved by a normally
distributed distance.
"""

import argparse
from pathlib import Path

import numpy as np
from ase.io import write
from ase.spacegroup import crystal

CELL = (4.898, 8.576, 4.351, 90, 90, 90)  # Å, degrees
ATOMS = {"Te": (0.9696, 0.1016, 0.1358), "O": [(0.759, 0.281, 0.173), (0.855, 0.036, 0.727)]}
SEED, N_FRAMES, SIGMA = 1, 24, 0.08  # Å


def main():
    """Rattle the crystal and write the frames."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, help="extended XYZ file to write")
    target = parser.parse_args().target
    basis = [ATOMS["Te"], *ATOMS["O"]]
    atoms = crystal(["Te", "O", "O"], basis, spacegroup=19, cellpar=CELL).repeat((1, 1, 2))
    random, frames = np.random.default_rng(SEED), []
    for number in range(N_FRAMES):
        frame = atoms.copy()
        frame.positions += random.normal(0, SIGMA, frame.positions.shape)
        frame.wrap()
        frame.info, frame.arrays = {"number": number}, {name: frame.arrays[name] for name in ("numbers", "positions")}
        frames.append(frame)
    target.parent.mkdir(parents=True, exist_ok=True)
    write(target, frames, format="extxyz")


if __name__ == "__main__":
    main()
