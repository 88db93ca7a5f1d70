"""Close a round of fits: write the ledger so far and the decision about the next step."""

from pathlib import Path

from gapglass.active_learning import limits, loop
from gapglass.base import files, log

log.configure(snakemake.log[0], f"active learning of {snakemake.wildcards.potential}", snakemake.params)
database, params = files.read_json(snakemake.input.database), snakemake.params
space = limits.search_space(
    params.potential,
    files.read_table(snakemake.input.neighbours).iloc[database["train"]],
    files.read_json(snakemake.input.summary),
    params.max_fit_memory,
)
ledger = [files.read_json(path) for path in snakemake.input.results]
decision = loop.decide(
    int(snakemake.wildcards.iteration),
    int(snakemake.wildcards.round),
    [loop.ledger_entry(result) for result in ledger],
    database,
    params.settings,
    space,
    params.seed,
)
loop.announce(decision, params.settings["energy_tolerance"])
files.write_json_lines(snakemake.output.ledger, ledger)
files.write_json(snakemake.output.decision, decision)
if decision["action"] != "fit":
    loop.remove_factors(Path(snakemake.output.decision).parents[2], decision)
