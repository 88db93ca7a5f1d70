"""The memory and time that jobs request, from the size of their input."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest
from conftest import doubled

from gapglass.base import files
from gapglass.frames import geometry
from gapglass.potential import agreement, memory
from gapglass.study import resources


def test_costs_grow_with_size(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "SHORTEST", 0)
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    for path, n_frames, n_atoms in ((small, 100, 48), (large, 20_000, 480)):
        pd.DataFrame({"frame": range(n_frames), "n_atoms": n_atoms}).to_csv(path, index=False)
    soap = {"cutoff": 5.0, "n_max": 8, "l_max": 8, "radial_basis": "polynomial"}
    clustering = {"n_clusters_max": 60, "solver": "auto"}

    def descriptors(table, basis="polynomial"):
        return resources.compute_descriptors(
            table, soap=soap | {"radial_basis": basis}, block_frames="auto", coulomb={}
        )

    for function in (
        resources.assemble_kernels,
        descriptors,
        lambda table: resources.cluster_frames(table, clustering),
    ):
        (more_memory, more_time), (memory_mb, time) = function(large), function(small)
        assert more_memory > memory_mb and more_time >= time
    many = clustering | {"n_clusters_max": 400}
    assert resources.cluster_frames(large, many)[1] > resources.cluster_frames(large, clustering)[1]
    # A block holds at most 160,000 atoms, so more frames give more jobs and not longer ones.
    assert descriptors(large)[1] == resources.minutes(10 + 159_840 * 1e-3) > descriptors(large, "gto")[1]
    kernel = tmp_path / "soap.npy"
    kernel.write_bytes(b"0" * 8_000_000)
    assert resources.map_frames(kernel)[0] == 1024


def test_no_job_asks_for_less_than_ten_minutes():
    assert resources.minutes(0) == resources.minutes(200) == 10 < resources.minutes(201) == 11


def test_packed_trajectories_ask_for_more(tmp_path):
    plain, packed = tmp_path / "a.extxyz", tmp_path / "a.extxyz.xz"
    plain.write_bytes(b"0" * 2_000_000)
    packed.write_bytes(b"0" * 2_000_000)
    assert (
        resources.import_frames([plain])
        < resources.import_frames([packed])
        <= resources.import_frames([plain, packed])
    )


def test_kernel_rows_of_environments_ask_for_more_time(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "SHORTEST", 0)
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        for n in range(100):
            (folder / f"frame_{n}.npz").write_bytes(b"0" * 100_000)
    fingerprints, environments = (
        resources.compute_kernel_row(folders, {"soap": {"averaging": kind}, "coulomb": {"averaging": "fingerprint"}})[
            1
        ]
        for kind in ("fingerprint", "environments")
    )
    assert environments > fingerprints > 0


def test_stage_takes_the_measured_speed_where_there_is_one(tmp_path):
    speed, stage, glass = tmp_path / "speed.json", {"time": 1000.0}, {"timestep": 1.0, "ranks": 2, "engine": "quip"}
    _, guessed = resources.run_stage(480, stage, glass, speed)
    assert resources.run_stage(480, stage, glass | {"ranks": 8}, speed)[1] < guessed
    assert resources.run_stage(480, stage, glass | {"engine": "gapglass"}, speed)[1] < guessed / 5
    speed.write_text(json.dumps({"steps_per_second": 100.0}))
    assert resources.run_stage(480, stage, glass, speed)[1] == resources.minutes(60 + 10_000) < guessed
    # The estimate of the speed failed.
    speed.write_text(json.dumps({"steps_per_second": None}))
    assert resources.run_stage(480, stage, glass, speed)[1] == guessed


def test_jobs_ask_for_what_their_fit_needs(tmp_path, blyp_frames, hyperparameters):
    inputs = SimpleNamespace(
        **{name: tmp_path / f"{name}.json" for name in ("database", "decision", "summary", "hyperparameters", "sets")},
        neighbours=tmp_path / "neighbours.csv",
    )
    potential = {"descriptor": "soap_turbo", "virials": True, "fitter": "gap_fit"}
    settings = {
        "potential": potential,
        "active_learning": {"max_fit_time": 120},
        "learning_curves": {"hyperparameters": {"n_max": 6}},
    }
    # Snakemake shows <TBD> as the resource where a file of the input does not exist yet.
    with pytest.raises(FileNotFoundError, match=r"decision\.json"):
        resources.fit_trial(inputs, 1, settings)
    frames = [*blyp_frames[:4], doubled(blyp_frames[4])]
    counts = geometry.count_neighbours(frames)
    files.write_table(inputs.neighbours, counts)
    files.write_json(inputs.decision, {"proposals": [hyperparameters, hyperparameters | {"n_max": 8}]})
    files.write_json(inputs.database, {"train": [0, 2, 3], "test": [1]})
    files.write_json(inputs.summary, {"virials": True})
    files.write_json(inputs.hyperparameters, hyperparameters)
    files.write_json(inputs.sets, {"pool": [0, 1, 2, 4], "holdout": [3]})

    def needed(rows, changes=()):
        fit = memory.FitMemory(counts.iloc[rows], descriptor="soap_turbo", virials=True)
        return pytest.approx(resources.BASE_MB + fit.mb(hyperparameters | dict(changes)) * 2**20 / 1e6, abs=1)

    assert resources.fit_trial(inputs, 2, settings)[0] == needed([0, 2, 3], {"n_max": 8})
    assert resources.fit_all_frames(inputs, settings)[0] == needed(range(5))
    # A strategy may choose the frame of 96 atoms.
    assert resources.fit_learning_point(inputs, 1, settings)[0] == needed([4], {"n_max": 6})
    without = memory.of_fit(counts, hyperparameters, SimpleNamespace(**potential), {"virials": False})
    assert without < memory.of_fit(counts, hyperparameters, SimpleNamespace(**potential), {"virials": True})
    # The job stops gap_fit after max_fit_time and must outlive it to report that.
    files.write_json(inputs.hyperparameters, hyperparameters | {"n_sparse": 10**7})
    assert resources.fit_all_frames(inputs, settings)[1] == 120 + resources.SHORTEST


def test_comparison_with_quip_asks_for_its_largest_frame_and_its_copies(tmp_path, blyp_frames, hyperparameters):
    inputs = SimpleNamespace(neighbours=tmp_path / "neighbours.csv", fit=tmp_path / "fit.json")
    settings = {"potential": {"descriptor": "soap_turbo"}, "trajectories": [{}] * 2}
    files.write_json(inputs.fit, {"hyperparameters": hyperparameters})
    asked = []
    for frames in (blyp_frames[:3], [*blyp_frames[:3], doubled(blyp_frames[4])]):
        files.write_table(inputs.neighbours, geometry.count_neighbours(frames))
        asked.append(resources.check_engine(inputs, settings))
    (small, _), (large, _) = asked
    assert resources.BASE_MB < small < large
    copies = agreement.deformed(blyp_frames[0], 1)
    assert agreement.PER_TRAJECTORY * len(copies) == resources.COMPARED_COPIES
    assert resources.COMPARED_VOLUME == agreement.VOLUME
    many = settings | {"trajectories": [{}] * 500}
    assert resources.check_engine(inputs, many)[1] == resources.minutes(10 + 500 * 9 * 96 * 2e-3)
