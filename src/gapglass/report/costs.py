"""Time and memory that the jobs of a run took and requested, from Snakemake's benchmark records (Table S2).

Memory is in MB of 10**6 bytes, Snakemake's unit, of the whole job: Python, Snakemake and the programs that the script
starts. The requests are predicted by ``gapglass.study.resources``.
"""

import math
from pathlib import Path

import pandas as pd

from gapglass.base import files

COLUMNS = (
    "rule",
    "jobs",
    "threads",
    "wall_time_s",
    "cpu_time_s",
    "longest_job_min",
    "asked_time_min",
    "peak_memory_mb",
    "asked_memory_mb",
    "share_of_memory_used",
)


def cost_table(folder):
    """Return the costs of the jobs of every rule and their requests (Table S2), the longest rule first.

    Parameters
    ----------
    folder : path-like
        Folder ``benchmarks`` of a study: Snakemake's records, one per job, of its last run.

    Returns
    -------
    pandas.DataFrame
        rule, jobs, threads (maximum), wall_time_s and cpu_time_s (sums), longest_job_min, asked_time_min (maximum),
        peak_memory_mb (maximum resident memory, which Snakemake samples every half second, later every 30 s), and
        asked_memory_mb and share_of_memory_used of the job that came closest to its request. NaN where a job requested
        nothing (a local run sets no limits), 0 for jobs that ended before the first sample.
    """
    paths = sorted(Path(folder).rglob("*.jsonl"))
    if not paths:
        return pd.DataFrame(columns=COLUMNS)
    jobs = pd.DataFrame([_job(path, folder) for path in paths])
    jobs["share_of_memory_used"] = jobs["peak_memory_mb"] / jobs["asked_memory_mb"]
    table = [{"rule": rule, **_sums(group)} for rule, group in jobs.groupby("rule")]
    return pd.DataFrame(table, columns=COLUMNS).sort_values("wall_time_s", ascending=False, ignore_index=True)


def _job(path, folder):
    """Return one row per job: its rule, its costs and its requests."""
    record = files.read_json_lines(path)[-1]
    seconds, cpu_seconds, memory = (
        pd.to_numeric(record.get(name), errors="coerce") for name in ("s", "cpu_time", "max_rss")
    )
    asked = record.get("resources", {})
    return {
        "rule": path.relative_to(folder).parts[0].removesuffix(".jsonl"),
        "threads": record.get("threads", math.nan),
        "wall_time_s": seconds,
        "cpu_time_s": cpu_seconds,
        "peak_memory_mb": memory * 2**20 / 1e6,
        "asked_time_min": asked.get("runtime", math.nan),
        "asked_memory_mb": asked.get("mem_mb", math.nan),
    }


def _sums(jobs):
    """Return sums and maxima over the jobs of one rule, and the memory of the job that came closest to its request."""
    share = jobs["share_of_memory_used"]
    fullest = jobs.loc[share.idxmax() if share.notna().any() else jobs.index[0]]
    return {
        "jobs": len(jobs),
        "threads": jobs["threads"].max(),
        "wall_time_s": jobs["wall_time_s"].sum(),
        "cpu_time_s": jobs["cpu_time_s"].sum(),
        "longest_job_min": jobs["wall_time_s"].max() / 60,
        "asked_time_min": jobs["asked_time_min"].max(),
        "peak_memory_mb": jobs["peak_memory_mb"].fillna(0).max(),
        "asked_memory_mb": fullest["asked_memory_mb"],
        "share_of_memory_used": fullest["share_of_memory_used"],
    }
