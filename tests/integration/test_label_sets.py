"""A study whose frames are a cheap method's and whose labels are a better one's, from a folder of labels."""

import json
import lzma

import numpy as np
import pandas as pd
import pytest
from tiny_study import RESULTS, SMALLER, change, copy_project, snakemake

from gapglass.labels import settings

BLYP = "resources/teo2-blyp-small/teo2-blyp-small.extxyz.xz"
TRAJECTORY = {
    "name": "glass", "file": "resources/teo2-chgnet/teo2-chgnet.extxyz.xz", "where": {"trajectory": "glass"},
    "temperature_key": "temperature", "start": 276, "interval": 20,
}  # fmt: skip


@pytest.fixture
def project(tmp_path):
    """A copy of the project with the 59 BLYP labels of the tiny study as a set."""
    folder = copy_project(tmp_path / "project")
    settings.write(folder / "blyp", settings.Settings("cp2k", "2023.1", {"functional": "BLYP"}))
    (folder / "blyp/labels.extxyz").write_text(lzma.decompress((folder / BLYP).read_bytes()).decode())
    return folder


@pytest.mark.slow
def test_labels_of_a_set_train_and_test_and_the_trajectory_is_the_guide(project):
    loop = {"max_iterations": 1, "increment": 0.05, "exploration_rounds": 1, "exploitation_rounds": 0}
    changes = {
        **SMALLER, "trajectories": [TRAJECTORY], "labels": {"engine": "none", "sets": ["blyp"]},
        "selection": {"strategy": "residual"}, "active_learning": loop,
    }  # fmt: skip
    config = change(project, changes, "other")
    summary = f"{RESULTS}/potentials/optimal/summary.json"
    targets = (summary, f"{RESULTS}/potentials/optimal/predictions.csv", f"{RESULTS}/clusters/best.json")
    snakemake(project, *targets, "--configfile", config)
    told = json.loads((project / RESULTS / "frames/import.json").read_text())["labels"]
    assert (told["n_labelled"], told["n_harvested"], told["folders"]) == (59, 0, ["blyp"])
    table = pd.read_csv(project / RESULTS / "frames/table.csv")
    assert len(table) == 374 and table["labelled"].sum() == 59 and table["guide"].all()
    # BLYP's energies are far from CHGNet's, and no frame has both in one column.
    assert table["energy_ev_per_atom"].max() < -300 < table["guide_energy_ev_per_atom"].min()
    predictions = pd.read_csv(project / targets[1])
    unlabelled = predictions["set"] == "unlabelled"
    assert np.array_equal(unlabelled, ~table["labelled"])
    assert np.array_equal(predictions["energy_reference_ev_per_atom"].isna(), unlabelled)
    assert {"train", "validation", "holdout"} <= set(predictions["set"])
    found = json.loads((project / summary).read_text())
    assert set(found["priors"]) == {"none", "guide"}
    assert found["n_train"] == (predictions["set"] == "train").sum() and found["n_train"] >= 4
    # The guide knows frames that have no label, and none that tests or lies beside it.
    log = (project / RESULTS / "logs/fit_trial/optimal_01_1_1.log").read_text()
    n_guide = int(log.split("of its own labels on ")[1].split()[0])
    assert 59 < n_guide < 374
    assert "Nothing to be done" in snakemake(project, *targets, "--configfile", config)
    # A label more is another import.
    extra = (project / "blyp/labels.extxyz").read_text()
    (project / "blyp/labels.extxyz").write_text(extra.replace("temperature=1000", "temperature=1000.0", 1))
    assert "Reading and checking the trajectories" in snakemake(project, *targets, "--configfile", config, "--dry-run")
