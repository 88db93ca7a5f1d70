"""The costs of the jobs of a run, from Snakemake's records (Table S2)."""

import json

import pandas as pd
import pytest

from gapglass.report import costs


def record(folder, name, **changed):
    """Write a record as Snakemake does."""
    path = folder / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    entry = {"s": 10.0, "cpu_time": 8.0, "max_rss": 100.0, "threads": 2, "resources": {"mem_mb": 1000, "runtime": 5}}
    path.write_text(json.dumps({**entry, **changed}) + "\n")


def test_account_adds_up_and_names_the_fullest_job(tmp_path):
    record(tmp_path, "fit/a")
    record(tmp_path, "fit/b", s=20.0, max_rss=200.0, resources={"mem_mb": 4000, "runtime": 7})
    record(tmp_path, "plot", s=1.0, cpu_time="NA", max_rss="NA", resources={})
    table = costs.cost_table(tmp_path).set_index("rule")
    assert list(table.index) == ["fit", "plot"] and tuple(table.reset_index().columns) == costs.COLUMNS
    fit = table.loc["fit"]
    assert fit[["jobs", "wall_time_s", "cpu_time_s", "asked_time_min", "threads"]].tolist() == [2, 30, 16, 7, 2]
    assert fit["longest_job_min"] == pytest.approx(1 / 3) and fit["peak_memory_mb"] == pytest.approx(200 * 1.048576)
    # The job of 100 MiB had requested less, and came closer to its request.
    assert fit["asked_memory_mb"] == 1000 and fit["share_of_memory_used"] == pytest.approx(0.1048576)
    assert table.loc["plot", "peak_memory_mb"] == 0 and pd.isna(table.loc["plot", "asked_memory_mb"])
    assert costs.cost_table(tmp_path / "nothing").empty


def test_records_without_resources_are_read(tmp_path):
    (tmp_path / "fit.jsonl").write_text(json.dumps({"s": 3.0, "cpu_time": 2.0, "max_rss": 50.0}) + "\n")
    found = costs.cost_table(tmp_path).loc[0]
    assert found["wall_time_s"] == 3 and pd.isna(found["asked_time_min"])
