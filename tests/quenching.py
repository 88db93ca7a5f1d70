"""Stages of a quench on 48 atoms with a small potential, and stand-ins for LAMMPS."""

import json
import sys

import numpy as np
from ase import Atoms

from gapglass.glass import outside, packing, stages

SPECIES = ["O", "Te"]
SETTINGS = {
    "composition": {"Te": 1, "O": 2},
    "density": 5.0,
    "timestep": 1.0,
    "ranks": 1,
    "sample_interval": 5,
    "start": "random",
    "closest_fraction": 0.5,
    "max_temperature_factor": 3.0,
    "engine": "gapglass",
    "lammps_command": [],
}
CLOSEST = {"O-O": 2.3, "O-Te": 1.75, "Te-Te": 2.9}
KNOWN = outside.Known(CLOSEST, (5.0, 6.0), 2000.0, {"O": (2 / 3, 2 / 3), "Te": (1 / 3, 1 / 3)})
STAGE = {"temperature": 300.0, "temperature_start": None, "time": 0.05, "ensemble": "nvt", "pressure": 0.0}
SHORT = STAGE | {"time": 0.02}


def in_order_of_types(atoms):
    """Return a frame with its atoms in the order of LAMMPS' atom types and without labels."""
    order = np.argsort(atoms.numbers, kind="stable")
    return Atoms(atoms.numbers[order], positions=atoms.positions[order], cell=atoms.cell, pbc=True)


def run_stage(folder, start, potential, stage=STAGE, settings=SETTINGS, number=1, plugin=None, **options):
    """Run a stage and return its outputs.

    ``start`` is a frame for the first stage and the path of a restart for the others.
    """
    folder.mkdir(exist_ok=True)
    if isinstance(start, Atoms):
        packing.write_data(folder / "start.data", start, SPECIES)
        start = folder / "start.data"
    outputs = {
        "restart": folder / "final.restart",
        "thermo": folder / "thermo.csv",
        "trajectory": folder / "t.dump",
        "outcome": folder / "outcome.json",
        "log": folder / "log",
    }
    if "velocity_interval" in stage:
        outputs["velocities"] = folder / "velocities.dump"
    options = {"known": KNOWN, "seed": 11, **options}
    stages.run_stage(stage, number, settings, start, outputs, potential=potential, plugin=plugin, **options)
    return outputs


def outcome(outputs):
    """Return the outcome that a stage wrote."""
    return json.loads(outputs["outcome"].read_text())


def stand_in(folder, text):
    """Return a command that runs a Python script in place of LAMMPS."""
    folder.mkdir(exist_ok=True)
    (folder / "lmp.py").write_text(text)
    return [sys.executable, str(folder / "lmp.py")]
