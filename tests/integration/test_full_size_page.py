"""The page on the study of the paper's size, from a made-up finished study whose numbers are known."""

import json
from pathlib import Path

import generate_full_size
import pandas as pd
import pytest
import yaml

STUDY = Path(__file__).resolve().parents[2] / "config/studies/sio2-vashishta.yaml"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of two potentials: 48 atoms with both and two replicas of `optimal`, 96 atoms with `optimal`."""
    monkeypatch.chdir(tmp_path)
    data = yaml.safe_load(STUDY.read_text())
    data["potential"]["variants"] = ["optimal", "all_frames"]
    data["glass"] |= {
        "sizes": [48, 96], "comparison_sizes": [48], "replicas": [2, 1],
        "cycle": [{"temperature": 3000, "time": 1}, {"temperature": 300, "time": 3}],
    }  # fmt: skip
    for entry in (*data["trajectories"], data["structure"]["experiments"][0]):
        entry["file"] = Path(entry["file"]).name
        Path(entry["file"]).touch()
    Path("study.yaml").write_text(yaml.safe_dump(data))
    results = tmp_path / "results/sio2-vashishta"

    def write(name, text):
        path = results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def job(name, rule, seconds, memory=1000.0, **wildcards):
        record = {"rule_name": rule, "wildcards": wildcards, "cpu_time": seconds, "s": 2 * seconds, "max_rss": memory}
        write(f"benchmarks/{name}.jsonl", json.dumps(record | {"resources": {"mem_mb": 3000}}))

    job("import_frames", "import_frames", 30.0, memory="NA")
    job("decide/optimal_01_0", "decide", 6.0, potential="optimal", iteration="01", round="0")
    for potential, atoms, replica in (
        ("optimal", "48", "1"), ("optimal", "48", "2"), ("optimal", "96", "1"), ("all_frames", "48", "1"),
    ):  # fmt: skip
        for stage in ("1", "2"):
            job(
                f"run_stage/{potential}_{atoms}_{replica}_{stage}", "run_stage", int(atoms) / 8.0, potential=potential,
                atoms=atoms, replica=replica, stage=stage,
            )  # fmt: skip
    job("build_report", "build_report", 60.0)
    for potential, frames in (("optimal", 25), ("all_frames", 600)):
        summary = {"n_train": frames, "cost_us_per_atom_step": 5.94}
        for name, value in (("rmse_energy_mev_per_atom", 1.234), ("rmse_force_ev_per_angstrom", 0.1234)):
            summary |= {name: {"holdout": value}}
            summary.setdefault("intervals", {})[name] = {"holdout": [value / 2, value * 2]}
        write(f"potentials/{potential}/summary.json", json.dumps(summary))
    models = ["optimal_48", "optimal_96", "all_frames_48"]
    write("frames/table.csv", "frame\n" + "\n".join(str(i) for i in range(7)) + "\n")
    for i, model in enumerate(["reference", *models]):
        against = ["truth"] if model == "reference" else ["reference", "truth"]
        r_x = {"r_x_percent": 4.0 + i, "r_min_angstrom": 1.0, "r_max_angstrom": 9.6, "q_max_inverse_angstrom": 15.0}
        if model == "optimal_48":
            r_x |= {"r_x_percent_error": 0.5, "r_x_percent_replicas": [5.2, 5.8]}
        write(f"structure/{model}/rx.json", json.dumps(dict.fromkeys(against, r_x)))
        counted = [
            {"centre": centre, "neighbour": other, "cutoff_angstrom": 2.2, "coordination_number": 3.98,
             "standard_error": 0.01, "percent_0_fold": 2.5, "percent_2_fold": 97.0, "percent_4_fold": 96.0}
            for centre, other in (("Si", "O"), ("O", "Si"))
        ]  # fmt: skip
        write(f"structure/{model}/coordination.csv", "# counted\n" + pd.DataFrame(counted).to_csv(index=False))
    spread = pd.DataFrame(
        {"model": ["mean of all replicas", "replica 1", "replica 2"], "against": "", "r_x_percent": [0.7, 3.2, 4.3]}
    )
    Path("sio2-truth-sq-spread.csv").write_text(spread.to_csv(index=False))
    return Path("study.yaml")


def row(page, name):
    """Return the cells of the first row of a table of the page that begins with a name."""
    line = next(line for line in page.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_page_has_the_numbers_of_the_study(study):
    page = generate_full_size.page(study)
    assert row(page, "import and checks")[1:] == ["1", "0.5", "1.0", "", "3000"]
    assert row(page, "active-learning loops")[1:3] == ["1", "0.1"]
    assert row(page, "quenches of 48 atoms")[1:] == ["6", "0.6", "0.2", "1049", "3000"]
    assert row(page, "quenches of 96 atoms")[1:3] == ["2", "0.4"]
    assert row(page, "all")[1:3] == ["11", "3"]
    # 4 ps in steps of 2 fs: the quenches of all_frames took 12 s for 48 atoms and 2000 steps
    assert row(page, "all_frames")[1:] == ["600", "1.23 (0.62 to 2.47)", "0.123 (0.062 to 0.247)", "5.9", "125.0"]
    assert row(page, "optimal_48")[1:] == ["2", "5.0 ± 0.5", "5.0 ± 0.5", "96.0", "97.0", "2.5", "3.980 ± 0.010"]
    assert row(page, "optimal_96")[1:4] == ["1", "6.0", "6.0"]
    assert row(page, "reference")[1:4] == ["1", "", "4.0"]  # the frames against the truth
    assert "are finished" not in page
    text = " ".join(page.split())
    assert "7 frames, 48 and 96 atoms" in text and "the others is 3.2, 4.3 %" in text and "0.7 %" in text
    stages = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert stages.index("quenches of 48 atoms") < stages.index("quenches of 96 atoms") < stages.index("all")
    assert all(len(line) < 120 for line in page.splitlines() if not line.startswith("|"))


def test_page_compares_the_glasses_that_are_finished(study):
    results = Path("results/sio2-vashishta")
    (results / "structure/optimal_96/rx.json").unlink()
    (results / "structure/optimal_96/coordination.csv").unlink()
    (results / "benchmarks/run_stage/optimal_96_1_2.jsonl").unlink()
    page = generate_full_size.page(study)
    assert row(page, "optimal_48")[2] == "5.0 ± 0.5" and "| optimal_96 |" not in page
    assert "Of 8 stages of the thermal cycles, 7 are finished." in page


def test_page_before_the_first_glass_and_the_truth_says_so(study):
    for path in Path("results/sio2-vashishta/structure").glob("*/rx.json"):
        path.unlink()
    Path("sio2-truth-sq-spread.csv").unlink()
    page = generate_full_size.page(study)
    assert "once its thermal cycle is finished" in page and "| optimal_48 |" not in page
    assert row(page, "all_frames")[1] == "600"
