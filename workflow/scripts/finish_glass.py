"""Write the glass and the thermodynamics of the whole cycle."""

from gapglass import files, glass, log, trajectory

log.configure(snakemake.log[0], "finish_glass", snakemake.params)
last = glass.read_dump(snakemake.input.trajectory)[-1]
thermo = glass.join_thermo([files.read_table(path) for path in snakemake.input.thermo])
trajectory.write_frames(snakemake.output.final, [last])
files.write_table(snakemake.output.thermo, thermo)
