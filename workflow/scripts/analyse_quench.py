"""Coordination, displacements and glass transition along the thermal cycle of one glass model."""

from gapglass.base import files, log
from gapglass.glass import dump
from gapglass.structure import expansion, quench, transition

MOST_FRAMES = 1000  # of each stage
log.configure(snakemake.log[0], f"quench of {snakemake.wildcards.atoms} atoms", snakemake.params)
stages = {}
for number, path in enumerate(snakemake.input.trajectories, start=1):
    sampled = list(dump.sample_dump(path, MOST_FRAMES))
    stages[number] = [step for step, _ in sampled], [frame for _, frame in sampled]
thermo, timestep = files.read_table(snakemake.input.thermo), snakemake.params.timestep / 1000
windows, moved = quench.of_cycle(stages, thermo, snakemake.params.cutoffs, timestep)
found = transition.of_windows(windows)
log.notice("glass transition from the enthalpy: %s", transition.text(found))
found["volume"], found["expansion"] = expansion.of_windows(windows, snakemake.params.npt)
if snakemake.params.npt:
    log.notice("glass transition from the volume: %s", transition.text(found["volume"]))
files.write_table(snakemake.output.quench, windows)
files.write_table(snakemake.output.displacements, moved)
files.write_json(snakemake.output.transition, found)
