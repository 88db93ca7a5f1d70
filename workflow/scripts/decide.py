"""Close a round of fits: write the ledger so far and the decision about the next step."""

from gapglass.active_learning import loop
from gapglass.active_learning.search import SearchSpace
from gapglass.base import files, log
from gapglass.potential.memory import FitMemory, MemoryLimit

log.configure(snakemake.log[0], f"active learning of {snakemake.wildcards.potential}", snakemake.params)
database, potential, limit = files.read_json(snakemake.input.database), snakemake.params.potential, None
if snakemake.params.max_fit_memory is not None:
    counts = files.read_table(snakemake.input.neighbours).iloc[database["train"]]
    virials = potential["virials"] and files.read_json(snakemake.input.summary)["virials"]
    limit = MemoryLimit(
        FitMemory(counts, descriptor=potential["descriptor"], virials=virials, fitter=potential["fitter"]),
        snakemake.params.max_fit_memory,
    )
ledger = [files.read_json(path) for path in snakemake.input.results]
decision = loop.decide(
    int(snakemake.wildcards.iteration),
    int(snakemake.wildcards.round),
    [loop.ledger_entry(result) for result in ledger],
    database,
    snakemake.params.settings,
    SearchSpace(potential["hyperparameters"], limit),
    snakemake.params.seed,
)
loop.announce(decision, snakemake.params.settings["energy_tolerance"])
files.write_json_lines(snakemake.output.ledger, ledger)
files.write_json(snakemake.output.decision, decision)
