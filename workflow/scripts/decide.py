"""Close a round of fits: write the ledger so far and the decision what comes next."""

from gapglass import active_learning, files, log
from gapglass.hyperparameters import SearchSpace

log.configure(snakemake.log[0], f"active learning of {snakemake.wildcards.potential}")
ledger = [files.read_json(path) for path in snakemake.input.results]
decision = active_learning.decide(
    int(snakemake.wildcards.iteration),
    int(snakemake.wildcards.round),
    [active_learning.ledger_entry(result) for result in ledger],
    files.read_json(snakemake.input.database),
    snakemake.params.settings,
    SearchSpace(snakemake.params.hyperparameters),
    snakemake.params.seed,
)
active_learning.announce(decision, snakemake.params.settings["energy_tolerance"])
files.write_json_lines(snakemake.output.ledger, ledger)
files.write_json(snakemake.output.decision, decision)
