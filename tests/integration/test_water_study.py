"""A molecular liquid: a study of water-like molecules whose models begin as frames of the reference."""

import json

import numpy as np
import pandas as pd
import pytest
import water
import yaml
from ase.io import read
from tiny_study import copy_project, snakemake

from gapglass.frames.geometry import closest_pairs

STUDY = {
    "study": "water",
    "seed": 3,
    "trajectories": [{"name": "liquid", "file": "resources/water.extxyz", "temperature_key": "temperature"}],
    "descriptors": {"soap": {"cutoff": 3.5, "n_max": 4, "l_max": 3}},
    "clustering": {"deltas": [0.0, 0.5, 1.0], "n_clusters_max": 8},
    "active_learning": {
        "increment": 0.5,
        "energy_tolerance": 30,
        "max_iterations": 1,
        "exploration_rounds": 1,
        "exploitation_rounds": 1,
        "proposals_per_round": 1,
    },
    "potential": {
        "variants": ["optimal"],
        "hyperparameters": {
            "cutoff": 3.5,
            "n_max": 4,
            "l_max": 3,
            "n_sparse": 60,
            "delta": 0.5,
            "two_body_cutoff": 3.5,
            "sigma_energy": 0.002,
        },
    },
    "glass": {
        "composition": {"H": 2, "O": 1},
        "density": 0.9,  # 3.6 % longer than the cell of the frames: the molecules are moved
        "start": "reference",
        "sizes": [36, 72],
        "timestep": 0.5,
        "ranks": 1,
        "sample_interval": 5,
        "cycle": [
            {"temperature": 600, "time": 0.02},
            {"temperature": 300, "temperature_start": 600, "time": 0.02},
            {"temperature": 300, "time": 0.02},
        ],
    },
    "structure": {"coordination_cutoffs": {"H-O": 1.3}},
}


def bonds_per_oxygen(frame):
    """Return the numbers of H within 1.3 Å of each O."""
    apart = frame.get_all_distances(mic=True)[np.ix_(frame.symbols == "O", frame.symbols == "H")]
    return (apart < 1.3).sum(axis=1)


@pytest.mark.slow
def test_water_runs_to_the_report_from_a_reference_frame(tmp_path):
    folder = copy_project(tmp_path)
    water.write_trajectory(folder / "resources/water.extxyz")
    (folder / "config/water.yaml").write_text(yaml.safe_dump(STUDY))
    output = snakemake(folder, "--configfile", "config/water.yaml")
    results = folder / "results/water"
    assert "EXPLODED" not in output and f"Report: {results / 'report.html'}" in output
    known = json.loads((results / "frames/import.json").read_text())["closest_distance_angstrom"]
    assert known["H-O"] < 1.0  # the former guard of 1 Å stopped every model of water at its first step
    for atoms in (36, 72):
        model = results / f"glass/optimal/{atoms}/1"
        outcome = json.loads((model / "outcome.json").read_text())
        assert outcome["exploded"] is False
        assert all(item["what"] in ("closest", "density", "temperature") for item in outcome["outside"])
        assert pd.read_csv(model / "thermo.csv")["density_g_per_cm3"].iloc[0] == pytest.approx(0.9, rel=1e-5)
        # The molecules are whole in the start, in the first frame of the run and in the last.
        frames = read(model / "stage_1/trajectory.lammpstrj", ":", format="lammps-dump-text")
        for frame in (frames[0], frames[-1], read(model / "final.extxyz")):
            assert (bonds_per_oxygen(frame) == 2).all() and closest_pairs(frame)["H-O"] > 0.5 * known["H-O"]
    page = (results / "report.html").read_text()
    assert "A frame of the hottest reference was repeated, brought to 0.9 g/cm³" in page
    assert "Outside what the frames know" in page and "density 0.900 g/cm³, frames 1.000 g/cm³" in page
