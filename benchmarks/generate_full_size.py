"""Write docs/reference/full-size-study.md: what a study of the paper's size costs, and how good its glasses are.

    .venv/bin/python benchmarks/generate_full_size.py config/studies/sio2-vashishta.yaml

Times and memory are those of Snakemake's records, one for every job of the last run. Glasses are compared once they
are finished and so is the truth (``generate_truth.py``); the page says how much is missing.
"""

import argparse
import textwrap
from pathlib import Path

import collect
import pandas as pd

from gapglass.base import files
from gapglass.glass import stages
from gapglass.report import reading, tables
from gapglass.study import config, models
from gapglass.study.paths import Study

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/full-size-study.md"
WIDTH = 118  # characters of a line
# Stage of the study -> rules; what is not named here belongs to the last stage.
STAGES = {
    "import and checks": ("import_frames", "count_neighbours", "import_experiment"),
    "descriptors": ("compute_descriptors",),
    "kernels": ("compute_kernel_row", "assemble_kernels"),
    "clusters, all δ": ("cluster_frames", "choose_delta"),
    "active-learning loops": (
        "cut_blocks", "set_aside_frames", "sample_frames", "choose_sparse_points", "compute_rows", "fit_trial",
        "decide", "evaluate_iteration", "finish_potential",
    ),
    "fit on all frames": ("choose_sparse_points_of_all", "compute_rows_of_all", "fit_all_frames"),
    "engine beside QUIP, gap_fit and LAMMPS": ("check_engine", "check_fit", "check_pair_style"),
    "structure": ("analyse_reference", "analyse_plateaus", "analyse_glass", "analyse_quench", "average_replicas",
                  "compare_structure"),
}  # fmt: skip
QUENCH, QUENCHES, OTHERS = "run_stage", "quenches of {} atoms", "figures, tables, report and others"
HEAD = """# A study of the paper's size

`benchmarks/generate_full_size.py` writes this page from the study `config/studies/{name}.yaml`:
{n_frames} frames, {sizes} atoms in the glass models, a thermal cycle of {time:g} ps in steps of {timestep:g} fs. The
labels are those of Vashishta's potential for silica, so the true glass is known: the same cycle with that potential
itself, which begins in random packings. The models begin in frames of the liquid at 4000 K (`glass.start`).
"""
OF_STAGES = """
## Time and memory

CPU time of all jobs of a stage, on a machine with two cores ({processor}) that had other work to do. The longest job
is in wall time, which the other work lengthens. Peak memory is that of one job; the workflow asks for the memory in
the last column, so that a cluster reserves enough.
"""
OF_POTENTIALS = """
## Potentials

Errors on hold-out blocks, which no choice, fit or tuning has seen, with their interval of 95 %. The cost of an atom
and a step is the workflow's estimate before the fit, and the CPU time of the quenches divided by their atoms and
steps.
"""
OF_GLASSES = """
## Glasses

R_X (Wright's parameter) compares G(r) of a glass, from X-ray S(q), with that of the truth; its error is the standard
error over replicas. Shares are those of the last plateau, at {temperature:g} K.
Si atoms without O, which neither the frames nor the truth have, would be a false minimum of a potential
([Bare atoms](../explanation/bare-atoms.md)).
"""
UNCOMPARED = """
## Glasses

A glass is compared with the truth once its thermal cycle is finished, and so are those of the truth.
"""
UNFINISHED = """
Of {n_stages} stages of the thermal cycles, {n_done} are finished.
"""
OF_SPREAD = """
How far quenches with the true potential are apart is what a perfect potential would reach: R_X of each replica of the
truth against the mean of the others is {spread} %. The first row of `*-spread.csv` (the mean against its own curve,
{own:.1f} %) is what the transform of the curve costs.
"""


def jobs_of(folder):
    """Return one row per job from Snakemake's records: stage of the study, CPU and wall time (s), memory (MB)."""
    stage_of = {rule: stage for stage, rules in STAGES.items() for rule in rules}
    rows = []
    for path in sorted(Path(folder).rglob("*.jsonl")):
        record = files.read_json_lines(path)[-1]
        rule, wildcards = record["rule_name"], record["wildcards"]
        stage = stage_of.get(rule, OTHERS)
        if rule == QUENCH:
            stage = QUENCHES.format(wildcards["atoms"])
        rows.append(
            {
                "stage": stage,
                "potential": wildcards.get("potential"),
                "atoms": int(wildcards["atoms"]) if rule == QUENCH else None,
                "number": int(wildcards["stage"]) if rule == QUENCH else None,
                "cpu_s": _number(record["cpu_time"]),
                "wall_s": float(record["s"]),
                "memory_mb": _number(record["max_rss"]) * 2**20 / 1e6,
                "asked_mb": record["resources"].get("mem_mb"),
            }
        )
    return pd.DataFrame(rows)


def _number(value):
    """Return a number of a record; NaN where the job ended before Snakemake looked."""
    return pd.to_numeric(value, errors="coerce")


def stage_rows(jobs):
    """Return the table of the stages, in the order in which a study goes through them."""
    sizes = sorted(jobs["atoms"].dropna().astype(int).unique())
    *before, last = STAGES
    order = [*before, *(QUENCHES.format(n) for n in sizes), last, OTHERS]
    rows = []
    for stage in [name for name in order if name in set(jobs["stage"])]:
        part = jobs[jobs["stage"] == stage]
        rows.append(
            {
                "stage": stage,
                "jobs": len(part),
                "CPU time (min)": f"{part['cpu_s'].sum() / 60:.1f}",
                "longest job (min)": f"{part['wall_s'].max() / 60:.1f}",
                "peak memory (MB)": "" if part["memory_mb"].isna().all() else f"{part['memory_mb'].max():.0f}",
                "memory asked for (MB)": f"{part['asked_mb'].max():.0f}",
            }
        )
    rows.append({"stage": "all", "jobs": len(jobs), "CPU time (min)": f"{jobs['cpu_s'].sum() / 60:.0f}"})
    return pd.DataFrame(rows).fillna("")


def potential_rows(study, jobs):
    """Return the table of the potentials: frames, errors with intervals, estimated and measured cost."""
    rows, glass = [], study.config["glass"]
    n_steps = [stages.steps_of(stage, glass["timestep"]) for stage in glass["cycle"]]
    for name in study.config["potential"]["variants"]:
        summary = files.read_json(study.at(f"potentials/{name}/summary.json"))
        part = jobs[(jobs["potential"] == name) & jobs["atoms"].notna()]
        work = (part["atoms"] * [n_steps[int(number) - 1] for number in part["number"]]).sum()
        row = {"potential": name, "training frames": summary["n_train"]}
        for key, (text, digits) in {
            "rmse_energy_mev_per_atom": ("energy RMSE (meV/atom)", 2),
            "rmse_force_ev_per_angstrom": ("force RMSE (eV/Å)", 3),
        }.items():
            low, high = summary["intervals"][key]["holdout"]
            row[text] = f"{summary[key]['holdout']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
        row["estimated cost (µs)"] = f"{summary['cost_us_per_atom_step']:.1f}"
        row["cost in the quenches (µs)"] = f"{1e6 * part['cpu_s'].sum() / work:.1f}" if work else ""
        rows.append(row)
    return pd.DataFrame(rows)


def glass_rows(study):
    """Return the table of the finished glasses: R_X against the truth, and coordination, with errors over replicas."""
    against = tables.r_x(reading.by_folder(_there(study.structure_files("rx.json")), files.read_json))
    found = reading.present(_there(study.structure_files("coordination.csv")))
    l_fold, coordination = tables.l_fold(found), tables.coordination(found)
    compared = sorted(set(against["against"]), key=lambda name: (name != "reference", name))
    rows = []
    for model, n_replicas in against.groupby("model", sort=False)["n_replicas"].first().items():
        row = {"glass": model, "replicas": n_replicas} | {f"R_X against {name} (%)": "" for name in compared}
        for _, found in against[against["model"] == model].iterrows():
            row[f"R_X against {found['against']} (%)"] = with_error(
                found["r_x_percent"], found["r_x_percent_error"], 1
            )
        for centre, fold in (("Si", 4), ("O", 2)):
            part = l_fold[(l_fold["model"] == model) & (l_fold["centre"] == centre)].iloc[0]
            row[f"{centre} with {fold} neighbours (%)"] = f"{part[f'percent_{fold}_fold']:.1f}"
        alone = l_fold[(l_fold["model"] == model) & (l_fold["centre"] == "Si")].iloc[0].get("percent_0_fold", 0.0)
        row["Si without O (%)"] = f"{alone:.1f}"
        part = coordination[(coordination["model"] == model) & (coordination["centre"] == "Si")].iloc[0]
        row["coordination of Si"] = with_error(part["coordination_number"], part["standard_error"], 3)
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def _there(paths):
    """Return those of some paths that exist."""
    return [path for path in paths if Path(path).exists()]


def with_error(value, error, digits):
    """Return a number with its standard error, where it has one."""
    return f"{value:.{digits}f}" + ("" if pd.isna(error) else f" ± {error:.{digits}f}")


def paragraphs(text):
    """Return a text whose paragraphs fill lines of ``WIDTH``."""
    parts = [part if part.startswith("#") else textwrap.fill(part, WIDTH) for part in text.strip().split("\n\n")]
    return "\n\n".join(parts)


def _glasses(study, entry, jobs):
    """Return the parts of the page on the glasses that are finished, and how much is missing."""
    glass, compared = study.config["glass"], _there(study.structure_files("rx.json"))
    n_stages = sum(models.all_replicas(study.config).values()) * len(glass["cycle"])
    n_done = int(jobs["atoms"].notna().sum())
    missing = [paragraphs(UNFINISHED.format(n_stages=n_stages, n_done=n_done))] if n_done < n_stages else []
    if not compared:
        return [paragraphs(UNCOMPARED), *missing]
    spread = files.read_table(Path(entry["file"]).with_name(f"{Path(entry['file']).stem}-spread.csv"))
    of_replicas = spread[spread["model"].str.startswith("replica")]["r_x_percent"]
    spreads = ", ".join(f"{value:.1f}" for value in of_replicas)
    return [
        paragraphs(OF_GLASSES.format(temperature=glass["cycle"][-1]["temperature"])),
        "\n".join(collect.markdown(glass_rows(study))),
        paragraphs(OF_SPREAD.format(spread=spreads, own=spread["r_x_percent"].iloc[0])),
        *missing,
    ]


def page(path):
    """Return the page for the study of a configuration file."""
    study = Study(config.read(path))
    settings = study.config
    glass, entry = settings["glass"], settings["structure"]["experiments"][0]
    jobs = jobs_of(study.at("benchmarks"))
    n_frames = len(files.read_table(study.at("frames/table.csv")))
    parts = [
        paragraphs(
            HEAD.format(
                name=settings["study"],
                n_frames=n_frames,
                sizes=" and ".join(str(size) for size in glass["sizes"]),
                time=sum(stage["time"] for stage in glass["cycle"]),
                timestep=glass["timestep"],
            )
        ),
        paragraphs(OF_STAGES.format(processor=collect.machine()[0].split(",")[0])),
        "\n".join(collect.markdown(stage_rows(jobs))),
        paragraphs(OF_POTENTIALS),
        "\n".join(collect.markdown(potential_rows(study, jobs))),
        *_glasses(study, entry, jobs),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    with files.whole_file(PAGE) as temporary:
        temporary.write_text(page(parser.parse_args().study))
