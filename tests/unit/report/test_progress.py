"""How far an unfinished study is, as its report tells it."""

import pytest
from conftest import ROOT

from gapglass.report import preview
from gapglass.study import config, paths


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = config.read(ROOT / "config/tiny.yaml")
    settings["glass"] |= {"rates": [2.5], "vibrations": {"time": 1.0, "equilibration": 0.0}}
    settings["validation"] |= {"structures": [{"name": "crystal", "file": "crystal.cif"}]}
    return paths.Study(settings, "0123")


def test_every_kind_of_job_counts(study):
    found = {stage["stage"]: stage for stage in preview.progress(study)}
    n_models, n_variants = len(study.glasses), len(study.variants)
    assert {name: stage["of"] for name, stage in found.items() if stage["of"] > 1} == {
        "Clusters": 1 + len(study.config["clustering"]["deltas"]),
        "Crystals": n_variants,
        "Constant energy, hotter than the frames": n_variants,
        "Stages of the glass models": 3 * n_models,
        "Stages at other cooling rates": 2,  # the melt is that of the cycle
        "Vibrations": 1 + len(study.models),
        "Structures": len(study.models) + 2,
        "Figures, tables and report": found["Figures, tables and report"]["of"],
    }
    assert {stage["text"] for stage in found.values()} == {"not yet"}


def test_finished_jobs_are_counted(study, tmp_path):
    (model,) = study.rated_glasses()
    (shared, own, _) = (tmp_path / path for path in study.stage_files(model, "outcome.json"))
    for path in (shared, own):
        path.parent.mkdir(parents=True)
        path.touch()
    found = {stage["stage"]: stage["text"] for stage in preview.progress(study)}
    assert found["Stages of the glass models"] == f"1 of {3 * len(study.glasses)}"
    assert found["Stages at other cooling rates"] == "1 of 2"


def test_what_a_study_does_not_ask_for_is_no_stage():
    names = {stage["stage"] for stage in preview.progress(paths.Study(config.read(ROOT / "config/tiny.yaml"), "0123"))}
    assert not names & {"Crystals", "Stages at other cooling rates", "Vibrations"}
