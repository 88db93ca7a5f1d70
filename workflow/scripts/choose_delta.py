"""Compare the clusterings of all deltas and keep the one with the lowest energy spread."""

from gapglass.base import files, log
from gapglass.clustering import energies
from gapglass.clustering.delta import choose_delta, compare_deltas, differences, groups_in_time

log.configure(snakemake.log[0], "choose_delta", snakemake.params)
summaries = [files.read_json(path) for path in snakemake.input.summaries]
table = compare_deltas(summaries)
best = choose_delta(table, snakemake.params.choose_from, snakemake.params.choose_by)
place = int(best.name)
spread = summaries[place]["mean_sigma_energy_mev_per_atom"]
log.notice(
    "delta %g: %d clusters, %s",
    best["delta"],
    best["n_clusters"],
    "because no frame has an energy" if spread is None else f"mean energy spread {spread:.1f} meV/atom",
)
frames, labels = files.read_table(snakemake.input.table), [files.read_table(path) for path in snakemake.input.labels]
more = differences(
    [of["cluster"].to_numpy() for of in labels],
    energies.of_frames(frames)[0],
    groups_in_time(frames),
    place,
    snakemake.params.choose_by,
)
files.write_table(snakemake.output.table, table.join(more).sort_values("delta"))
files.write_json(snakemake.output.best, summaries[place])
files.write_table(snakemake.output.labels, labels[place])
