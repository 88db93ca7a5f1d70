"""Stand-in trajectories of exactly the shapes of the paper's three data sets, to try config/studies without the data.

    .venv/bin/python tests/standins.py trajectories

They hold no physics: atoms on a shaken lattice, energies that follow the temperature of the plateau, random forces.
Their number of frames and atoms, composition, cell and keys are those that the studies ask for, so that import, plan
and the cost of bookkeeping are realistic.
"""

import argparse
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from ase.spacegroup import crystal
from ase.units import kB

AMU_PER_A3_IN_G_PER_CM3 = 1.66053907

# name: atoms of each species, density (g/cm³) of the 300 K plateau, frames, temperatures (K) of the plateaus in order
SHAPES = {
    "aste3": ({"As": 60, "Te": 180}, 5.7, 937, (650, 500, 300)),
    "teo2": ({"Te": 160, "O": 320}, 5.6, 1200, (1000, 750, 500, 300)),
    "gamma-teo2": ({"Te": 16, "O": 32}, None, 45, (1000, 650, 300)),
}


def gamma_teo2():
    """Return γ-TeO2, P2_1 2_1 2_1, in the paper's 2 x 1 x 2 cell of 48 atoms (source: docs/explanation/method.md)."""
    cell = crystal(
        ["Te", "O", "O"],
        basis=[(0.9696, 0.1016, 0.1358), (0.759, 0.281, 0.173), (0.855, 0.036, 0.727)],
        spacegroup=19,
        cellpar=[4.898, 8.576, 4.351, 90, 90, 90],
    )
    return cell * (2, 1, 2)


def lattice(counts, density, rng):
    """Return symbols, positions (Å) and edges (Å) of atoms at random sites of a simple cubic lattice in a cube."""
    symbols = [symbol for symbol, count in counts.items() for _ in range(count)]
    mass = sum(atomic_masses[atomic_numbers[symbol]] for symbol in symbols)
    edge = (mass * AMU_PER_A3_IN_G_PER_CM3 / density) ** (1 / 3)
    n = int(np.ceil(len(symbols) ** (1 / 3)))
    sites = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return symbols, sites[rng.permutation(n**3)[: len(symbols)]] * edge / n, np.full(3, edge)


def write(name, path, *, n_frames=None, seed=1):
    """Write one stand-in trajectory as extended XYZ with ``energy`` (eV), ``forces`` (eV/Å) and ``temperature`` (K).

    Parameters
    ----------
    name : str
        Key of ``SHAPES``.
    path : path-like
    n_frames : int, optional
        Fewer frames than the paper's.
    seed : int
        The same seed gives the same file.
    """
    counts, density, frames, plateaus = SHAPES[name]
    frames = n_frames or frames
    rng = np.random.default_rng([seed, list(SHAPES).index(name)])
    if name == "gamma-teo2":
        atoms = gamma_teo2()
        symbols, positions, edges = list(atoms.symbols), atoms.positions, atoms.cell.lengths()
    else:
        symbols, positions, edges = lattice(counts, density, rng)
    n_atoms = len(symbols)
    # one format for the whole frame: ASE's writer takes several times as long
    line = "".join(f"{symbol} %.6f %.6f %.6f %.5f %.5f %.5f\n" for symbol in symbols)
    box = " 0.0 0.0 0.0 ".join(f"{edge:.8f}" for edge in edges)
    with Path(path).open("w") as stream:
        for number in range(frames):
            temperature = plateaus[number * len(plateaus) // frames]
            shaken = positions + rng.uniform(-1, 1, (n_atoms, 3)) * 0.25 * np.sqrt(temperature / max(plateaus))
            forces = rng.normal(0, np.sqrt(temperature / 1000), (n_atoms, 3))
            energy = n_atoms * (-4.0 + 3 * kB * temperature + rng.normal(0, 2e-3))
            stream.write(
                f'{n_atoms}\nLattice="{box}" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T" '
                f"energy={energy:.8f} temperature={temperature} standin=T\n"
            )
            stream.write(line % tuple(np.hstack([shaken, forces - forces.mean(axis=0)]).ravel()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where {name}.extxyz are written")
    parser.add_argument("--names", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for chosen in arguments.names:
        write(chosen, arguments.folder / f"{chosen}.extxyz", seed=arguments.seed)
        print(f"stand-in: {arguments.folder / chosen}.extxyz")
