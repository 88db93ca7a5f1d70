"""What a job will cost in memory and time, foretold from its size; and what the jobs of a run did cost, beside what they asked for.

Memory in MB of 10**6 bytes, Snakemake's unit, of the whole job: Python, Snakemake and what the script starts. Times in minutes.
Times were measured on two cores of a server of 2023 and are asked for threefold: cores differ, and an hour too much costs nothing.
Memory of gap_fit alone: ``gapglass.memory``; of clustering: ``gapglass.many_frames``.
"""

import math
from pathlib import Path

import pandas as pd

from gapglass.base import files

COLUMNS = (
    "rule", "jobs", "threads", "wall_time_s", "cpu_time_s", "longest_job_min", "asked_time_min", "peak_memory_mb", "asked_memory_mb",
    "share_of_memory_used",
)  # fmt: skip


def cost_table(folder):
    """Return what the jobs of every rule took and what they had asked for (Table S2), the longest rule first.

    Parameters
    ----------
    folder : path-like
        Folder ``benchmarks`` of a study: Snakemake's records, one per job, of its last run.

    Returns
    -------
    pandas.DataFrame
        rule, jobs, threads (most), wall_time_s and cpu_time_s (sums), longest_job_min, asked_time_min (most), peak_memory_mb (resident,
        most; Snakemake looks every half second, later every 30 s), asked_memory_mb and share_of_memory_used of the job that came
        closest to what it asked for. NaN where nothing was asked for (a local run sets no limits), 0 for jobs too short to be looked at.
    """
    rows = []
    for path in sorted(Path(folder).rglob("*.jsonl")):
        record = files.read_json_lines(path)[-1]
        numbers = {name: pd.to_numeric(record.get(name), errors="coerce") for name in ("s", "cpu_time", "max_rss")}
        asked = record.get("resources", {})
        rows.append(
            {
                "rule": path.relative_to(folder).parts[0].removesuffix(".jsonl"),
                "threads": record.get("threads", math.nan),
                "wall_time_s": numbers["s"],
                "cpu_time_s": numbers["cpu_time"],
                "peak_memory_mb": numbers["max_rss"] * 2**20 / 1e6,
                "asked_time_min": asked.get("runtime", math.nan),
                "asked_memory_mb": asked.get("mem_mb", math.nan),
            }
        )
    if not rows:
        return pd.DataFrame(columns=COLUMNS)
    jobs = pd.DataFrame(rows)
    jobs["share_of_memory_used"] = jobs["peak_memory_mb"] / jobs["asked_memory_mb"]
    table = []
    for rule, group in jobs.groupby("rule"):
        share = group["share_of_memory_used"]
        fullest = group.loc[share.idxmax() if share.notna().any() else group.index[0]]
        table.append(
            {
                "rule": rule,
                "jobs": len(group),
                "threads": group["threads"].max(),
                "wall_time_s": group["wall_time_s"].sum(),
                "cpu_time_s": group["cpu_time_s"].sum(),
                "longest_job_min": group["wall_time_s"].max() / 60,
                "asked_time_min": group["asked_time_min"].max(),
                "peak_memory_mb": group["peak_memory_mb"].fillna(0).max(),
                "asked_memory_mb": fullest["asked_memory_mb"],
                "share_of_memory_used": fullest["share_of_memory_used"],
            }
        )
    return pd.DataFrame(table, columns=COLUMNS).sort_values("wall_time_s", ascending=False, ignore_index=True)
