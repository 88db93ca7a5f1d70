"""The complete example study on two cores, from the first job to the report: the share of the wall time that Snakemake
itself takes (its start, its graph, the choice of jobs, and the start of Python and imports in every job), and what
takes the rest. A job's times come from Snakemake's records; the time in which no job runs is Snakemake's; the start
and imports of each kind of job are measured after the run and counted once per job.
"""

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common
import pandas as pd
import yaml

from gapglass.base import files

ROOT = common.HERE.parent
STUDY = "teo2-chgnet"


def jobs_of(folder):
    """Return one row per job of a finished run: rule, start and end (s), from Snakemake's record of each."""
    rows = []
    records = Path(folder) / "results" / STUDY / "benchmarks"
    for path in records.rglob("*.jsonl"):
        end, seconds = path.stat().st_mtime, files.read_json_lines(path)[-1]["s"]
        rows.append((path.relative_to(records).parts[0].removesuffix(".jsonl"), end - seconds, end, seconds))
    return pd.DataFrame(sorted(rows), columns=["rule", "start", "end", "seconds"])


def covered(table):
    """Return the time (s) in which at least one job runs."""
    total, reached = 0.0, float("-inf")
    for start, end in table.sort_values("start")[["start", "end"]].itertuples(index=False):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def start_of(rule):
    """Return the seconds in which the script of a rule starts Python and imports what it needs."""
    script = ROOT / f"workflow/scripts/{rule}.py"
    lines = ["import snakemake.script"]
    lines += re.findall(
        r"^(?:import|from) .*$",
        re.sub(r"\(\n[^)]*\)", lambda found: found.group().replace("\n", " "), script.read_text()),
        re.M,
    )
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    """Measure, and write the tables."""
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    for entry in raw["trajectories"]:
        entry["file"] = str(ROOT / entry["file"])
    with tempfile.TemporaryDirectory() as folder:
        done = common.study(folder, raw)
        jobs = jobs_of(folder)
        shutil.copy2(Path(folder) / "results" / STUDY / "report.html", common.RESULTS / "example_report.html")
        shutil.copytree(
            Path(folder) / "results" / STUDY / "figures", common.RESULTS / "example_figures", dirs_exist_ok=True
        )
    wall = done["seconds"]
    rules = jobs.groupby("rule")["seconds"].agg(["count", "sum"]).reset_index()
    rules["start_s"] = [
        start_of(rule) if (ROOT / f"workflow/scripts/{rule}.py").exists() else 0.0 for rule in rules["rule"]
    ]
    busy = covered(jobs)
    side_by_side = jobs["seconds"].sum() / busy
    starts = (rules["count"] * rules["start_s"]).sum() / side_by_side
    share = (wall - busy + starts) / wall
    goals = [
        common.goal(
            "complete example study",
            "-",
            "Snakemake's own share",
            "% of wall time",
            100 * share,
            None,
            "below 15 %",
            share < 0.15,
            "start of Python and imports in every job",
        )
    ]
    common.write("example_goals", goals)
    common.write(
        "example_time",
        [
            {"what": "wall time", "seconds": wall},
            {"what": "no job running: Snakemake starts, plans, chooses", "seconds": wall - busy},
            {"what": f"start and imports of {len(jobs)} jobs, {side_by_side:.2f} side by side", "seconds": starts},
        ],
    )
    rules = rules.rename(columns={"count": "jobs", "sum": "seconds_all_jobs", "start_s": "start_s_per_job"})
    common.write("example_rules", rules.sort_values("seconds_all_jobs", ascending=False).head(12))


if __name__ == "__main__":
    main()
