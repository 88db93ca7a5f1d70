"""The paper's tables as CSV."""

from pathlib import Path

from gapglass.base import files, log
from gapglass.report import reading, tables

log.configure(snakemake.log[0], "make_tables", snakemake.params)
made = tables.assemble(
    summaries=reading.by_folder(snakemake.input.summaries, files.read_json),
    comparison=files.read_table(snakemake.input.comparison),
    coordinations=reading.present(snakemake.input.coordination),
    closest=reading.present(snakemake.input.closest),
    rings=reading.present(snakemake.input.rings),
    network=reading.present(snakemake.input.network),
    rx=reading.by_folder(snakemake.input.rx, files.read_json),
    quenches={
        "windows": reading.by_folder(snakemake.input.quench),
        "transitions": reading.by_folder(snakemake.input.transition, files.read_json),
        "frames": files.read_table(snakemake.input.frames),
        "npt": snakemake.params.npt,
        "experiments": snakemake.params.experiments,
    },
    crystals=reading.of_crystals(snakemake.input.crystals, files.read_json),
    structures=snakemake.params.structures,
    settings=snakemake.params.hyperparameters,
    benchmarks=snakemake.params.benchmarks,
)
for path in snakemake.output:
    files.write_table(path, made[Path(path).stem])
