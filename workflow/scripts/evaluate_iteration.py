"""Evaluate the best potential of an iteration on training, test and hold-out frames."""

import numpy as np
import pandas as pd

from gapglass import files, gap, log, trajectory

log.configure(snakemake.log[0], "evaluate_iteration")
frames = trajectory.read_frames(snakemake.input.frames)
database = files.read_json(snakemake.input.database)
energies, forces = gap.predict(snakemake.input.potential, frames, workers=snakemake.threads)
parts = {index: part for part in ("train", "test", "holdout") for index in database[part]}
summary = {"iteration": database["iteration"]}
for part in ("train", "test", "holdout"):
    chosen = [index for index in parts if parts[index] == part]
    summary[part] = gap.errors([frames[i] for i in chosen], energies[chosen], [forces[i] for i in chosen])
if database["holdout"]:
    log.notice(
        "iteration %d: hold-out RMSE %.2f meV/atom, %.3f eV/Å on %d frames outside the database",
        database["iteration"],
        summary["holdout"]["rmse_energy_mev_per_atom"],
        summary["holdout"]["rmse_force_ev_per_angstrom"],
        len(database["holdout"]),
    )
sizes = np.array([len(frame) for frame in frames])
table = pd.DataFrame(
    {
        "frame": range(len(frames)),
        "set": [parts[i] for i in range(len(frames))],
        "temperature_k": [frame.info["temperature"] for frame in frames],
        "trajectory": [frame.info["trajectory"] for frame in frames],
        "energy_reference_ev_per_atom": [frame.info["REF_energy"] / len(frame) for frame in frames],
        "energy_gap_ev_per_atom": energies / sizes,
    }
)
files.write_table(snakemake.output.predictions, table)
with files.whole_file(snakemake.output.forces) as temporary:
    np.savez_compressed(
        temporary,
        frame=np.repeat(np.arange(len(frames)), sizes),
        reference=np.concatenate([frame.arrays["REF_forces"] for frame in frames]).astype(np.float32),
        gap=np.concatenate(forces).astype(np.float32),
    )
files.write_json(snakemake.output.summary, summary)
