"""Average the structure of one model over its independent replicas; the errors are then those over the replicas."""

from gapglass import files, log, structure

log.configure(snakemake.log[0], "average_replicas", snakemake.params)
for kind in ("sq", "gr", "coordination", "angles", "closest"):
    paths = snakemake.input[kind] if isinstance(snakemake.input[kind], list) else [snakemake.input[kind]]
    table = structure.average_tables([files.read_table(path) for path in paths], snakemake.params.q_bin)
    header = files.read_header(paths[0])
    if len(paths) > 1:
        header[-1] = f"mean over {len(paths)} replicas, *_error is the standard error over them"
    files.write_table(snakemake.output[kind], table, header)
