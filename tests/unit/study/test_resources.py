"""The memory and time that jobs request, from the size of their input."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import doubled

from gapglass.base import files
from gapglass.frames import geometry
from gapglass.potential import agreement, basis, memory
from gapglass.potential.hyperparameters import GEOMETRY
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
        guide=[],
    )
    potential = {
        "descriptor": "soap_turbo", "virials": True, "fitter": "gap_fit", "hyperparameters": hyperparameters,
    }  # fmt: skip
    settings = {
        "potential": potential,
        "active_learning": {"max_fit_time": 120},
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

    def needed(rows, changes=()):
        fit = memory.FitMemory(counts.iloc[rows], descriptor="soap_turbo", virials=True)
        return pytest.approx(resources.BASE_MB + fit.mb(hyperparameters | dict(changes)) * 2**20 / 1e6, abs=1)

    assert resources.fit_trial(inputs, 2, settings)[0] == needed([0, 2, 3], {"n_max": 8})
    assert resources.fit_all_frames(inputs, settings)[0] == needed(range(5))
    without = memory.of_fit(counts, hyperparameters, SimpleNamespace(**potential), {"virials": False})
    assert without < memory.of_fit(counts, hyperparameters, SimpleNamespace(**potential), {"virials": True})
    # The job stops gap_fit after max_fit_time and must outlive it to report that.
    files.write_json(inputs.hyperparameters, hyperparameters | {"n_sparse": 10**7})
    assert resources.fit_all_frames(inputs, settings)[1] == 120 + resources.SHORTEST


def test_divisions_of_the_learning_curves_hold_the_equations_of_all_frames_twice(tmp_path, hyperparameters):
    inputs = SimpleNamespace(table=tmp_path / "table.csv", summary=tmp_path / "summary.json")
    files.write_table(inputs.table, pd.DataFrame({"n_atoms": [48] * 500}))
    files.write_json(inputs.summary, {"species": ["O", "Te"]})
    curves = {
        "hyperparameters": {"n_sparse": 300},
        "sizes": [20, 80],
        "strategies": ["random"],
        "sparse_from": ["pool"],
        "priors": ["none"],
    }
    settings = {
        "potential": {"hyperparameters": hyperparameters | {"two_body_n_sparse": 20}},
        "learning_curves": curves,
    }
    memory_mb, minutes = resources.draw_learning_curves(inputs, settings)
    assert memory_mb > resources.BASE_MB + 2 * 8 * 500 * (2 * 300 + 3 * 20) ** 2 / 1e6
    more = settings | {"learning_curves": curves | {"sparse_from": ["pool", "training"], "sizes": [20] * 50}}
    assert resources.draw_learning_curves(inputs, more)[1] > minutes
    large = settings | {"learning_curves": curves | {"hyperparameters": {"n_sparse": 3000}}}
    memory_mb, minutes = resources.tune_learning_curves(inputs, large)
    with_guide = large | {"learning_curves": large["learning_curves"] | {"priors": ["none", "guide"]}}
    assert memory_mb > resources.BASE_MB and resources.tune_learning_curves(inputs, with_guide)[1] > minutes


def test_trials_of_the_engine_ask_for_the_largest_set_that_they_try(tmp_path, blyp_frames, hyperparameters):
    inputs = SimpleNamespace(
        **{name: tmp_path / f"{name}.json" for name in ("database", "decision", "summary", "hyperparameters", "sets")},
        neighbours=tmp_path / "neighbours.csv",
        guide=[],
    )
    ranges = hyperparameters | {"n_sparse": {"low": 20, "high": 400, "scale": "log"}}
    settings = {
        "potential": {"descriptor": "soap_turbo", "virials": True, "fitter": "engine", "hyperparameters": ranges},
        "active_learning": {"max_fit_time": 120},
    }
    counts = geometry.count_neighbours(blyp_frames[:20])
    files.write_table(inputs.neighbours, counts)
    geometry_only = {name: hyperparameters[name] for name in GEOMETRY}
    files.write_json(inputs.decision, {"proposals": [geometry_only]})
    files.write_json(inputs.database, {"train": list(range(12)), "test": []})
    files.write_json(inputs.summary, {"virials": True})
    memory_mb, minutes = resources.fit_trial(inputs, 1, settings)
    fit = memory.FitMemory(counts.iloc[:12], descriptor="soap_turbo", virials=True, fitter="engine")
    largest = hyperparameters | {"n_sparse": 400}
    # 12 frames hold 192 Te and 384 O, and no species has more sparse points than atoms.
    assert fit.columns(largest) == 192 + 384 + 3 * 15
    assert memory_mb == pytest.approx(resources.BASE_MB + fit.mb(largest) * 2**20 / 1e6, abs=1)
    assert minutes >= resources.SHORTEST
    # The rows of a guide are held beside those of the labels.
    inputs.guide = [tmp_path / "guide_1.npz"]
    more_mb, longer = resources.fit_trial(inputs, 1, settings)
    assert more_mb - memory_mb > 60 * 8e-6 * fit.columns(largest) ** 2 and longer >= minutes
    inputs.guide = []
    # One fit of a known set takes less than the search for one.
    files.write_json(inputs.hyperparameters, largest)
    files.write_table(inputs.neighbours, pd.concat([counts] * 200))
    monster = largest | {"n_sparse": 5000}
    files.write_json(inputs.hyperparameters, monster)
    files.write_json(inputs.database, {"train": list(range(4000)), "test": []})
    settings["potential"]["hyperparameters"] = hyperparameters | {"n_sparse": 5000}
    assert resources.fit_trial(inputs, 1, settings)[1] > resources.fit_all_frames(inputs, settings)[1]
    # The fit on all frames that tunes costs as much as a trial on as many, whatever the number of points of optimal.
    files.write_json(inputs.hyperparameters, largest)
    assert resources.fit_all_frames(inputs, settings, tunes=True) > resources.fit_all_frames(inputs, settings)
    files.write_json(inputs.database, {"train": list(range(len(counts) * 200)), "test": []})
    assert resources.fit_all_frames(inputs, settings, tunes=True) == resources.fit_trial(inputs, 1, settings)


def test_rows_and_sparse_points_ask_for_what_their_sizes_need(tmp_path, monkeypatch, hyperparameters):
    monkeypatch.setattr(resources, "SHORTEST", 0)
    inputs = SimpleNamespace(**{name: tmp_path / name for name in ("table", "summary", "points")})
    settings = {"potential": {"descriptor": "soap_turbo", "hyperparameters": hyperparameters}}
    files.write_json(inputs.summary, {"species": ["O", "Te"]})

    def of(n_frames, n_atoms, n_points=200, **changes):
        pd.DataFrame({"frame": range(n_frames), "n_atoms": n_atoms}).to_csv(inputs.table, index=False)
        term = basis.Term(
            "text", "dot_product", 1.0, 4.0, np.ones((n_points, 5)), np.ones(n_points), np.zeros(n_points)
        )
        inputs.points = tmp_path / f"points_{n_points}.npz"
        basis.write(inputs.points, [term, term])
        assert resources.basis_columns(inputs.points) == 2 * n_points
        settings["potential"]["hyperparameters"] = hyperparameters | changes
        return resources.choose_sparse_points(inputs, settings), resources.compute_rows(inputs)

    (of_points, of_rows), (most_points, most_rows) = of(20, 48), of(20_000, 480)
    assert most_points[0] > of_points[0] and most_points[1] > of_points[1]
    assert most_rows[0] > of_rows[0] and most_rows[1] >= of_rows[1]
    # A block holds at most so many atoms, and candidates are at most so many: more frames need no more memory.
    assert of(40_000, 480)[1] == most_rows and of(40_000, 480)[0][0] == most_points[0]
    assert most_points[0] < 4000 and most_rows[0] < 4000
    for changes in ({"n_max": 8}, {"n_sparse": {"low": 50, "high": 2000, "scale": "log"}}):
        assert of(20_000, 480, **changes)[0][0] > most_points[0]
    (more_memory, more_time), (memory_mb, time) = of(20_000, 480, 2000)[1], most_rows
    assert more_memory > memory_mb and more_time > time


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
