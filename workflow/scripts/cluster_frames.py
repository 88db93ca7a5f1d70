"""Cluster the frames for one delta; write labels, the scan over N_c and a summary."""

import pandas as pd

from gapglass.base import files, log
from gapglass.clustering import energies, scan, spectral
from gapglass.similarity import kernels

log.configure(snakemake.log[0], f"cluster_frames delta {snakemake.wildcards.delta}", snakemake.params)
settings = snakemake.params
table = files.read_table(snakemake.input.table)
of_frames, source = energies.of_frames(table)
delta = float(snakemake.wildcards.delta)
scales = files.read_json(snakemake.input.scales)
distances = kernels.read_distance(snakemake.input.soap, snakemake.input.coulomb, delta, scales["medians"])
solver = spectral.solver(len(distances), settings.solver)
labels, steps, converged = scan.scan(
    distances,
    of_frames,
    d_tol=settings.d_tol,
    n_clusters_max=settings.n_clusters_max,
    seed=settings.seed,
    kind=settings.affinity,
    method=settings.assign_labels,
    solver=solver,
)
summary = scan.summarise(labels, of_frames, converged)
spread = summary["mean_sigma_energy_mev_per_atom"]
log.notice(
    "%d clusters, %s (%d frames, %s solver)",
    summary["n_clusters"],
    "no energies" if spread is None else f"mean spread of the energies of the {source} {spread:.1f} meV/atom",
    len(labels),
    solver,
)
if not converged:
    log.notice("no N_c up to %d meets d_tol %g; the cap is taken", summary["n_clusters"], settings.d_tol)
files.write_table(snakemake.output.labels, pd.DataFrame({"frame": table["frame"], "cluster": labels}))
files.write_table(snakemake.output.scan, steps)
used = {name: getattr(settings, name) for name in ("d_tol", "affinity", "seed")}
used |= {"solver": solver, "energies": source}
share = kernels.coulomb_share(delta, scales["spread"], scales["medians"])
files.write_json(snakemake.output.summary, {"delta": delta, **summary, "coulomb_share": share, **used})
