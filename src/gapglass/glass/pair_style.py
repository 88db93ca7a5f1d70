"""The pair style with which LAMMPS computes a potential: what an input says of it, and its values for one frame."""

from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from gapglass.glass import lammps
from gapglass.glass.packing import read_data, species_order, write_data
from gapglass.potential.gap_xml import potential_label

EV_PER_BAR_A3 = 1 / 1.6021765e6  # with the digits of LAMMPS' unit conversion (metal)
COMPONENTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # LAMMPS' order of a symmetric tensor


def potential_values(potential, settings):
    """Return the values of the template potential.j2, which gives LAMMPS a potential.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    settings : dict
        Section ``glass``.

    Raises
    ------
    UserError
        When the file is not one of gap_fit.
    """
    species = species_order(settings["composition"])
    return {
        "engine": settings["engine"],
        "potential": Path(potential).resolve(),
        "label": potential_label(potential),
        "numbers": [atomic_numbers[symbol] for symbol in species],
        "symbols": species,
    }


def single_point(folder, atoms, potential, settings, plugin=None):
    """Return energy (eV), forces (eV/Å) and virial (eV, 3 x 3) of a frame from LAMMPS, and the frame as it read it.

    Parameters
    ----------
    folder : path-like
        Working folder.
    atoms : ase.Atoms
        Periodic, with species of ``composition`` only.
    potential : path-like
        gap.xml.
    settings : dict
        Section ``glass``.
    plugin : path-like, optional
        Library that LAMMPS loads for its pair style.

    Raises
    ------
    LammpsFailed
    """
    folder, species = Path(folder), species_order(settings["composition"])
    write_data(folder / "start.data", atoms, species)
    text = lammps.render(
        "point.in.j2", plugin=Path(plugin).resolve() if plugin else None, **potential_values(potential, settings)
    )
    row = lammps.run(folder, text, ranks=settings["ranks"], own=settings["lammps_command"])[-1]
    virial = np.zeros((3, 3))
    for number, (i, j) in enumerate(COMPONENTS, start=1):
        virial[i, j] = virial[j, i] = row[f"c_virial[{number}]"] * row["Volume"] * EV_PER_BAR_A3
    forces = np.loadtxt(folder / "forces.dump", skiprows=9, ndmin=2)[:, 1:]
    return row["PotEng"], forces, virial, read_data(folder / "start.data", species)
