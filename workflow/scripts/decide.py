"""Close a round of fits: write the ledger so far and the decision about the next step."""

from pathlib import Path

from gapglass.active_learning import limits, loop, stop
from gapglass.base import files, log
from gapglass.labels import attach
from gapglass.selection import time_blocks

log.configure(snakemake.log[0], f"active learning of {snakemake.wildcards.potential}", snakemake.params)
database, params = files.read_json(snakemake.input.database), snakemake.params
if snakemake.input.choice:
    database["n_affordable"] = files.read_json(snakemake.input.choice)["n_affordable"]
iteration, ledger = int(snakemake.wildcards.iteration), [files.read_json(path) for path in snakemake.input.results]
imported = files.read_json(snakemake.input.summary)
space = limits.search_space(
    params.potential,
    files.read_table(snakemake.input.neighbours).iloc[database["train"]],
    imported,
    params.max_fit_memory,
    params.may_have_guide and bool(imported["guide"]),
)


def validate(entry):
    """Return the errors of a fit on the frames that decide the stop."""
    path, table, sets = snakemake.input.validation
    table = files.read_table(table)
    blocks = time_blocks.current(files.read_json(sets)["runs"], table)["blocks"]
    frames = attach.read_labelled(path, database["validation"], table["offset_bytes"], snakemake.input.labels)
    blocks = time_blocks.only(blocks["validation"], frames)
    return stop.validate(
        Path(snakemake.input.results[entries.index(entry)]).with_name("gap.xml"),
        frames,
        blocks,
        params.settings["max_iterations"],
        iteration,
    )


entries = [loop.ledger_entry(result) for result in ledger]
decision = loop.decide(
    iteration,
    int(snakemake.wildcards.round),
    entries,
    database,
    params.settings,
    space,
    params.seed,
    validate,
)
loop.announce(decision, params.settings["energy_tolerance"])
files.write_json_lines(snakemake.output.ledger, ledger)
files.write_json(snakemake.output.decision, decision)
if decision["action"] != "fit":
    loop.remove_factors(Path(snakemake.output.decision).parents[2], decision)
