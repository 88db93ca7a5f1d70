"""Find zeta for the Coulomb kernel over environments: its rows cannot be made without it."""

from gapglass import descriptors, files, kernels, log, seeds

log.configure(snakemake.log[0], "scale_coulomb", snakemake.params)
vectors = [vector for folder in snakemake.input for vector in descriptors.read_block(folder)["coulomb"]]
matrices = [descriptors.whole_matrix(vector) for vector in vectors]
scale = kernels.row_scale(matrices, seeds.derive(snakemake.params.seed, "row scale"))
files.write_json(snakemake.output[0], {"zeta": 1 / scale})
